import { MARGIN } from "./head.ts";
import { fitted, type Rectangle, TEXT_SIZE, textPixels } from "./svg.ts";
import type { Box, Branch, Region } from "./tree-boxes.ts";
import type { TreeScene } from "./tree-scene.ts";

/*
 * Where the boxes of a tree stand. Each host bridge is a block that grows to the right: bridges in columns, one for each
 * level, and at the ends devices below each other. Blocks of a region stand in columns, regions beside each other as far as
 * a screen's width allows. Lengths and places are in pixels.
 */

/** A picture is this wide where what is in it needs no more. */
const SCREEN = 1400;
/** A region that is higher has its blocks in several columns, if they fit. */
const HIGH = 900;

const REGION_PADDING = 12;
const REGION_HEAD = 26;
const REGION_GAP = 16;
const BLOCK_GAP = 16;
const ROW_GAP = 8;

/** Text in boxes. */
export const NOTE_SIZE = 10.5;
export const PORT_SIZE = 9.5;
export const LINK_SIZE = 10.5;
const NAME_HEIGHT = 16;
const NOTE_HEIGHT = 13;
const BOX_PADDING = 5;
export const BOX_INSET = 10;

const BRIDGE_WIDTH = { least: 84, most: 150 };
const DEVICE_WIDTH = { least: 130, most: 250 };

/** From a box to the trunk of its branches, and on to their ports. */
export const TRUNK = 9;
export const PORT_HEIGHT = 14;
const PORT_INSET = 5;
const LINK_GAP = 7;

/** A line of text in a box, and its place from the upper left corner of the box. */
export interface PlacedLine {
  readonly name: string;
  readonly what: string;
  readonly y: number;
  readonly notes: readonly { readonly text: string; readonly y: number }[];
}

/** A box in its place. */
export interface PlacedBox extends Rectangle {
  readonly box: Box;
  readonly lines: readonly PlacedLine[];
}

/** The way to a box: from the trunk of the box above it, by its port, to its left side. */
export interface PlacedBranch {
  readonly branch: Branch;
  readonly from: { readonly x: number; readonly y: number };
  readonly to: { readonly x: number; readonly y: number };
  /** The width of its port, 0 without one. */
  readonly portWidth: number;
}

export interface PlacedRegion extends Rectangle {
  readonly name: string;
}

/** A tree in its place. */
export interface TreeLayout {
  readonly width: number;
  readonly height: number;
  readonly regions: readonly PlacedRegion[];
  readonly boxes: readonly PlacedBox[];
  readonly branches: readonly PlacedBranch[];
}

/** Where everything of a tree stands; `top` pixels above it are left free. */
export function layOutTree({ regions }: TreeScene, top: number): TreeLayout {
  const columns = columnsOf(regions);
  const boxes: PlacedBox[] = [];
  const branches: PlacedBranch[] = [];
  const placed: PlacedRegion[] = [];
  const page = { right: 0, bottom: top };
  let [x, y, shelf] = [MARGIN, top, 0];
  for (const region of regions) {
    const blocks = region.roots.map((root) => layOutBlock(root, columns));
    const packed = packBlocks(blocks);
    const head = region.name === "" ? REGION_PADDING : REGION_HEAD;
    const width = packed.width + 2 * REGION_PADDING;
    const height = packed.height + head + REGION_PADDING;
    if (x > MARGIN && x + width + MARGIN > SCREEN) [x, y, shelf] = [MARGIN, y + shelf + REGION_GAP, 0];
    placed.push({ name: region.name, x, y, width, height });
    packed.places.forEach((place, at) => {
      const block = blocks[at];
      if (block === undefined) return;
      const [dx, dy] = [x + REGION_PADDING + place.x, y + head + place.y];
      const shifted = <T extends { readonly x: number; readonly y: number }>(point: T): T => ({
        ...point,
        x: point.x + dx,
        y: point.y + dy,
      });
      boxes.push(...block.boxes.map(shifted));
      branches.push(...block.branches.map((one) => ({ ...one, from: shifted(one.from), to: shifted(one.to) })));
    });
    shelf = Math.max(shelf, height);
    page.right = Math.max(page.right, x + width);
    page.bottom = Math.max(page.bottom, y + height);
    x += width + REGION_GAP;
  }
  return { width: page.right + MARGIN, height: page.bottom, regions: placed, boxes, branches };
}

