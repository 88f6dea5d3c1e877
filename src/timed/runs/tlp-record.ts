import { entryAt } from "../../pci/entry-at.ts";
import type { SentTlp } from "../run.ts";
import type { RunObserver, TimedWay } from "./time-workload.ts";
import type { TimedRun } from "./timed-run.ts";

/** TLPs that a link or the memory carried one behind the other: one, or many where all of them would be too many. */
export interface TlpSlice {
  startNs: number;
  endNs: number;
  /** The flow by its number in the run; `null` for several. */
  flow: number | null;
  kind: SentTlp["kind"] | null;
  tlps: number;
  /** Data bytes; those that read requests ask for are the memory's, and no link's. */
  bytes: number;
}

/** What one run sent: slices of each link by its position in the result, in the order of time; of the memory at -1. */
export interface RecordedRun {
  readonly name: string;
  readonly way: TimedWay;
  readonly tracks: ReadonlyMap<number, readonly TlpSlice[]>;
  readonly run: TimedRun;
}

/** Slices that a record keeps at most, of all runs together. */
export const MOST_SLICES = 100_000;
const FIRST_GAP_NS = 16;

/**
 * Keeps what runs send. Where it becomes too much, neighbours on a link become one slice, first those next to each other,
 * then those with ever longer gaps between: sums of TLPs and bytes stay, and no slice ever laps over another.
 */
export class TlpRecord implements RunObserver {
  readonly #most: number;
  readonly #tracks: Map<number, TlpSlice[]>[] = [];
  readonly #runs: RecordedRun[] = [];
  #open: { readonly name: string; readonly way: TimedWay } | null = null;
  #slices = 0;
  #gapNs = -1;

  constructor(most: number = MOST_SLICES) {
    this.#most = most;
  }

  /** Nanoseconds between TLPs that are one slice, at most; `null`: every TLP is a slice of its own. */
  get gapNs(): number | null {
    return this.#gapNs < 0 ? null : this.#gapNs;
  }

  get runs(): readonly RecordedRun[] {
    return this.#runs;
  }

  start(name: string, way: TimedWay): (tlp: SentTlp) => void {
    const tracks = new Map<number, TlpSlice[]>();
    this.#open = { name, way };
    this.#tracks.push(tracks);
    return (tlp) => this.#add(tracks, tlp);
  }

  end(run: TimedRun): void {
    if (this.#open === null) throw new TypeError("no run was begun");
    this.#runs.push({ ...this.#open, tracks: entryAt(this.#tracks, this.#tracks.length - 1), run });
    this.#open = null;
  }

  #add(tracks: Map<number, TlpSlice[]>, { link, startNs, endNs, kind, flow, bytes }: SentTlp): void {
    const track = tracks.get(link) ?? [];
    if (track.length === 0) tracks.set(link, track);
    const isAsked = kind === "non-posted" && link >= 0;
    const slice = { startNs, endNs, flow, kind, tlps: 1, bytes: isAsked ? 0 : bytes };
    const last = track.at(-1);
    if (last !== undefined && startNs - last.endNs <= this.#gapNs) {
      join(last, slice);
      return;
    }
    track.push(slice);
    this.#slices++;
    if (this.#slices > this.#most) this.#coarsen();
  }

  #coarsen(): void {
    while (this.#slices > this.#most / 2 && this.#gapNs < Number.MAX_SAFE_INTEGER) {
      this.#gapNs = this.#gapNs < 0 ? 0 : Math.max(FIRST_GAP_NS, 2 * this.#gapNs);
      this.#slices = 0;
      for (const track of this.#tracks.flatMap((each) => [...each.values()])) {
        let kept = 0;
        for (const slice of track) {
          const last = kept === 0 ? undefined : track[kept - 1];
          if (last !== undefined && slice.startNs - last.endNs <= this.#gapNs) join(last, slice);
          else track[kept++] = slice;
        }
        track.length = kept;
        this.#slices += kept;
      }
    }
  }
}

function join(into: TlpSlice, next: TlpSlice): void {
  into.endNs = next.endNs;
  into.tlps += next.tlps;
  into.bytes += next.bytes;
  if (into.flow !== next.flow) into.flow = null;
  if (into.kind !== next.kind) into.kind = null;
}
