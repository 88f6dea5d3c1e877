import type { Printable } from "../pci/visible.ts";
import { treeSummary } from "../report/tree-summary.ts";
import type { TreeInput } from "../report/tree-text.ts";
import type { WhatIfView } from "../report/what-if.ts";
import type { LinkIs } from "../summary/links.ts";
import { drawHead, drawLegend, type LegendEntry, MARGIN } from "./head.ts";
import { drawText, type Fill, grouped, type Look, path, picture, rect, round } from "./svg.ts";
import type { Box, BoxKind, PortAcs } from "./tree-boxes.ts";
import {
  BOX_INSET,
  LINK_SIZE,
  layOutTree,
  NOTE_SIZE,
  type PlacedBox,
  type PlacedBranch,
  type PlacedRegion,
  PORT_HEIGHT,
  PORT_SIZE,
  TRUNK,
} from "./tree-layout.ts";
import { type TreeScene, treeScene } from "./tree-scene.ts";

/** A narrow picture is as wide as its head needs. */
const LEAST_WIDTH = 620;
/** From the tree down to the legend. */
const LEGEND_GAP = 26;

/**
 * The topology as an SVG: host bridges, switches and devices as boxes, in regions by NUMA node; links with what they run
 * at, those that could do more marked; ports by what ACS does with peer requests. What is alike is one box where all would
 * be too many. Pointing at a box tells all that is known of it.
 */
export function treeSvg(input: TreeInput, whatIf?: WhatIfView): Printable {
  const scene = treeScene(input, whatIf);
  const width = Math.max(layOutTree(scene, 0).width, LEAST_WIDTH);
  const room = width - 2 * MARGIN;
  const { topology } = input.table;
  const head = drawHead(input.table, whatIf, (columns) => treeSummary(topology, columns), room);
  const layout = layOutTree(scene, head.height);
  const legend = drawLegend(legendOf(scene), layout.height + LEGEND_GAP, room);
  const parts = [
    ...head.parts,
    ...layout.regions.flatMap(drawRegion),
    ...layout.branches.map(drawBranch),
    ...layout.boxes.map(drawBox),
    ...legend.parts,
  ];
  return picture(width, layout.height + LEGEND_GAP + legend.height, head.title, parts);
}

function drawRegion({ name, x, y, width, height }: PlacedRegion): readonly string[] {
  const frame = rect({ x, y, width, height }, { fill: "region", stroke: "border", radius: 8 });
  return name === "" ? [frame] : [frame, drawText(x + 12, y + 18, name, { fill: "faint", isBold: true })];
}

/** The colour of each kind of box, by its name in the palette. */
export const BOX_FILLS: Readonly<Record<BoxKind, Fill>> = {
  "host-bridge": "switch",
  switch: "switch",
  bridge: "other",
  gpu: "gpu",
  nic: "nic",
  nvme: "nvme",
  accel: "accel",
  other: "other",
};

function drawBox({ box, x, y, width, height, lines }: PlacedBox): string {
  const look: Look = { fill: "box", stroke: "border", radius: 5 };
  const marked: Look = box.isChanged ? { ...look, stroke: "marked", strokeWidth: 2, dash: "5 3" } : look;
  const parts = [
    // Several alike devices are a pile.
    ...(box.isPile ? [6, 3].map((by) => rect({ x: x + by, y: y + by, width, height }, look)) : []),
    rect({ x, y, width, height }, marked),
    rect({ x, y, width, height }, { fill: BOX_FILLS[box.kind], radius: 5, opacity: 0.12 }),
    path(`M${round(x + 5)},${round(y)}h-0.5a4.5,4.5 0 0 0 -4.5,4.5v${round(height - 9)}a4.5,4.5 0 0 0 4.5,4.5h0.5z`, {
      fill: BOX_FILLS[box.kind],
    }),
    ...lines.flatMap((line) => [
      drawText(x + BOX_INSET, y + line.y, line.name, { isBold: true }),
      ...(line.what === ""
        ? []
        : [drawText(x + width - 8, y + line.y, line.what, { size: NOTE_SIZE, fill: "faint", anchor: "end" })]),
      ...line.notes.map((note) => drawText(x + BOX_INSET, y + note.y, note.text, { size: NOTE_SIZE, fill: "faint" })),
    ]),
  ];
  return grouped(parts, box.details);
}

/** How links are drawn: those that could do more stand out. */
const LINKS: Readonly<Record<LinkIs, { readonly look: Look; readonly fill: Fill; readonly isBold: boolean }>> = {
  full: { look: { stroke: "link", strokeWidth: 1.5 }, fill: "faint", isBold: false },
  open: { look: { stroke: "link", strokeWidth: 1.5 }, fill: "faint", isBold: false },
  "idle-gpu": { look: { stroke: "link", strokeWidth: 1.5, dash: "2 3" }, fill: "faint", isBold: false },
  slow: { look: { stroke: "slow", strokeWidth: 3, dash: "7 3" }, fill: "bad", isBold: true },
  "held-by-port": { look: { stroke: "held", strokeWidth: 2, dash: "7 3" }, fill: "warn", isBold: true },
  "below-own": { look: { stroke: "held", strokeWidth: 2, dash: "7 3" }, fill: "warn", isBold: true },
};
const INSIDE: Look = { stroke: "edge", strokeWidth: 1 };

