import { createHash } from "node:crypto";
import type { Machine } from "../host/machine.ts";
import { keptParameters } from "../host/redaction/command-line.ts";
import { keptRelease } from "../host/redaction/kernel-release.ts";
import { CONFIG_SYMBOLS, configSymbol } from "../host/system-files.ts";
import { busKeyOf, devfnOf } from "../pci/bdf.ts";
import { PCI_COMMAND_MASTER, PCI_COMMAND_MEMORY } from "../pci/config-space.ts";
import type { LinkState, PciExpress } from "../pci/express.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { packetControlOf } from "../pci/packet-control.ts";
import type { Topology } from "../pci/topology.ts";
import { linkAbove } from "../summary/links.ts";

/*
 * What matters of a machine, as one text that is the same for two machines that are alike: functions in the order of the
 * tree and not of their numbers, so that other bus numbers or addresses are no other machine.
 */

/** What tells machines apart, and what only numbers them otherwise. */
export interface Fingerprint {
  /** 16 hexadecimal digits of a hash over all that matters. */
  readonly class: string;
  /** The same over the bus numbers, in the order of the tree. */
  readonly numbering: string;
  /** A number for each function with its place and for each fact of the machine, sorted: how near two classes are. */
  readonly marks: Uint32Array;
}

/** Two machines have the same `class` where nothing that {@link Fingerprint} counts differs. */
export function fingerprintOf(machine: Machine, topology: Topology): Fingerprint {
  const texts = topology.functions.map((_, index) => functionText(machine, topology, index));
  const subtrees = new Subtrees(topology, texts);
  const tops = subtrees.tops();
  const order: number[] = [];
  for (const top of tops) subtrees.walk(top, order);
  const facts = machineFacts(machine, topology);
  const groups = groupsInOrder(topology, order);
  const whole = [...facts, ...tops.map((top) => subtrees.text(top)), groups.join(" ")].join("\n");
  const marks = new Uint32Array(order.length + facts.length);
  order.forEach((index, at) => {
    marks[at] = hash32(`${subtrees.place(index)} ${texts[index] ?? ""}`);
  });
  facts.forEach((fact, at) => {
    marks[order.length + at] = hash32(fact);
  });
  return {
    class: shortHash(whole),
    numbering: shortHash(order.map((index) => busKeyOf(topology.functionAt(index).bdf)).join(" ")),
    marks: marks.sort(),
  };
}

/** How many functions and facts only one of two classes has. */
export function distanceOf(some: Uint32Array, others: Uint32Array): number {
  let [i, j, distance] = [0, 0, 0];
  while (i < some.length && j < others.length) {
    const [one, other] = [some[i] ?? 0, others[j] ?? 0];
    if (one === other) {
      i++;
      j++;
    } else {
      distance++;
      if (one < other) i++;
      else j++;
    }
  }
  return distance + some.length - i + (others.length - j);
}

function shortHash(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, 16);
}

