import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind } from "../pci/device-kind.ts";
import { isUnknown } from "../pci/known.ts";
import { formatSize } from "../pci/size.ts";
import type { Topology } from "../pci/topology.ts";
import type { Ranged } from "../predict/platform-limits.ts";
import type { MeasuredEntry, MeasuredResults, MeasuringTool } from "../results/results.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import {
  type Cause,
  causesOfExcess,
  causesOfLow,
  causesOfMore,
  linksOn,
  mayHaveOtherLink,
  turnsInSwitch,
} from "./causes.ts";
import { type AskedFigure, Expectations, type Expected, type Mover, type Transfer } from "./expected.ts";
import { DeviceMatcher, type MatchedEnd } from "./match-devices.ts";
import { isSliceOfGpu, joinedOf } from "./other-links.ts";

/**
 * What a figure is: `expected`, within what is predicted; `low`, below it (of a latency: longer than its high end);
 * `better`, above it, and no more than links carry; `wide`, within a range that is too wide to judge by; `impossible`, more
 * than the links on the way can carry; `other-link`, the same between GPUs, which may have a link of their own that is not
 * PCIe; `no-figure`, held against nothing.
 */
export type FigureVerdict = "expected" | "low" | "better" | "wide" | "impossible" | "other-link" | "no-figure";

/** All of them, the worst first. */
export const FIGURE_VERDICTS: readonly FigureVerdict[] = [
  "impossible",
  "low",
  "other-link",
  "better",
  "wide",
  "expected",
  "no-figure",
];

/** One figure of the results, held against the machine. */
export interface ComparedFigure {
  readonly entry: MeasuredEntry;
  readonly from: MatchedEnd;
  readonly to: MatchedEnd;
  readonly verdict: FigureVerdict;
  /** 10^9 bytes per second that were predicted; `null` of latencies and of figures that were held against nothing. */
  readonly expected: Expected | null;
  /** Nanoseconds that were predicted of a latency; else `null`. */
  readonly expectedNs: Ranged | null;
  /** What holds it back, or how it came to be too much: likely, and not proved. */
  readonly causes: readonly Cause[];
  /** Why it was held against nothing; else `null`. */
  readonly why: string | null;
}

/** Results held against a machine. */
export interface Comparison {
  readonly table: VerdictTable;
  readonly topology: Topology;
  readonly results: MeasuredResults;
  readonly figures: readonly ComparedFigure[];
  readonly counts: Readonly<Record<FigureVerdict, number>>;
  /**
   * Links, by the functions at their lower ends, that every low bandwidth crosses and none that is as expected: of one low
   * figure alone, or where none is as expected, nothing.
   */
  readonly suspects: readonly Bdf[];
  /** What was assumed to name devices and to predict, once each. */
  readonly assumptions: readonly string[];
  /** Where the output and the machine contradict each other. */
  readonly contradictions: readonly string[];
}

/** Rounding of what tools print is no verdict. */
const TOLERANCE = 0.001;

/** MODEL: of a range whose high end is more than so many times its low end, what is within says nothing. */
const WIDE = 3;

/** MODEL: but as much as this part of what is predicted is fine, however little it may be elsewhere. */
const NEARLY_ALL = 0.9;

/** MODEL: below so many bytes each, what a device or a processor starts in a second counts, and not the path. */
const LEAST_BYTES = 64 * 1024;
/** MODEL: the same of nccl-tests, where each operation waits for the one before. */
const LEAST_BYTES_ONE_BY_ONE = 16 * 1024 * 1024;

/** How results are held against a machine. */
export interface CompareOptions {
  /** The kernel release whose rules decide. */
  readonly rules?: string;
  /** The functions of the machine with the names that tools print, where it is shown without them. */
  readonly named?: Machine["functions"];
}

/**
 * Holds each figure of the results against what is predicted for its devices, way and transfers at once on a machine. Time is
 * linear in the figures; each different question is predicted once.
 */
