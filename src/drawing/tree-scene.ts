import { redirects } from "../pci/acs.ts";
import { type Bdf, formatBus, slotOf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind, isBridge, KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { RootBus, Topology } from "../pci/topology.ts";
import { displayName, namesText, roleOf, shortAddress } from "../report/device-names.ts";
import { acsText, p2pmemText } from "../report/facts.ts";
import { linkState, linkText } from "../report/link-text.ts";
import { plainText } from "../report/rich.ts";
import { drawing, type TreeInput } from "../report/tree-text.ts";
import { foldVirtual, type VirtualFunctions, virtualText } from "../report/virtual-functions.ts";
import type { WhatIfView } from "../report/what-if.ts";
import { type LinkIs, linkAbove } from "../summary/links.ts";

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
  readonly lines: readonly BoxLine[];
  /** All that is known of it, for who points at it. */
  readonly details: readonly string[];
  /** How many functions or devices it stands for. */
  readonly count: number;
  /** True for several devices that are alike. */
  readonly isPile: boolean;
  /** A change that was asked about would change it. */
  readonly isChanged: boolean;
  readonly below: readonly Branch[];
}

/** What ACS of a port does with peer requests. */
export type PortAcs = "redirects" | "passes" | "none" | "hidden";

/** The way from a box down to another. */
export interface Branch {
  /** The port at its upper end; `null` where it leaves no port. */
  readonly port: { readonly name: string; readonly acs: PortAcs; readonly details: readonly string[] } | null;
  /** What was negotiated, what more there could be, and how the two compare; `null` where no source shows it. */
  readonly link: { readonly state: string; readonly more: string; readonly is: LinkIs } | null;
  readonly box: Box;
}

/** Host bridges of one NUMA node. */
export interface Region {
  readonly name: string;
  readonly roots: readonly Box[];
}

/** A tree as it is drawn: regions of boxes, in which what is alike is one. */
export interface TreeScene {
  readonly regions: readonly Region[];
  /** True where the source draws its functions otherwise than the system's tree has them. */
  readonly isAsDrawn: boolean;
}

/** Boxes above each other that are told apart; what is deeper is counted. */
const MOST_LEVELS = 12;
/** Rows of devices above which alike ones are one box; the first of these numbers of alike ones for which they fit. */
const FEW_ROWS = 56;
const FOLDS: readonly number[] = [16, 8, 4, 1];
/** Rows above which devices that are not alike are counted, too, and so many that each box then keeps. */
const MOST_ROWS = 1200;
const KEPT: readonly number[] = [64, 16, 4, 1];

