import type { Bdf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind } from "../pci/device-kind.ts";
import type { Topology } from "../pci/topology.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import type { Island, Place } from "../summary/islands.ts";
import { nameIn, namesText, shortAddress } from "./device-names.ts";
import { MAP_TYPE_PAINTS, MAP_TYPE_WORDS } from "./reasons.ts";
import { joinRich, painted, type Rich, rich, type Span } from "./rich.ts";
import { textWidth, wrap } from "./width.ts";

/** Islands that a screen lists; how many more there are is said. */
const LISTED = 24;

/** One line for each island: its place and node, who is in it, what its pairs are. Long lists of devices are wrapped. */
export function islandLines(table: VerdictTable, islands: readonly Island[], width: number): readonly Rich[] {
  const rows = islands.slice(0, LISTED).map((island) => {
    const node = island.numaNode === null ? "" : `, NUMA ${island.numaNode}`;
    return {
      where: `${placeText(table.topology, island.place)}${node}`,
      names: namesText(byKind(table.topology, island.devices).map((bdf) => nameIn(table.topology, bdf))),
      inside: insideText(island),
    };
  });
  const widest = (texts: readonly Rich[]): number => Math.max(...texts.map((text) => textWidth(text)), 0);
  const whereWidth = widest(rows.map(({ where }) => where));
  const room = width - 2 - whereWidth - 2 - 2 - widest(rows.map(({ inside }) => inside));
  const namesWidth = Math.min(widest(rows.map(({ names }) => names)), room);
  const lines = rows.flatMap(({ where, names, inside }): readonly Rich[] => {
    if (room < NARROW) return [...wrap(rich`${where}: ${inside}`, width - 2), ...indented(wrap(names, width - 4), 2)];
    const [first = [], ...more] = wrap(names, namesWidth);
    const gap = (text: Rich, columns: number): string => " ".repeat(columns - textWidth(text) + 2);
    return [
      rich`${where}${gap(where, whereWidth)}${first}${gap(first, namesWidth)}${inside}`,
      ...indented(more, whereWidth + 2),
    ];
  });
  const untold = islands.length - rows.length;
  if (untold > 0) lines.push(`and ${untold} more such places`);
  return indented(lines, 2);
}

/** Columns for names below which they stand on lines of their own. */
const NARROW = 16;

/** GPUs first, then NICs and the others; each kind in enumeration order. */
function byKind(topology: Topology, devices: readonly Bdf[]): readonly Bdf[] {
  const place = (bdf: Bdf): number => KINDS.indexOf(deviceKind(topology.functionOf(bdf)));
  return [...devices].sort((a, b) => place(a) - place(b));
}

const KINDS: readonly DeviceKind[] = ["gpu", "accel", "nic", "nvme", "other", "bridge"];

function indented(lines: readonly Rich[], columns: number): readonly Rich[] {
  return lines.map((line) => rich`${" ".repeat(columns)}${line}`);
}

/** Where an island is, in words. */
export function placeText(topology: Topology, place: Place): string {
  switch (place.kind) {
    case "hidden":
      return "place hidden";
    case "host-bridge":
      return `host bridge ${place.rootBus.replace(/^0000:/, "")}`;
    default:
      return `${place.kind} ${shortAddress(topology.functionOf(place.bridge))}`;
  }
}

const BY_BADNESS: readonly MapType[] = ["bus-addr", "thru-host-bridge", "not-supported", "unknown"];

/** What the pairs of an island are: `direct`, `2 direct, 10 unknown`; those of NICs and the like, of which none is a provider, are none. */
function insideText({ pairs, devices }: Island): readonly Span[] {
  const there = BY_BADNESS.filter((mapType) => pairs[mapType] > 0);
  const [only, ...others] = there;
  if (only === undefined) return [painted("faint", devices.length === 1 ? "alone" : "no pair")];
  const text = (mapType: MapType): string =>
    others.length === 0 ? MAP_TYPE_WORDS[mapType] : `${pairs[mapType]} ${MAP_TYPE_WORDS[mapType]}`;
  return joinRich(
    there.map((mapType) => painted(MAP_TYPE_PAINTS[mapType], text(mapType))),
    ", ",
  );
}
