import { type DmaResult, dmaFailure } from "../dma/dma-error.ts";
import type { Provider } from "../memory/provider.ts";
import { type ByteRange, formatAddress, PAGE_BYTES, type PhysRange, physAddr } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { DmaBuf } from "./dma-buf.ts";
import { VfioBuffer } from "./vfio-buffer.ts";
import type { VfioChange, VfioHardware, VfioOperation } from "./vfio-operation.ts";
import { VFIO_7_2, type VfioRules } from "./vfio-rules.ts";

/** A BAR that may be exported. */
export interface VfioBar {
  readonly provider: Provider;
  readonly range: PhysRange;
}

export interface VfioDeviceOptions {
  readonly bdf: Bdf;
  readonly bars: readonly VfioBar[];
  readonly hardware: VfioHardware;
  /** {@link VFIO_7_2} unless told. */
  readonly rules?: VfioRules;
}

/** A change under way, in the queue of the device's memory lock. */
class Change implements VfioOperation {
  readonly change: VfioChange;
  readonly #device: () => readonly string[];
  readonly #leftOpen: () => readonly string[];
  isDone = false;

  constructor(change: VfioChange, waitsFor: () => readonly string[], leftOpen: () => readonly string[]) {
    this.change = change;
    this.#device = waitsFor;
    this.#leftOpen = leftOpen;
  }

  get leftOpen(): readonly string[] {
    return this.#leftOpen();
  }

  get waitsFor(): readonly string[] {
    return this.isDone ? [] : this.#device();
  }
}

/**
 * A PCI function in the hands of a user, with its BARs exported as buffers (vfio-pci, Linux 6.19 and newer). Before the
 * device is reset, closed, or stops decoding memory, every exported buffer is revoked, and the change waits until its
 * importers are out. Changes are carried out one at a time, as the device's memory lock orders them.
 */
export class VfioDevice {
  readonly bdf: Bdf;
  readonly #bars: ReadonlyMap<number, VfioBar>;
  readonly #hardware: VfioHardware;
  readonly #rules: VfioRules;
  readonly #buffers = new Set<VfioBuffer>();
  /** All that were ever exported: a device may have kept addresses of any. */
  readonly #exported: VfioBuffer[] = [];
  readonly #queue: Change[] = [];
  #removal: Change | null = null;
  #state: "closed" | "open" | "removed" = "closed";
  #isDecoding = false;
  #isDisabled = false;
  #isAdvancing = false;

  constructor({ bdf, bars, hardware, rules = VFIO_7_2 }: VfioDeviceOptions) {
    this.bdf = bdf;
    this.#bars = new Map(bars.map((bar) => [bar.provider.bar, bar]));
    this.#hardware = hardware;
    this.#rules = rules;
  }

  get state(): "closed" | "open" | "removed" {
    return this.#state;
  }

  /** Memory decode: bit 1 of the command register. */
  get isDecoding(): boolean {
    return this.#isDecoding;
  }

