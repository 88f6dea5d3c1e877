import type { Printable } from "../pci/visible.ts";
import type { TreeInput } from "../report/tree-text.ts";
import type { WhatIfView } from "../report/what-if.ts";
import type { LinkIs } from "../summary/links.ts";
import { type DotAttributes, dotDocument, dotGraph, dotStatement, titleLines } from "./dot.ts";
import type { Box, BoxKind, Branch } from "./tree-boxes.ts";
import { treeScene } from "./tree-scene.ts";

/** Fills that black text is readable on, by the same hues as in the SVG. */
const FILLS: Readonly<Record<BoxKind, string>> = {
  "host-bridge": "#e1e4e8",
  switch: "#e1e4e8",
  bridge: "#f0f2f4",
  gpu: "#bfe8dc",
  nic: "#c3dff2",
  nvme: "#fae3b0",
  accel: "#f0d5e5",
  other: "#f6f8fa",
};

const LINKS: Readonly<Record<LinkIs, DotAttributes>> = {
  full: {},
  open: {},
  "idle-gpu": { style: "dotted" },
  slow: { color: "#c43b00", fontcolor: "#c43b00", penwidth: 3, style: "dashed" },
  "held-by-port": { color: "#8a5a00", fontcolor: "#8a5a00", penwidth: 2, style: "dashed" },
  "below-own": { color: "#8a5a00", fontcolor: "#8a5a00", penwidth: 2, style: "dashed" },
};

/** The topology as a graph for Graphviz: what {@link treeScene} makes of it, NUMA nodes as clusters. */
export function treeDot(input: TreeInput, whatIf?: WhatIfView): Printable {
  const { regions } = treeScene(input, whatIf);
  const names = new Map<Box, string>();
  const nameOf = (box: Box): string => {
    const name = names.get(box) ?? `n${names.size}`;
    names.set(box, name);
    return name;
  };
  const statements = (box: Box): readonly string[] => [
    dotStatement(nameOf(box), nodeOf(box)),
    ...box.below.flatMap((branch) => [
      ...statements(branch.box),
      dotStatement(`${nameOf(box)} -- ${nameOf(branch.box)}`, edgeOf(branch)),
    ]),
  ];
  const font = "DejaVu Sans, Helvetica, sans-serif";
  return dotDocument("graph", [
    dotStatement("graph", {
      rankdir: "LR",
      fontname: font,
      label: titleLines(input.table.machine, whatIf),
      labelloc: "t",
    }),
    dotStatement("node", { shape: "box", style: "filled,rounded", fontname: font, fontsize: 10, color: "#8c959f" }),
    dotStatement("edge", { fontname: font, fontsize: 9, color: "#57606a" }),
    ...regions.flatMap(({ name, roots }, at) => {
      const inside = roots.flatMap(statements);
      if (name === "") return inside;
      return [
        dotGraph(`subgraph cluster_${at}`, [dotStatement("graph", { label: name, color: "#d0d7de" }), ...inside]),
      ];
    }),
  ]);
}

function nodeOf({ lines, kind, isChanged, isPile, details }: Box): DotAttributes {
  return {
    label: lines.flatMap(({ name, what, notes }) => [
      `${name}${what === "" ? "" : ` (${what})`}`,
      ...notes.filter((note) => note !== ""),
    ]),
    tooltip: details,
    fillcolor: FILLS[kind],
    ...(isPile ? { peripheries: 2 } : {}),
    ...(isChanged ? { style: "filled,rounded,dashed", color: "#8250df", penwidth: 2 } : {}),
  };
}

function edgeOf({ port, link }: Branch): DotAttributes {
  const redirects = port?.acs === "redirects" ? ["ACS redirects"] : [];
  const hidden = port?.acs === "hidden" ? ["ACS hidden"] : [];
  const texts = [link?.state ?? "", link?.more ?? "", port?.name ?? "", ...redirects, ...hidden];
  return {
    label: texts.filter((text) => text !== ""),
    ...(link === null ? {} : LINKS[link.is]),
  };
}
