import type { BenchView, IoFigures, Latency, SideName, SideView } from "../../../measured/bench.ts";
import { isUnknown } from "../../../pci/known.ts";
import { formatSize } from "../../../pci/size.ts";
import { mapTypeSpan } from "../../difference.ts";
import { type Block, heading, list, paragraph, type Rich, table } from "../../document.ts";
import { machineLines } from "../../facts.ts";
import { jobText, latencyText, partyText, rateText, SIDE_WORDS, threeFigures } from "./words.ts";

const GIB = 2 ** 30;

/** The benchmark: what was done, both sides beside each other with their ratio, and what to know of the figures. */
export function benchBlocks(view: BenchView): readonly Block[] {
  const { machine, rules } = view.table;
  return [
    ...machineLines(machine, rules, Number.MAX_SAFE_INTEGER).map((text) => heading(text)),
    list([targetText(view), ...pathTexts(view)]),
    ...outcomeBlocks(view),
    ...figureBlocks(view),
    ...noteBlocks(view),
  ];
}

function targetText({ target, job, slices }: BenchView): string {
  const count = slices.filter(({ side }) => side === slices[0]?.side).length;
  const end = job.offsetBytes + job.sizeBytes;
  const range = job.offsetBytes === 0 ? `its first ${formatSize(end)}` : `bytes ${job.offsetBytes} to ${end - 1}`;
  const ramp = job.rampSeconds > 0 ? ` after ${job.rampSeconds} s that do not count` : "";
  const time = `${job.runtimeSeconds} s per side${ramp}${count > 0 ? `, in ${count} slices` : ""}`;
  return `${target.name}: ${jobText(job)}, ${range}, ${time}, seed ${job.seed}`;
}

function pathTexts({ path }: BenchView): readonly Rich[] {
  if (path === null) return [];
  return path.clients.map((client) => [
    `peer: ${partyText(client)} through the memory of ${partyText(path.provider)}, `,
    mapTypeSpan(client.mapType, client.hops),
  ]);
}

function outcomeBlocks({ outcome, why }: BenchView): readonly Block[] {
  if (why === null) return [];
  return [
    paragraph([{ text: why.what, paint: outcome === "partial" ? "unknown" : "no" }]),
    ...(why.remedy === null ? [] : [list([why.remedy])]),
  ];
}

function figureBlocks({ sides, ratio }: BenchView): readonly Block[] {
  const present = (["peer", "dram"] as const).flatMap((name) => {
    const side = sides[name];
    return side === null ? [] : [{ name, side }];
  });
  if (present.length === 0) return [];
  const both = sides.peer !== null && sides.dram !== null ? { peer: sides.peer, dram: sides.dram } : null;
  const head = ["", ...present.map(({ name }) => SIDE_WORDS[name]), ...(both === null ? [] : ["peer / DRAM"])];
  const rows = rowsOf(present[0]?.side).map(({ title, value, text }) => [
    title,
    ...present.map(({ side }) => known(value(side), text)),
    ...(both === null ? [] : [ratioText(value(both.peer), value(both.dram))]),
  ]);
  const spread =
    ratio === null
      ? []
      : [
          paragraph([
            `Throughput of peer memory is ${threeFigures(ratio.overall)} of DRAM's; `,
            `slices beside each other: ${threeFigures(ratio.min)} to ${threeFigures(ratio.max)}.`,
          ]),
        ];
  return [table(head, rows), ...spread];
}

/** A line of the table: a figure, and how it is written. `null` is a figure that there is not. */
interface Row {
  readonly title: string;
  readonly value: (side: SideView) => number | null;
  readonly text: (value: number) => string;
}

