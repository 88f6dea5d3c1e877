import type { AnswerDifference } from "../advice/difference/answers.ts";
import type { GroupChange } from "../advice/difference/groups.ts";
import { countAnswers } from "../advice/difference/judge.ts";
import type { FactChange, MachineFact } from "../advice/difference/machine-facts.ts";
import type { MachineDifference } from "../advice/difference/machines.ts";
import type { DecidedSide, VerdictChange } from "../advice/difference/verdicts.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { Topology } from "../pci/topology.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import type { ToldMapType } from "../summary/going-up.ts";
import { fullName, nameIn, namesText } from "./device-names.ts";
import {
  blockedLines,
  gateLines,
  goneLines,
  hasGateChange,
  idleCount,
  isolationLines,
  judgementLine,
  pairsOf,
  partLines,
} from "./difference-answers.ts";
import { deviceLines, valueText } from "./difference-lines.ts";
import { type Block, heading, list, paragraph, type Rich, type Span } from "./document.ts";
import type { AnswerChangeJson, DifferenceJson, DiffJson, GroupChangeJson, VerdictChangeJson } from "./json-types.ts";
import { machineJson } from "./machine-json.ts";
import { withCode } from "./parameters.ts";
import { TOLD_PAINTS, TOLD_WORDS } from "./reasons.ts";
import { rich } from "./rich.ts";

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
  section(
    `Verdicts: ${verdicts.length} ${verdicts.length === 1 ? "pair differs" : "pairs differ"}`,
    verdictChangeTexts(verdicts, view.after),
  );
  section("The machine", difference.facts.map(factText).map(withCode));
  section("Devices", deviceLines(difference, view));
  section("IOMMU groups", groupTexts(difference.groups, view.after));
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
  const first = [...isolationLines(answers, view.after), ...blockedLines(answers.changes)];
  return [
    heading(judgementLine(countAnswers(answers, difference.groups), idleCount(answers))),
    ...(first.length === 0 ? [] : [list(first)]),
    ...blocks,
  ];
}

function shortened(items: readonly Rich[]): readonly Rich[] {
  if (items.length <= MAX_LINES) return items;
  return [...items.slice(0, MAX_LINES), `and ${items.length - MAX_LINES} more (--json has all)`];
}

function factText({ what, of, before, after }: FactChange): string {
  const where = of === undefined ? "" : `host bridge ${of}: `;
  if (what === "command-line" && typeof before === "string" && typeof after === "string") {
    return `${where}${factNames[what]}: ${wordsText(before, after)}`;
  }
  return `${where}${factNames[what]}: ${valueText(before)} → ${valueText(after)}`;
}

/** Which words of a command line came and went: most of it is the same on both sides. */
function wordsText(before: string, after: string): string {
  const [old, now] = [before, after].map((text) => text.split(/\s+/).filter((word) => word !== ""));
  const come = (now ?? []).filter((word) => old?.includes(word) !== true);
  const gone = (old ?? []).filter((word) => now?.includes(word) !== true);
  if (come.length + gone.length === 0) return "the same words in another order or number";
  const parts = [
    ...(come.length === 0 ? [] : [`now ${come.join(" ")}`]),
    ...(gone.length === 0 ? [] : [`no longer ${gone.join(" ")}`]),
  ];
  return parts.join("; ");
}

/**
 * Group changes in words; where groups only come or go, as when the IOMMU is turned on or off, all in one. With a topology
 * many merges are one text that names the devices which come together.
 */
