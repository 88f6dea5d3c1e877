import { poolUserText } from "../../../measured/pools.ts";
import type { DirectionView, ProbedPairView, ProbeView } from "../../../measured/probe.ts";
import { formatSize } from "../../../pci/size.ts";
import type { VerdictTable } from "../../../rules/verdict-table.ts";
import { fullName, nameIn } from "../../device-names.ts";
import { mapTypeSpan } from "../../difference.ts";
import { type Block, code, heading, list, type Rich, type Span, table } from "../../document.ts";
import { machineLines } from "../../facts.ts";
import type { Paint } from "../../style.ts";
import { leftAloneText } from "../p2pmem.ts";

/** So many messages of the kernel are shown of a pair; `--json` has all. */
const MAX_MESSAGES = 6;

const CLASSES = {
  disagreement: { text: "rules and kernel disagree", paint: "no" },
  loss: { text: "DATA LOSS", paint: "no" },
  failure: { text: "fails", paint: "no" },
  unknown: { text: "unknown", paint: "unknown" },
  fine: { text: "as expected", paint: "direct" },
} as const satisfies Readonly<Record<ProbedPairView["class"], { text: string; paint: Paint }>>;

const KERNEL_PAINTS = {
  accepted: "direct",
  refused: "no",
  failed: "no",
  short: "no",
  "not-tested": "faint",
} as const satisfies Readonly<Record<DirectionView["kernel"]["kind"], Paint>>;

const DATA_PAINTS = {
  right: "direct",
  lost: "no",
  unknown: "unknown",
  none: "faint",
  "not-tested": "faint",
} as const satisfies Readonly<Record<DirectionView["data"]["kind"], Paint>>;

/** The pairs in three columns (rules, kernel, data), and below what is to know of each. */
export function probeBlocks(view: ProbeView): readonly Block[] {
  const { table: verdicts, pairs } = view;
  const head = ["provider", "disk", "I/O", "rules", "kernel", "data"];
  return [
    ...machineLines(verdicts.machine, verdicts.rules, Number.MAX_SAFE_INTEGER).map((text) => heading(text)),
    table(
      head,
      pairs.flatMap((pair) => pairRows(pair, verdicts)),
    ),
    ...pairs.flatMap((pair) => pairNotes(pair, verdicts)),
    ...runNotes(view),
    heading("Answer"),
    list([answerText(view)]),
  ];
}

/** What the disk does: a read fills the provider's memory, a write empties it. */
const WAYS = { into: "read", out: "write" } as const;

function pairRows(pair: ProbedPairView, { topology }: VerdictTable): readonly (readonly Rich[])[] {
  const directions = pair.out.kernel.kind === "not-tested" ? [pair.into] : [pair.into, pair.out];
  return directions.map((direction): Rich[] => [
    nameIn(topology, pair.provider),
    pair.device.name,
    WAYS[direction.direction],
    [mapTypeSpan(pair.mapType, pair.clients[0]?.hops ?? null)],
    [{ text: direction.kernelText, paint: KERNEL_PAINTS[direction.kernel.kind] }],
    [dataSpan(direction)],
  ]);
}

function dataSpan({ data }: DirectionView): Span {
  const counts = data.kind === "right" ? ` (${data.rightCount} of ${data.judgedCount})` : "";
  const lost = data.kind === "lost" ? "lost: " : "";
  return { text: `${lost}${data.text}${counts}`, paint: DATA_PAINTS[data.kind] };
}

/** What is wrong with a pair, or could not be told, with what to do. Pairs that are fine share the notes below. */
function pairNotes(pair: ProbedPairView, { topology }: VerdictTable): readonly Block[] {
  if (pair.class === "fine") return [];
  const { text, paint } = CLASSES[pair.class];
  const shown = pair.messages.slice(0, MAX_MESSAGES).map((message) => message.text);
  const more = pair.messages.length - shown.length;
  return [
    heading([`${fullName(topology, pair.provider)} with ${pair.device.name}: `, { text, paint }]),
    list(pair.findings.map((finding) => finding.text)),
    ...adviceBlocks(pair),
    ...(shown.length === 0
      ? []
      : [code("the kernel said meanwhile:", [...shown, ...(more > 0 ? [`… and ${more} more (--json has all)`] : [])])]),
  ];
}