function rowsOf(side: SideView | undefined): readonly Row[] {
  const isMixed = side !== undefined && side.read !== null;
  return [
    ...rateRows("", ({ all }) => all),
    ...(isMixed
      ? [...ioRows("read ", ({ read }) => read), ...ioRows("write ", ({ write }) => write)]
      : latencyRows("", ({ all }) => all)),
    { title: "CPU user", value: ({ cpu }) => cpu.userSeconds, text: secondsText },
    { title: "CPU system", value: ({ cpu }) => cpu.systemSeconds, text: secondsText },
    { title: "CPU per GiB", value: cpuPerGib, text: secondsText },
    { title: "DRAM read", value: dramPart("readBytes"), text: bytesText },
    { title: "DRAM written", value: dramPart("writtenBytes"), text: bytesText },
    { title: "errors", value: errorCount, text: String },
  ];
}

type PickIo = (side: SideView) => IoFigures | null;

function ioRows(prefix: string, pick: PickIo): readonly Row[] {
  return [...rateRows(prefix, pick), ...latencyRows(prefix, pick)];
}

function rateRows(prefix: string, pick: PickIo): readonly Row[] {
  return [
    { title: `${prefix}throughput`, value: (side) => pick(side)?.bytesPerSecond ?? null, text: rateText },
    { title: `${prefix}IOPS`, value: (side) => pick(side)?.iops ?? null, text: threeFigures },
  ];
}

function latencyRows(prefix: string, pick: PickIo): readonly Row[] {
  const latency = (name: keyof Latency) => (side: SideView) => pick(side)?.latencyNs?.[name] ?? null;
  const names: readonly (readonly [string, keyof Latency])[] = [
    ["min", "min"],
    ["mean", "mean"],
    ["p50", "p50"],
    ["p90", "p90"],
    ["p99", "p99"],
    ["p99.9", "p999"],
    ["max", "max"],
  ];
  return names.map(([title, name]) => ({
    title: `${prefix}latency ${title}`,
    value: latency(name),
    text: latencyText,
  }));
}

/** Seconds of CPU time for each GiB moved. */
function cpuPerGib({ cpu, all }: SideView): number | null {
  return all.bytes === 0 ? null : (cpu.userSeconds + cpu.systemSeconds) / (all.bytes / GIB);
}

function dramPart(part: "readBytes" | "writtenBytes"): Row["value"] {
  return ({ dram }) => (isUnknown(dram) ? null : dram[part]);
}

function errorCount({ errors }: SideView): number {
  return Object.values(errors).reduce((sum, count) => sum + count, 0);
}

function known(value: number | null, text: (value: number) => string): string {
  return value === null ? "unknown" : text(value);
}

function ratioText(peer: number | null, dram: number | null): string {
  return peer === null || dram === null || dram === 0 ? "" : threeFigures(peer / dram);
}

function secondsText(seconds: number): string {
  return `${threeFigures(seconds)} s`;
}

function bytesText(bytes: number): string {
  return formatSize(Math.round(bytes));
}

function noteBlocks({ sides, notes }: BenchView): readonly Block[] {
  const dram = sides.peer?.dram ?? sides.dram?.dram;
  const texts = [
    ...notes,
    ...(["peer", "dram"] as const).flatMap((name) => errorTexts(name, sides[name])),
    ...(["peer", "dram"] as const).flatMap((name) => busyTexts(name, sides[name])),
    ...(dram === undefined
      ? []
      : [isUnknown(dram) ? `DRAM traffic is unknown: ${dram.unknown}` : "DRAM traffic is that of the whole system"]),
  ];
  return texts.length === 0 ? [] : [list(texts)];
}

/** Above this, what the process takes to start and end I/O shows in the figures (seen beside fio, which takes less). */
const BUSY = 0.6;

function busyTexts(name: SideName, side: SideView | null): readonly string[] {
  if (side === null || side.loopUtilization < BUSY) return [];
  const percent = Math.round(side.loopUtilization * 100);
  return [
    `${SIDE_WORDS[name]}: this program itself was busy for ${percent} % of the time: its own limit is in the figures and the ratio (--fio prints the job for fio)`,
  ];
}

function errorTexts(name: SideName, side: SideView | null): readonly string[] {
  const errors = Object.entries(side?.errors ?? {});
  if (errors.length === 0) return [];
  return [`errors through ${SIDE_WORDS[name]}: ${errors.map(([errno, count]) => `${count} × ${errno}`).join(", ")}`];
}