export function compareResults(
  machine: Machine,
  results: MeasuredResults,
  { named = machine.functions, ...rules }: CompareOptions = {},
): Comparison {
  const matcher = new DeviceMatcher({ functions: named }, results.entries);
  const ends = results.entries.map(
    ({ from, to, tool }) => [matcher.match(from, tool), matcher.match(to, tool)] as const,
  );
  const devices = new Set(ends.flat().flatMap((end) => (end.kind === "functions" ? end.bdfs : [])));
  const judge = new Judge(
    new Expectations(
      machine,
      [...devices].sort((a, b) => a - b),
      rules,
    ),
    machine,
    batchesOf(results.entries, ends),
  );
  const figures = results.entries.map((entry, at) => judge.figure(entry, ...(ends[at] as (typeof ends)[number])));
  const counts = Object.fromEntries(FIGURE_VERDICTS.map((verdict) => [verdict, 0])) as Record<FigureVerdict, number>;
  for (const { verdict } of figures) counts[verdict]++;
  return {
    table: judge.expectations.table,
    topology: judge.expectations.topology,
    results,
    figures,
    counts,
    suspects: suspectsOf(figures),
    assumptions: [...new Set([...results.assumptions, ...matcher.assumptions, ...judge.assumptions])],
    contradictions: [...matcher.contradictions],
  };
}

function suspectsOf(figures: readonly ComparedFigure[]): readonly Bdf[] {
  const of = (verdict: FigureVerdict): readonly (readonly Bdf[])[] =>
    [
      ...new Set(
        figures.flatMap((each) => (each.verdict === verdict && each.expected !== null ? [each.expected] : [])),
      ),
    ].map(({ predictions }) => linksOn(predictions));
  const low = of("low");
  const fine = new Set(of("expected").flat());
  const [first = []] = low;
  if (low.length < 2 || fine.size === 0) return [];
  return first.filter((link) => !fine.has(link) && low.every((links) => links.includes(link)));
}

type Ends = readonly [from: MatchedEnd, to: MatchedEnd];

/** The figures of one run of one test, whose transfers may have run at once, by the position of each figure. */
function batchesOf(
  entries: readonly MeasuredEntry[],
  ends: readonly Ends[],
): ReadonlyMap<MeasuredEntry, readonly Ends[]> {
  const open = new Map<string, { readonly seen: Set<string>; readonly ends: Ends[] }>();
  const batches = new Map<MeasuredEntry, readonly Ends[]>();
  entries.forEach((entry, at) => {
    if (entry.tool !== "nvbandwidth") return;
    const pair = ends[at] as Ends;
    const key = `${entry.test} ${entry.label}`;
    const name = JSON.stringify([entry.from, entry.to]);
    let batch = open.get(key);
    if (batch === undefined || batch.seen.has(name)) {
      batch = { seen: new Set(), ends: [] };
      open.set(key, batch);
    }
    batch.seen.add(name);
    batch.ends.push(pair);
    batches.set(entry, batch.ends);
  });
  return batches;
}

class Judge {
  readonly expectations: Expectations;
  /** What the predictions assumed, once each. */
  readonly assumptions: Set<string> = new Set();
  readonly #machine: Machine;
  readonly #batches: ReadonlyMap<MeasuredEntry, readonly Ends[]>;
  readonly #known = new Map<string, ReturnType<Expectations["of"]>>();

  constructor(expectations: Expectations, machine: Machine, batches: ReadonlyMap<MeasuredEntry, readonly Ends[]>) {
    this.expectations = expectations;
    this.#machine = machine;
    this.#batches = batches;
  }

  figure(entry: MeasuredEntry, from: MatchedEnd, to: MatchedEnd): ComparedFigure {
    const plain = { entry, from, to, expected: null, expectedNs: null, causes: [] };
    const none = (why: string): ComparedFigure => ({ ...plain, verdict: "no-figure", why });
    for (const end of [from, to]) if (end.kind === "unmatched") return none(end.why);
    if (isSliceOfGpu(entry)) {
      return none("a slice of a GPU (MIG), which has a part of its copy engines: what that moves is not predicted");
    }
    if (entry.bytesPerSecond === null) return this.#latency(entry, from, to);
    const small = tooSmall(entry);
    if (small !== null) return none(small);
    const asked = this.#asked(entry, from, to);
    if (typeof asked === "string") return none(asked);
    const key = JSON.stringify(asked);
    const known = this.#known.get(key) ?? this.expectations.of(asked);
    this.#known.set(key, known);
    if (isUnknown(known)) return none(known.unknown);
    return this.#judge(entry, from, to, asked, known);
  }

