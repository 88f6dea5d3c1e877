import type { FunctionChange, FunctionFact } from "../advice/difference/function-facts.ts";
import type { MachineDifference } from "../advice/difference/machines.ts";
import { deviceKey, type Move, type SameFunction } from "../advice/difference/moves.ts";
import { ACS_REDIRECT_BITS } from "../pci/acs.ts";
import { type Bdf, busKeyOf, formatBdf, formatBus } from "../pci/bdf.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { lettersOf } from "./change-text.ts";
import { fullName, nameIn, namesText, portsText } from "./device-names.ts";
import type { Rich } from "./document.ts";
import { type Painted, painted, rich } from "./rich.ts";

/** Both sides of what devices are compared of. */
interface Topologies {
  readonly before: Topology;
  readonly after: Topology;
}

/** So many devices are named in one line, and so many buses. */
const NAMED = 4;

const functionNames: Readonly<Record<FunctionFact, string>> = {
  upstream: "below",
  ids: "ids",
  subsystem: "subsystem ids",
  revision: "revision",
  class: "class",
  header: "header",
  "port-type": "port type",
  slot: "slot",
  link: "link",
  "link-capable": "link could be",
  express: "PCI Express",
  acs: "ACS control",
  "acs-capability": "ACS capability",
  "acs-firmware": "ACS as firmware left it",
  driver: "driver",
  "dma-mask": "DMA mask",
  "numa-node": "NUMA node",
  decode: "memory decode",
  "bus-master": "bus master",
  bars: "BARs",
  "bar-addresses": "BARs",
  "resizable-bars": "resizable BARs",
  windows: "windows",
  sriov: "SR-IOV",
  virtual: "virtual function",
  capabilities: "capabilities",
  p2pmem: "peer memory",
  published: "peer memory published",
  "group-type": "IOMMU domain",
  names: "name",
};

/** Facts whose values are each function's own: functions are told together whatever the values are. */
const OWN_VALUES: ReadonlySet<FunctionFact> = new Set(["bar-addresses", "windows", "names"]);

/** Facts that are registers of ACS bits. */
const IN_BITS: ReadonlySet<FunctionFact> = new Set(["acs-capability", "acs-firmware"]);

/** What differs of the devices: where they went, which came and went, and what else is other about those of both sides. */
export function deviceLines(difference: MachineDifference, topologies: Topologies): readonly Rich[] {
  const { before, after } = topologies;
  return [
    ...renumberedLines(difference),
    ...byDevice(difference.moved).map((moves) => movedLine(moves, after)),
    ...swappedLines(difference.swapped, after),
    ...byDevice(difference.replaced).map((pairs) => replacedLine(pairs, topologies)),
    ...cameLines(painted("direct", "added"), difference.added, after),
    ...cameLines(painted("no", "removed"), difference.removed, before),
    ...changeLines(difference.functions, after),
  ];
}

/** Functions that only one side has: a few by address, of many those that have a name. */
function cameLines(word: Painted, functions: readonly Bdf[], topology: Topology): readonly Rich[] {
  if (functions.length <= NAMED) return functions.map((bdf): Rich => [word, ` ${fullName(topology, bdf)}`]);
  const named = functions.filter((bdf) => (topology.find(bdf)?.names.length ?? 0) > 0);
  const others = functions.length - named.length;
  const names = namesText(
    named.map((bdf) => nameIn(topology, bdf)),
    3 * NAMED,
  );
  const parts = [
    ...(named.length === 0 ? [] : [names]),
    ...(others === 0 ? [] : [`${functionsText(others)} without a name`]),
  ];
  return [[word, `: ${functionsText(functions.length)}: ${parts.join(", and ")}`]];
}

/** Buses that have other numbers, once for all functions on them; what was moved has a line of its own. */
function renumberedLines({ renumbered, moved, swapped }: MachineDifference): readonly Rich[] {
  const elsewhere = new Set([...moved, ...swapped.flat()].map(({ after }) => after));
  const buses = new Map<string, string>();
  let count = 0;
  for (const { before, after } of renumbered) {
    if (elsewhere.has(after)) continue;
    count++;
    const [old, now] = [formatBus(busKeyOf(before)), formatBus(busKeyOf(after))];
    const isSameBus = old === now;
    buses.set(isSameBus ? formatBdf(before) : old, isSameBus ? formatBdf(after) : now);
  }
  if (count === 0) return [];
  const shown = [...buses].slice(0, 3 * NAMED).map(([old, now]) => `${old} → ${now}`);
  const more = buses.size > shown.length ? ` and ${buses.size - shown.length} more` : "";
  return [[painted("strong", "renumbered"), `: ${shown.join(", ")}${more} (${functionsText(count)})`]];
}

function functionsText(count: number): string {
  return count === 1 ? "1 function" : `${count} functions`;
}

/** The functions of one device are one line. */
function byDevice<T extends SameFunction>(functions: readonly T[]): readonly (readonly T[])[] {
  const devices = new Map<string, T[]>();
  for (const one of functions) {
    const key = deviceKey(one);
    const device = devices.get(key);
    if (device === undefined) devices.set(key, [one]);
    else device.push(one);
  }
  return [...devices.values()];
}

function movedLine(moves: readonly Move[], after: Topology): Rich {
  const [first, ...others] = moves as readonly [Move, ...Move[]];
  const above = (bdf: Bdf | null): string => (bdf === null ? "the root bus" : formatBdf(bdf));
  const was = first.before === first.after ? "" : `, before ${formatBdf(first.before)}`;
  const way =
    first.from === first.to && was !== "" ? "another place" : `below ${above(first.from)} → ${above(first.to)}`;
  return rich`${painted("strong", "moved")}: ${fullName(after, first.after)}${moreText(others.length)}${was}: ${way}`;
}

