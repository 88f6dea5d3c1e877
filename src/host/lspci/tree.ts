import { type Bdf, busKeyOf, busOf, devfnOf, deviceOf, domainOf, makeBdf } from "../../pci/bdf.ts";
import { readIds } from "./header-line.ts";
import { hexDigit, type Line } from "./line.ts";

const BAR = 0x7c;
const BACKSLASH = 0x5c;
const BRACKET = 0x5b;
const CLOSING = 0x5d;
const COLON = 0x3a;
const DOT = 0x2e;
const GREATER = 0x3e;
const MINUS = 0x2d;
const PLUS = 0x2b;
const SPACE = 0x20;

/** A function as a tree shows it. */
export interface TreeNode {
  readonly bdf: Bdf;
  /** The bridge above, `null` on a root bus. */
  readonly upstream: TreeNode | null;
  /** `busKeyOf` of the root bus. */
  readonly rootBus: number;
  readonly line: number;
  /** Bus numbers of a bridge. */
  buses: { readonly secondary: number; readonly subordinate: number } | undefined;
  /** The highest bus that this bridge's bridges below account for. */
  coveredTo: number;
  /** The first function drawn on the same bus is at device 0. */
  readonly followsDevice0: boolean;
  label: string | null;
  ids: { readonly vendorId: number; readonly deviceId: number } | undefined;
}

/** Where the next device of a line or a branch belongs. */
interface Branch {
  readonly upstream: TreeNode | null;
  readonly domain: number;
  /** -1 where the bridge above has no bus number. */
  readonly bus: number;
  readonly rootBus: number;
  firstDevice: number;
  lastDevfn: number;
}

/** `lspci` cuts its lines here. */
const MAX_COLUMNS = 1024;

/** Reads the drawings of `lspci -t`, `-tv` and `-tvnn`: which function is below which, and the root buses. */
export class TreeReader {
  /** `busKeyOf` of the root buses of which the first device is drawn, in the order of the drawing. */
  readonly roots: Set<number> = new Set();
  readonly nodes: Map<Bdf, TreeNode> = new Map();
  /** Functions that two trees put in different places. */
  readonly contested: Set<Bdf> = new Set();
  /** The first line that draws a root bus without what the root buses hang on: those before it are not in the text. */
  middleLine: number | undefined;
  /** The first line of a branch without its stem, of which nothing is read. */
  strayLine: number | undefined;
  /** By column, where `+-` and `\-` below it belong. */
  #branches = new Map<number, Branch>();

  /** Functions and root buses drawn so far, to be held against a limit. */
  get size(): number {
    return this.nodes.size + this.roots.size;
  }

  /** True when the line looks like part of a tree; then it has been taken in. */
  readLine(line: Line): boolean {
    let at = line.rawStart;
    while (at < line.end && isBlank(line.byte(at))) at++;
    const mark = line.byte(at);
    const behind = line.byte(at + 1);
    const column = at - line.rawStart;
    if (line.end - line.rawStart > 2 * MAX_COLUMNS) return false;
    if (mark === MINUS && (behind === BRACKET || (behind === PLUS && line.byte(at + 2) === MINUS))) {
      this.#branches = new Map();
      if (isBusBelow(line, at + 2)) {
        this.strayLine ??= line.number;
        return true;
      }
      this.#readBranch(line, at + 1, rootless());
      return true;
    }
    if ((mark !== PLUS && mark !== BACKSLASH) || behind !== MINUS) return false;
    const branch = this.#branches.get(column);
    if (branch !== undefined) this.#readBranch(line, at + 2, branch);
    else if (column < LEAST_COLUMN_OF_SHARED_BUS && startsWithRoot(line, at + 2)) {
      this.middleLine ??= line.number;
      this.#readBranch(line, at + 2, rootless());
    }
    // A branch without its stem is what a cut leaves over: it says nothing.
    else if (startsWithDevice(line, at + 2) || startsWithRoot(line, at + 2)) this.strayLine ??= line.number;
    // The last of a branch: what follows at this column belongs to another stem, or to one that a filter took out.
    if (mark === BACKSLASH) this.#branches.delete(column);
    return true;
  }