/** The boxes of a machine. */
export function treeScene(input: TreeInput, whatIf?: WhatIfView): TreeScene {
  const builder = new SceneBuilder(input, whatIf);
  const whole = builder.regions();
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
  return { regions, isAsDrawn: builder.isAsDrawn };
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
    port: port === undefined ? null : { ...port, name: portsName(ports), details: ports.flatMap((one) => one.details) },
    link: first.link,
    box: {
      ...first.box,
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

/** Lines that a box says of what it stands for. */
const DETAILS = 40;

/** A box of which only the first branches are drawn, and the others counted. */
function cut(box: Box, most: number): Box {
  const kept = box.below.slice(0, most).map((branch) => ({ ...branch, box: cut(branch.box, most) }));
  const left = box.below.slice(most).reduce((sum, branch) => sum + deviceCount(branch.box), 0);
  return { ...box, below: left === 0 ? kept : [...kept, { port: null, link: null, box: countBox(left) }] };
}

function cutRoots(region: Region, most: number): Region {
  const left = region.roots.slice(most).reduce((sum, root) => sum + deviceCount(root), 0);
  return left === 0 ? region : { ...region, roots: [...region.roots.slice(0, most), countBox(left)] };
}

function deviceCount(box: Box): number {
  return box.below.reduce((sum, branch) => sum + deviceCount(branch.box), box.count);
}

/** What stands for functions that are not drawn. */
function countBox(count: number): Box {
  const lines = [{ name: `${count} more`, what: "", notes: ["not drawn"] }];
  return { kind: "other", lines, details: [], count, isPile: false, isChanged: false, below: [] };
}

/** Functions of one slot: a device. */
interface Slot {
  readonly functions: number[];
  readonly virtual: VirtualFunctions[];
}

class SceneBuilder {
  readonly #topology: Topology;
  readonly #input: TreeInput;
  readonly #changed: ReadonlySet<Bdf> | undefined;
  readonly #drawn: ReturnType<typeof drawing>;

  constructor(input: TreeInput, whatIf: WhatIfView | undefined) {
    this.#input = input;
    this.#topology = input.table.topology;
    this.#changed = whatIf?.changedFunctions;
    this.#drawn = drawing(this.#topology.functions);
  }

  get isAsDrawn(): boolean {
    return this.#drawn !== undefined;
  }

  #childrenOf(index: number): readonly number[] {
    return this.#drawn === undefined ? this.#topology.children(index) : this.#drawn.below(index);
  }

  regions(): readonly Region[] {
    if (this.#drawn !== undefined) {
      const root = this.#top("as drawn", "by the source, which leaves levels out", this.#drawn.tops);
      return [{ name: "", roots: [root] }];
    }
    const { roots, hiddenTops } = this.#topology;
    const regions = new Map<string, Box[]>();
    roots.forEach((root, index) => {
      const node = this.#nodeOf(root);
      const name = node === null ? "" : `NUMA node ${node}`;
      const boxes = regions.get(name) ?? [];
      regions.set(name, boxes);
      boxes.push(this.#rootBox(root, index));
    });
    const known = [...regions].map(([name, boxes]) => ({
      name: name === "" && regions.size > 1 ? "NUMA node not shown" : name,
      roots: boxes,
    }));
    if (hiddenTops.length === 0) return known;
    const hidden = this.#top("not shown", "what is above these", hiddenTops);
    return [...known, { name: known.length === 0 ? "" : "place not shown", roots: [hidden] }];
  }

  #top(name: string, note: string, tops: readonly number[]): Box {
    return {
      kind: "host-bridge",
      lines: [{ name, what: "", notes: [note] }],
      details: [],
      count: 0,
      isPile: false,
      isChanged: false,
      below: this.#branches(tops, null, 1),
    };
  }

  /** The node of a host bridge, by what the source says of it or else of what is below it. */
  #nodeOf({ rootBus, functions }: RootBus): number | null {
    const { hostBridges } = this.#input.table.machine;
    const stated = isUnknown(hostBridges) ? undefined : hostBridges.find((bridge) => bridge.rootBus === rootBus);
    if (stated !== undefined && !isUnknown(stated.numaNode) && stated.numaNode !== null) return stated.numaNode;
    const nodes = new Set(functions.map((index) => this.#topology.functionAt(index).numaNode));
    const [node = null, ...others] = nodes;
    return others.length > 0 || isUnknown(node) ? null : node;
  }

  #rootBox(root: RootBus, rootIndex: number): Box {
    const { preorder } = this.#topology;
    const tops = [...preorder].filter(
      (index) => this.#topology.rootOf(index) === rootIndex && this.#topology.isOnRootBus(index),
    );
    const bus = formatBus(root.rootBus).replace(/^0000:/, "");
    // The functions by which a host bridge shows itself on its own bus.
    const own = tops.filter((index) => roleOf(this.#topology.functionAt(index)) === "host bridge");
    return {
      kind: "host-bridge",
      lines: [{ name: "host bridge", what: "", notes: [bus] }],
      details: [`root bus ${formatBus(root.rootBus)}`, ...own.slice(0, DETAILS).map((index) => this.#detail(index))],
      count: own.length,
      isPile: false,
      isChanged: this.#isChanged(own),
      below: this.#branches(
        tops.filter((index) => !own.includes(index)),
        null,
        1,
      ),
    };
  }

  /** What is below a box, or below one of its ports: bridges and devices in enumeration order, what is of no interest last. */
  #branches(tops: readonly number[], port: number | null, level: number): readonly Branch[] {
    const branches: Branch[] = [];
    const slots = new Map<number, Slot>();
    const order: (number | Slot)[] = [];
    const slotFor = (bdf: Bdf): Slot => {
      const found = slots.get(slotOf(bdf)) ?? { functions: [], virtual: [] };
      if (!slots.has(slotOf(bdf))) order.push(found);
      slots.set(slotOf(bdf), found);
      return found;
    };
    for (const sibling of foldVirtual(this.#topology, tops, (index) => this.#childrenOf(index))) {
      if ("virtual" in sibling) {
        slotFor(sibling.physical).virtual.push(sibling);
        continue;
      }
      const fn = this.#topology.functionAt(sibling.index);
      if (isBridge(fn) || this.#childrenOf(sibling.index).length > 0) order.push(sibling.index);
      else slotFor(fn.bdf).functions.push(sibling.index);
    }
    const rest: number[] = [];
    const emptyPorts: number[] = [];
    for (const one of order) {
      if (typeof one === "number") {
        if (this.#childrenOf(one).length === 0) emptyPorts.push(one);
        else if (this.#isOfInterest(one)) branches.push(...this.#bridgeBranches(one, port, level));
        else rest.push(...this.#topology.subtreeOf(one));
      } else if (one.virtual.length > 0 || one.functions.some((index) => this.#isOfInterest(index))) {
        branches.push(this.#branch(port, one.functions[0], this.#deviceBox(one)));
      } else rest.push(...one.functions);
    }
    const others = this.#othersBox(rest, emptyPorts);
    return others === null ? branches : [...branches, this.#branch(port, rest[0], others)];
  }

  /** A device that people look for, or a bridge above one. */
  #isOfInterest(index: number): boolean {
    // What a source draws below a function may be elsewhere in the system's tree.
    if (this.#drawn !== undefined && this.#childrenOf(index).length > 0) return true;
    return this.#topology.subtreeOf(index).some((at) => isLookedFor(this.#topology.functionAt(at)));
  }

  #bridgeBranches(index: number, port: number | null, level: number): readonly Branch[] {
    const children = this.#childrenOf(index);
    if (level >= MOST_LEVELS) {
      return [this.#branch(port, index, countBox(this.#topology.subtreeOf(index).length))];
    }
    if (port === null && this.#isPort(index)) return this.#branches(children, index, level);
    return [this.#branch(port, index, this.#bridgeBox(index, children, level))];
  }

  /** A port is drawn as the end of a line; so is another bridge with one device below it. */
  #isPort(index: number): boolean {
    const type = portType(this.#topology.functionAt(index));
    if (type === "root-port" || type === "downstream-port") return true;
    if (type === "upstream-port") return false;
    const slots = new Set(this.#childrenOf(index).map((child) => slotOf(this.#topology.functionAt(child).bdf)));
    return slots.size === 1;
  }

  #bridgeBox(index: number, children: readonly number[], level: number): Box {
    const fn = this.#topology.functionAt(index);
    const isSwitch = portType(fn) === "upstream-port";
    const name = isSwitch ? "switch" : plainRole(fn);
    return {
      kind: isSwitch ? "switch" : "bridge",
      lines: [{ name, what: "", notes: [shortAddress(fn), ...labelOf(fn)] }],
      details: [this.#detail(index)],
      count: 0,
      isPile: false,
      isChanged: this.#isChanged([index]),
      below: this.#branches(children, null, level + 1),
    };
  }

  #deviceBox({ functions, virtual }: Slot): Box {
    const shown = functions.map((index) => this.#topology.functionAt(index));
    const known = shown.filter(isLookedFor);
    const told = known.length === 0 ? shown.slice(0, 1) : known.slice(0, FUNCTIONS);
    const isOne = told.length === 1;
    const lines = told.map((fn): BoxLine => {
      const address = fn.names.length === 0 ? [] : [shortAddress(fn)];
      const memory = p2pmemText(fn);
      const more = isOne ? labelOf(fn) : [];
      return {
        name: displayName(fn),
        what: roleOf(fn),
        notes: [address[0] ?? "", ...more, ...(memory === "" ? [] : [memory])],
      };
    });
    if (lines.length === 0) {
      const [first] = virtual;
      const fn = first === undefined ? undefined : this.#topology.find(first.physical);
      lines.push({ name: `of ${fn === undefined ? "a hidden function" : shortAddress(fn)}`, what: "", notes: [""] });
    }
    const left = shown.length - told.length;
    const notes = [
      ...(left === 0 ? [] : [`and ${left} more ${left === 1 ? "function" : "functions"}`]),
      ...virtual.map((folded) => virtualCount(folded)),
    ];
    const kind = (told[0] === undefined ? "other" : deviceKind(told[0])) as DeviceKind;
    return {
      kind: kind === "bridge" ? "other" : kind,
      lines: lines.map((line, at) => (at === lines.length - 1 ? { ...line, notes: [...line.notes, ...notes] } : line)),
      details: [
        ...functions.map((index) => this.#detail(index)),
        ...virtual.map((folded) => plainText(virtualText(this.#topology, folded))),
      ],
      count: 1,
      isPile: false,
      isChanged: this.#isChanged([...functions, ...virtual.flatMap((folded) => folded.virtual)]),
      below: [],
    };
  }

  /** Functions of no interest in one box, with ports below which nothing is. */
  #othersBox(functions: readonly number[], emptyPorts: readonly number[]): Box | null {
    if (functions.length + emptyPorts.length === 0) return null;
    const roles = new Map<string, number>();
    for (const index of functions) {
      const role = plainRole(this.#topology.functionAt(index));
      roles.set(role, (roles.get(role) ?? 0) + 1);
    }
    const parts = [...roles]
      .sort((a, b) => b[1] - a[1])
      .map(([role, count]) => (count === 1 ? role : `${count} ${role}`));
    const all = [...functions, ...emptyPorts];
    const ports =
      emptyPorts.length === 0 ? [] : [`${emptyPorts.length} empty ${emptyPorts.length === 1 ? "port" : "ports"}`];
    const name =
      functions.length === 0
        ? (ports[0] ?? "")
        : functions.length === 1
          ? (parts[0] ?? "")
          : `${functions.length} others`;
    const notes = functions.length === 0 ? [] : [...(functions.length === 1 ? [] : [parts.join(", ")]), ...ports];
    return {
      kind: "other",
      lines: [{ name, what: "", notes: ["", ...notes] }],
      details: all.slice(0, DETAILS).map((index) => this.#detail(index)),
      count: functions.length,
      isPile: false,
      isChanged: this.#isChanged(all),
      below: [],
    };
  }

  #branch(port: number | null, below: number | undefined, box: Box): Branch {
    const upper = port === null ? null : this.#topology.functionAt(port);
    return {
      port:
        upper === null || port === null
          ? null
          : { name: shortAddress(upper), acs: acsOf(upper), details: [this.#detail(port)] },
      link: below === undefined ? null : this.#linkOf(below),
      box,
    };
  }

  #linkOf(index: number): Branch["link"] {
    const link = linkAbove(this.#topology, index);
    if (link === null) return null;
    const { text } = linkText(this.#topology, index);
    const state = linkState(link.status);
    // What is wrong with it is drawn.
    return {
      state,
      more: text
        .slice(state.length)
        .replace(/,[^,]*$/, "")
        .trim(),
      is: link.is,
    };
  }

  #isChanged(indices: readonly number[]): boolean {
    return indices.some((index) => this.#changed?.has(this.#topology.functionAt(index).bdf) === true);
  }

  /** A function in a line. */
  #detail(index: number): string {
    const fn = this.#topology.functionAt(index);
    const { text } = linkText(this.#topology, index);
    const known = (what: string, value: PciFunction["numaNode"]): readonly string[] =>
      isUnknown(value) || value === null ? [] : [`${what} ${value}`];
    const names = fn.names.length === 0 ? [] : [displayName(fn)];
    const facts = [
      [shortAddress(fn), ...names, roleOf(fn)].join(" "),
      ...(fn.label === null ? [] : [fn.label]),
      ...(text === "" ? [] : [`link ${text}`]),
      ...(isBridge(fn) ? [acsText(fn)] : []),
      ...(p2pmemText(fn) === "" ? [] : [p2pmemText(fn)]),
      ...known("IOMMU group", fn.iommuGroup),
      ...known("NUMA node", fn.numaNode),
      ...(isUnknown(fn.driver) || fn.driver === null ? [] : [`driver ${fn.driver}`]),
    ];
    return facts.join(" · ");
  }
}

/** Functions of a device that have a line each. */
const FUNCTIONS = 8;

/** What a function is; that the type of a bridge is hidden is said where somebody points at it. */
function plainRole(fn: PciFunction): string {
  return roleOf(fn).replace(/ \(.*/, "");
}

function isLookedFor(fn: PciFunction): boolean {
  return KINDS_OF_INTEREST.includes(deviceKind(fn)) || p2pmemText(fn) !== "";
}

function portType({ express }: PciFunction): string | null {
  return isUnknown(express) || express === null || isUnknown(express.type) ? null : express.type;
}

function acsOf({ acs }: PciFunction): PortAcs {
  if (isUnknown(acs)) return "hidden";
  if (acs === null) return "none";
  return redirects(acs) ? "redirects" : "passes";
}

/** The model in few words: what stands in the last brackets of a name of pci.ids, else all of it. */
function labelOf({ label }: PciFunction): readonly string[] {
  if (label === null) return [];
  const model = /.*\[([^\]]+)\]/.exec(label)?.[1];
  return [model ?? label.replaceAll(/ (?:Corporation|Technologies|Co\.?,? Ltd\.?|Inc\.?),?/g, "")];
}

function virtualCount({ virtual }: VirtualFunctions): string {
  return `${virtual.length} virtual functions`;
}
