import type { DmaDevice, DmaDirection } from "../dma/dma-device.ts";
import { type DmaResult, dmaFailure } from "../dma/dma-error.ts";
import type { DmaMapping, DmaOps } from "../dma/dma-ops.ts";
import type { Provider } from "../memory/provider.ts";
import type { PhysRange } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import { Reservation } from "./reservation.ts";

/** Where the bytes of a buffer are: page-less ranges of one provider, in the order of the buffer's offsets. */
export interface Backing {
  readonly provider: Provider;
  readonly ranges: readonly PhysRange[];
}

/** What the owner of a buffer's memory implements (`dma_buf_ops`, Linux 7.2). `map` and `unmap` run under the lock. */
export interface ExporterOps {
  /** Refuses importers that it cannot serve. */
  attach(attachment: Attachment): DmaResult<null>;
  /** Promises that the buffer stays where it is; absent where it never moves. */
  pin?(attachment: Attachment): DmaResult<null>;
  unpin?(attachment: Attachment): void;
  /** Maps the buffer for the attachment's device. */
  map(attachment: Attachment, direction: DmaDirection): DmaResult<readonly DmaMapping[]>;
  unmap(attachment: Attachment, mappings: readonly DmaMapping[], direction: DmaDirection): void;
  /**
   * The memory itself, for an importer that fills page tables of its own (the private way between VFIO and iommufd, since
   * Linux 6.19); absent where no such importer is served.
   */
  backing?(attachment: Attachment): DmaResult<Backing>;
  /** The last reference is gone. */
  release(): void;
}

/** What an importer says of itself when it attaches (`dma_buf_attach_ops`, Linux 7.2). */
export interface Importer {
  /** For people. */
  readonly name: string;
  /** The device for which {@link DmaBuf.map} maps and how; `null` for an importer that only takes the backing. */
  readonly target: { readonly device: DmaDevice; readonly dma: DmaOps } | null;
  /** Can it use addresses of peer memory? (`allow_peer2peer`) */
  readonly allowsPeers: boolean;
  /**
   * Stops using the mappings: at once, or as soon as the fences that it adds are signalled; it unmaps, here or then
   * (`invalidate_mappings`, called `move_notify` before Linux 7.1). Runs under the lock. Absent: a static importer.
   */
  readonly invalidateMappings?: () => void;
}

/** An importer's hold on a buffer. */
export interface Attachment {
  readonly buffer: DmaBuf;
  readonly importer: Importer;
}

/** True for importers that stop when told to (`dma_buf_attach_revocable`, Linux 7.1). */
export function isRevocable({ importer }: Attachment): boolean {
  return importer.invalidateMappings !== undefined;
}

interface Holding extends Attachment {
  pins: number;
  /** Pinned by the framework, for a static importer, while it has a mapping. */
  isPinnedByMap: boolean;
  mapping: { readonly mappings: readonly DmaMapping[]; readonly direction: DmaDirection } | null;
}

/**
 * A buffer that one device's driver shares with others (`dma_buf`, Linux 7.2): attachments, pins, mappings, references.
 * Refusals are values; what a driver must never do throws `usage`.
 *
 * MODEL: each attachment has one mapping at most; the kernel allows several, and no importer here makes use of it.
 */
export class DmaBuf {
  readonly name: string;
  readonly sizeBytes: number;
  readonly reservation: Reservation = new Reservation();
  readonly #ops: ExporterOps;
  readonly #holdings = new Set<Holding>();
  #references = 1;

  constructor(name: string, sizeBytes: number, ops: ExporterOps) {
    this.name = name;
    this.sizeBytes = sizeBytes;
    this.#ops = ops;
  }

  /** References: the exporter's file and one for each attachment's owner; at 0 the buffer is released. */
  get references(): number {
    return this.#references;
  }

  /** Takes a reference (`get_dma_buf`). */
  get(): this {
    this.#assertAlive();
    this.#references++;
    return this;
  }