/** The widths of a tree's levels, the same for all blocks. */
interface Columns {
  /** Of the bridges of each level. */
  readonly bridges: readonly number[];
  /** Between a level and the next. */
  readonly gaps: readonly number[];
  readonly devices: number;
}

function columnsOf(regions: readonly Region[]): Columns {
  const bridges: number[] = [];
  const ports: number[] = [];
  const links: number[] = [];
  let devices = DEVICE_WIDTH.least;
  const most = (widths: number[], level: number, width: number): void => {
    widths[level] = Math.max(widths[level] ?? 0, width);
  };
  const visit = (box: Box, level: number): void => {
    if (box.below.length === 0 && level > 0) {
      devices = Math.max(devices, Math.min(boxTextWidth(box), DEVICE_WIDTH.most));
      return;
    }
    most(bridges, level, Math.min(Math.max(boxTextWidth(box), BRIDGE_WIDTH.least), BRIDGE_WIDTH.most));
    for (const branch of box.below) {
      most(ports, level, portWidth(branch));
      most(links, level, linkWidth(branch));
      visit(branch.box, level + 1);
    }
  };
  for (const { roots } of regions) for (const root of roots) visit(root, 0);
  return {
    bridges: bridges.map((width) => width),
    gaps: bridges.map((_, level) => TRUNK + 6 + (ports[level] ?? 0) + (links[level] ?? 0)),
    devices,
  };
}

function boxTextWidth({ lines, kind }: Box): number {
  const isBridge = kind === "host-bridge" || kind === "switch" || kind === "bridge";
  const widths = lines.flatMap(({ name, what, notes }) => [
    textPixels(name, { isBold: true }) + (what === "" ? 0 : 12 + textPixels(what, { size: NOTE_SIZE })),
    // Names of models are cut sooner than names.
    ...noteTexts(notes).map((note) => Math.min(textPixels(note, { size: NOTE_SIZE }), isBridge ? 130 : 190)),
  ]);
  return BOX_INSET + Math.max(...widths, 0) + 8;
}

/** Address and model on one line, everything else on a line of its own. */
function noteTexts([first = "", second, ...rest]: readonly string[]): readonly string[] {
  const head = [first, ...(second === undefined ? [] : [second])].filter((text) => text !== "").join(" · ");
  return [...(head === "" ? [] : [head]), ...rest];
}

function portWidth({ port }: Branch): number {
  return port === null ? 0 : textPixels(port.name, { size: PORT_SIZE, isFixed: true }) + 2 * PORT_INSET;
}

function linkWidth({ link }: Branch): number {
  if (link === null) return 14;
  const look = { size: LINK_SIZE };
  return 2 * LINK_GAP + Math.max(textPixels(link.state, { ...look, isBold: true }), textPixels(link.more, look));
}

/** A host bridge with all below it, from its own upper left corner. */
interface Block {
  readonly width: number;
  readonly height: number;
  readonly boxes: readonly PlacedBox[];
  readonly branches: readonly PlacedBranch[];
}

