import type { DmaDevice, DmaDirection } from "../dma/dma-device.ts";
import { type DmaResult, dmaFailure } from "../dma/dma-error.ts";
import type { DmaMapping, DmaOps } from "../dma/dma-ops.ts";
import type { DmaEntry } from "../dma/scatterlist.ts";
import { type DmaAddr, formatAddress } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { Attachment, DmaBuf } from "./dma-buf.ts";
import type { Fence } from "./reservation.ts";

/**
 * How an RDMA driver holds a buffer: `on-demand` maps when the NIC faults and again after each move (`ib_umem_dmabuf_get`);
 * `pinned-revocable` maps once, and a revocation ends the region (Linux 7.1); `pinned` cannot be told to stop.
 */
export type RdmaMode = "on-demand" | "pinned-revocable" | "pinned";

/** What the NIC may do: the region is usable, is giving its mapping up, lost it for now, or for ever. */
export type RdmaState = "usable" | "draining" | "unmapped" | "revoked" | "deregistered";

/** DMA that the NIC has begun with addresses that it was given, and has not completed. */
export interface RdmaAccess {
  readonly spans: readonly DmaEntry[];
}

export interface RdmaOptions {
  readonly name: string;
  readonly buffer: DmaBuf;
  readonly device: DmaDevice;
  readonly dma: DmaOps;
  readonly mode: RdmaMode;
  /** What the NIC does with the memory; `bidirectional` unless told. */
  readonly direction?: DmaDirection;
}

/**
 * A memory region of an RDMA NIC over an imported buffer (`ib_umem_dmabuf`, Linux 7.2). It holds a reference of the
 * buffer until it is deregistered.
 *
 * MODEL: the driver waits inside invalidateMappings until the NIC has finished what it began; as nothing blocks here,
 * that wait is a fence, and the region is unmapped when the last access completes.
 */
export class RdmaRegion {
  readonly name: string;
  readonly mode: RdmaMode;
  readonly buffer: DmaBuf;
  readonly #options: RdmaOptions;
  readonly #accesses = new Set<RdmaAccess>();
  #attachment: Attachment | null = null;
  #mappings: readonly DmaMapping[] | null = null;
  #state: RdmaState = "unmapped";
  /** Whoever invalidates waits for this one. */
  #fence: Fence | null = null;
  #isLeaving = false;

  private constructor(options: RdmaOptions) {
    this.name = options.name;
    this.mode = options.mode;
    this.buffer = options.buffer;
    this.#options = options;
  }

  /** Attaches, pins if that is the mode, and maps; on a refusal, and where the rules throw, nothing is left of it. */
  static register(options: RdmaOptions): DmaResult<RdmaRegion> {
    const region = new RdmaRegion(options);
    const done = region.#begin();
    return done.ok ? { ok: true, value: region } : done;
  }

  get state(): RdmaState {
    return this.#state;
  }

  /** Accesses begun and not completed. */
  get accesses(): ReadonlySet<RdmaAccess> {
    return this.#accesses;
  }

  #begin(): DmaResult<null> {
    const { buffer, device, dma, mode, name } = this.#options;
    buffer.get();
    const importer = { name, target: { device, dma }, allowsPeers: true };
    let isReady = false;
    try {
      const attached = buffer.attach(
        mode === "pinned" ? importer : { ...importer, invalidateMappings: () => this.#invalidate() },
      );
      if (!attached.ok) return attached;
      this.#attachment = attached.value;
      const ready = buffer.reservation.withLock(name, () => this.#pinAndMap(attached.value));
      isReady = ready.ok;
      return ready;
    } finally {
      // On a refusal, and where the rules throw because a verdict is unknown.
      if (!isReady) this.#leave();
    }
  }

  #pinAndMap(attachment: Attachment): DmaResult<null> {
    const pinned = this.mode === "pinned-revocable" ? this.buffer.pin(attachment) : null;
    return pinned === null || pinned.ok ? this.#map(attachment) : pinned;
  }