  /** Gives a reference back (`dma_buf_put`); the last one with attachments left throws `usage`. */
  put(): void {
    this.#assertAlive();
    if (this.#references === 1 && this.#holdings.size > 0) {
      throw new PeerlaneError("usage", `the last reference of ${this.name} is put while importers are attached`);
    }
    this.#references--;
    if (this.#references === 0) this.#ops.release();
  }

  #assertAlive(): void {
    if (this.#references === 0) throw new PeerlaneError("usage", `${this.name} is released`);
  }

  /** Attaches an importer (`dma_buf_dynamic_attach`); the exporter may refuse it. Without the lock. */
  attach(importer: Importer): DmaResult<Attachment> {
    this.#assertAlive();
    const holding: Holding = { buffer: this, importer, pins: 0, isPinnedByMap: false, mapping: null };
    const answer = this.#ops.attach(holding);
    if (!answer.ok) return answer;
    this.reservation.withLock(importer.name, () => this.#holdings.add(holding));
    return { ok: true, value: holding };
  }

  /** Undoes {@link attach}; a mapping or a pin that is left throws `usage`. */
  detach(attachment: Attachment): void {
    const holding = this.#holding(attachment);
    if (holding.mapping !== null || holding.pins > 0) {
      throw new PeerlaneError(
        "usage",
        `${attachment.importer.name} detaches while it has ${this.name} mapped or pinned`,
      );
    }
    this.reservation.withLock(attachment.importer.name, () => this.#holdings.delete(holding));
  }

  /** Asks that the buffer stay where it is (`dma_buf_pin`); it may still be revoked. Needs the lock. */
  pin(attachment: Attachment): DmaResult<null> {
    this.reservation.assertHeld("pin");
    const holding = this.#holding(attachment);
    const answer = this.#ops.pin?.(attachment) ?? ({ ok: true, value: null } as const);
    if (answer.ok) holding.pins++;
    return answer;
  }

  /** Undoes one {@link pin}. Needs the lock. */
  unpin(attachment: Attachment): void {
    this.reservation.assertHeld("unpin");
    const holding = this.#holding(attachment);
    if (holding.pins === 0) throw new PeerlaneError("usage", `${attachment.importer.name} has no pin on ${this.name}`);
    holding.pins--;
    this.#ops.unpin?.(attachment);
  }

  /** Undoes every {@link pin} of an attachment. Needs the lock. */
  unpinAll(attachment: Attachment): void {
    const holding = this.#holding(attachment);
    while (holding.pins > 0) this.unpin(attachment);
  }

  /**
   * Maps the buffer for the importer's device (`dma_buf_map_attachment`). A static importer is pinned first, as nobody
   * could tell it of a move. Needs the lock.
   */
  map(attachment: Attachment, direction: DmaDirection): DmaResult<readonly DmaMapping[]> {
    this.reservation.assertHeld("map");
    const holding = this.#holding(attachment);
    if (holding.mapping !== null) {
      throw new PeerlaneError("usage", `${attachment.importer.name} has ${this.name} mapped already`);
    }
    if (!isRevocable(attachment)) {
      const pinned = this.pin(attachment);
      if (!pinned.ok) return pinned;
      holding.isPinnedByMap = true;
    }
    try {
      const mapped = this.#ops.map(attachment, direction);
      if (mapped.ok) holding.mapping = { mappings: mapped.value, direction };
      return mapped;
    } finally {
      // On a refusal, and where the rules throw because a verdict is unknown.
      if (holding.mapping === null) this.#unpinAfterMap(holding);
    }
  }

  /** Undoes {@link map}. Needs the lock. */
  unmap(attachment: Attachment): void {
    this.reservation.assertHeld("unmap");
    const holding = this.#holding(attachment);
    if (holding.mapping === null) {
      throw new PeerlaneError("usage", `${attachment.importer.name} has ${this.name} not mapped`);
    }
    const { mappings, direction } = holding.mapping;
    holding.mapping = null;
    this.#ops.unmap(attachment, mappings, direction);
    this.#unpinAfterMap(holding);
  }

  #unpinAfterMap(holding: Holding): void {
    if (!holding.isPinnedByMap) return;
    holding.isPinnedByMap = false;
    this.unpin(holding);
  }

  /** The memory itself, for importers that fill page tables of their own; EOPNOTSUPP where the exporter has no such way. */
  backing(attachment: Attachment): DmaResult<Backing> {
    this.reservation.assertHeld("backing");
    this.#holding(attachment);
    return this.#ops.backing?.(attachment) ?? dmaFailure("EOPNOTSUPP", `${this.name} gives nobody its memory unmapped`);
  }

  /** For the exporter: tells each importer to stop (`dma_buf_invalidate_mappings`, Linux 7.1). Needs the lock. */
  invalidateMappings(): void {
    this.reservation.assertHeld("invalidateMappings");
    for (const { importer } of [...this.#holdings]) importer.invalidateMappings?.();
  }

  /** Importers that have a mapping now, by name. */
  get mappedBy(): readonly string[] {
    return [...this.#holdings].filter(({ mapping }) => mapping !== null).map(({ importer }) => importer.name);
  }

  /** Importers that have pinned the buffer, by name. */
  get pinnedBy(): readonly string[] {
    return [...this.#holdings].filter(({ pins }) => pins > 0).map(({ importer }) => importer.name);
  }

  get attachments(): readonly Attachment[] {
    return [...this.#holdings];
  }

  /** True when nobody uses a mapping and no work is under way. */
  get isQuiet(): boolean {
    return this.reservation.pending.length === 0 && this.mappedBy.length === 0;
  }

  #holding(attachment: Attachment): Holding {
    for (const holding of this.#holdings) if (holding === attachment) return holding;
    throw new PeerlaneError("usage", `${attachment.importer.name} is not attached to ${this.name}`);
  }
}