  /** Buffers that are not released, revoked or not. */
  get buffers(): readonly DmaBuf[] {
    return Array.from(this.#buffers, ({ buffer }) => buffer);
  }

  /** True while importers may not map a buffer; for ever once the device that exported it was closed. */
  isRevoked(buffer: DmaBuf): boolean {
    for (const candidate of this.#buffers) if (candidate.buffer === buffer) return candidate.isRevoked;
    return true;
  }

  /** What devices that do not stop can still reach of this one, as sentences (see {@link VfioOperation.leftOpen}). */
  get leftOpen(): readonly string[] {
    return [...new Set(this.#exported.flatMap(({ leftOpen }) => leftOpen))];
  }

  /** Hands the device to a user, memory decode on. ENODEV once it is being removed. */
  open(): DmaResult<null> {
    const name = formatBdf(this.bdf);
    if (this.#state === "removed" || this.#removal !== null) return dmaFailure("ENODEV", `${name} is being removed`);
    if (this.#state === "open") throw new PeerlaneError("usage", `${name} is open already`);
    this.#state = "open";
    this.#isDisabled = false;
    this.#setDecode(true);
    return { ok: true, value: null };
  }

  /**
   * Exports parts of one BAR as a buffer (`VFIO_DEVICE_FEATURE_DMA_BUF`). EINVAL for a BAR that there is not, for no
   * range at all, and for ranges that are empty, not whole pages or not within the BAR. While the device does not decode
   * memory, or a change waits, the buffer begins revoked.
   */
  exportRanges(barIndex: number, ranges: readonly ByteRange[]): DmaResult<DmaBuf> {
    this.#assertOpen("exportRanges");
    const bar = this.#bars.get(barIndex);
    if (bar === undefined) return dmaFailure("EINVAL", `${formatBdf(this.bdf)} has no memory BAR ${barIndex}`);
    if (ranges.length === 0) return dmaFailure("EINVAL", "no range to export");
    const bad = ranges.find((range) => !isWithin(range, bar.range.sizeBytes));
    if (bad !== undefined) {
      const place = `${formatAddress(bad.start)} + ${formatAddress(bad.sizeBytes)}`;
      return dmaFailure("EINVAL", `${place} is no run of whole pages in BAR ${barIndex} of ${formatBdf(this.bdf)}`);
    }
    const backing = {
      provider: bar.provider,
      ranges: ranges.map(({ start, sizeBytes }) => ({ start: physAddr(bar.range.start + start), sizeBytes })),
    };
    const owner = {
      progress: () => this.#advance(),
      released: (released: VfioBuffer) => {
        this.#buffers.delete(released);
        this.#advance();
      },
    };
    const name = `BAR ${barIndex} of ${formatBdf(this.bdf)}`;
    const isRevoked = !this.#isDecoding || this.#queue.length > 0;
    const exported = new VfioBuffer(name, backing, this.#rules, owner, isRevoked);
    this.#buffers.add(exported);
    this.#exported.push(exported);
    return { ok: true, value: exported.buffer };
  }

  /** Resets the function (`VFIO_DEVICE_RESET`); afterwards importers may map again. */
  reset(): VfioOperation {
    return this.#request("reset");
  }

  /** Writes the memory bit of the command register. */
  setMemoryDecode(isOn: boolean): VfioOperation {
    return this.#request(isOn ? "memory-decode-on" : "memory-decode-off");
  }

  /** The user closes the device: its buffers are revoked for ever, though their files and importers may live on. */
  close(): VfioOperation {
    return this.#request("close");
  }

  /** Gives the device up: waits for the user to close it, and nobody opens it again (`vfio_unregister_group_dev`). */
  remove(): VfioOperation {
    if (this.#removal !== null) return this.#removal;
    this.#removal = new Change(
      "remove",
      () => [`the user has ${formatBdf(this.bdf)} open`, ...this.#reasons()],
      () => this.leftOpen,
    );
    this.#advance();
    return this.#removal;
  }

  #request(change: VfioChange): VfioOperation {
    this.#assertOpen(change);
    const request = new Change(
      change,
      () => this.#reasons(),
      () => this.leftOpen,
    );
    this.#queue.push(request);
    this.#advance();
    return request;
  }

  #assertOpen(what: string): void {
    if (this.#state === "open" && this.#queue.at(-1)?.change !== "close") return;
    throw new PeerlaneError("usage", `${what}: ${formatBdf(this.bdf)} is not open`);
  }

  #reasons(): readonly string[] {
    return [...this.#buffers].flatMap((buffer) => (buffer.isRevoked ? buffer.waitsFor : []));
  }

  /** Carries changes out, in order, as far as importers let it. Called again whenever one of them made progress. */
  #advance(): void {
    // Revoking gives the lock of a buffer back, which is progress and ends up here again.
    if (this.#isAdvancing) return;
    this.#isAdvancing = true;
    try {
      this.#carryOutAll();
    } finally {
      this.#isAdvancing = false;
    }
  }

  #carryOutAll(): void {
    for (let change = this.#queue[0]; change !== undefined && this.#carryOut(change.change); change = this.#queue[0]) {
      change.isDone = true;
      this.#queue.shift();
    }
    if (this.#removal === null || this.#state !== "closed") return;
    this.#state = "removed";
    this.#hardware.remove();
    this.#removal.isDone = true;
  }

  /** False while importers are still in. */
  #carryOut(change: VfioChange): boolean {
    switch (change) {
      case "memory-decode-on":
        this.#setDecode(true);
        break;
      case "memory-decode-off":
        if (!this.#revokeAll()) return false;
        this.#setDecode(false);
        break;
      case "close":
        return this.#carryOutClose();
      default:
        if (!this.#revokeAll()) return false;
        this.#hardware.reset();
    }
    for (const buffer of this.#buffers) buffer.setRevoked(!this.#isDecoding);
    return true;
  }

  #carryOutClose(): boolean {
    if (!this.#rules.revokesBeforeDisable) this.#disable();
    if (!this.#revokeAll()) return false;
    this.#disable();
    // Nobody gives them back any more: revoked for ever, as long as their files live (`vfio_pci_dma_buf_cleanup`).
    this.#buffers.clear();
    this.#state = "closed";
    return true;
  }

  #disable(): void {
    if (this.#isDisabled) return;
    this.#isDisabled = true;
    this.#isDecoding = false;
    this.#hardware.disable();
  }

  /** Revokes one buffer after the other, each only when the one before is quiet (`vfio_pci_dma_buf_move`). */
  #revokeAll(): boolean {
    for (const buffer of [...this.#buffers]) {
      buffer.setRevoked(true);
      if (!buffer.isQuiet) return false;
    }
    return true;
  }

  #setDecode(isOn: boolean): void {
    this.#isDecoding = isOn;
    this.#hardware.setMemoryDecode(isOn);
  }
}

function isWithin({ start, sizeBytes }: ByteRange, barBytes: number): boolean {
  const isPages = Number.isSafeInteger(start) && start % PAGE_BYTES === 0 && sizeBytes % PAGE_BYTES === 0;
  return isPages && start >= 0 && sizeBytes > 0 && start + sizeBytes <= barBytes;
}
