import { topologyOf } from "../../../host/machine.ts";
import type { CopyEndView, CopyPathView, CopyPlanView, CopyResultView } from "../../../measured/copy.ts";
import { formatSize } from "../../../pci/size.ts";
import { fullName } from "../../device-names.ts";
import { mapTypeSpan } from "../../difference.ts";
import { type Block, code, heading, list, paragraph, type Rich, type Span } from "../../document.ts";
import { bytesPerSecond } from "./json.ts";
import { lossRemedies, lossWords } from "./remedies.ts";

/** Of the kernel's messages; `--json` has all of them. */
const SHOWN_MESSAGES = 12;

/** What a copy would do. */
export function copyPlanBlocks(plan: CopyPlanView): readonly Block[] {
  return [
    heading(titleOf(plan, "would be copied")),
    list([
      ...endLines(plan),
      pathLine(plan, plan.path),
      `memory: ${plan.depth} chunks of ${formatSize(plan.chunkBytes)} in flight`,
      ...(plan.resumed === null ? [] : [`goes on after ${exactSize(plan.resumed.completedBytes)}`]),
      `journal: ${plan.journalPath}`,
    ]),
    ...warningBlocks(plan.warnings),
  ];
}

const outcomeWords: Readonly<Record<CopyResultView["outcome"], Span>> = {
  copied: { text: "copied", paint: "direct" },
  interrupted: { text: "interrupted", paint: "warn" },
  failed: { text: "failed", paint: "no" },
  "data-loss": { text: "data loss", paint: "no" },
};

/** How a copy went; `resumeCommand` goes on with it where it ended early. */
export function copyBlocks(result: CopyResultView, resumeCommand: string): readonly Block[] {
  const { plan, path, outcome, failure, warnings } = result;
  return [
    heading([outcomeWords[outcome], ": ", titleOf(plan, "")]),
    list([
      ...endLines(plan),
      pathLine(plan, path),
      ...movedLines(result),
      ...(result.cpuBytes === 0 ? [] : [`by the CPU: ${exactSize(result.cpuBytes)}, the part of a block at the end`]),
      ...earlierLines(result),
      `memory: ${result.shape.depth} chunks of ${formatSize(result.shape.chunkBytes)} in flight; CPU time ${result.cpuSeconds.toFixed(2)} s`,
      verificationLine(result),
    ]),
    ...lossBlocks(result),
    ...(failure === null ? [] : [paragraph([{ text: failure.message, paint: "no" }]), list([failure.remedy])]),
    ...(result.journal === null
      ? []
      : [code(`to go on after ${exactSize(result.journalledBytes)} (${result.journal})`, [resumeCommand])]),
    ...messageBlocks(result),
    ...warningBlocks(warnings),
  ];
}

function titleOf({ ends, ranges }: CopyPlanView, verb: string): string {
  const words = `${exactSize(ranges.lengthBytes)} from ${nameOf(ends.source)} to ${nameOf(ends.target)}`;
  return verb === "" ? words : `${words} ${verb}`;
}

function nameOf(end: CopyEndView): string {
  return end.kind === "device" ? end.name : end.path;
}

/** With the exact number of bytes where the unit hides it. */
function exactSize(bytes: number): string {
  const size = formatSize(bytes);
  return bytes < 1024 || /^\d+ /.test(size) ? size : `${size} (${bytes} bytes)`;
}

function endLines({ ends, ranges, host }: CopyPlanView): readonly Rich[] {
  const topology = topologyOf(host.machine);
  const line = (role: string, end: CopyEndView, start: number, more: string): string => {
    const device = end.kind === "device" ? end : end.device;
    const functions = (device?.functions ?? []).map((bdf) => fullName(topology, bdf)).join(", ");
    const on = end.kind === "file" && device !== null ? `, on ${device.name}` : "";
    const by = functions === "" ? "" : `, moved by ${functions}`;
    const at = start === 0 ? "" : `, from byte ${start}`;
    return `${role}: ${end.path}${on}${by}${at}${more}`;
  };
  return [
    line("source", ends.source, ranges.sourceStart, ""),
    line("target", ends.target, ranges.targetStart, ends.isNew ? ", a new file" : ""),
  ];
}

