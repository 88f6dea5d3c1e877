import type { Bdf } from "../pci/bdf.ts";
import type { Printable } from "../pci/visible.ts";
import { nameIn, namesText } from "../report/device-names.ts";
import { byKind, insideText, placeText } from "../report/island-lines.ts";
import { TOLD_WORDS } from "../report/reasons.ts";
import { plainText } from "../report/rich.ts";
import type { WhatIfView } from "../report/what-if.ts";
import type { MapType } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { type ToldMapType, toldMapType } from "../summary/going-up.ts";
import { type Island, islandsOf } from "../summary/islands.ts";
import { type DotAttributes, dotDocument, dotStatement, titleLines } from "./dot.ts";

const MAP_TYPES: readonly ToldMapType[] = [
  ...(["bus-addr", "goes-up", "thru-host-bridge", "unasked", "not-supported", "unknown"] as const),
];

const VERDICTS: readonly MapType[] = ["bus-addr", "thru-host-bridge", "not-supported", "unknown"];

const LOOKS: Readonly<Record<ToldMapType, DotAttributes>> = {
  "bus-addr": { color: "#007a5a", fontcolor: "#007a5a", penwidth: 2.5 },
  "goes-up": { color: "#8a5a00", fontcolor: "#8a5a00", penwidth: 2.5 },
  "thru-host-bridge": { color: "#8a5a00", fontcolor: "#8a5a00", penwidth: 1.2 },
  "not-supported": { color: "#c43b00", fontcolor: "#c43b00", style: "dotted" },
  unasked: { color: "#c43b00", fontcolor: "#c43b00", style: "dashed" },
  unknown: { color: "#5b2a86", fontcolor: "#5b2a86", style: "dashed" },
};

/** Islands that are drawn; a graph of more is no picture. */
const MOST_ISLANDS = 64;
/** Edges above which those of the map type that most have are told in words, and edges that are drawn of the others. */
const FEW_EDGES = 40;
const MOST_EDGES = 200;

/** Pairs of a provider's island and a client's, by map type. */
type Counts = Readonly<Record<ToldMapType, number>>;

/**
 * The matrix as a graph for Graphviz: who stands together as nodes, with what their pairs are; edges are the pairs of one
 * place and another, one way or both, by what the kernel decides.
 */
export function matrixDot(table: VerdictTable, whatIf?: WhatIfView): Printable {
  const all = islandsOf(table);
  const islands = all.slice(0, MOST_ISLANDS);
  const edges = edgesOf(table, islands);
  const counts = new Map(MAP_TYPES.map((is) => [is, edges.filter(({ mapType }) => mapType === is).length]));
  const [usual] = MAP_TYPES.toSorted((a, b) => (counts.get(b) ?? 0) - (counts.get(a) ?? 0));
  const others = edges.length > FEW_EDGES ? edges.filter(({ mapType }) => mapType !== usual) : edges;
  const drawn = others.slice(0, MOST_EDGES);
  const notes = [
    ...(others.length < edges.length && usual !== undefined ? [`no line: ${TOLD_WORDS[usual]}`] : []),
    ...(drawn.length < others.length ? [`${others.length - drawn.length} more lines are not drawn`] : []),
    ...(islands.length < all.length ? [`${all.length - islands.length} more places are not drawn`] : []),
  ];
  const font = "DejaVu Sans, Helvetica, sans-serif";
  return dotDocument("digraph", [
    dotStatement("graph", {
      fontname: font,
      label: [...titleLines(table.machine, whatIf), ...notes],
      labelloc: "t",
      nodesep: 0.6,
    }),
    dotStatement("node", { shape: "box", style: "filled,rounded", fontname: font, fontsize: 10, fillcolor: "#f6f8fa" }),
    dotStatement("edge", { fontname: font, fontsize: 9 }),
    ...islands.map((island, at) => dotStatement(`n${at}`, nodeOf(table, island))),
    ...drawn.map(({ from, to, mapType, count, isBoth }) =>
      dotStatement(`n${from} -> n${to}`, {
        label: `${count} ${TOLD_WORDS[mapType]}`,
        ...LOOKS[mapType],
        ...(isBoth ? { dir: "both" } : {}),
      }),
    ),
  ]);
}

function nodeOf(table: VerdictTable, island: Island): DotAttributes {
  const { topology } = table;
  const { place, numaNode, devices, pairs } = island;
  const node = numaNode === null ? "" : `, NUMA ${numaNode}`;
  const names = byKind(topology, devices).map((bdf) => nameIn(topology, bdf));
  const there = VERDICTS.filter((mapType) => pairs[mapType] > 0);
  const inside = there.length === 0 ? [] : [plainText(insideText(table, island))];
  const [only] = there;
  return {
    label: [`${placeText(topology, place)}${node}`, namesText(names, 8), ...inside],
    tooltip: namesText(names, 64),
    ...(there.length === 1 && only !== undefined ? { color: LOOKS[only]["color"] ?? "", penwidth: 2 } : {}),
  };
}

/** Pairs from each island to each other one. */
function countsOf(table: VerdictTable, islands: readonly Island[]): ReadonlyMap<string, Counts> {
  const placeOf = new Map<Bdf, number>(islands.flatMap(({ devices }, at) => devices.map((bdf) => [bdf, at] as const)));
  const counts = new Map<string, Record<ToldMapType, number>>();
  table.providers.forEach((provider, i) => {
    const from = placeOf.get(provider);
    if (from === undefined) return;
    table.clients.forEach((client, j) => {
      const to = placeOf.get(client);
      if (to === undefined || to === from) return;
      const key = `${from} ${to}`;
      const found = counts.get(key) ?? {
        "bus-addr": 0,
        "goes-up": 0,
        "thru-host-bridge": 0,
        unasked: 0,
        "not-supported": 0,
        unknown: 0,
      };
      found[toldMapType(table, i, j)]++;
      counts.set(key, found);
    });
  });
  return counts;
}

/** Pairs from a provider's island to a client's that are alike; both ways where there are some of them, too. */
interface Edge {
  readonly from: number;
  readonly to: number;
  readonly mapType: ToldMapType;
  readonly count: number;
  readonly isBoth: boolean;
}

function edgesOf(table: VerdictTable, islands: readonly Island[]): readonly Edge[] {
  const counts = countsOf(table, islands);
  return islands.flatMap((_, a) =>
    islands.slice(a + 1).flatMap((__, by) => {
      const b = a + 1 + by;
      const [there, back] = [counts.get(`${a} ${b}`), counts.get(`${b} ${a}`)];
      return MAP_TYPES.flatMap((mapType): readonly Edge[] => {
        const [out, home] = [there?.[mapType] ?? 0, back?.[mapType] ?? 0];
        if (out + home === 0) return [];
        const [from, to] = out > 0 ? [a, b] : [b, a];
        return [{ from, to, mapType, count: out + home, isBoth: out > 0 && home > 0 }];
      });
    }),
  );
}
