import type { AnswerDifference } from "../advice/difference/answers.ts";
import type { GroupChange } from "../advice/difference/groups.ts";
import { countAnswers } from "../advice/difference/judge.ts";
import type { FactChange, MachineFact } from "../advice/difference/machine-facts.ts";
import type { MachineDifference } from "../advice/difference/machines.ts";
import type { VerdictChange } from "../advice/difference/verdicts.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { Topology } from "../pci/topology.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { fullName } from "./device-names.ts";
import {
  blockedLines,
  gateLines,
  goneLines,
  hasGateChange,
  judgementLine,
  pairsOf,
  partLines,
} from "./difference-answers.ts";
import { deviceLines, valueText } from "./difference-lines.ts";
import { type Block, heading, list, paragraph, type Rich, type Span } from "./document.ts";
import type { AnswerChangeJson, DifferenceJson, DiffJson, GroupChangeJson, VerdictChangeJson } from "./json-types.ts";
import { machineJson } from "./machine-json.ts";
import { MAP_TYPE_PAINTS, MAP_TYPE_WORDS } from "./reasons.ts";

/** What differs between two machines, with the verdicts of the pairs that both have. */
export interface DifferenceView {
  readonly difference: MachineDifference;
  readonly verdicts: readonly VerdictChange[];
  readonly before: Topology;
  readonly after: Topology;
  /** What else is said otherwise of pairs; absent where only verdicts were compared. */
  readonly answers?: AnswerDifference;
}

/** So many lines of one section are shown; `--json` has all. */
const MAX_LINES = 24;

const factNames: Readonly<Record<MachineFact, string>> = {
  kernel: "kernel",
  "command-line": "command line",
  config: "configuration",
  modules: "modules",
  architecture: "architecture",
  cpu: "CPU",
  "cpu-name": "CPU",
  "iommu-kind": "IOMMU",
  "iommu-mode": "IOMMU mode",
  "virtual-machine": "virtual machine",
  windows: "windows",
  "bus-offset": "addresses",
  "host-bridge-numa-node": "NUMA node",
};

/** A difference in words: facts, devices, IOMMU groups, verdicts and whatever else is said of pairs. */
export function differenceBlocks(view: DifferenceView): readonly Block[] {
  const { difference, verdicts, answers } = view;
  const blocks: Block[] = [];
  const section = (title: string, items: readonly Rich[]): void => {
    if (items.length > 0) blocks.push(heading(title), list(shortened(items)));
  };
  section("The machine", difference.facts.map(factText));
  section("Devices", deviceLines(difference, view));
  section("IOMMU groups", groupTexts(difference.groups));
  section(
    `Verdicts: ${verdicts.length} ${verdicts.length === 1 ? "pair differs" : "pairs differ"}`,
    verdictChangeTexts(verdicts, view.after),
  );
  if (answers !== undefined) {
    const { changes, skipped } = answers;
    section(`Gates: ${pairsOf(changes, hasGateChange)}`, gateLines(changes, view.after));
    const further = partLines(changes, view.after);
    const pairs = pairsOf(changes, ({ parts }) => parts.length > 0);
    const gone = new Set([...difference.removed, ...difference.replaced.map(({ before }) => before)]);
    section(`Beside them: ${pairs}`, further);
    section(
      "Pairs that are gone",
      goneLines(answers, view.before, (bdf) => gone.has(bdf)),
    );
    if (skipped > 0) {
      blocks.push(paragraph(`of ${skipped} further pairs only map types and hops were compared`));
    }
  }
  if (blocks.length === 0) return [paragraph("no difference")];
  if (answers === undefined) return blocks;
  return [
    heading("Altogether"),
    list([judgementLine(countAnswers(answers, difference.groups)), ...blockedLines(answers.changes)]),
    ...blocks,
  ];
}

function shortened(items: readonly Rich[]): readonly Rich[] {
  if (items.length <= MAX_LINES) return items;
  return [...items.slice(0, MAX_LINES), `and ${items.length - MAX_LINES} more (--json has all)`];
}

function factText({ what, of, before, after }: FactChange): string {
  const where = of === undefined ? "" : `host bridge ${of}: `;
  return `${where}${factNames[what]}: ${valueText(before)} → ${valueText(after)}`;
}

