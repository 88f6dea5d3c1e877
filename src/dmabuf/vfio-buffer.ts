import { type DmaResult, dmaFailure } from "../dma/dma-error.ts";
import type { DmaMapping } from "../dma/dma-ops.ts";
import { mapBacking, sizeOf, staleReachOf, unlinkBacking, unmapBacking } from "./backing.ts";
import { type Attachment, type Backing, DmaBuf, isRevocable } from "./dma-buf.ts";
import type { VfioRules } from "./vfio-rules.ts";

/** What the device that exports a buffer wants to hear of it. */
export interface VfioBufferOwner {
  /** Something may have changed that a revocation waits for. */
  progress(): void;
  /** The last reference is gone. */
  released(buffer: VfioBuffer): void;
}

/**
 * BAR ranges of a VFIO device as a buffer: page-less, never moved, and revocable at any time
 * (`vfio_pci_dma_buf`, Linux 6.19 and newer).
 */
export class VfioBuffer {
  readonly buffer: DmaBuf;
  readonly backing: Backing;
  readonly #rules: VfioRules;
  /** What importers had and gave back: a device may have kept the addresses. */
  readonly #unmapped: { readonly attachment: Attachment; readonly mapping: DmaMapping }[] = [];
  #isRevoked: boolean;

  constructor(name: string, backing: Backing, rules: VfioRules, owner: VfioBufferOwner, isRevoked: boolean) {
    this.backing = backing;
    this.#rules = rules;
    this.#isRevoked = isRevoked;
    this.buffer = new DmaBuf(name, sizeOf(backing), {
      attach: (attachment) => this.#attach(attachment),
      pin: (attachment) => this.#pin(attachment),
      map: (attachment, direction) => this.#whileGranted(() => mapBacking(attachment, backing, direction)),
      unmap: (attachment, mappings, direction) => {
        (rules.unmapping === "unlinked" ? unlinkBacking : unmapBacking)(attachment, mappings, direction);
        for (const mapping of mappings) this.#unmapped.push({ attachment, mapping });
      },
      backing: () => this.#whileGranted(() => this.#single()),
      release: () => owner.released(this),
    });
    this.buffer.reservation.onProgress(() => owner.progress());
  }

  /** True while importers may not map. */
  get isRevoked(): boolean {
    return this.#isRevoked;
  }

  /** True when a revocation has nothing left to wait for. */
  get isQuiet(): boolean {
    return !this.#rules.waitsForImporters || this.buffer.isQuiet;
  }

  /** What a revocation waits for, as sentences. */
  get waitsFor(): readonly string[] {
    if (this.isQuiet) return [];
    const { name, reservation, mappedBy } = this.buffer;
    return [
      ...reservation.pending.map((holder) => `${holder} has DMA to ${name} under way`),
      ...mappedBy.map((importer) => `${importer} has ${name} mapped`),
    ];
  }

  /**
   * What a device that goes on with addresses which its driver gave back still reaches, as sentences; changes with each
   * flush of an IOMMU, and with new mappings of the same pages nothing.
   */
  get leftOpen(): readonly string[] {
    const { name } = this.buffer;
    // What a flush has closed stays closed.
    const open = this.#unmapped.filter(({ attachment, mapping }) => staleReachOf(attachment, mapping) !== "nothing");
    this.#unmapped.splice(0, this.#unmapped.length, ...open);
    return [
      ...new Set(
        open.map(({ attachment, mapping }) => {
          const who = attachment.importer.name;
          return staleReachOf(attachment, mapping) === "until-flush"
            ? `${who} may reach ${name} until the IOMMU flushes its queue`
            : `${who} may reach ${name}, and what is there after it: no IOMMU looks at bus addresses`;
        }),
      ),
    ];
  }

  /**
   * Takes the memory back, or gives it again, and tells the importers either way, as the kernel does; whoever takes it
   * back then waits for {@link isQuiet}. Nothing happens where it is so already.
   */
  setRevoked(isRevoked: boolean): void {
    if (this.#isRevoked === isRevoked) return;
    this.buffer.reservation.withLock(`the exporter of ${this.buffer.name}`, () => {
      this.#isRevoked = isRevoked;
      this.buffer.invalidateMappings();
    });
  }

  #attach(attachment: Attachment): DmaResult<null> {
    const { name } = attachment.importer;
    if (!attachment.importer.allowsPeers) return dmaFailure("EOPNOTSUPP", `${name} takes no peer memory`);
    return this.#whileGranted(() =>
      isRevocable(attachment)
        ? { ok: true, value: null }
        : dmaFailure(
            "EOPNOTSUPP",
            `${name} cannot be told to stop, and ${this.buffer.name} may be revoked at any time`,
          ),
    );
  }

  #pin({ importer }: Attachment): DmaResult<null> {
    if (!this.#rules.takesPins) {
      return dmaFailure("EOPNOTSUPP", `Linux ${this.#rules.release} lets nobody pin VFIO memory, nor ${importer.name}`);
    }
    return this.#whileGranted(() => ({ ok: true, value: null }));
  }

  // MODEL: in the kernel a caller blocks on the reservation lock while a revocation waits; here it is refused at once,
  // which is one of the answers that it may get there.
  #whileGranted<T>(answer: () => DmaResult<T>): DmaResult<T> {
    return this.#isRevoked ? dmaFailure("ENODEV", `${this.buffer.name} is revoked`) : answer();
  }

  /** iommufd takes buffers of one range only (`vfio_pci_dma_buf_iommufd_map`, Linux 6.19). */
  #single(): DmaResult<Backing> {
    const { length } = this.backing.ranges;
    if (length === 1) return { ok: true, value: this.backing };
    return dmaFailure("EOPNOTSUPP", `${this.buffer.name} has ${length} ranges: only one can be mapped into a domain`);
  }
}
