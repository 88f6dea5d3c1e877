import type {
  CpuSeconds,
  DramTraffic,
  RatioView,
  SideName,
  SideView,
  SliceView,
  StretchView,
} from "../../measured/bench.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { type BenchJob, reads, writes } from "./job.ts";
import { distributionOf } from "./latency.ts";
import { Tally } from "./tally.ts";

/** One slice as it was counted. */
export interface MeasuredSlice {
  readonly index: number;
  readonly side: SideName;
  readonly startSeconds: number;
  readonly seconds: number;
  readonly tally: Tally;
  readonly cpu: CpuSeconds;
  readonly loopUtilization: number;
  readonly dram: Known<DramTraffic>;
}

type Counts = Pick<MeasuredSlice, "seconds" | "tally" | "cpu" | "loopUtilization" | "dram">;

/** The figures of one slice. */
export function sliceView(job: BenchJob, slice: MeasuredSlice): SliceView {
  const { index, side, startSeconds } = slice;
  return { index, side, startSeconds, ...stretch(job, slice) };
}

/** All slices of a side as one; `null` where there is none. */
export function sideView(job: BenchJob, slices: readonly MeasuredSlice[], side: SideName): SideView | null {
  const mine = slices.filter((slice) => slice.side === side);
  const [first] = mine;
  if (first === undefined) return null;
  const tally = new Tally();
  for (const slice of mine) tally.add(slice.tally);
  const whole = mine.reduce<Counts>(
    (sum, slice) => ({
      tally,
      seconds: sum.seconds + slice.seconds,
      cpu: {
        userSeconds: sum.cpu.userSeconds + slice.cpu.userSeconds,
        systemSeconds: sum.cpu.systemSeconds + slice.cpu.systemSeconds,
      },
      loopUtilization: mixed(sum.loopUtilization, sum.seconds, slice.loopUtilization, slice.seconds),
      dram: isUnknown(slice.dram) ? slice.dram : addTraffic(sum.dram, slice.dram),
    }),
    {
      tally,
      seconds: 0,
      loopUtilization: 0,
      cpu: { userSeconds: 0, systemSeconds: 0 },
      dram: { readBytes: 0, writtenBytes: 0 },
    },
  );
  return { ...stretch(job, whole), distribution: distributionOf(tally.all().latency) };
}

/** Mean of two shares of time. */
function mixed(a: number, aSeconds: number, b: number, bSeconds: number): number {
  const seconds = aSeconds + bSeconds;
  return seconds > 0 ? (a * aSeconds + b * bSeconds) / seconds : 0;
}

function addTraffic(sum: Known<DramTraffic>, more: DramTraffic): Known<DramTraffic> {
  if (isUnknown(sum)) return sum;
  return { readBytes: sum.readBytes + more.readBytes, writtenBytes: sum.writtenBytes + more.writtenBytes };
}

function stretch(job: BenchJob, { seconds, tally, cpu, loopUtilization, dram }: Counts): StretchView {
  const isMixed = reads(job) && writes(job);
  return {
    all: tally.all().figures(seconds),
    read: isMixed ? tally.read.figures(seconds) : null,
    write: isMixed ? tally.write.figures(seconds) : null,
    seconds,
    cpu,
    loopUtilization,
    dram,
    errors: Object.fromEntries(tally.errors),
  };
}

/** Throughput of peer memory against DRAM, and its spread over the slices that both sides have. */
export function ratioView(
  peer: SideView | null,
  dram: SideView | null,
  slices: readonly SliceView[],
): RatioView | null {
  if (peer === null || dram === null || peer.all.bytes === 0 || dram.all.bytes === 0) return null;
  const rates = slices
    .filter(({ side }) => side === "peer")
    .flatMap((slice) => {
      const beside = slices.find(({ side, index }) => side === "dram" && index === slice.index);
      return beside === undefined || beside.all.bytes === 0
        ? []
        : [slice.all.bytesPerSecond / beside.all.bytesPerSecond];
    });
  const overall = peer.all.bytesPerSecond / dram.all.bytesPerSecond;
  return { overall, min: Math.min(overall, ...rates), max: Math.max(overall, ...rates) };
}
