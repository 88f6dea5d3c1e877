import type { RouteHop } from "../../fabric/route.ts";

/** Requests of one issuer, one behind the other, that took the same way to the same end. */
export interface TracedRequests {
  /** Index of the step. */
  readonly step: number;
  /** Number of the transfer in its step, from 1 on; 0 for what a step does before its first. */
  readonly transfer: number;
  /** `root-complex` for the CPU. */
  readonly requester: RouteHop["at"];
  /** TLPs. */
  readonly times: number;
  /** Addresses as issued, of the first and of the last. */
  readonly firstAddress: number;
  readonly lastAddress: number;
  /** The hops of the first. */
  readonly hops: readonly RouteHop[];
}

/** What went over the fabric, in order. */
export interface Trace {
  readonly requests: readonly TracedRequests[];
  /** TLPs after the last that was kept. */
  readonly droppedTlps: number;
}

/** Runs of requests that are kept: a viewer still opens them. */
const MAX_RUNS = 20_000;

/** Gathers the hops that a fabric tells of; equal requests in a row become one entry. */
export class TraceRecorder {
  readonly #runs: Mutable<TracedRequests>[] = [];
  #step = 0;
  #transfer = 0;
  #hops: RouteHop[] = [];
  #dropped = 0;

  /** What comes from now on belongs to a transfer of a step. */
  startTransfer(step: number, transfer: number): void {
    this.#close();
    this.#step = step;
    this.#transfer = transfer;
  }

  /** Takes the next hop: `FabricOptions.trace`. */
  readonly hop = (hop: RouteHop): void => {
    if (hop.what === "issue") this.#close();
    this.#hops.push(hop);
  };

  /** All that was gathered. */
  finish(): Trace {
    this.#close();
    return { requests: this.#runs, droppedTlps: this.#dropped };
  }

  #close(): void {
    const hops = this.#hops;
    const [issue] = hops;
    if (issue === undefined) return;
    this.#hops = [];
    const last = this.#runs.at(-1);
    if (last !== undefined && this.#dropped === 0 && this.#isSameWay(last, hops)) {
      last.times++;
      last.lastAddress = issue.address;
    } else if (this.#runs.length >= MAX_RUNS) {
      this.#dropped++;
    } else {
      this.#runs.push({
        ...{ step: this.#step, transfer: this.#transfer, requester: issue.at, times: 1, hops },
        ...{ firstAddress: issue.address, lastAddress: issue.address },
      });
    }
  }

  #isSameWay({ step, transfer, hops }: TracedRequests, others: readonly RouteHop[]): boolean {
    return (
      step === this.#step &&
      transfer === this.#transfer &&
      hops.length === others.length &&
      hops.every(({ at, words }, index) => at === others[index]?.at && words === others[index]?.words)
    );
  }
}

type Mutable<T> = { -readonly [K in keyof T]: T[K] };
