import { redirects } from "../pci/acs.ts";
import { type Bdf, formatBus, slotOf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind, isBridge, KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { RootBus, Topology } from "../pci/topology.ts";
import { displayName, roleOf, shortAddress } from "../report/device-names.ts";
import { acsText, p2pmemText } from "../report/facts.ts";
import { linkState, linkText } from "../report/link-text.ts";
import { plainText } from "../report/rich.ts";
import { drawing, type TreeInput } from "../report/tree-text.ts";
import { foldVirtual, type VirtualFunctions, virtualText } from "../report/virtual-functions.ts";
import type { WhatIfView } from "../report/what-if.ts";
import { expectedGroupOf } from "../rules/iommu-groups.ts";
import { linkAbove } from "../summary/links.ts";
import {
  type Box,
  type BoxLine,
  type Branch,
  countBox,
  DETAILS,
  fewerBoxes,
  type PortAcs,
  type Region,
} from "./tree-boxes.ts";

/** A tree as it is drawn: regions of boxes, in which what is alike is one. */
export interface TreeScene {
  readonly regions: readonly Region[];
  /** True where the source draws its functions otherwise than the system's tree has them. */
  readonly isAsDrawn: boolean;
}

/** Boxes above each other that are told apart; what is deeper is counted. */
const MOST_LEVELS = 12;

/** The boxes of a machine, as few as a picture that stands still has room for. */
export function treeScene(input: TreeInput, whatIf?: WhatIfView): TreeScene {
  const whole = wholeTreeScene(input, whatIf);
  return { ...whole, regions: fewerBoxes(whole.regions) };
}

/** All boxes of a machine. */
export function wholeTreeScene(input: TreeInput, whatIf?: WhatIfView): TreeScene {
  const builder = new SceneBuilder(input, whatIf);
  return { regions: builder.regions(), isAsDrawn: builder.isAsDrawn };
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
      key: name,
      functions: [],
      groups: [],
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
      key: `host bridge ${bus}`,
      functions: this.#addresses(own),
      groups: this.#groupsOf(own),
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
      return [this.#branch(port, index, countBox(this.#topology.subtreeOf(index).length, this.#keyOf([index])))];
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
      key: shortAddress(fn),
      functions: [fn.bdf],
      groups: this.#groupsOf([index]),
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
    const all = [...functions, ...virtual.flatMap((folded) => folded.virtual)];
    return {
      kind: kind === "bridge" ? "other" : kind,
      key: this.#keyOf(all),
      functions: this.#addresses(all),
      groups: this.#groupsOf(all),
      lines: lines.map((line, at) => (at === lines.length - 1 ? { ...line, notes: [...line.notes, ...notes] } : line)),
      details: [
        ...functions.map((index) => this.#detail(index)),
        ...virtual.map((folded) => plainText(virtualText(this.#topology, folded))),
      ],
      count: 1,
      isPile: false,
      isChanged: this.#isChanged(all),
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
      key: `others ${this.#keyOf(all)}`,
      functions: this.#addresses(all),
      groups: this.#groupsOf(all),
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
          : { name: shortAddress(upper), acs: acsOf(upper), details: [this.#detail(port)], functions: [upper.bdf] },
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
      lanes: link.status.width,
      state,
      more: text
        .slice(state.length)
        .replace(/,[^,]*$/, "")
        .trim(),
      is: link.is,
    };
  }

  #addresses(indices: readonly number[]): readonly Bdf[] {
    return indices.map((index) => this.#topology.functionAt(index).bdf);
  }

  /** The IOMMU groups of functions: those that the source shows, else those that are expected. */
  #groupsOf(indices: readonly number[]): readonly number[] {
    const { expectedGroups } = this.#input;
    const groups = indices.flatMap((index) => {
      const fn = this.#topology.functionAt(index);
      const expected = isUnknown(expectedGroups) ? null : expectedGroupOf(expectedGroups, fn);
      const group = isUnknown(fn.iommuGroup) ? expected : fn.iommuGroup;
      return isUnknown(group) || group === null ? [] : [group];
    });
    return [...new Set(groups)];
  }

  /** The address of the first of some functions. */
  #keyOf([first]: readonly number[]): string {
    return first === undefined ? "" : shortAddress(this.#topology.functionAt(first));
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
