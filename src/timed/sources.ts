import { noEntry } from "../pci/entry-at.ts";
import { Histograms } from "./histogram.ts";
import { type Layout, PS_PER_NS, STATION, STEP_SHIFT } from "./layout.ts";
import { COMPLETION, NON_POSTED, POSTED } from "./ordering.ts";
import { ENDS, FLOW, ISSUED, KIND, LAST, LEFT, PACKET_SHIFT, PACKET_TIME_SHIFT, STEP } from "./packets.ts";
import type { Queues } from "./queues.ts";
import { Rings } from "./rings.ts";

/** More commands than this at once count as no limit. */
const MOST_COMMANDS = 1 << 20;
const NEVER = Number.POSITIVE_INFINITY;

/** Where TLPs begin and end: the operations of each flow, with what its engine, its tags and its bytes under way allow. */
export class Sources {
  readonly #layout: Layout;
  readonly #queues: Queues;
  readonly latencies: Histograms;
  readonly #tags: Int32Array;
  readonly #tagReturns: Rings;
  /** What may be under way of each flow, in packets that its source sends; -1 for no limit. */
  readonly #windows: Int32Array;
  readonly #windowReturns: Rings;
  readonly #commands: Rings;
  readonly #commandCounts: Int32Array;
  readonly #isIdle: Uint8Array;
  readonly #paceNext: Float64Array;
  readonly #pacePs: Float64Array;
  readonly #accessPs: Float64Array;
  readonly #follows: Int32Array;
  readonly #followers: readonly (readonly number[])[];
  readonly #sourceStation: Int32Array;
  /** By flow. */
  readonly issued: Float64Array;
  readonly delivered: Float64Array;
  readonly operations: Float64Array;
  readonly lastDone: Float64Array;
  /** The same beside the clock of the events: with what was skipped. */
  readonly doneAt: Float64Array;
  /** Bytes of an operation. */
  readonly sizes: Float64Array;
  /** All bytes; `Infinity` for one that goes on. */
  readonly totals: Float64Array;
  skippedPs = 0;
  /** What the longest operation so far took. */
  longestPs = 0;
  /** Flows that have an end and did not come to it yet. */
  unfinished: number;
  /** TLPs that are made at most while one is sent. */
  readonly mostAtOnce: number;

