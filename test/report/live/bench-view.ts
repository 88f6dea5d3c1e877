import type { BenchView, IoFigures, SideName, SideView, SliceView } from "../../../src/measured/bench.ts";
import { parseBdf } from "../../../src/pci/bdf.ts";
import { unknown } from "../../../src/pci/known.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../../machines/captures.ts";

function bdfOf(text: string): NonNullable<ReturnType<typeof parseBdf>> {
  const bdf = parseBdf(text);
  if (bdf === undefined) throw new Error(`${text} is no address`);
  return bdf;
}

function figures(bytesPerSecond: number, seconds: number): IoFigures {
  const ios = Math.round((bytesPerSecond * seconds) / 131072);
  const mean = Math.round((8 * 131072 * 1e9) / bytesPerSecond);
  return {
    ios,
    bytes: ios * 131072,
    bytesPerSecond,
    iops: ios / seconds,
    latencyNs: {
      ...{ min: Math.round(mean / 3), mean, p50: Math.round(mean * 0.9), p90: Math.round(mean * 1.6) },
      ...{ p99: mean * 4, p999: mean * 9, max: mean * 22 },
    },
  };
}

function stretch(bytesPerSecond: number, seconds: number): Omit<SideView, "distribution"> {
  return {
    all: figures(bytesPerSecond, seconds),
    read: null,
    write: null,
    seconds,
    cpu: { userSeconds: 0.11 * seconds, systemSeconds: 0.2 * seconds },
    loopUtilization: 0.2,
    dram: unknown(
      "this system shows no memory controller's counters (uncore_imc, amd_umc); virtual machines have none",
    ),
    errors: {},
  };
}

function side(bytesPerSecond: number, seconds: number): SideView {
  const part = stretch(bytesPerSecond, seconds);
  const mean = part.all.latencyNs?.mean ?? 1;
  const shape: readonly (readonly [number, number])[] = [
    ...([
      [0, 0.33],
      [10, 0.6],
      [25, 0.75],
      [50, 0.9],
      [75, 1.2],
    ] as const),
    ...([
      [90, 1.6],
      [95, 2.4],
      [99, 4],
      [99.5, 5],
      [99.9, 9],
      [100, 22],
    ] as const),
  ];
  return {
    ...part,
    distribution: shape.map(([percentile, factor]) => ({ percentile, latencyNs: Math.round(mean * factor) })),
  };
}

function slice(index: number, name: SideName, rate: number): SliceView {
  return { index, side: name, startSeconds: index * 2, ...stretch(rate, 1) };
}

/** A result of two sides without a device: 0.6 of DRAM's throughput, more or less. */
export function sampleBench(): BenchView {
  const machine = readCapturedMachine("one-switch.amd-zen.off");
  const [provider, client] = [bdfOf("0000:03:00.0"), bdfOf("0000:04:00.0")];
  const link = { speedGTps: 16, width: 4 };
  const party = { bdf: client, name: "nvme1", link };
  const rates = [3.1, 2.9, 3.3, 3.2, 2.7, 3.1, 3.2, 3.0].map((rate) => rate * 1e9);
  return {
    table: decideAll(machine, { providers: [provider], clients: [client] }),
    target: {
      ...{ name: "nvme1n1", path: "/dev/nvme1n1", kind: "device", sizeBytes: 2 ** 38, logicalBlockBytes: 512 },
      functions: [party],
    },
    job: {
      ...{ rw: "randread", rwmixreadPercent: 70, blockBytes: 131072, iodepth: 8, runtimeSeconds: 8, rampSeconds: 1 },
      ...{ offsetBytes: 0, sizeBytes: 2 ** 38, seed: 1 },
    },
    path: {
      provider: { bdf: provider, name: "nvme0", link },
      clients: [{ ...party, mapType: "bus-addr", hops: 4 }],
    },
    outcome: "measured",
    why: null,
    sides: { peer: side(1.83e9, 8), dram: side(3.06e9, 8) },
    ratio: { overall: 0.598, min: 0.55, max: 0.64 },
    slices: rates.flatMap((rate, index) => [slice(index, "peer", rate * 0.6), slice(index, "dram", rate)]),
    notes: [],
  };
}