/** FNV-1a, 32 bits, by code units. */
function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < text.length; at++) hash = Math.imul(hash ^ text.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

/** The tree as texts of subtrees, siblings by their places. */
class Subtrees {
  readonly #topology: Topology;
  readonly #texts: string[];
  readonly #places: string[];

  constructor(topology: Topology, own: readonly string[]) {
    this.#topology = topology;
    this.#texts = new Array<string>(own.length).fill("");
    this.#places = new Array<string>(own.length).fill("");
    const { preorder } = topology;
    for (let at = preorder.length - 1; at >= 0; at--) {
      const index = preorder[at] ?? 0;
      const below = topology.children(index);
      const inside = below.map((child) => `${this.#step(child, below)}${this.#texts[child] ?? ""}`);
      this.#texts[index] = `${own[index] ?? ""}${inside.length === 0 ? "" : `{${inside.join("\n")}}`}`;
    }
    for (const index of preorder) {
      const parent = topology.parentOf(index);
      const mates = parent === undefined ? [index] : topology.children(parent);
      const above = parent === undefined ? "" : `${this.#places[parent] ?? ""}/`;
      this.#places[index] = `${above}${this.#step(index, mates)}`;
    }
  }

  /** A function's place among those of one bridge: virtual functions may be on further buses. */
  #step(index: number, mates: readonly number[]): string {
    const { bdf } = this.#topology.functionAt(index);
    const first = this.#topology.functionAt(mates[0] ?? index).bdf;
    const further = busKeyOf(bdf) - busKeyOf(first);
    return `${further === 0 ? "" : `+${further}:`}${devfnOf(bdf)} `;
  }

  text(index: number): string {
    return this.#texts[index] ?? "";
  }

  place(index: number): string {
    return this.#places[index] ?? "";
  }

  /** What stands on root buses, or where nobody knows: root by root, those first that come first as texts. */
  tops(): readonly number[] {
    const { topology, texts } = { topology: this.#topology, texts: this.#texts };
    const byText = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
    const roots = topology.roots.map(({ functions }) => ({
      functions,
      text: functions.map((index) => `${this.#step(index, [index])}${texts[index] ?? ""}`).join("\n"),
    }));
    const hidden = topology.hiddenTops.toSorted((a, b) => byText(texts[a] ?? "", texts[b] ?? ""));
    return [...roots.sort((a, b) => byText(a.text, b.text)).flatMap(({ functions }) => functions), ...hidden];
  }

  walk(index: number, into: number[]): void {
    for (const each of this.#topology.subtreeOf(index)) into.push(each);
  }
}

/** IOMMU groups by the order in which the tree meets them, `?` where they are hidden. */
function groupsInOrder(topology: Topology, order: readonly number[]): readonly string[] {
  const numbers = new Map<number, number>();
  return order.map((index) => {
    const { iommuGroup } = topology.functionAt(index);
    if (isUnknown(iommuGroup)) return "?";
    if (iommuGroup === null) return "-";
    const number = numbers.get(iommuGroup) ?? numbers.size;
    numbers.set(iommuGroup, number);
    return String(number);
  });
}

const shown = (value: Known<string | number | boolean | null>): string => (isUnknown(value) ? "?" : String(value));

/** What the whole machine has, a text for each thing. */
function machineFacts(machine: Machine, topology: Topology): readonly string[] {
  const { kernel, cpu, iommu, hostBridges, guestOf } = machine;
  const { release, commandLine, modules } = kernel;
  return [
    `kernel ${isUnknown(release) ? "?" : keptRelease(release)}`,
    `command line ${isUnknown(commandLine) ? "?" : keptParameters(commandLine)}`,
    ...CONFIG_SYMBOLS.map((symbol) => `${symbol} ${shown(configSymbol(kernel, symbol))}`),
    ...(modules === undefined
      ? ["modules ?"]
      : Object.entries(modules)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, { version, parameters }]) => `module ${name} ${version} ${JSON.stringify(parameters)}`)),
    `cpu ${shown(cpu.architecture)} ${shown(cpu.vendor)} ${shown(cpu.family)} ${shown(cpu.model)}`,
    // Where there is no vendor, the name says what the processor is.
    ...(cpu.vendor === null ? [`cpu name ${shown(cpu.name)}`] : []),
    `iommu ${shown(iommu.kind)} ${shown(iommu.mode)}`,
    `guest of ${guestOf?.hypervisor ?? "none"}`,
    `host bridges ${isUnknown(hostBridges) ? "?" : hostBridgeTexts(hostBridges)}`,
    `root buses ${topology.roots.length}`,
  ];
}

function hostBridgeTexts(bridges: Exclude<Machine["hostBridges"], { unknown: string }>): string {
  return bridges
    .map(({ numaNode, windows }) => {
      const offsets = isUnknown(windows)
        ? "?"
        : [...new Set(windows.map(({ physStart, busStart }) => (isUnknown(busStart) ? "?" : physStart - busStart)))];
      return `${shown(numaNode)}:${String(offsets)}`;
    })
    .sort()
    .join(" ");
}

/** What a function says by itself, by its record: those of many machines share theirs. */
const ownTexts = new WeakMap<PciFunction, string>();

/** What matters of one function. */
function functionText(machine: Machine, topology: Topology, index: number): string {
  const fn = topology.functionAt(index);
  let own = ownTexts.get(fn);
  if (own === undefined) {
    own = ownText(fn);
    ownTexts.set(fn, own);
  }
  const bits = masksOf(machine);
  const reach = bits.length === 0 || isUnknown(fn.bars) ? "" : reachText(fn.bars, bits);
  return `${own}|${linkText(topology, index)}|${reach}|${groupTypeText(machine, fn)}`;
}

