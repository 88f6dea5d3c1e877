import { answersOf } from "../answers/answer.ts";
import { isSureBlock } from "../answers/gate.ts";
import type { Bdf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind } from "../pci/device-kind.ts";
import type { Topology } from "../pci/topology.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { blockedPairs } from "../summary/blocked-pairs.ts";
import { goesUp } from "../summary/going-up.ts";
import { type Island, type Place, portsOfIsland } from "../summary/islands.ts";
import { nameIn, namesText, shortAddress } from "./device-names.ts";
import { DIRECT_BY_VERDICT, MAP_TYPE_PAINTS, MAP_TYPE_WORDS } from "./reasons.ts";
import { joinRich, painted, type Rich, rich, type Span } from "./rich.ts";
import type { Paint } from "./style.ts";
import { textWidth, wrap } from "./width.ts";

/** Islands that a screen lists; how many more there are is said. */
const LISTED = 24;

/** An island in words: its place and node, who is in it, what its pairs are. */
interface IslandRow {
  readonly where: string;
  readonly names: string;
  readonly inside: readonly Span[];
}

function islandRows(table: VerdictTable, islands: readonly Island[]): readonly IslandRow[] {
  const places = islands.map(({ place }) => placeText(table.topology, place));
  return islands.slice(0, LISTED).map((island, index) => {
    const node = island.numaNode === null ? "" : `, NUMA ${island.numaNode}`;
    const place = places[index] ?? "";
    const isShared = places.indexOf(place) !== places.lastIndexOf(place);
    return {
      where: `${place}${isShared ? portsText(table.topology, island) : ""}${node}`,
      names: namesText(byKind(table.topology, island.devices).map((bdf) => nameIn(table.topology, bdf))),
      inside: isAllBlocked(table, island) ? [painted("no", "blocked")] : insideText(table, island),
    };
  });
}

/** True where every pair of an island that has memory for peers and a way is sure to be stopped, and there is one. */
function isAllBlocked(table: VerdictTable, { devices, pairs }: Island): boolean {
  if (pairs.unknown > 0 || blockedPairs(table).sure.size === 0) return false;
  const inside = new Set(devices);
  const answers = answersOf(table);
  let stopped = 0;
  for (const [i, provider] of table.providers.entries()) {
    for (const [j, client] of table.clients.entries()) {
      if (provider === client || !inside.has(provider) || !inside.has(client)) continue;
      if (table.mapType(i, j) === "not-supported") continue;
      const gates = answers.gates(i, j);
      if (gates.some(({ kind }) => kind === "registers-only")) continue;
      if (!gates.some(isSureBlock)) return false;
      stopped++;
    }
  }
  return stopped > 0;
}

function untoldTexts(islands: readonly Island[]): readonly string[] {
  const untold = islands.length - LISTED;
  return untold > 0 ? [`and ${untold} more such places`] : [];
}

/** Islands as sentences, for a list. */
export function islandTexts(table: VerdictTable, islands: readonly Island[]): readonly Rich[] {
  const texts = islandRows(table, islands).map(
    ({ where, names, inside }) => rich`${painted("strong", where)}: ${names}: ${inside}`,
  );
  return [...texts, ...untoldTexts(islands)];
}

/** One line for each island, in columns. Long lists of devices are wrapped. */
export function islandLines(table: VerdictTable, islands: readonly Island[], width: number): readonly Rich[] {
  const rows = islandRows(table, islands);
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
  return indented([...lines, ...untoldTexts(islands)], 2);
}

/** So many ports of a place are named, where several islands are of it. */
const PORTS = 2;

/** `, port 00:04.0`, `, ports 00:04.0, 00:05.0 and 2 more`: which of the islands of one place it is. */
function portsText(topology: Topology, island: Island): string {
  const ports = portsOfIsland(topology, island).map((bdf) => shortAddress(topology.functionOf(bdf)));
  const more = ports.length > PORTS ? ` and ${ports.length - PORTS} more` : "";
  if (ports.length === 0) return "";
  return `, ${ports.length === 1 ? "port" : "ports"} ${ports.slice(0, PORTS).join(", ")}${more}`;
}

/** Columns for names below which they stand on lines of their own. */
const NARROW = 16;

/** GPUs first, then NICs and the others; each kind in enumeration order. */
export function byKind(topology: Topology, devices: readonly Bdf[]): readonly Bdf[] {
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

/** How many pairs of some devices are direct by the verdict alone. */
function goingUpIn(table: VerdictTable, devices: readonly Bdf[]): number {
  const inside = new Set(devices);
  let up = 0;
  for (const [i, provider] of table.providers.entries()) {
    if (!inside.has(provider)) continue;
    for (const [j, client] of table.clients.entries()) if (inside.has(client) && goesUp(table, i, j)) up++;
  }
  return up;
}

/** What the pairs of an island are: `direct`, `2 direct, 10 unknown`; those of NICs and the like, of which none is a provider, are none. */
export function insideText(table: VerdictTable, { pairs, devices }: Island): readonly Span[] {
  const there = BY_BADNESS.filter((mapType) => pairs[mapType] > 0);
  const [only] = there;
  if (only === undefined) return [painted("faint", devices.length === 1 ? "alone" : "no pair")];
  const up = there.includes("bus-addr") ? goingUpIn(table, devices) : 0;
  const parts = there.flatMap((mapType): [paint: Paint, words: string, count: number][] => {
    const own: [Paint, string, number] = [MAP_TYPE_PAINTS[mapType], MAP_TYPE_WORDS[mapType], pairs[mapType]];
    if (mapType !== "bus-addr" || up === 0) return [own];
    return [["warn", DIRECT_BY_VERDICT, up], ...(up < own[2] ? [[own[0], own[1], own[2] - up] as typeof own] : [])];
  });
  return joinRich(
    parts.map(([paint, words, count]) => painted(paint, parts.length === 1 ? words : `${count} ${words}`)),
    ", ",
  );
}
