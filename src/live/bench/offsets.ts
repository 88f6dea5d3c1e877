import { type BenchJob, isRandom, reads, writes } from "./job.ts";
import { SeededRandom } from "./random.ts";

/**
 * Where each read or write of a job goes, one after the other; the seed decides all of it. As with fio, random offsets
 * are blocks of the range (with repetition: fio's norandommap), sequential ones start again at its end, reads and
 * writes of a mixed job go on each from where its own kind was. One object is moved on, so that none is made per step.
 */
export class IoSequence {
  /** First byte of the current step. */
  position = 0;
  isWrite = false;
  readonly #job: BenchJob;
  readonly #blocks: number;
  readonly #isRandom: boolean;
  readonly #isMixed: boolean;
  readonly #places: SeededRandom;
  readonly #kinds: SeededRandom;
  #nextRead = 0;
  #nextWrite = 0;

  constructor(job: BenchJob) {
    this.#job = job;
    this.#blocks = Math.floor(job.sizeBytes / job.blockBytes);
    this.#isRandom = isRandom(job.rw);
    this.#isMixed = reads(job) && writes(job);
    this.isWrite = writes(job);
    this.#places = new SeededRandom(job.seed);
    this.#kinds = new SeededRandom(job.seed + 1);
  }

  /** Goes on to the next step. */
  next(): void {
    if (this.#isMixed) this.isWrite = this.#kinds.below(100) >= this.#job.rwmixreadPercent;
    const block = this.#isRandom ? this.#places.below(this.#blocks) : this.#follow();
    this.position = this.#job.offsetBytes + block * this.#job.blockBytes;
  }

  #follow(): number {
    if (this.isWrite) {
      const block = this.#nextWrite;
      this.#nextWrite = (block + 1) % this.#blocks;
      return block;
    }
    const block = this.#nextRead;
    this.#nextRead = (block + 1) % this.#blocks;
    return block;
  }
}