  #judge(
    entry: MeasuredEntry,
    from: MatchedEnd,
    to: MatchedEnd,
    asked: AskedFigure,
    expected: Expected,
  ): ComparedFigure {
    const gbps = (entry.bytesPerSecond ?? 0) / 1e9;
    for (const assumption of expected.assumptions) this.assumptions.add(assumption);
    const plain = { entry, from, to, expected, expectedNs: null, why: null };
    const figure = { entry, asked, expected, gbps, topology: this.expectations.topology, kinds: this.#kinds(asked) };
    const joined = joinedOf(figure, this.#machine);
    if (joined !== null && gbps <= expected.limit * (1 + TOLERANCE)) {
      return { entry, from, to, verdict: "no-figure", expected: null, expectedNs: null, causes: [], why: joined };
    }
    if (gbps > expected.limit * (1 + TOLERANCE) && turnsInSwitch(figure)) {
      return { ...plain, verdict: "better", causes: causesOfMore(figure) };
    }
    if (gbps > expected.limit * (1 + TOLERANCE)) {
      const causes = causesOfExcess(figure);
      return { ...plain, verdict: mayHaveOtherLink(figure) ? "other-link" : "impossible", causes };
    }
    if (expected.isUpperBound) {
      const crossings = expected.predictions.flatMap(({ path }) => path.crossings);
      const hidden = crossings.find((crossing) => crossing.kind === "hidden-link");
      const why = `only a bound is known: ${hidden?.why ?? "a link is hidden"}`;
      return { ...plain, verdict: "no-figure", causes: [], why };
    }
    if (gbps > expected.high * (1 + TOLERANCE)) {
      return { ...plain, verdict: "better", causes: causesOfMore(figure) };
    }
    if (gbps >= expected.low * (1 - TOLERANCE)) {
      const causes = expected.losses.map(
        (loss): Cause => ({ kind: loss.kind, text: loss.why, withoutGBps: withoutOf(loss.gbpsWithout, asked) }),
      );
      const isWide = expected.high > WIDE * expected.low && gbps < NEARLY_ALL * expected.value;
      return { ...plain, verdict: isWide ? "wide" : "expected", causes };
    }
    const causes = causesOfLow({ ...figure, machine: this.#machine, expectations: this.expectations });
    return { ...plain, verdict: "low", causes };
  }

  #latency(entry: MeasuredEntry, from: MatchedEnd, to: MatchedEnd): ComparedFigure {
    const plain = { entry, from, to, expected: null, expectedNs: null, causes: [] };
    const none = (why: string): ComparedFigure => ({ ...plain, verdict: "no-figure", why });
    const transfer = transferOf(from, to);
    const [doubt] = entry.doubts;
    if (doubt !== undefined) return none(doubt);
    // MODEL: only chains of reads are as predictions of latency are; docs/time.md has what other programs time.
    if (!/^(?:device_to_device|host_device)_latency/.test(entry.test)) {
      return none(`latencies of ${entry.tool}: what they time beside the path is not predicted`);
    }
    if (transfer === null || entry.mover === "unknown") return none("the latency of several devices at once");
    const prediction = this.expectations.transfer(transfer, entry.mover, LATENCY_BYTES);
    if (isUnknown(prediction)) return none(prediction.unknown);
    const { latencyNs } = prediction;
    const ns = entry.latencyNs ?? 0;
    const isLong = ns > latencyNs.high * (1 + TOLERANCE);
    this.assumptions.add(
      "latencies of nvbandwidth are chains of reads by a GPU, whose own part is taken as that of any device (docs/time.md)",
    );
    const causes: readonly Cause[] = isLong ? [{ kind: "unexplained", text: "nothing on the path explains it" }] : [];
    const isShort = ns < latencyNs.low * (1 - TOLERANCE);
    const verdict = isLong ? "low" : isShort ? "better" : "expected";
    return { ...plain, verdict, expectedNs: latencyNs, causes, why: null };
  }

  /** What the figure is of, or why nothing predicts that. */
  #asked(entry: MeasuredEntry, from: MatchedEnd, to: MatchedEnd): AskedFigure | string {
    if (entry.isPart === true) return "a part of what ran at once: what all of it came to is held instead";
    const sizeBytes = entry.sizeBytes;
    const isStaged = entry.peer === "off" && from.kind === "functions" && to.kind === "functions";
    const movers: readonly Mover[] = entry.mover === "unknown" ? ["from", "to"] : [entry.mover];
    if ((from.kind === "host" && entry.mover === "from") || (to.kind === "host" && entry.mover === "to")) {
      return "the processor moves these bytes, and what it can carry is not predicted";
    }
    const plain = {
      movers: isStaged || from.kind === "host" || to.kind === "host" ? (["from"] as const) : movers,
      isStaged,
      sizeBytes,
    };
    if (from.kind === "functions" && to.kind === "functions" && isSame(from.bdfs, to.bdfs)) {
      if (from.bdfs.length < 2) return "both ends are one function: nothing crosses a link";
      this.assumptions.add(
        "of operations of NCCL a ring in the order of the ranks is assumed: it may have built another, or a tree",
      );
      return { ...plain, measured: ringOf(from.bdfs), beside: [], combine: "least" };
    }
    const measured = crossOf(from, to);
    if (measured.length === 0) return "both ends are memory of the host";
    const back = measured.map(reversed);
    if (entry.direction === "sum of both")
      return { ...plain, measured: [...measured, ...back], beside: [], combine: "sum" };
    const own = (entry.opposed ? 2 : 1) * measured.length;
    const beside = entry.opposed ? back : [];
    if (entry.flows === null || entry.flows <= own) return { ...plain, measured, beside, combine: "sum" };
    return this.#loaded(entry, { ...plain, measured, beside, combine: "sum" });
  }

  /** With what ran at once beside it, as far as the figures of the same run name all of that. */
  #loaded(entry: MeasuredEntry, asked: AskedFigure): AskedFigure | string {
    const batch = this.#batches.get(entry) ?? [];
    const all = batch.flatMap(([from, to]) => crossOf(from, to));
    const isBoth = entry.opposed;
    const others = all.filter((each) => !asked.measured.some(({ from, to }) => from === each.from && to === each.to));
    const beside = isBoth ? [...others, ...[...others, ...asked.measured].map(reversed)] : others;
    if (asked.measured.length + beside.length !== entry.flows) {
      return `${entry.flows} transfers ran at once, and the output does not name all of them`;
    }
    return { ...asked, beside };
  }

  #kinds({ measured }: AskedFigure): readonly (DeviceKind | "host")[] {
    const { topology } = this.expectations;
    const kindOf = (bdf: Bdf | null): DeviceKind | "host" =>
      bdf === null ? "host" : deviceKind(topology.functionOf(bdf));
    return [...new Set(measured.flatMap(({ from, to }) => [kindOf(from), kindOf(to)]))];
  }
}

