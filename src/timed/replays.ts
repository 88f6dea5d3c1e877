import { mixBits } from "../memory/mix-bits.ts";
import { noEntry } from "../pci/entry-at.ts";

/**
 * Which TLPs arrive damaged, by a seed: of each link, how many go well until the next. Drawn link by link, so that what one
 * link carries changes nothing on another.
 */
export class Damage {
  readonly #rates: Float64Array;
  readonly #untilNext: Float64Array;
  readonly #drawn: Int32Array;
  readonly #seed: number;

  constructor(rates: readonly number[], seed: number) {
    this.#rates = Float64Array.from(rates);
    this.#untilNext = new Float64Array(rates.length);
    this.#drawn = new Int32Array(rates.length);
    this.#seed = seed;
    for (let link = 0; link < rates.length; link++) this.#draw(link);
  }

  /** True where the TLP that a link sends now is damaged. */
  isDamaged(link: number): boolean {
    const left = (this.#untilNext[link] ?? noEntry(link)) - 1;
    this.#untilNext[link] = left;
    if (left > 0) return false;
    this.#draw(link);
    return true;
  }

  /** Draws from the geometric distribution of the link's rate. */
  #draw(link: number): void {
    const rate = this.#rates[link] ?? noEntry(link);
    if (rate <= 0) {
      this.#untilNext[link] = Number.POSITIVE_INFINITY;
      return;
    }
    const count = (this.#drawn[link] ?? noEntry(link)) + 1;
    this.#drawn[link] = count;
    const bits = mixBits(mixBits(mixBits(this.#seed) + link * 0x9e37_79b9) + count);
    const part = (bits + 0.5) / 2 ** 32;
    this.#untilNext[link] = rate >= 1 ? 1 : Math.max(1, Math.ceil(Math.log(part) / Math.log(1 - rate)));
  }
}