function ownText(fn: PciFunction): string {
  const { command, bars, acs, sriov, resizableBars, capabilities, p2pmem, physicalFunction } = fn;
  return [
    `${shown(fn.vendorId)}:${shown(fn.deviceId)}`,
    isUnknown(fn.vendorId) ? (fn.label ?? "") : "",
    shown(fn.classCode),
    shown(fn.headerType),
    isUnknown(command) ? "?" : command & (PCI_COMMAND_MEMORY | PCI_COMMAND_MASTER),
    isUnknown(bars) ? "?" : barsText(bars),
    isUnknown(fn.express) ? "?" : fn.express === null ? "-" : expressText(fn.express),
    isUnknown(acs)
      ? "?"
      : acs === null
        ? "-"
        : `${acs.capabilityHidden === true ? "?" : acs.capability}/${acs.control}/${acs.uncertain ?? 0}`,
    isUnknown(sriov) ? "?" : sriov === null ? "-" : `${sriov.numVfs}/${sriov.totalVfs}`,
    isUnknown(resizableBars) ? "?" : resizableText(resizableBars),
    isUnknown(capabilities)
      ? "?"
      : capabilities.map(({ space, id }) => (space === "standard" ? id : -id)).sort((a, b) => a - b),
    shown(fn.driver),
    shown(fn.numaNode),
    shown(fn.dmaMaskBits),
    isUnknown(p2pmem) ? "?" : p2pmem === null ? "-" : `${p2pmem.sizeBytes}/${shown(p2pmem.published)}`,
    isUnknown(physicalFunction) ? "?" : physicalFunction === null ? "-" : "VF",
  ].join("|");
}

/** Sets of DMA masks by machine: each function's BARs are held against all of them. */
const masks = new WeakMap<Machine, readonly number[]>();

/** The masks below 64 bits that drivers told, smallest first. */
function masksOf(machine: Machine): readonly number[] {
  const known = masks.get(machine);
  if (known !== undefined) return known;
  const bits = new Set<number>();
  for (const { dmaMaskBits } of machine.functions) {
    if (!isUnknown(dmaMaskBits) && dmaMaskBits < 64) bits.add(dmaMaskBits);
  }
  const sorted = [...bits].sort((a, b) => a - b);
  masks.set(machine, sorted);
  return sorted;
}

/** Sizes and kinds, and whether there is an address. */
function barsText(bars: Exclude<PciFunction["bars"], { unknown: string }>): string {
  let text = "";
  for (const { index, kind, is64Bit, prefetchable, sizeBytes, physAddress, busAddress } of bars) {
    const address = isUnknown(busAddress) ? physAddress : busAddress;
    const at = isUnknown(address) ? "?" : address === null ? "-" : "";
    text += `${index}${kind === "io" ? "i" : "m"}${is64Bit ? "6" : "3"}${prefetchable ? "p" : ""}${shown(sizeBytes)}${at},`;
  }
  return text;
}

/** How many of the machine's DMA masks do not reach each address. */
function reachText(bars: Exclude<PciFunction["bars"], { unknown: string }>, bits: readonly number[]): string {
  let text = "";
  for (const { physAddress, busAddress } of bars) {
    const address = isUnknown(busAddress) ? physAddress : busAddress;
    text += isUnknown(address) || address === null ? "-" : bits.filter((mask) => address >= 2 ** mask).length;
  }
  return text;
}

function expressText(express: PciExpress): string {
  const { maxPayloadBytes, possiblePayloadBytes, maxReadRequestBytes, relaxedOrdering, extendedTags } =
    packetControlOf(express);
  const { type, linkCapable } = express;
  return [
    ...[type, maxPayloadBytes, possiblePayloadBytes, maxReadRequestBytes, relaxedOrdering, extendedTags].map(shown),
    isUnknown(linkCapable) ? "?" : stateText(linkCapable),
  ].join(",");
}

function stateText(state: LinkState | null): string {
  return state === null ? "-" : `x${state.width}@${state.speedGTps}`;
}

/** The link above a function. An idle GPU lowers the speed of its own, which says nothing about the machine. */
function linkText(topology: Topology, index: number): string {
  const link = linkAbove(topology, index);
  if (link === null) {
    const { express } = topology.functionAt(index);
    return !isUnknown(express) && express !== null && isUnknown(express.linkStatus) ? "?" : "-";
  }
  const can = link.bothCan ?? link.belowCan;
  return stateText(link.mayBeIdle && can !== null ? can : link.status);
}

function resizableText(bars: Exclude<PciFunction["resizableBars"], { unknown: string }>): string {
  return bars
    .map(({ barIndex, currentBytes, supportedBytes }) => {
      const can = isUnknown(supportedBytes) ? "?" : supportedBytes.join("/");
      return `${barIndex}:${shown(currentBytes)}:${can}`;
    })
    .join(",");
}

function groupTypeText({ iommu: { groupTypes } }: Machine, { iommuGroup }: PciFunction): string {
  if (isUnknown(groupTypes) || isUnknown(iommuGroup)) return "?";
  return iommuGroup === null ? "-" : (groupTypes.get(iommuGroup) ?? "?");
}
