import { PeerlaneError } from "../pci/error.ts";

/** Work that a user of a buffer still has under way; who moves or revokes the buffer waits for it (`dma_fence`). */
export interface Fence {
  /** Whose work it is, for people. */
  readonly holder: string;
  /** Says that the work is done: once; a second time throws `usage`. */
  signal(): void;
}

/**
 * The reservation of a buffer: one lock and the fences of the work under way (`dma_resv`, Linux 7.2).
 *
 * MODEL: nothing blocks here. Taking a lock that is held throws, as it would never be given back in one thread; waiting
 * for fences is a listener that is called when the lock is free and something may have changed.
 */
export class Reservation {
  #holder: string | null = null;
  readonly #fences = new Set<Fence>();
  readonly #listeners = new Set<() => void>();

  /** Runs `work` under the lock of `holder`; throws `usage` where somebody has it: a dead lock in a kernel. */
  withLock<T>(holder: string, work: () => T): T {
    if (this.#holder !== null) {
      throw new PeerlaneError("usage", `${holder} takes the reservation lock that ${this.#holder} holds`, {
        remedy: "inside invalidateMappings the lock is held already: call what needs it directly",
      });
    }
    this.#holder = holder;
    try {
      return work();
    } finally {
      this.#holder = null;
      this.#tell();
    }
  }

  /** Throws `usage` unless the lock is held (`dma_resv_assert_held`). */
  assertHeld(what: string): void {
    if (this.#holder !== null) return;
    throw new PeerlaneError("usage", `${what} needs the reservation lock`, { remedy: "call it inside withLock" });
  }

  /** Adds work to wait for; needs the lock. */
  addFence(holder: string): Fence {
    this.assertHeld("addFence");
    const fence: Fence = {
      holder,
      signal: () => {
        if (!this.#fences.delete(fence)) throw new PeerlaneError("usage", `a fence of ${holder} is signalled twice`);
        if (this.#holder === null) this.#tell();
      },
    };
    this.#fences.add(fence);
    return fence;
  }

  /** Whose work is under way. */
  get pending(): readonly string[] {
    return Array.from(this.#fences, ({ holder }) => holder);
  }

  /** Calls `listener` whenever the lock was given back or a fence was signalled, the lock being free. */
  onProgress(listener: () => void): void {
    this.#listeners.add(listener);
  }

  #tell(): void {
    for (const listener of [...this.#listeners]) listener();
  }
}