export function groupTexts(changes: readonly GroupChange[], topology?: Topology): readonly Rich[] {
  const known = changes.filter(({ predicted, isHidden }) => predicted === undefined && isHidden === undefined);
  const gone = known.filter(({ after }) => after.length === 0).flatMap(({ before }) => before);
  const come = known.filter(({ before }) => before.length === 0).flatMap(({ after }) => after);
  const changed = known.filter(({ before, after }) => before.length > 0 && after.length > 0);
  const merges = changed.filter(({ joined }) => joined.length > 0);
  const texts = [
    ...(topology !== undefined && merges.length > 2 ? [mergesText(merges, topology)] : merges.map(groupText)),
    ...harmlessTexts(changed),
  ];
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

/** Sets of devices that come together which one text names. */
const SETS = 32;

/** Several merges: who comes together, which is what counts, and not by way of which ports. */
function mergesText(merges: readonly GroupChange[], topology: Topology): Rich {
  const count = (side: "before" | "after"): number => merges.reduce((sum, change) => sum + change[side].length, 0);
  const sets = merges
    .flatMap(({ joined }) => joined)
    .map((set) =>
      namesText(
        set.map((bdf) => nameIn(topology, bdf)),
        8,
      ),
    );
  const more = sets.length > SETS ? ` and ${sets.length - SETS} more` : "";
  const named = sets.slice(0, SETS).map((names) => `{${names}}`);
  return [
    { text: "IOMMU groups merge", paint: "warn" },
    `: ${count("before")} become ${count("after")}; devices that two guests could have had are now one guest's: ${named.join(" ")}${more}`,
  ];
}

/** Groups that split or change without bringing devices together: of many of a kind the first. */
function harmlessTexts(changes: readonly GroupChange[]): readonly Rich[] {
  const apart = changes.filter(({ joined }) => joined.length === 0);
  const kindOf = ({ before, after }: GroupChange): string =>
    after.length > before.length ? "split" : after.flat().length < before.flat().length ? "lost" : "changed";
  return (["split", "lost", "changed"] as const).flatMap((kind): Rich[] => {
    const alike = apart.filter((change) => kindOf(change) === kind);
    const [first, ...others] = alike;
    if (first === undefined || others.length < 2) return alike.map(groupText);
    const more = `${others.length} more like this`;
    return [rich`${groupText(first)}; and ${more}`];
  });
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

/** So many pairs of a change are named, and of a kind of changes so many one by one with their addresses. */
const NAMED = 3;

/**
 * Pairs by what became of them: `48 pairs: through the host bridge, 4 hops → direct, 4 hops: gpu0 ↔ mlx5_0 and 23 more`. Two
 * that are each other's way back and change alike are told as one.
 */
function verdictChangeTexts(changes: readonly VerdictChange[], topology: Topology): readonly Rich[] {
  const kindOf = ({ before, after }: VerdictChange): string =>
    [before.mapType, before.hops, before.goesUp, after.mapType, after.hops, after.goesUp].join();
  const keys = new Set(changes.map((change) => [change.provider, change.client, kindOf(change)].join()));
  const kinds = new Map<string, { readonly first: VerdictChange; count: number; readonly ways: VerdictChange[] }>();
  for (const change of changes) {
    const kind = kinds.get(kindOf(change)) ?? { first: change, count: 0, ways: [] };
    kinds.set(kindOf(change), kind);
    kind.count++;
    const { provider, client } = change;
    const isBoth = provider !== client && keys.has([client, provider, kindOf(change)].join());
    if (!isBoth || provider < client) kind.ways.push(change);
  }
  return [...kinds.values()]
    .sort((a, b) => b.count - a.count)
    .flatMap(({ first, count, ways }): Rich[] => {
      const { before, after } = first;
      const becomes = rich`${decidedSpan(before)} → ${decidedSpan(after)}`;
      const arrowOf = (way: VerdictChange): string =>
        way.provider !== way.client && keys.has([way.client, way.provider, kindOf(way)].join()) ? "↔" : "→";
      if (ways.length <= NAMED) {
        return ways.map((way): Rich => {
          const names = [way.provider, way.client].map((bdf) => fullName(topology, bdf));
          return rich`${names.join(` ${arrowOf(way)} `)}: ${becomes}`;
        });
      }
      const names = ways
        .slice(0, NAMED)
        .map((way) => [way.provider, way.client].map((bdf) => nameIn(topology, bdf)).join(` ${arrowOf(way)} `));
      return [rich`${String(count)} pairs: ${becomes}: ${names.join(", ")} and ${String(ways.length - NAMED)} more`];
    });
}

function decidedSpan({ mapType, hops, goesUp }: DecidedSide): Span {
  return mapTypeSpan(goesUp === true ? "goes-up" : mapType, hops);
}

/** A map type in words and paint, with its hops where it works. */
export function mapTypeSpan(mapType: ToldMapType, hops: number | null): Span {
  const works = mapType === "bus-addr" || mapType === "goes-up" || mapType === "thru-host-bridge";
  const text = `${TOLD_WORDS[mapType]}${works && hops !== null ? `, ${hops} ${hops === 1 ? "hop" : "hops"}` : ""}`;
  return { text, paint: TOLD_PAINTS[mapType] };
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
    pastIommu: answers.pastIommu.map((ends) => ends.map(formatBdf)),
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
  const sideJson = ({ mapType, hops }: VerdictChange["before"]): VerdictChangeJson["before"] => ({ mapType, hops });
  return { provider: formatBdf(provider), client: formatBdf(client), before: sideJson(before), after: sideJson(after) };
}