  /** Takes in a path of `lspci -PP`: the bridges above a function, from the root bus down. */
  readPath(bridges: readonly Bdf[], bdf: Bdf, line: number): void {
    const [top] = bridges;
    if (top === undefined) return;
    const rootBus = busKeyOf(top);
    let upstream: TreeNode | null = null;
    for (const at of [...bridges, bdf]) {
      upstream = this.#add({
        bdf: at,
        upstream,
        rootBus,
        line,
        buses: undefined,
        coveredTo: 0,
        followsDevice0: false,
        label: null,
        ids: undefined,
      });
    }
  }

  #readBranch(line: Line, from: number, start: Branch): void {
    let branch = start;
    let at = from;
    while (at < line.end) {
      const byte = line.byte(at);
      if (byte === MINUS) at++;
      else if (byte === PLUS || byte === BACKSLASH) {
        this.#branches.set(at - line.rawStart, branch);
        at++;
      } else if (byte === BRACKET) {
        const bus = this.#readBus(line, at + 1, branch);
        if (bus === undefined) return;
        branch = bus;
        at = line.next;
      } else {
        const below = this.#readDevice(line, at, branch);
        if (below === undefined) return;
        branch = below;
        at = line.next;
      }
    }
  }

  /** `[0000:80]` (or `[80]` of old releases) names a root bus, or one of several buses below a bridge. */
  #readBus(line: Line, at: number, branch: Branch): Branch | undefined {
    let domain = 0;
    let bus = line.hex(at);
    if (line.byte(line.next) === COLON) {
      domain = bus;
      bus = line.hexOf(2, line.next + 1);
    }
    if (line.byte(line.next) !== CLOSING || bus < 0 || bus > 0xff || domain < 0 || domain > 0xffffffff)
      return undefined;
    line.next++;
    const key = domain * 0x100 + bus;
    const isRoot = branch.upstream === null;
    return {
      upstream: branch.upstream,
      domain,
      bus,
      rootBus: isRoot ? key : branch.rootBus,
      firstDevice: -1,
      lastDevfn: -1,
    };
  }

  /** `1c.0`, `1c.0-[02-05]-` or `1c.0  Name`; the branch below it, or `undefined` at the end of what can be read. */
  #readDevice(line: Line, at: number, branch: Branch): Branch | undefined {
    const device = line.hexOf(2, at);
    const fn = line.byte(line.next) === DOT ? hexDigit(line.byte(line.next + 1)) : -1;
    if (device < 0 || device > 31 || fn < 0 || fn > 7 || branch.bus < 0) return undefined;
    const behind = line.next + 2;
    const bdf = makeBdf(branch.domain, branch.bus, device, fn);
    // Newer releases draw virtual functions on further buses as if they were on the bridge's first one; where the
    // order starts again, the bus number is not this one's.
    if (devfnOf(bdf) <= branch.lastDevfn) return undefined;
    branch.lastDevfn = devfnOf(bdf);
    if (branch.firstDevice < 0) {
      branch.firstDevice = device;
      if (branch.upstream === null) this.roots.add(branch.rootBus);
    }
    const node = this.#add({
      bdf,
      upstream: branch.upstream,
      rootBus: branch.rootBus,
      line: line.number,
      buses: undefined,
      coveredTo: 0,
      followsDevice0: branch.firstDevice === 0,
      label: null,
      ids: undefined,
    });
    if (line.byte(behind) !== MINUS) {
      readName(line, behind, node);
      return undefined;
    }
    return readBelow(line, behind + 1, node, branch);
  }

  #add(node: TreeNode): TreeNode {
    const there = this.nodes.get(node.bdf);
    if (there === undefined) this.nodes.set(node.bdf, node);
    else if (there.upstream?.bdf !== node.upstream?.bdf || there.rootBus !== node.rootBus) this.contested.add(node.bdf);
    return there ?? node;
  }
}

/**
 * Buses that share a bridge are drawn as root buses are. They stand behind a device with a range of buses, the first
 * of a root bus at least: `-[0000:00]---02.0-[3b-3c]--+-`, in old releases `-[00]---02.0-[3b-3c]--+-`.
 */
const LEAST_COLUMN_OF_SHARED_BUS = 21;

/** `[0000:80]-`, with a domain. */
function startsWithRoot(line: Line, at: number): boolean {
  if (line.byte(at) !== BRACKET || line.hex(at + 1) < 0 || line.byte(line.next) !== COLON) return false;
  return line.hexOf(2, line.next + 1) >= 0 && line.byte(line.next) === CLOSING && line.byte(line.next + 1) === MINUS;
}