  #map(attachment: Attachment): DmaResult<null> {
    const mapped = this.buffer.map(attachment, this.#options.direction ?? "bidirectional");
    if (!mapped.ok) return mapped;
    this.#mappings = mapped.value;
    this.#state = "usable";
    return { ok: true, value: null };
  }

  /**
   * Begins DMA to a part of the region: the addresses that the NIC uses from now until {@link complete}. An on-demand
   * region without a mapping faults and maps first; ENODEV where the memory was taken back, EINVAL beyond the region, EIO
   * while the mapping is being given up (a NIC would try again).
   */
  access(offset: number, lengthBytes: number): DmaResult<RdmaAccess> {
    if (!(offset >= 0 && lengthBytes > 0 && offset + lengthBytes <= this.buffer.sizeBytes)) {
      return dmaFailure("EINVAL", `${formatAddress(offset)} + ${lengthBytes} is beyond ${this.name}`);
    }
    if (this.#isLeaving || this.#state === "deregistered" || this.#state === "revoked") {
      return dmaFailure("ENODEV", `${this.name} is gone`);
    }
    if (this.#state === "draining") return dmaFailure("EIO", `${this.name} is being unmapped`);
    const attachment = this.#attachment;
    if (this.#state === "unmapped" && attachment !== null) {
      const mapped = this.buffer.reservation.withLock(this.name, () => this.#map(attachment));
      if (!mapped.ok) return mapped;
    }
    const access = { spans: spansOf(this.#mappings ?? [], offset, lengthBytes) };
    this.#accesses.add(access);
    return { ok: true, value: access };
  }

  /** The NIC is through with an access and will not use its addresses again. */
  complete(access: RdmaAccess): void {
    if (!this.#accesses.delete(access)) {
      throw new PeerlaneError("usage", `${this.name} completes an access that it has not begun`);
    }
    if (this.#accesses.size > 0) return;
    if (this.#fence !== null) this.buffer.reservation.withLock(this.name, () => this.#drop());
    if (this.#isLeaving) this.#leave();
  }

  /** Gives the region up: at once, or when the last access completes. */
  deregister(): void {
    if (this.#isLeaving) throw new PeerlaneError("usage", `${this.name} is deregistered twice`);
    this.#isLeaving = true;
    if (this.#accesses.size === 0) this.#leave();
    else this.#state = "draining";
  }

  /** Runs under the lock. */
  #invalidate(): void {
    if (this.#mappings === null || this.#fence !== null) return;
    if (this.#accesses.size === 0) {
      this.#drop();
      return;
    }
    this.#fence = this.buffer.reservation.addFence(this.name);
    this.#state = "draining";
  }

  /** Unmaps, under the lock, and lets whoever waits go on. */
  #drop(): void {
    if (this.#mappings !== null && this.#attachment !== null) this.buffer.unmap(this.#attachment);
    this.#mappings = null;
    this.#state = this.mode === "on-demand" ? "unmapped" : "revoked";
    this.#fence?.signal();
    this.#fence = null;
  }

  #leave(): void {
    const attachment = this.#attachment;
    const { buffer } = this;
    if (attachment === null) {
      this.#state = "deregistered";
      buffer.put();
      return;
    }
    this.#attachment = null;
    buffer.reservation.withLock(this.name, () => {
      if (this.#mappings !== null) buffer.unmap(attachment);
      this.#mappings = null;
      buffer.unpinAll(attachment);
      this.#state = "deregistered";
    });
    buffer.detach(attachment);
    buffer.put();
  }
}

/** The addresses of a part of the buffer; mappings follow each other in the order of its offsets. */
function spansOf(mappings: readonly DmaMapping[], offset: number, lengthBytes: number): readonly DmaEntry[] {
  const spans: DmaEntry[] = [];
  let skip = offset;
  let rest = lengthBytes;
  for (const { address, lengthBytes: mappedBytes, isBus } of mappings) {
    const take = Math.min(rest, mappedBytes - skip);
    if (take > 0) {
      spans.push({ address: (address + skip) as DmaAddr, lengthBytes: take, isBus });
      rest -= take;
    }
    skip = Math.max(0, skip - mappedBytes);
  }
  return spans;
}