/** What a GPU reads at once in a chain of reads. */
const LATENCY_BYTES = 64;

function withoutOf(gbps: number, { measured, beside }: AskedFigure): number | undefined {
  return measured.length === 1 && beside.length === 0 ? gbps : undefined;
}

const ONE_BY_ONE: readonly MeasuringTool[] = ["nccl-tests"];

function tooSmall({ sizeBytes, tool }: MeasuredEntry): string | null {
  const least = ONE_BY_ONE.includes(tool) ? LEAST_BYTES_ONE_BY_ONE : LEAST_BYTES;
  if (sizeBytes === null || sizeBytes >= least) return null;
  const why = ONE_BY_ONE.includes(tool)
    ? "starting each one counts, and not the path"
    : "how many are started in a second counts, and not the path";
  return `less than ${formatSize(least)} each (${tool}): ${why}`;
}

/** One transfer between two functions, or one and memory of the host; `null` for others. */
function transferOf(from: MatchedEnd, to: MatchedEnd): Transfer | null {
  const [only, ...more] = crossOf(from, to);
  return only === undefined || more.length > 0 ? null : only;
}

function crossOf(from: MatchedEnd, to: MatchedEnd): readonly Transfer[] {
  const of = (end: MatchedEnd): readonly (Bdf | null)[] =>
    end.kind === "functions" ? end.bdfs : end.kind === "host" ? [null] : [];
  return of(from).flatMap((one) => of(to).flatMap((other) => (one === other ? [] : [{ from: one, to: other }])));
}

function ringOf(bdfs: readonly Bdf[]): readonly Transfer[] {
  return bdfs.map((from, at) => ({ from, to: bdfs[(at + 1) % bdfs.length] as Bdf }));
}

function reversed({ from, to }: Transfer): Transfer {
  return { from: to, to: from };
}

function isSame(one: readonly Bdf[], other: readonly Bdf[]): boolean {
  return one.length === other.length && one.every((bdf, at) => bdf === other[at]);
}
