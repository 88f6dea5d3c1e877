import type { GroupChange } from "../advice/difference/groups.ts";
import type { FactChange, FunctionChange, MachineDifference } from "../advice/difference/machines.ts";
import type { VerdictChange } from "../advice/difference/verdicts.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { fullName } from "./device-names.ts";
import { type Block, heading, list, paragraph, type Rich, type Span } from "./document.ts";
import type { DifferenceJson, DiffJson, GroupChangeJson, VerdictChangeJson } from "./json-types.ts";
import { machineJson } from "./machine-json.ts";
import { MAP_TYPE_PAINTS, MAP_TYPE_WORDS } from "./reasons.ts";

/** What differs between two machines, with the verdicts of the pairs that both have. */
export interface DifferenceView {
  readonly difference: MachineDifference;
  readonly verdicts: readonly VerdictChange[];
  readonly before: Topology;
  readonly after: Topology;
}

/** So many pairs are listed; `--json` has all of them. */
const MAX_PAIRS = 24;

const factNames: Readonly<Record<FactChange["what"], string>> = {
  kernel: "kernel",
  "command-line": "command line",
  cpu: "CPU",
  "iommu-kind": "IOMMU",
  "iommu-mode": "IOMMU mode",
};

const functionNames: Readonly<Record<FunctionChange["what"], string>> = {
  upstream: "below",
  ids: "ids",
  link: "link",
  acs: "ACS control",
  driver: "driver",
  "numa-node": "NUMA node",
  bars: "BARs",
  p2pmem: "peer memory",
};

/** A difference in words: facts, devices, IOMMU groups, verdicts. */
export function differenceBlocks(view: DifferenceView): readonly Block[] {
  const { difference, verdicts } = view;
  const blocks: Block[] = [];
  const section = (title: string, items: readonly Rich[]): void => {
    if (items.length > 0) blocks.push(heading(title), list(items));
  };
  section(
    "The machine",
    difference.facts.map(({ what, before, after }) => `${factNames[what]}: ${valueText(before)} → ${valueText(after)}`),
  );
  section("Devices", [
    ...difference.added.map((bdf): Rich => [{ text: "added", paint: "direct" }, ` ${fullName(view.after, bdf)}`]),
    ...difference.removed.map((bdf): Rich => [{ text: "removed", paint: "no" }, ` ${fullName(view.before, bdf)}`]),
    ...difference.functions.map((change) => functionChangeText(change, view)),
  ]);
  section("IOMMU groups", groupTexts(difference.groups));
  section(
    `Verdicts: ${verdicts.length} ${verdicts.length === 1 ? "pair differs" : "pairs differ"}`,
    verdictTexts(view),
  );
  return blocks.length === 0 ? [paragraph("no difference")] : blocks;
}

function valueText(value: Known<string | null>): string {
  if (isUnknown(value)) return "unknown";
  return value === null || value === "" ? "none" : value;
}

function functionChangeText({ bdf, what, before, after }: FunctionChange, view: DifferenceView): string {
  const isRoot = (value: Known<string | null>): string =>
    what === "upstream" && value === null ? "the root bus" : valueText(value);
  return `${fullName(view.after, bdf)}: ${functionNames[what]} ${isRoot(before)} → ${isRoot(after)}`;
}

/** Group changes in words; where groups only come or go, as when the IOMMU is turned on or off, all in one. */
export function groupTexts(changes: readonly GroupChange[]): readonly Rich[] {
  const gone = changes.filter(({ after }) => after.length === 0).flatMap(({ before }) => before);
  const come = changes.filter(({ before }) => before.length === 0).flatMap(({ after }) => after);
  const texts = changes.filter(({ before, after }) => before.length > 0 && after.length > 0).map(groupText);
  if (gone.length > 0) {
    texts.push([
      { text: "IOMMU groups gone", paint: "warn" },
      `: ${groupsText(gone)}; no guest can be given a device of them`,
    ]);
  }
  if (come.length > 0) texts.push([{ text: "new IOMMU groups", paint: "direct" }, `: ${groupsText(come)}`]);
  return texts;
}

/** What merges or splits. */
function groupText({ before, after, joined }: GroupChange): Rich {
  const sides = `${groupsText(before)} → ${groupsText(after)}`;
  if (joined.length > 0) {
    const what = `devices that two guests could have had are now one guest's: ${groupsText(joined)}`;
    return [{ text: "IOMMU groups merge", paint: "warn" }, `: ${sides}; ${what}`];
  }
  if (after.length > before.length) return [{ text: "IOMMU groups split", paint: "direct" }, `: ${sides}`];
  return `IOMMU groups change: ${sides}; no two devices that were apart come together`;
}

function groupsText(groups: readonly (readonly Bdf[])[]): string {
  if (groups.length === 0) return "no group";
  const texts = groups
    .slice(0, 6)
    .map((group) => `{${group.slice(0, 8).map(formatBdf).join(" ")}${group.length > 8 ? " …" : ""}}`);
  return `${texts.join(" ")}${groups.length > 6 ? ` and ${groups.length - 6} more` : ""}`;
}

function verdictTexts({ verdicts, after }: DifferenceView): readonly Rich[] {
  const texts = verdictChangeTexts(verdicts, after);
  const shown = texts.slice(0, MAX_PAIRS);
  return texts.length > shown.length ? [...shown, `and ${texts.length - shown.length} more (--json has all)`] : shown;
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
export function differenceJson({ difference, verdicts }: DifferenceView): DifferenceJson {
  return {
    facts: difference.facts,
    added: difference.added.map(formatBdf),
    removed: difference.removed.map(formatBdf),
    functions: difference.functions.map((change) => ({ ...change, bdf: formatBdf(change.bdf) })),
    groups: groupChangesJson(difference.groups),
    verdicts: verdicts.map(verdictChangeJson),
  };
}

/** Group changes for JSON: members by address, and whether something merges. */
export function groupChangesJson(changes: readonly GroupChange[]): readonly GroupChangeJson[] {
  const groups = (list: GroupChange["before"]): string[][] => list.map((group) => group.map(formatBdf));
  return changes.map((change) => ({
    before: groups(change.before),
    after: groups(change.after),
    joined: groups(change.joined),
  }));
}

/** One changed verdict for JSON. */
export function verdictChangeJson({ provider, client, before, after }: VerdictChange): VerdictChangeJson {
  return { provider: formatBdf(provider), client: formatBdf(client), before, after };
}