/** The findings of pairs that are fine, each with the pairs that share it. */
function fineNotes({ pairs, table: { topology } }: ProbeView): readonly Rich[] {
  const sharers = new Map<string, string[]>();
  for (const pair of pairs.filter((each) => each.class === "fine")) {
    for (const { text, advice } of pair.findings) {
      const whole = [text, ...advice].join("; ");
      const name = `${nameIn(topology, pair.provider)} with ${pair.device.name}`;
      sharers.set(whole, [...(sharers.get(whole) ?? []), name]);
    }
  }
  return [...sharers].map(([text, names]) => `${names.join(", ")}: ${text}`);
}

function adviceBlocks({ findings }: ProbedPairView): readonly Block[] {
  const advice = [...new Set(findings.flatMap((finding) => finding.advice))];
  return advice.length === 0 ? [] : [list(advice.map((text): Rich => [{ text: "→ ", paint: "strong" }, text]))];
}

function runNotes(view: ProbeView): readonly Block[] {
  const { exhausted, untried, leftAlone, kernelLog, leftRescues } = view;
  const { topology } = view.table;
  const notes: Rich[] = [...fineNotes(view)];
  for (const { provider, users } of exhausted) {
    const who = users.map(poolUserText).join(", ");
    notes.push(
      `${fullName(topology, provider)} has no free memory: ${who === "" ? "drivers, or processes that this user may not see, hold it" : who}`,
    );
  }
  for (const { provider, sizes } of untried) {
    notes.push(`${fullName(topology, provider)} has no room for I/O of ${sizes.map(formatSize).join(", ")}: not tried`);
  }
  for (const { provider, use } of leftAlone) {
    notes.push(`the memory of ${fullName(topology, provider)} ${leftAloneText(use)}`);
  }
  if (kernelLog !== null) notes.push(`what the kernel said is not shown: ${kernelLog}`);
  for (const { path, rescue } of leftRescues) {
    notes.push([
      { text: "an interrupted run left a range overwritten", paint: "warn" },
      `: ${rescue.target.name} at ${rescue.position}; put it back with: peerlane probe --restore ${path}`,
    ]);
  }
  return notes.length === 0 ? [] : [heading("Notes"), list(notes)];
}

function answerText({ answer, pairs, sizes }: ProbeView): Rich {
  const trials = pairs.reduce((sum, { into, out }) => sum + into.trials.length + out.trials.length, 0);
  const wasWritten = pairs.some(({ out }) => out.trials.length > 0);
  const tested = `${pairs.length} ${pairs.length === 1 ? "pair" : "pairs"}, ${trials} I/Os of ${sizes.map(formatSize).join(", ")}; ${
    wasWritten ? "what was overwritten is back" : "nothing was written to any disk"
  }`;
  const count = (kind: ProbedPairView["class"]): number => pairs.filter((pair) => pair.class === kind).length;
  switch (answer) {
    case "yes":
      return [
        { text: "every pair behaves as the rules say, and all data that moved is right", paint: "direct" },
        ` (${tested})`,
      ];
    case "no":
      return [{ text: noText(count), paint: "no" }, ` (${tested})`];
    case "unknown":
      return [{ text: "nothing is wrong as far as could be told", paint: "unknown" }, ` (${tested})`];
    case "nothing":
      return [{ text: "nothing could be tested", paint: "unknown" }, ` (${tested})`];
  }
}

function noText(count: (kind: ProbedPairView["class"]) => number): string {
  const parts = [
    [count("loss"), "with data loss"],
    [count("disagreement"), "where rules and kernel disagree"],
    [count("failure"), "with failing I/O"],
  ].flatMap(([pairs, what]) => (pairs === 0 ? [] : [`${pairs} ${pairs === 1 ? "pair" : "pairs"} ${what}`]));
  return parts.length === 0 ? "a pair that was asked for does not work" : parts.join(", ");
}