/**
 * `[05]----00.0` and `[43]--+-00.0`: a line that was cut between a bridge and the buses below it. A root bus of one
 * device is drawn with three strokes, one of several with a single stroke before the plus.
 */
function isBusBelow(line: Line, at: number): boolean {
  if (line.hexOf(2, at) < 0) return false;
  if (line.byte(line.next) === MINUS && line.hexOf(2, line.next + 1) >= 0 && line.byte(line.next) === CLOSING)
    return true;
  if (line.byte(line.next) !== CLOSING) return false;
  const behind = line.next + 1;
  const isTwoStrokes = line.byte(behind) === MINUS && line.byte(behind + 1) === MINUS;
  const next = line.byte(behind + 2);
  return isTwoStrokes && (next === PLUS || (next === MINUS && line.byte(behind + 3) === MINUS));
}

/** `1c.0`, which no line of a table (`+-----+`) has. */
function startsWithDevice(line: Line, at: number): boolean {
  return line.hexOf(2, at) >= 0 && line.byte(line.next) === DOT;
}

/** What the root buses hang on. */
function rootless(): Branch {
  return { upstream: null, domain: 0, bus: -1, rootBus: -1, firstDevice: -1, lastDevfn: -1 };
}

/** A tree keeps its place with bars; quote marks may stand before it. */
function isBlank(byte: number): boolean {
  return byte === SPACE || byte === BAR || byte === GREATER;
}

/** A name stands two spaces behind its function; what stands nearer, or behind an arrow, is a remark of someone's. */
function readName(line: Line, at: number, node: TreeNode): void {
  if (line.byte(at) !== SPACE || line.byte(at + 1) !== SPACE) return;
  const text = line.text(at).replace(remark, "").trim();
  const ids = readIds(text);
  if (ids !== undefined) node.ids ??= ids;
  const label = ids === undefined ? text : text.slice(0, Math.max(0, text.lastIndexOf("["))).trim();
  if (line.isWhole && label !== "" && label !== "Device") node.label ??= label;
}

const remark = /(?:^|\s)(?:<[-=]|←|⟵|#|\/\/).*$/u;

/** `[02-05]-` behind a bridge, or another `-` where it has no bus number yet. */
function readBelow(line: Line, at: number, node: TreeNode, branch: Branch): Branch | undefined {
  const below = { upstream: node, domain: branch.domain, rootBus: branch.rootBus, firstDevice: -1, lastDevfn: -1 };
  if (line.byte(at) !== BRACKET) {
    line.next = at;
    return { ...below, bus: -1 };
  }
  const secondary = line.hexOf(2, at + 1);
  const subordinate = line.byte(line.next) === MINUS ? line.hexOf(2, line.next + 1) : secondary;
  if (secondary < 0 || subordinate < 0 || line.byte(line.next) !== CLOSING) return undefined;
  line.next++;
  node.buses ??= { secondary, subordinate };
  node.coveredTo = Math.max(node.coveredTo, secondary);
  const above = node.upstream;
  if (above !== null) above.coveredTo = Math.max(above.coveredTo, subordinate);
  return { ...below, bus: secondary };
}

/**
 * True when a tree alone tells the bus of a function. Below a bridge whose last buses no bridge below accounts for,
 * what follows a device 0 may be virtual functions of a later bus; where a list names functions of the bus
 * (`isBusListed`), so may any. Below a link there always is a device 0, and a bus without one has no virtual functions.
 * A bridge is never one: the Header Type of a virtual function is 00h (SR-IOV 1.1, section 3.4.1).
 */
export function isBusCertain(node: TreeNode, isBusListed: boolean): boolean {
  const { upstream } = node;
  if (node.buses !== undefined) return true;
  if (upstream?.buses === undefined || upstream.buses.subordinate <= upstream.coveredTo) return true;
  const isBelowFirst = domainOf(upstream.bdf) === domainOf(node.bdf) && busOf(node.bdf) === upstream.buses.secondary;
  if (!isBelowFirst || !node.followsDevice0) return true;
  return deviceOf(node.bdf) === 0 && !isBusListed;
}
