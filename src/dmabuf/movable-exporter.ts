import { type DmaResult, dmaFailure } from "../dma/dma-error.ts";
import type { DmaMapping } from "../dma/dma-ops.ts";
import { PeerlaneError } from "../pci/error.ts";
import { mapBacking, sizeOf, unmapBacking } from "./backing.ts";
import { type Attachment, type Backing, DmaBuf } from "./dma-buf.ts";

/** A move that waits for the importers to leave the old place. */
interface Move {
  /** Mappings of the old place that are still there. */
  readonly mappings: Set<readonly DmaMapping[]>;
  readonly done: () => void;
}

/**
 * An exporter that moves its buffer from one place to another, as GPU drivers do with video memory: importers that can
 * be told are told and map again, the others pin the buffer and so keep it where it is.
 *
 * MODEL: both places are ranges of providers; real drivers also move buffers between video memory and RAM.
 */
export class MovableExporter {
  readonly buffer: DmaBuf;
  #backing: Backing;
  #mappings = new Set<readonly DmaMapping[]>();
  #move: Move | null = null;

  constructor(name: string, backing: Backing) {
    this.#backing = backing;
    this.buffer = new DmaBuf(name, sizeOf(backing), {
      attach,
      map: (attachment, direction) => {
        const mapped = mapBacking(attachment, this.#backing, direction);
        if (mapped.ok) this.#mappings.add(mapped.value);
        return mapped;
      },
      unmap: (attachment, mappings, direction) => {
        unmapBacking(attachment, mappings, direction);
        if (!this.#mappings.delete(mappings)) this.#move?.mappings.delete(mappings);
      },
      release: () => {},
    });
    this.buffer.reservation.onProgress(() => this.#settle());
  }

  /** Where the bytes are now. */
  get backing(): Backing {
    return this.#backing;
  }

  /** True from a move's begin until the last importer has left the old place. */
  get isMoving(): boolean {
    return this.#move !== null;
  }

  /**
   * Moves the buffer. `done` is called once nobody uses the old place, which belongs to the exporter again then; new
   * mappings are of the new place at once. EINVAL while an importer has the buffer pinned or an earlier move is under way.
   */
  move(to: Backing, done: () => void): DmaResult<null> {
    const { name, sizeBytes, reservation } = this.buffer;
    if (sizeOf(to) !== sizeBytes) {
      throw new PeerlaneError("usage", `${name} has ${sizeBytes} bytes, its new place has ${sizeOf(to)}`);
    }
    const [pinner] = this.buffer.pinnedBy;
    if (pinner !== undefined) return dmaFailure("EINVAL", `${pinner} has ${name} pinned`);
    if (this.#move !== null) return dmaFailure("EINVAL", `${name} is being moved already`);
    this.#move = { mappings: this.#mappings, done };
    this.#mappings = new Set();
    this.#backing = to;
    reservation.withLock(`the exporter of ${name}`, () => this.buffer.invalidateMappings());
    return { ok: true, value: null };
  }

  #settle(): void {
    const move = this.#move;
    if (move === null || move.mappings.size > 0 || this.buffer.reservation.pending.length > 0) return;
    this.#move = null;
    move.done();
  }
}

function attach({ importer, buffer }: Attachment): DmaResult<null> {
  if (importer.allowsPeers) return { ok: true, value: null };
  // MODEL: a GPU driver would move the buffer to RAM for such an importer instead.
  return dmaFailure("EOPNOTSUPP", `${importer.name} takes no peer memory, and ${buffer.name} is nothing else`);
}
