import { type IoFailure, type Side, syncWhole, type Writable } from "./sides.ts";

/** A checkpoint is due after so many milliseconds, however little was written. */
const INTERVAL_MS = 1000;

/** What checkpoints need. */
export interface CheckpointJob {
  readonly target: Side<Writable>;
  /** A checkpoint is due after so many bytes. */
  readonly everyBytes: number;
  /** All below is written. */
  readonly watermark: () => number;
  /** A clock that only goes forward. */
  readonly nowMs: () => number;
  /** Puts into the journal that all below is on the medium. May throw. */
  readonly save: (completedBytes: number) => Promise<void>;
  readonly onFailure: (failure: IoFailure) => void;
  /** The journal cannot be written. */
  readonly onError: (error: unknown) => void;
}

/**
 * Saves how far a copy came, now and then, beside the copy: the watermark is taken, then the target flushed, and only
 * then the journal written, so that it never claims more than the target holds.
 */
export class Checkpoints {
  readonly #job: CheckpointJob;
  #running: Promise<void> | null = null;
  #savedMs: number;
  #savedBytes: number;
  /** A second flush after a failed one succeeds, whatever was lost (Linux reports each loss once): nothing may be saved. */
  #isBroken = false;

  constructor(job: CheckpointJob) {
    this.#job = job;
    this.#savedMs = job.nowMs();
    this.#savedBytes = job.watermark();
  }

  /** Starts one where it is due; called after each chunk. */
  poll(): void {
    if (this.#running !== null) return;
    const bytes = this.#job.watermark() - this.#savedBytes;
    if (bytes < this.#job.everyBytes && (bytes === 0 || this.#job.nowMs() - this.#savedMs < INTERVAL_MS)) return;
    this.#running = this.#save().finally(() => {
      this.#running = null;
    });
  }

  /** Waits for the one under way. */
  async settle(): Promise<void> {
    await this.#running;
  }

  /** Saves what is done now. */
  async last(): Promise<void> {
    await this.settle();
    await this.#save();
  }

  async #save(): Promise<void> {
    const { target, watermark, save, onFailure, onError } = this.#job;
    if (this.#isBroken) return;
    const bytes = watermark();
    const failure = await syncWhole(target);
    if (failure !== null) {
      this.#isBroken = true;
      return onFailure(failure);
    }
    try {
      await save(bytes);
    } catch (error) {
      this.#isBroken = true;
      return onError(error);
    }
    this.#savedMs = this.#job.nowMs();
    this.#savedBytes = bytes;
  }
}
