import { namesText } from "../device-names.ts";
import { type Block, heading, list, paragraph, table } from "../document.ts";
import type { FleetClassJson, FleetJson } from "../json-types.ts";
import { painted, type Rich, rich } from "../rich.ts";

/** What a screen shows at most; `--json` has all. */
const MOST = { outliers: 24, references: 12, unread: 8, names: 4 };

/** A fleet on a screen: how many are alike, outliers with what differs, the kinds of machine, what was not read. */
export function fleetBlocks(fleet: FleetJson): readonly Block[] {
  const outliers = fleet.classes.filter(({ reference }) => !reference);
  const references = fleet.classes.filter(({ reference }) => reference).toReversed();
  return [
    heading(answerText(fleet, references.length, outliers.length)),
    ...(outliers.length === 0 ? [] : [list(cut(outliers, MOST.outliers, outlierText, "classes"))]),
    ...causesBlocks(fleet),
    ...referenceBlocks(references),
    ...numberingBlocks(fleet),
    ...unreadBlocks(fleet),
  ];
}

function answerText({ machines }: FleetJson, kinds: number, outliers: number): Rich {
  const { read, failed, outliers: differ, duplicate } = machines;
  const alike = rich`${machinesText(read - differ)} of ${kinds === 1 ? "one kind" : `${kinds} kinds`}`;
  const others =
    differ === 0
      ? rich`, ${painted("direct", "none differs")}`
      : rich`, ${painted("warn", differ === 1 ? "1 differs" : `${differ} differ`)} in ${counted(outliers, "way", "ways")}`;
  const lost = failed === 0 ? [] : rich`; ${painted("no", `${failed} could not be read`)}`;
  const twice = duplicate === 0 ? [] : rich`; ${duplicate === 1 ? "1 was" : `${duplicate} were`} named twice`;
  return [...alike, ...others, ...lost, ...twice];
}

/** `37: gpu:3 at x8 instead of x16: node17 node18 and 35 more`. */
function outlierText({ machines, causes, members, nearest }: FleetClassJson): Rich {
  const what = causes.length === 0 ? "nothing to be compared with" : causes.map(({ text }) => text).join("; ");
  const of = nearest === null ? "" : ` (held against ${nearest.slice(0, SHORT)})`;
  return rich`${painted("warn", String(machines))}: ${what}: ${namesText(members, MOST.names)}${of}`;
}

/** Digits of a class that a screen shows. */
const SHORT = 8;

function causesBlocks({ causes }: FleetJson): readonly Block[] {
  if (causes.length < 2) return [];
  const rows = causes.map(({ kind, machines, classes }) => [kind, String(machines), String(classes)]);
  return [heading("Causes"), table(["cause", "machines", "classes"], rows)];
}

function referenceBlocks(references: readonly FleetClassJson[]): readonly Block[] {
  if (references.length === 0) return [];
  const shown = references.slice(0, MOST.references);
  const rows = shown.map((one) => [
    one.class.slice(0, SHORT),
    String(one.machines),
    `${one.gpus}/${one.nics}/${one.ssds}`,
    `${one.direct}/${one.hostBridge}/${one.notSupported}/${one.undecided}`,
    one.kernel ?? "unknown",
    one.iommu ?? "unknown",
    one.members[0] ?? "",
  ]);
  const more = references.length - shown.length;
  const head = ["class", "machines", "GPUs/NICs/NVMe", "direct/host bridge/no/unknown", "kernel", "IOMMU", "as"];
  return [
    heading("Kinds of machine"),
    table(head, rows),
    ...(more > 0 ? [paragraph(`and ${more} more (--json has all)`)] : []),
  ];
}

function numberingBlocks({ classes }: FleetJson): readonly Block[] {
  const other = classes.filter(({ renumbered }) => renumbered.length > 0);
  if (other.length === 0) return [];
  const lines = cut(
    other,
    MOST.references,
    ({ class: id, renumbered }) =>
      `${renumbered.length} of ${id.slice(0, SHORT)} with other bus numbers than most of it: ${namesText(renumbered, MOST.names)}`,
    "classes",
  );
  return [heading("Alike but for their numbers"), list(lines)];
}

function unreadBlocks({ unread }: FleetJson): readonly Block[] {
  if (unread.length === 0) return [];
  const lines = cut(unread, MOST.unread, ({ machine, reason }): Rich => `${machine}: ${reason}`, "machines");
  return [heading("Not read"), list(lines)];
}

function cut<T>(all: readonly T[], most: number, text: (one: T) => Rich, what: string): readonly Rich[] {
  const lines = all.slice(0, most).map(text);
  const more = all.length - lines.length;
  return more > 0 ? [...lines, `and ${more} more ${what} (--json has all)`] : lines;
}

function machinesText(count: number): string {
  return counted(count, "machine", "machines");
}

function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