  constructor(layout: Layout, queues: Queues) {
    const { flows, poolTags, steps, flowStep } = layout;
    this.#layout = layout;
    this.#queues = queues;
    this.latencies = new Histograms(flows.length);
    this.#tags = poolTags.slice();
    this.#tagReturns = new Rings([...poolTags]);
    const windows = flows.map(({ pace: { inFlightBytes }, payloadBytes, reads }) =>
      inFlightBytes === NEVER ? -1 : Math.max(1, Math.floor(inFlightBytes / (reads?.requestBytes ?? payloadBytes))),
    );
    this.#windows = Int32Array.from(windows);
    this.#windowReturns = new Rings(windows.map((count) => Math.max(0, count)));
    const commands = flows.map(({ pace }) => (pace.commands > MOST_COMMANDS ? 0 : pace.commands));
    this.#commands = new Rings(commands);
    this.#commandCounts = Int32Array.from(commands);
    this.#isIdle = new Uint8Array(flows.length);
    this.#paceNext = new Float64Array(flows.length);
    this.#pacePs = Float64Array.from(flows, ({ sizeBytes, pace }) => Math.round((sizeBytes / pace.gbps) * PS_PER_NS));
    this.#accessPs = Float64Array.from(flows, ({ pace }) => Math.round(pace.accessNs * PS_PER_NS));
    this.sizes = Float64Array.from(flows, ({ sizeBytes }) => sizeBytes);
    this.totals = Float64Array.from(flows, ({ bytes }) => bytes);
    this.#follows = Int32Array.from(flows, ({ follows }) => follows);
    this.#followers = flows.map((_, at) => flows.flatMap(({ follows }, other) => (follows === at ? [other] : [])));
    this.#sourceStation = Int32Array.from(flowStep, (step) => steps[(step << STEP_SHIFT) + STATION] ?? noEntry(step));
    this.issued = new Float64Array(flows.length);
    this.delivered = new Float64Array(flows.length);
    this.operations = new Float64Array(flows.length);
    this.lastDone = new Float64Array(flows.length);
    this.doneAt = new Float64Array(flows.length);
    this.unfinished = flows.filter(({ bytes }) => bytes !== NEVER).length;
    this.mostAtOnce = 3 + Math.max(0, ...this.#followers.map(({ length }) => length));
  }

  /** Lets a flow begin. */
  start(flow: number, time: number): void {
    const count = this.#commandCounts[flow] ?? noEntry(flow);
    for (let command = 0; command < count; command++) this.#commands.push(flow, time, 0);
    const { packets } = this.#queues;
    if (packets.count + this.mostAtOnce > packets.room) packets.grow();
    this.begin(flow, time);
  }

  /** Puts down a flow's next operation at its source, where it may have one; else leaves it idle until it may. */
  begin(flow: number, now: number): void {
    const issued = this.issued[flow] ?? noEntry(flow);
    const size = Math.min(this.sizes[flow] ?? noEntry(flow), (this.totals[flow] ?? noEntry(flow)) - issued);
    if (size <= 0) return;
    this.#isIdle[flow] = 1;
    let from = 0;
    const leader = this.#follows[flow] ?? noEntry(flow);
    if (leader >= 0) {
      if ((this.delivered[leader] ?? noEntry(leader)) < issued + size) return;
      from = this.lastDone[leader] ?? noEntry(leader);
    }
    if ((this.#commandCounts[flow] ?? noEntry(flow)) > 0) {
      const free = this.#commands.nextTime(flow);
      if (free === NEVER) return;
      this.#commands.take(flow);
      // A command that became free before its turn waits in the drive since then.
      if (free > from) from = free;
    } else if (now > from) from = now;
    this.#isIdle[flow] = 0;
    const paced = this.#paceNext[flow] ?? noEntry(flow);
    const at = Math.max(from, paced);
    this.#paceNext[flow] = at + (this.#pacePs[flow] ?? noEntry(flow));
    this.issued[flow] = issued + size;
    const { packets } = this.#queues;
    const packet = packets.take();
    const kind = this.#layout.flowPool[flow] === -1 ? POSTED : NON_POSTED;
    const record = packet << PACKET_SHIFT;
    packets.ints[record + FLOW] = flow;
    packets.ints[record + STEP] = this.#layout.flowStep[flow] ?? noEntry(flow);
    packets.ints[record + LEFT] = size;
    packets.ints[record + KIND] = kind | LAST | ENDS;
    packets.times[(packet << PACKET_TIME_SHIFT) + ISSUED] = at;
    this.#queues.push(packet, kind, at + (this.#accessPs[flow] ?? noEntry(flow)), 0);
  }

  /** When a flow's source may send what it has: `now`, or when a tag or room is back; `Infinity` where none is on its way. */
  whenMay(flow: number, kind: number, now: number): number {
    let when = now;
    if (kind === NON_POSTED) {
      const pool = this.#layout.flowPool[flow] ?? noEntry(flow);
      if (this.#tags[pool] === 0) {
        while (this.#tagReturns.nextTime(pool) <= now) {
          this.#tagReturns.take(pool);
          this.#tags[pool] = (this.#tags[pool] ?? noEntry(pool)) + 1;
        }
        if (this.#tags[pool] === 0) when = this.#tagReturns.nextTime(pool);
      }
    }
    if (this.#windows[flow] === 0) {
      while (this.#windowReturns.nextTime(flow) <= now) {
        this.#windowReturns.take(flow);
        this.#windows[flow] = (this.#windows[flow] ?? noEntry(flow)) + 1;
      }
      if (this.#windows[flow] === 0) when = Math.max(when, this.#windowReturns.nextTime(flow));
    }
    return when;
  }

  /** Takes a tag, and room, for what a source sends. */
  took(flow: number, kind: number): void {
    if (kind === NON_POSTED) {
      const pool = this.#layout.flowPool[flow] ?? noEntry(flow);
      this.#tags[pool] = (this.#tags[pool] ?? noEntry(pool)) - 1;
    }
    const window = this.#windows[flow] ?? noEntry(flow);
    if (window > 0) this.#windows[flow] = window - 1;
  }

  /** Takes a TLP in at its end, at a time that may lie ahead. */
  deliver(packet: number, kind: number, done: number, bytes: number): void {
    const layout = this.#layout;
    const { packets } = this.#queues;
    const { ints, times } = packets;
    const record = packet << PACKET_SHIFT;
    const flow = ints[record + FLOW] ?? noEntry(packet);
    const marks = ints[record + KIND] ?? noEntry(packet);
    if (kind === NON_POSTED) {
      ints[record + STEP] = layout.flowAnswerStep[flow] ?? noEntry(flow);
      ints[record + KIND] = COMPLETION | ENDS | (marks & LAST);
      this.#queues.push(packet, COMPLETION, done + (layout.flowAnswerPs[flow] ?? noEntry(flow)), 0);
      return;
    }
    this.delivered[flow] = (this.delivered[flow] ?? noEntry(flow)) + bytes;
    packets.giveBack(packet);
    if ((marks & ENDS) === 0) return;
    let at = done;
    if (kind === COMPLETION) {
      at += layout.flowIntoPs[flow] ?? noEntry(flow);
      const pool = layout.flowPool[flow] ?? noEntry(flow);
      this.#tagReturns.push(pool, at, 0);
      const stations = layout.poolStations[pool] ?? noEntry(pool);
      for (let i = 0; i < stations.length; i++) this.#queues.wakeWaiting(stations[i] ?? noEntry(i), at);
    }
    if (this.#windows[flow] !== -1) {
      this.#windowReturns.push(flow, at, 0);
      this.#queues.wakeWaiting(this.#sourceStation[flow] ?? noEntry(flow), at);
    }
    if ((marks & LAST) !== 0) this.#finish(flow, times[(packet << PACKET_TIME_SHIFT) + ISSUED] ?? noEntry(packet), at);
  }

  /** An operation is done. */
  #finish(flow: number, issued: number, done: number): void {
    this.latencies.add(flow, (done - issued) / PS_PER_NS);
    if (done - issued > this.longestPs) this.longestPs = done - issued;
    this.operations[flow] = (this.operations[flow] ?? noEntry(flow)) + 1;
    this.lastDone[flow] = done;
    this.doneAt[flow] = done + this.skippedPs;
    if ((this.delivered[flow] ?? noEntry(flow)) >= (this.totals[flow] ?? noEntry(flow))) this.unfinished--;
    if ((this.#commandCounts[flow] ?? noEntry(flow)) > 0) {
      this.#commands.push(flow, done, 0);
      if (this.#isIdle[flow] === 1) this.begin(flow, done);
    }
    const followers = this.#followers[flow] ?? noEntry(flow);
    for (let i = 0; i < followers.length; i++) {
      const follower = followers[i] ?? noEntry(i);
      if (this.#isIdle[follower] === 1) this.begin(follower, done);
    }
  }
}
