import { mixBits } from "../memory/mix-bits.ts";
import { noEntry } from "../pci/entry-at.ts";
import { PS_PER_NS } from "./layout.ts";
import type { IommuOptions } from "./options.ts";

/** Where a flow's operations lie in memory. */
export interface Reach {
  /** Bytes that they go through, from the start to the end and again. */
  readonly bytes: number;
  /** One behind the other, or each anywhere in those bytes. */
  readonly order: "in-order" | "random";
}

/**
 * What an IOMMU's look-ups cost: nothing where the translation is remembered, else a walk, of which so many run at once.
 * MODEL: a direct-mapped memory of translations, one for the machine; a walk takes one time, whatever the level it begins
 * at; a flow's TLPs stay in order, so that one that waits holds the later ones of its port.
 */
export class Translation {
  readonly #options: IommuOptions;
  /** The page that each place remembers. */
  readonly #pages: Float64Array;
  readonly #walkersFree: Float64Array;
  readonly #reach: readonly Reach[];
  readonly #sizes: readonly number[];
  /** Bytes of each flow that were translated so far. */
  readonly #done: Float64Array;
  walks = 0;

  constructor(options: IommuOptions, reach: readonly Reach[], sizes: readonly number[]) {
    this.#options = options;
    this.#pages = new Float64Array(options.entries).fill(-1);
    this.#walkersFree = new Float64Array(options.walkers);
    this.#reach = reach;
    this.#sizes = sizes;
    this.#done = new Float64Array(reach.length);
  }

  /** When a flow's next TLP, of so many bytes, is translated that came at `time`, in picoseconds. */
  readyAt(flow: number, bytes: number, time: number): number {
    const { pageBytes, walkNs } = this.#options;
    const page = Math.floor(this.#offsetOf(flow) / pageBytes);
    this.#done[flow] = (this.#done[flow] ?? noEntry(flow)) + bytes;
    const key = flow * 2 ** 32 + page;
    const place = (mixBits(flow) + page) % this.#pages.length;
    if (this.#pages[place] === key) return time;
    this.#pages[place] = key;
    this.walks++;
    let walker = 0;
    for (let other = 1; other < this.#walkersFree.length; other++) {
      if ((this.#walkersFree[other] ?? noEntry(other)) < (this.#walkersFree[walker] ?? noEntry(walker))) walker = other;
    }
    const end = Math.max(time, this.#walkersFree[walker] ?? noEntry(walker)) + walkNs * PS_PER_NS;
    this.#walkersFree[walker] = end;
    return end;
  }

  /** MODEL: no operation crosses the end of the reach. */
  #offsetOf(flow: number): number {
    const { bytes, order } = this.#reach[flow] ?? noEntry(flow);
    const done = this.#done[flow] ?? noEntry(flow);
    if (order === "in-order") return done % bytes;
    const size = this.#sizes[flow] ?? noEntry(flow);
    const operation = Math.floor(done / size);
    const places = Math.max(1, Math.floor(bytes / size));
    return (mixBits(mixBits(operation) + flow) % places) * size + (done % size);
  }
}