function layOutBlock(root: Box, columns: Columns): Block {
  const boxes: PlacedBox[] = [];
  const branches: PlacedBranch[] = [];
  const xOf = columns.bridges.map((_, level) =>
    columns.bridges.slice(0, level).reduce((sum, width, at) => sum + width + (columns.gaps[at] ?? 0), 0),
  );
  const leftOf = (level: number): number =>
    xOf[level] ?? (xOf.at(-1) ?? 0) + (columns.bridges.at(-1) ?? 0) + (columns.gaps.at(-1) ?? 0);
  let right = 0;
  /** Places a box with all below it from `y` on; tells where it ends, and the height of its own middle. */
  const place = (box: Box, level: number, y: number): { readonly end: number; readonly middle: number } => {
    const x = leftOf(level);
    const isDevice = box.below.length === 0 && level > 0;
    const width = isDevice ? columns.devices : (columns.bridges[level] ?? columns.devices);
    const { lines, height } = linesOf(box, width);
    right = Math.max(right, x + width);
    if (box.below.length === 0) {
      boxes.push({ box, x, y, width, height, lines });
      return { end: y + height, middle: y + height / 2 };
    }
    let end = y;
    const middles = box.below.map((branch) => {
      const below = place(branch.box, level + 1, end === y ? y : end + ROW_GAP);
      end = below.end;
      return below.middle;
    });
    const wanted = ((middles[0] ?? y) + (middles.at(-1) ?? y)) / 2;
    const middle = Math.max(wanted, y + height / 2);
    boxes.push({ box, x, y: middle - height / 2, width, height, lines });
    box.below.forEach((branch, at) => {
      branches.push({
        branch,
        from: { x: x + width, y: middle },
        to: { x: leftOf(level + 1), y: middles[at] ?? middle },
        portWidth: portWidth(branch),
      });
    });
    return { end: Math.max(end, middle + height / 2), middle };
  };
  const { end } = place(root, 0, 0);
  return { width: right, height: end, boxes, branches };
}

function linesOf(
  { lines, kind }: Box,
  width: number,
): { readonly lines: readonly PlacedLine[]; readonly height: number } {
  const isBridge = kind === "host-bridge" || kind === "switch" || kind === "bridge";
  const room = width - BOX_INSET - 8;
  let y = BOX_PADDING;
  const placed = lines.map((line): PlacedLine => {
    const what = fitted(line.what, room / 2, { size: NOTE_SIZE });
    const name = fitted(line.name, room - (what === "" ? 0 : 8 + textPixels(what, { size: NOTE_SIZE })), {
      isBold: true,
      size: TEXT_SIZE,
    });
    const nameY = y + 11.5;
    y += NAME_HEIGHT;
    const texts = isBridge ? line.notes.filter((note) => note !== "") : noteTexts(line.notes);
    const notes = texts.map((note) => {
      const text = fitted(note, room, { size: NOTE_SIZE });
      y += NOTE_HEIGHT;
      return { text, y: y - 3 };
    });
    return { name, what, y: nameY, notes };
  });
  return { lines: placed, height: y + BOX_PADDING - 1 };
}

/** Blocks in as many columns as keep a region from getting high, in order from above and then from the left. */
function packBlocks(blocks: readonly Block[]): {
  readonly width: number;
  readonly height: number;
  readonly places: readonly { readonly x: number; readonly y: number }[];
} {
  const widest = Math.max(...blocks.map(({ width }) => width), 0);
  const total = blocks.reduce((sum, { height }) => sum + height + BLOCK_GAP, -BLOCK_GAP);
  const room = SCREEN - 2 * MARGIN - 2 * REGION_PADDING;
  const most = Math.max(1, Math.floor((room + REGION_GAP) / (widest + REGION_GAP)));
  const count = Math.min(most, Math.max(1, Math.ceil(total / HIGH)), Math.max(blocks.length, 1));
  const high = Math.max(total / count, ...blocks.map(({ height }) => height));
  const places: { x: number; y: number }[] = [];
  let [column, y, height] = [0, 0, 0];
  for (const block of blocks) {
    const isFull = y > 0 && y + block.height / 2 > high && column < count - 1;
    if (isFull) [column, y] = [column + 1, 0];
    places.push({ x: column * (widest + REGION_GAP), y });
    height = Math.max(height, y + block.height);
    y += block.height + BLOCK_GAP;
  }
  const width = blocks.length === 0 ? 0 : (column + 1) * (widest + REGION_GAP) - REGION_GAP;
  return { width, height, places };
}