/** Group changes in words; where groups only come or go, as when the IOMMU is turned on or off, all in one. */
export function groupTexts(changes: readonly GroupChange[]): readonly Rich[] {
  const known = changes.filter(({ predicted, isHidden }) => predicted === undefined && isHidden === undefined);
  const gone = known.filter(({ after }) => after.length === 0).flatMap(({ before }) => before);
  const come = known.filter(({ before }) => before.length === 0).flatMap(({ after }) => after);
  const texts = known.filter(({ before, after }) => before.length > 0 && after.length > 0).map(groupText);
  if (gone.length > 0) {
    texts.push([
      { text: "IOMMU groups gone", paint: "warn" },
      `: ${groupsText(gone)}; no guest can be given a device of them`,
    ]);
  }
  if (come.length > 0) texts.push([{ text: "new IOMMU groups", paint: "direct" }, `: ${groupsText(come)}`]);
  const hidden = changes
    .filter(({ isHidden }) => isHidden === true)
    .map(
      ({ before }): Rich => [
        { text: "IOMMU groups no longer known", paint: "unknown" },
        `: ${groupsText(before)}; the second source states none of these, and hides what the kernel forms them by`,
      ],
    );
  return [...texts, ...hidden, ...changes.filter(({ predicted }) => predicted !== undefined).map(predictedText)];
}

/** What may differ: one side is only predicted. */
function predictedText({ before, after, predicted }: GroupChange): Rich {
  const [old, now] = [groupsText(before), groupsText(after)];
  const sides = predicted === "before" ? `predicted ${old} → stated ${now}` : `stated ${old} → predicted ${now}`;
  const which = predicted === "before" ? "first" : "second";
  const text = `: ${sides}; the ${which} source states no groups of these, and the other's are not as predicted`;
  return [{ text: "IOMMU groups may differ", paint: "unknown" }, text];
}

/** What merges or splits. */
function groupText({ before, after, joined }: GroupChange): Rich {
  const sides = `${groupsText(before)} → ${groupsText(after)}`;
  if (joined.length > 0) {
    const what = `devices that two guests could have had are now one guest's: ${groupsText(joined)}`;
    return [{ text: "IOMMU groups merge", paint: "warn" }, `: ${sides}; ${what}`];
  }
  if (after.length > before.length) return [{ text: "IOMMU groups split", paint: "direct" }, `: ${sides}`];
  const lost = before.flat().length - after.flat().length;
  const rest =
    lost > 0 ? `${lost} of them in no group now, so that no guest can be given ${lost === 1 ? "it" : "them"}` : "";
  return `IOMMU groups change: ${sides}; ${rest === "" ? "no two devices that were apart come together" : rest}`;
}

function groupsText(groups: readonly (readonly Bdf[])[]): string {
  if (groups.length === 0) return "no group";
  const texts = groups
    .slice(0, 6)
    .map((group) => `{${group.slice(0, 8).map(formatBdf).join(" ")}${group.length > 8 ? " …" : ""}}`);
  return `${texts.join(" ")}${groups.length > 6 ? ` and ${groups.length - 6} more` : ""}`;
}

/** `nvme0 ↔ mlx5_0: not supported → direct, 4 hops`: two pairs that are each other's way back and change alike are one. */
export function verdictChangeTexts(changes: readonly VerdictChange[], topology: Topology): readonly Rich[] {
  const key = ({ before, after }: VerdictChange, from: Bdf, to: Bdf): string =>
    [from, to, before.mapType, before.hops, after.mapType, after.hops].join();
  const keys = new Set(changes.map((change) => key(change, change.provider, change.client)));
  return changes.flatMap((change): Rich[] => {
    const { provider, client, before, after } = change;
    const isBoth = provider !== client && keys.has(key(change, client, provider));
    if (isBoth && provider > client) return [];
    const names = `${fullName(topology, provider)} ${isBoth ? "↔" : "→"} ${fullName(topology, client)}: `;
    return [[names, mapTypeSpan(before.mapType, before.hops), " → ", mapTypeSpan(after.mapType, after.hops)]];
  });
}