const PORTS: Readonly<Record<PortAcs, Look>> = {
  redirects: { fill: "redirects", stroke: "held", strokeWidth: 1.5 },
  passes: { fill: "port", stroke: "edge" },
  none: { fill: "port", stroke: "edge" },
  hidden: { fill: "port", stroke: "edge", dash: "2 2" },
};

function drawBranch({ branch: { port, link }, from, to, portWidth }: PlacedBranch): string {
  const trunk = from.x + TRUNK;
  const portX = trunk + 6;
  const lineX = port === null ? trunk : portX + portWidth;
  const parts = [path(elbow(from, { x: port === null ? to.x : portX, y: to.y }, trunk), INSIDE)];
  if (link !== null) {
    const { look, fill, isBold } = LINKS[link.is];
    const middle = (lineX + to.x) / 2;
    const text = { size: LINK_SIZE, fill, anchor: "middle", isBold } as const;
    parts.push(path(`M${round(lineX)},${round(to.y)}H${round(to.x)}`, look));
    parts.push(drawText(middle, to.y - 4, link.state, text));
    if (link.more !== "") parts.push(drawText(middle, to.y + LINK_SIZE + 2, link.more, { ...text, isBold: false }));
  } else if (port !== null) parts.push(path(`M${round(lineX)},${round(to.y)}H${round(to.x)}`, INSIDE));
  if (port === null) return grouped(parts);
  const place = { x: portX, y: to.y - PORT_HEIGHT / 2, width: portWidth, height: PORT_HEIGHT };
  const look = { size: PORT_SIZE, anchor: "middle", isFixed: true } as const;
  parts.push(rect(place, { ...PORTS[port.acs], radius: 7 }));
  parts.push(drawText(portX + portWidth / 2, to.y + PORT_SIZE / 2 - 1.5, port.name, look));
  return grouped(parts, port.details);
}

/** From a box to the trunk of its branches, and on to the port or box of one. */
export function elbow(
  from: { readonly x: number; readonly y: number },
  to: { readonly x: number; readonly y: number },
  trunk: number,
): string {
  const rise = to.y - from.y;
  if (Math.abs(rise) < 1) return `M${round(from.x)},${round(to.y)}H${round(to.x)}`;
  const bend = Math.min(5, Math.abs(rise) / 2, TRUNK) * Math.sign(rise);
  const turn = Math.abs(bend);
  return (
    `M${round(from.x)},${round(from.y)}H${round(trunk - turn)}q${turn},0 ${turn},${round(bend)}` +
    `V${round(to.y - bend)}q0,${round(bend)} ${turn},${round(bend)}H${round(to.x)}`
  );
}

/** Names of the kinds of devices, for a legend. */
export const KIND_NAMES: readonly (readonly [kind: BoxKind, name: string])[] = [
  ["gpu", "GPU"],
  ["accel", "accelerator"],
  ["nic", "NIC"],
  ["nvme", "NVMe"],
  ["other", "others"],
];

/** What the ends of lines mean. */
export const PORT_NAMES: readonly (readonly [acs: PortAcs, name: string])[] = [
  ["redirects", "port whose ACS redirects peer requests to the host bridge"],
  ["passes", "port that does not redirect"],
  ["hidden", "port whose ACS is hidden"],
];

/** What the lines mean that stand out. */
export const LINK_NAMES: readonly (readonly [is: LinkIs, name: string])[] = [
  ["slow", "link slower than both of its ends can"],
  ["held-by-port", "link held back by its port"],
  ["below-own", "link slower than the device can"],
  ["idle-gpu", "GPU at less speed, as idle ones are"],
];

/** What the signs of a tree mean, as far as there are some in it. */
function legendOf({ regions }: TreeScene): readonly LegendEntry[] {
  const kinds = new Set<BoxKind>();
  const ports = new Set<PortAcs>();
  const links = new Set<LinkIs>();
  let isMarked = false;
  const visit = (box: Box): void => {
    kinds.add(box.kind);
    isMarked ||= box.isChanged;
    for (const { port, link, box: below } of box.below) {
      if (port !== null) ports.add(port.acs === "none" ? "passes" : port.acs);
      if (link !== null) links.add(link.is);
      visit(below);
    }
  };
  for (const { roots } of regions) roots.forEach(visit);
  const swatch =
    (look: Look): LegendEntry["draw"] =>
    (x, y) =>
      rect({ x, y: y - 9, width: 10, height: 10 }, look);
  return [
    ...KIND_NAMES.filter(([kind]) => kinds.has(kind)).map(([kind, text]) => ({
      ...{ width: 10, text },
      draw: swatch({ fill: BOX_FILLS[kind], radius: 2 }),
    })),
    ...PORT_NAMES.filter(([acs]) => ports.has(acs)).map(([acs, text]) => ({
      ...{ width: 22, text },
      draw: (x: number, y: number): string =>
        rect({ x, y: y - 10, width: 22, height: 12 }, { ...PORTS[acs], radius: 6 }),
    })),
    ...LINK_NAMES.filter(([is]) => links.has(is)).map(([is, text]) => ({
      ...{ width: 24, text },
      draw: (x: number, y: number): string => path(`M${round(x)},${round(y - 4)}h24`, LINKS[is].look),
    })),
    ...(isMarked
      ? [
          {
            ...{ width: 22, text: "differs from the machine as it is" },
            draw: (x: number, y: number): string =>
              rect(
                { x, y: y - 10, width: 22, height: 12 },
                { stroke: "marked", strokeWidth: 2, dash: "5 3", radius: 3 },
              ),
          },
        ]
      : []),
  ];
}
