import type { Bdf } from "../pci/bdf.ts";
import { namesText } from "../report/device-names.ts";
import type { LinkIs } from "../summary/links.ts";

/** What a box stands for. */
export type BoxKind = "host-bridge" | "switch" | "bridge" | "gpu" | "nic" | "nvme" | "accel" | "other";

/** A line of a box: a name, and what it is. */
export interface BoxLine {
  readonly name: string;
  /** The kind of a device, in a word; empty where the name says it. */
  readonly what: string;
  /** In smaller letters below: address, model, ids. */
  readonly notes: readonly string[];
}

/** A host bridge, a switch or another bridge with what is below it; or a device, or several alike. */
export interface Box {
  readonly kind: BoxKind;
  /** What tells it from the others of its picture, and stays the same when others come or go. */
  readonly key: string;
  /** The functions that it stands for: none of ports, which are ends of lines, nor of what is counted only. */
  readonly functions: readonly Bdf[];
  readonly lines: readonly BoxLine[];
  /** All that is known of it, for who points at it. */
  readonly details: readonly string[];
  /** How many functions or devices it stands for. */
  readonly count: number;
  /** True for several devices that are alike. */
  readonly isPile: boolean;
  /** The IOMMU groups of its functions, as far as they are known. */
  readonly groups: readonly number[];
  /** A change that was asked about would change it. */
  readonly isChanged: boolean;
  readonly below: readonly Branch[];
}

/** What ACS of a port does with peer requests. */
export type PortAcs = "redirects" | "passes" | "none" | "hidden";

/** The port that a way leaves by. */
export interface BranchPort {
  readonly name: string;
  readonly acs: PortAcs;
  readonly details: readonly string[];
  /** The port, or those that are drawn as one. */
  readonly functions: readonly Bdf[];
}

/** The way from a box down to another. */
export interface Branch {
  /** The port at its upper end; `null` where it leaves no port. */
  readonly port: BranchPort | null;
  /** Its lanes, what was negotiated, what more there could be, and how the two compare; `null` where no source shows it. */
  readonly link: { readonly lanes: number; readonly state: string; readonly more: string; readonly is: LinkIs } | null;
  readonly box: Box;
}

/** Host bridges of one NUMA node. */
export interface Region {
  readonly name: string;
  readonly roots: readonly Box[];
}

/** Lines that a box says of what it stands for. */
export const DETAILS = 40;

/** Rows of devices above which alike ones are one box; the first of these numbers of alike ones for which they fit. */
const FEW_ROWS = 56;
const FOLDS: readonly number[] = [16, 8, 4, 1];
/** Rows above which devices that are not alike are counted, too, and so many that each box then keeps. */
const MOST_ROWS = 1200;
const KEPT: readonly number[] = [64, 16, 4, 1];

/** The boxes of a tree, fewer where they would not fit: what is alike is one, and what is left over is counted. */
export function fewerBoxes(whole: readonly Region[]): readonly Region[] {
  const rowsOf = (regions: readonly Region[]): number =>
    regions.reduce((sum, { roots }) => sum + roots.reduce((rows, root) => rows + rowCount(root), 0), 0);
  let regions = whole;
  for (const fold of FOLDS) {
    if (rowsOf(regions) <= FEW_ROWS) break;
    regions = mapRoots(whole, (box) => folded(box, fold));
  }
  for (const kept of KEPT) {
    if (rowsOf(regions) <= MOST_ROWS) break;
    regions = mapRoots(regions, (box) => cut(box, kept)).map((region) => cutRoots(region, Math.max(kept, 8)));
  }
  return regions;
}

function mapRoots(regions: readonly Region[], change: (box: Box) => Box): readonly Region[] {
  return regions.map((region) => ({ ...region, roots: region.roots.map(change) }));
}

function rowCount(box: Box): number {
  return box.below.length === 0 ? 1 : box.below.reduce((sum, branch) => sum + rowCount(branch.box), 0);
}

/** A box below which alike devices are one where there are more than `most` of them. */
function folded(box: Box, most: number): Box {
  const alike = new Map<string, Branch[]>();
  for (const branch of box.below) {
    const key = branch.box.below.length > 0 ? `alone ${alike.size}` : alikeKey(branch);
    const mates = alike.get(key);
    if (mates === undefined) alike.set(key, [branch]);
    else mates.push(branch);
  }
  const below = [...alike.values()].flatMap((branches) => (branches.length > most ? [together(branches)] : branches));
  return { ...box, below: below.map((branch) => ({ ...branch, box: folded(branch.box, most) })) };
}

/** Devices are alike that differ in nothing that is drawn but names and addresses. */
function alikeKey({ port, link, box }: Branch): string {
  const lines = box.lines.map(({ what, notes }) => [what, ...notes.slice(1)].join("\t"));
  const above = [port?.acs ?? "", link?.state ?? "", link?.more ?? "", link?.is ?? ""];
  return [box.kind, String(box.isChanged), ...above, ...lines].join("\n");
}

function together(branches: readonly Branch[]): Branch {
  const [first, second] = branches;
  if (first === undefined || second === undefined) return first as Branch;
  const boxes = branches.map(({ box }) => box);
  const count = boxes.reduce((sum, box) => sum + box.count, 0);
  const [line] = first.box.lines;
  const names = boxes.flatMap((box) => box.lines.map(({ name }) => name));
  const ports = branches.flatMap(({ port }) => (port === null ? [] : [port]));
  const [port] = ports;
  return {
    port:
      port === undefined
        ? null
        : {
            ...port,
            name: portsName(ports),
            details: ports.flatMap((one) => one.details),
            functions: ports.flatMap((one) => one.functions),
          },
    link: first.link,
    box: {
      ...first.box,
      functions: boxes.flatMap((box) => box.functions),
      groups: [...new Set(boxes.flatMap((box) => box.groups))],
      count,
      isPile: true,
      lines: [
        { name: namesText(names, 6), what: `${count} × ${line?.what ?? "device"}`, notes: line?.notes.slice(1) ?? [] },
      ],
      details: boxes.flatMap((box) => box.details).slice(0, DETAILS),
    },
  };
}

function portsName(ports: readonly { readonly name: string }[]): string {
  const [only, ...others] = new Set(ports.map(({ name }) => name));
  return others.length === 0 ? (only ?? "") : `${others.length + 1} ports`;
}

/** A box of which only the first branches are drawn, and the others counted. */
function cut(box: Box, most: number): Box {
  const kept = box.below.slice(0, most).map((branch) => ({ ...branch, box: cut(branch.box, most) }));
  const left = box.below.slice(most).reduce((sum, branch) => sum + deviceCount(branch.box), 0);
  return { ...box, below: left === 0 ? kept : [...kept, { port: null, link: null, box: countBox(left, box.key) }] };
}

function cutRoots(region: Region, most: number): Region {
  const left = region.roots.slice(most).reduce((sum, root) => sum + deviceCount(root), 0);
  return left === 0 ? region : { ...region, roots: [...region.roots.slice(0, most), countBox(left, region.name)] };
}

function deviceCount(box: Box): number {
  return box.below.reduce((sum, branch) => sum + deviceCount(branch.box), box.count);
}

/** What stands for functions that are not drawn; `of` is what they belong to. */
export function countBox(count: number, of: string): Box {
  const lines = [{ name: `${count} more`, what: "", notes: ["not drawn"] }];
  const key = `more of ${of}`;
  const nothing = { functions: [], groups: [], details: [], below: [] };
  return { kind: "other", key, lines, count, isPile: false, isChanged: false, ...nothing };
}