/** A map type in words and paint, with its hops where it works. */
export function mapTypeSpan(mapType: MapType, hops: number | null): Span {
  const works = mapType === "bus-addr" || mapType === "thru-host-bridge";
  const text = `${MAP_TYPE_WORDS[mapType]}${works && hops !== null ? `, ${hops} ${hops === 1 ? "hop" : "hops"}` : ""}`;
  return { text, paint: MAP_TYPE_PAINTS[mapType] };
}

/** `peerlane.diff/1`. */
export function diffJson(before: VerdictTable, after: VerdictTable, view: DifferenceView): DiffJson {
  return {
    schema: "peerlane.diff/1",
    before: machineJson(before),
    after: machineJson(after),
    difference: differenceJson(view),
  };
}

/** The part of a JSON output that says what differs. */
export function differenceJson({ difference, verdicts, answers }: DifferenceView): DifferenceJson {
  const same = ({ before, after }: { readonly before: Bdf; readonly after: Bdf }) => ({
    before: formatBdf(before),
    after: formatBdf(after),
  });
  const above = (bdf: Bdf | null): string | null => (bdf === null ? null : formatBdf(bdf));
  return {
    facts: difference.facts,
    renumbered: difference.renumbered.map(same),
    moved: difference.moved.map((move) => ({ ...same(move), from: above(move.from), to: above(move.to) })),
    swapped: difference.swapped.map((pair) => pair.map(same)),
    replaced: difference.replaced.map(same),
    added: difference.added.map(formatBdf),
    removed: difference.removed.map(formatBdf),
    functions: difference.functions.map((change) => ({ ...change, bdf: formatBdf(change.bdf) })),
    groups: groupChangesJson(difference.groups),
    verdicts: verdicts.map(verdictChangeJson),
    ...(answers === undefined ? {} : { answers: answersJson(answers, difference.groups) }),
  };
}

function answersJson(
  answers: AnswerDifference,
  groups: readonly GroupChange[],
): NonNullable<DifferenceJson["answers"]> {
  const { compared, skipped, changes, gone, mayBeGone } = answers;
  const pair = ({ provider, client }: (typeof gone)[number]) => ({
    provider: formatBdf(provider),
    client: formatBdf(client),
  });
  return {
    compared,
    skipped,
    counts: countAnswers(answers, groups),
    changes: changes.map(answerChangeJson),
    gone: gone.map(pair),
    mayBeGone: mayBeGone.map(pair),
  };
}

function answerChangeJson(change: AnswerDifference["changes"][number]): AnswerChangeJson {
  const { provider, client, before, after, gates, parts, effect, isOpen } = change;
  const gatesJson = (list: typeof gates.come): AnswerChangeJson["gates"]["come"] =>
    list.map(({ kind, device, effect: of, message }) => {
      return { kind, device: device === null ? null : formatBdf(device), effect: of, message };
    });
  const sideJson = ({ blockedBy, ...side }: typeof before): AnswerChangeJson["before"] => ({
    ...side,
    blockedBy: [...new Set(blockedBy.map(({ kind }) => kind))],
  });
  return {
    provider: formatBdf(provider),
    client: formatBdf(client),
    effect,
    open: isOpen,
    before: sideJson(before),
    after: sideJson(after),
    gates: {
      come: gatesJson(gates.come),
      gone: gatesJson(gates.gone),
      noLongerKnown: gatesJson(gates.noLongerKnown),
      nowKnown: gatesJson(gates.nowKnown),
      mayHaveCome: gates.mayHaveCome,
    },
    parts,
  };
}

/** Group changes for JSON: members by address, and whether something merges. */
export function groupChangesJson(changes: readonly GroupChange[]): readonly GroupChangeJson[] {
  const groups = (list: GroupChange["before"]): string[][] => list.map((group) => group.map(formatBdf));
  return changes.map((change) => ({
    before: groups(change.before),
    after: groups(change.after),
    joined: groups(change.joined),
    ...(change.predicted === undefined ? {} : { predicted: change.predicted }),
    ...(change.isHidden === undefined ? {} : { hidden: change.isHidden }),
  }));
}

/** One changed verdict for JSON. */
export function verdictChangeJson({ provider, client, before, after }: VerdictChange): VerdictChangeJson {
  return { provider: formatBdf(provider), client: formatBdf(client), before, after };
}