function pathLine({ host }: CopyPlanView, path: CopyPathView): Rich {
  if (path.kind === "dram") return ["path: ", { text: "DRAM", paint: "warn" }, `, ${path.reason}`];
  const topology = topologyOf(host.machine);
  const clients = path.clients.flatMap(({ client, mapType }): Span[] => [
    `, ${fullName(topology, client)} `,
    mapTypeSpan(mapType, null),
  ]);
  const { pool, ties } = path.choice;
  const others = ties.length === 0 ? "" : ` (as near: ${ties.map((bdf) => fullName(topology, bdf)).join(", ")})`;
  return [
    "path: ",
    { text: "peer memory", paint: "direct" },
    ` of ${fullName(topology, pool.provider)}${others}`,
    ...clients,
  ];
}

function movedLines(result: CopyResultView): readonly Rich[] {
  if (result.memoryBytes === 0) return [];
  const through = result.path.kind === "peer" ? "peer memory" : "DRAM";
  const rate = `${formatSize(bytesPerSecond(result))}/s`;
  return [`through ${through}: ${exactSize(result.memoryBytes)} in ${result.seconds.toFixed(2)} s, ${rate}`];
}

function earlierLines({ resumedFromBytes, comparedBytes }: CopyResultView): readonly Rich[] {
  if (resumedFromBytes === 0) return [];
  const left = resumedFromBytes - comparedBytes;
  const compared =
    left === 0
      ? "all of it was compared again"
      : `${exactSize(comparedBytes)} of it were compared again, ${exactSize(left)} were not (--verify compares all)`;
  return [`resumed from: ${exactSize(resumedFromBytes)}; ${compared}`];
}

function verificationLine({ verification, sampledChunks, outcome }: CopyResultView): Rich {
  const looked = `the first chunk${sampledChunks === 0 ? "" : ` and ${sampledChunks} more`}`;
  switch (verification.state) {
    case "same":
      return [
        "verified: ",
        { text: "every byte is the same", paint: "direct" },
        `, ${verification.seconds.toFixed(2)} s`,
      ];
    case "differs":
      return ["verified: ", { text: "it differs", paint: "no" }];
    case "not-finished":
      return "verified: no, it did not come to that";
    case "not-asked":
      return outcome === "copied"
        ? `checked: ${looked} were read back and are the same (--verify reads back all)`
        : "verified: not asked for";
  }
}

function lossBlocks(result: CopyResultView): readonly Block[] {
  const { loss } = result;
  if (loss === null) return [];
  const { offset, source, target } = loss.difference;
  return [
    paragraph([{ text: `The data is wrong: ${lossWords(result)}`, paint: "no" }]),
    list([
      `${offset} bytes into the copy`,
      `source: ${source}`,
      `target: ${target}`,
      ...(loss.foundBy === "first-chunk" ? ["nothing beyond the first chunk was written"] : []),
    ]),
    ...(loss.open.length === 0 ? [] : [heading("Not ruled out"), list(loss.open)]),
    ...(loss.ruledOut.length === 0 ? [] : [heading("Ruled out"), list(loss.ruledOut)]),
    heading("What helps"),
    list(lossRemedies(result)),
  ];
}

function messageBlocks({ messages }: CopyResultView): readonly Block[] {
  if (messages.length === 0) return [];
  const more = messages.length - SHOWN_MESSAGES;
  return [
    code(
      `The kernel said meanwhile${more > 0 ? ` (and ${more} more)` : ""}`,
      messages.slice(0, SHOWN_MESSAGES).map(({ timeUs, text }) => `[${(timeUs / 1e6).toFixed(6)}] ${text}`),
    ),
  ];
}

function warningBlocks(warnings: readonly string[]): readonly Block[] {
  return warnings.length === 0 ? [] : [list(warnings.map((text): Rich => [{ text: "note: ", paint: "warn" }, text]))];
}