function moreText(count: number): string {
  return count === 0 ? "" : ` and ${count === 1 ? "1 function" : `${count} functions`} more of it`;
}

function swappedLines(swapped: MachineDifference["swapped"], after: Topology): readonly Rich[] {
  return swapped.map(
    ([one, other]): Rich =>
      rich`${painted("strong", "swapped")}: ${fullName(after, one.after)} and ${fullName(after, other.after)} took each other's place`,
  );
}

function replacedLine(pairs: readonly SameFunction[], { before, after }: Topologies): Rich {
  const [first, ...others] = pairs as readonly [SameFunction, ...SameFunction[]];
  const what = (topology: Topology, bdf: Bdf): string => `${fullName(topology, bdf)}${idsText(topology, bdf)}`;
  const more = moreText(others.length);
  return rich`${painted("warn", "replaced")}: ${what(before, first.before)} by ${what(after, first.after)}${more}; their answers are not compared`;
}

function idsText(topology: Topology, bdf: Bdf): string {
  const fn = topology.functionOf(bdf);
  if (isUnknown(fn.vendorId) || isUnknown(fn.deviceId)) return "";
  const hex = (value: number): string => value.toString(16).padStart(4, "0");
  return ` [${hex(fn.vendorId)}:${hex(fn.deviceId)}]`;
}

/** Functions that differ alike are one line; where they moved has lines of its own. */
function changeLines(changes: readonly FunctionChange[], after: Topology): readonly Rich[] {
  const groups = new Map<string, FunctionChange[]>();
  for (const change of changes) {
    if (change.what === "upstream") continue;
    const key = JSON.stringify(OWN_VALUES.has(change.what) ? change.what : [change.what, change.before, change.after]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [change]);
    else group.push(change);
  }
  return [...groups.values()].map((group) => changeLine(group, after));
}

function changeLine(group: readonly FunctionChange[], after: Topology): string {
  const [first, ...others] = group as readonly [FunctionChange, ...FunctionChange[]];
  if (first.what === "acs") return acsLine(group, after);
  const textOf = IN_BITS.has(first.what) ? acsText : valueText;
  const change = `${functionNames[first.what]} ${textOf(first.before)} → ${textOf(first.after)}`;
  const name = fullName(after, first.bdf);
  if (others.length === 0) return `${name}: ${change}`;
  if (OWN_VALUES.has(first.what)) return `${name}: ${change}; likewise ${changedNames(others, after)}`;
  return `${functionsText(group.length)}: ${change} (${changedNames(group, after)})`;
}

/** `RR CR cleared, SV UF not known on 16 ports of 1000:c030: they redirect no more`. */
function acsLine(group: readonly FunctionChange[], after: Topology): string {
  const ports = portsText(
    after,
    group.map(({ bdf }) => bdf),
  );
  const [old, now] = [group[0]?.before, group[0]?.after].map(acsBitsOf);
  if (old === undefined || now === undefined) {
    return `ACS control of ${ports}: ${acsText(group[0]?.before)} → ${acsText(group[0]?.after)}`;
  }
  const open = old.uncertain | now.uncertain;
  const parts = [
    ["set", now.control & ~old.control & ~open],
    ["cleared", old.control & ~now.control & ~open],
    ["not known", open],
  ] as const;
  const words = parts.flatMap(([what, bits]) => (bits === 0 ? [] : [`${lettersOf(bits).replaceAll(",", "")} ${what}`]));
  const [did, does] = [old, now].map(({ control }) => (control & ACS_REDIRECT_BITS) !== 0);
  const [it, s] = group.length === 1 ? ["it", "s"] : ["they", ""];
  const redirects = did === does ? "" : `: ${it} redirect${s} ${does === true ? "now" : "no more"}`;
  return `ACS: ${words.join(", ")} on ${ports}${redirects}`;
}

/** The bits of `0x1d (0x11 uncertain)`, as a fact has them; `undefined` where the register is hidden or none. */
function acsBitsOf(
  value: Known<string | null> | undefined,
): { readonly control: number; readonly uncertain: number } | undefined {
  if (value === undefined || value === null || isUnknown(value)) return undefined;
  const [, control, uncertain = "0"] = /^0x([0-9a-f]+)(?: \(0x([0-9a-f]+) uncertain\))?$/.exec(value) ?? [];
  return control === undefined
    ? undefined
    : { control: Number.parseInt(control, 16), uncertain: Number.parseInt(uncertain, 16) };
}

function acsText(value: Known<string | null> | undefined): string {
  const bits = acsBitsOf(value);
  if (bits === undefined) return value === undefined ? "unknown" : valueText(value);
  const on = lettersOf(bits.control).replaceAll(",", "");
  const open = bits.uncertain === 0 ? "" : ` (${lettersOf(bits.uncertain).replaceAll(",", "")} not known)`;
  return `${on === "" ? "all off" : on}${open}`;
}

function changedNames(changes: readonly FunctionChange[], after: Topology): string {
  const shown = changes.slice(0, NAMED).map(({ bdf }) => nameIn(after, bdf));
  const more = changes.length - shown.length;
  return more > 0 ? `${shown.join(", ")} and ${more} more` : shown.join(", ");
}

/** A value as a line has it. */
export function valueText(value: Known<string | null>): string {
  if (isUnknown(value)) return "unknown";
  return value === null || value === "" ? "none" : value;
}
