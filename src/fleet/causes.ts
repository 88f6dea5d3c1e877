import type { FunctionChange, FunctionFact } from "../advice/difference/function-facts.ts";
import type { MachineFact } from "../advice/difference/machine-facts.ts";
import { compareMachines, type MachineDifference } from "../advice/difference/machines.ts";
import { matchDevices } from "../advice/difference/match-devices.ts";
import type { Matching } from "../advice/difference/matching.ts";
import { deviceKey, type SameFunction } from "../advice/difference/moves.ts";
import { type Machine, topologyOf } from "../host/machine.ts";
import { redact } from "../host/redaction/redact.ts";
import { ACS_REDIRECT_BITS } from "../pci/acs.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { packetControlOf } from "../pci/packet-control.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";
import { valueText } from "../report/difference-lines.ts";
import type { FleetCauseJson } from "../report/json-types.ts";
import { linkAbove } from "../summary/links.ts";
import { hiddenParts } from "./hidden.ts";
import { Names } from "./names.ts";
import { portsPlace } from "./ports-place.ts";

/** What makes one machine another than those that it should be like. */
export type CauseKind = FleetCauseJson["kind"];

/** One cause, in words. Devices are named by kind and number, as all verbs take them (`gpu:3`). */
export interface Cause {
  readonly kind: CauseKind;
  readonly text: string;
}

/**
 * What is other about `machine` than about `reference`, the smallest list that says it all: what follows from a cause, as
 * the link of a port whose device is gone, is no cause of its own. Other bus numbers are told where nothing else differs.
 */
export function causesOf(reference: Machine, machine: Machine): readonly Cause[] {
  const [before, after] = [redact(reference), redact(machine)];
  const [old, now] = [topologyOf(before), topologyOf(after)];
  const matching = matchDevices(old, now);
  const difference = compareMachines(old, now, [before, after], matching);
  const both = now.functions.length - difference.added.length - difference.replaced.length;
  const most = Math.max(old.functions.length, now.functions.length);
  if (both * 2 < most) {
    return [{ kind: "another-kind", text: `another kind of machine: of ${most} functions ${both} are in both` }];
  }
  const teller = new Teller(matching, difference, before, after);
  return teller.causes();
}

const MACHINE_CAUSES: readonly (readonly [MachineFact, CauseKind, string])[] = [
  ["kernel", "kernel", "kernel"],
  ["cpu", "cpu", "CPU"],
  ["cpu-name", "cpu", "CPU"],
  ["architecture", "cpu", "architecture"],
  ["virtual-machine", "virtual-machine", "virtual machine"],
  ["config", "configuration", "kernel configuration"],
  ["modules", "modules", "modules"],
  ["command-line", "command-line", "kernel parameters"],
  ["bus-offset", "bus-offset", "addresses of a host bridge"],
  ["host-bridge-numa-node", "numa-node", "NUMA node of a host bridge"],
];

/** Facts of functions that are told by their values. */
const PLAIN: readonly (readonly [FunctionFact, CauseKind, string])[] = [
  ["driver", "driver", "driver"],
  ["dma-mask", "dma-mask", "DMA mask"],
  ["numa-node", "numa-node", "NUMA node"],
  ["decode", "decode", "memory decode"],
  ["bus-master", "decode", "bus master"],
  ["p2pmem", "peer-memory", "peer memory"],
  ["published", "peer-memory", "peer memory published"],
  ["class", "other", "class"],
  ["header", "other", "header"],
  ["port-type", "other", "port type"],
  ["link-capable", "other", "link that it could have"],
];

/** What comes with another driver, or none. */
const WITH_DRIVER: ReadonlySet<FunctionFact> = new Set([
  ...(["dma-mask", "decode", "bus-master", "p2pmem", "published", "sriov"] as const),
]);

class Teller {
  readonly #matching: Matching;
  readonly #difference: MachineDifference;
  readonly #before: Machine;
  readonly #after: Machine;
  readonly #causes: Cause[] = [];
  readonly #names: Names;
  readonly #oldNames: Names;
  /** Functions that have another driver, and those that sit elsewhere, with all that is below them. */
  readonly #otherDriver: ReadonlySet<Bdf>;
  readonly #elsewhere = new Set<Bdf>();

  constructor(matching: Matching, difference: MachineDifference, before: Machine, after: Machine) {
    this.#matching = matching;
    this.#difference = difference;
    this.#before = before;
    this.#after = after;
    this.#names = new Names(matching.after);
    this.#oldNames = new Names(matching.before);
    this.#otherDriver = new Set(difference.functions.filter(({ what }) => what === "driver").map(({ bdf }) => bdf));
    for (const { after: bdf } of [...difference.moved, ...difference.swapped.flat()]) {
      const { after: topology } = matching;
      for (const index of topology.subtreeOf(topology.indexOf(bdf))) {
        this.#elsewhere.add(topology.functionAt(index).bdf);
      }
    }
  }

  causes(): readonly Cause[] {
    this.#places();
    this.#links();
    this.#redirects();
    this.#machine();
    this.#bars();
    this.#packets();
    for (const [what, kind, word] of PLAIN) this.#plain(what, kind, word);
    this.#virtual();
    this.#capabilities();
    this.#sources();
    this.#groups();
    if (this.#causes.length === 0) this.#numbers();
    return this.#causes;
  }

  #add(kind: CauseKind, text: string): void {
    this.#causes.push({ kind, text });
  }

  #of(what: FunctionFact): readonly FunctionChange[] {
    return this.#difference.functions.filter((change) => change.what === what);
  }

  /** What came, went, moved or is another device. */
  #places(): void {
    const { added, removed, replaced, moved, swapped } = this.#difference;
    const told = (functions: readonly Bdf[], topology: Topology): readonly Bdf[] =>
      functions.filter((bdf) => physicalOf(topology.functionOf(bdf)) === undefined);
    const gone = told(removed, this.#matching.before);
    const come = told(added, this.#matching.after);
    if (gone.length > 0) this.#add("missing-device", `${this.#oldNames.all(gone)} missing`);
    if (come.length > 0) this.#add("added-device", `${this.#names.all(come)} more`);
    for (const [first] of byDevice(replaced)) {
      if (first === undefined) continue;
      const [was, is] = [idsOf(this.#matching.before, first.before), idsOf(this.#matching.after, first.after)];
      this.#add("other-device", `${is} in place of ${was} at ${this.#names.of(first.after)}`);
    }
    for (const [change, at] of alikeOf(this.#of("ids"))) {
      this.#add(
        "other-device",
        `${valueText(change.after)} in place of ${valueText(change.before)} at ${this.#names.all(at)}`,
      );
    }
    for (const [first] of byDevice(moved)) {
      if (first === undefined) continue;
      const [from, to] = [slotText(first.before, this.#matching.before), slotText(first.after, this.#matching.after)];
      const way = from === to ? "in another slot" : `${to} instead of ${from}`;
      this.#add("other-slot", `${this.#oldNames.of(first.before)} ${way}`);
    }
    for (const [one, other] of swapped) {
      this.#add(
        "other-slot",
        `${this.#oldNames.of(one.before)} and ${this.#oldNames.of(other.before)} in each other's slot`,
      );
    }
  }

  /** Links by their lower ends. */
  #links(): void {
    const { before, after } = this.#matching;
    const alike = new Map<string, { readonly kind: CauseKind; readonly at: Bdf[] }>();
    for (const { bdf } of this.#of("link")) {
      const earlier = this.#matching.earlierOf(bdf);
      const now = linkAbove(after, after.indexOf(bdf));
      const old = earlier === undefined ? null : linkAbove(before, before.indexOf(earlier));
      if (now === null || old === null) continue;
      const isNarrow = now.status.width !== old.status.width;
      // An idle GPU lowers the speed of its own link.
      const isFast = now.mayBeIdle || old.mayBeIdle || now.status.speedGTps === old.status.speedGTps;
      if (!isNarrow && isFast) continue;
      const state = ({ width, speedGTps }: typeof now.status): string =>
        [...(isNarrow ? [`x${width}`] : []), ...(isFast ? [] : [`${speedGTps} GT/s`])].join(" ");
      const text = `at ${state(now.status)} instead of ${state(old.status)}`;
      const kind = isNarrow ? "link-width" : "link-speed";
      const group = alike.get(text) ?? { kind, at: [] };
      alike.set(text, group);
      group.at.push(bdf);
    }
    for (const [text, { kind, at }] of alike) this.#add(kind, `${this.#names.all(at)} ${text}`);
  }

  #redirects(): void {
    const { after, before } = this.#matching;
    const alike = new Map<string, Bdf[]>();
    const note = (text: string, bdf: Bdf): void => {
      const list = alike.get(text) ?? [];
      alike.set(text, list);
      list.push(bdf);
    };
    for (const { bdf } of this.#of("acs")) {
      const [old, now] = [before.find(this.#matching.earlierOf(bdf) ?? bdf)?.acs, after.functionOf(bdf).acs];
      const did = redirecting(old);
      const does = redirecting(now);
      note(did === does ? "other ACS bits" : does ? "redirect on" : "redirect off", bdf);
    }
    for (const [text, ports] of alike) {
      this.#add(text === "other ACS bits" ? "acs" : "acs-redirect", `${text} ${portsPlace(after, ports, this.#names)}`);
    }
    const capability = this.#of("acs-capability").filter(({ bdf }) => ![...alike.values()].flat().includes(bdf));
    if (capability.length > 0) {
      const ports = capability.map(({ bdf }) => bdf);
      this.#add("acs", `another ACS capability ${portsPlace(after, ports, this.#names)}`);
    }
  }

  #machine(): void {
    const { facts } = this.#difference;
    const mode = facts.find(({ what }) => what === "iommu-mode") ?? facts.find(({ what }) => what === "iommu-kind");
    if (mode !== undefined) this.#add("iommu", `IOMMU ${valueText(mode.after)} instead of ${valueText(mode.before)}`);
    else {
      const types = this.#of("group-type").filter(({ bdf }) => !this.#elsewhere.has(bdf));
      for (const [change, at] of alikeOf(types)) {
        this.#add(
          "iommu",
          `IOMMU domain ${valueText(change.after)} instead of ${valueText(change.before)} of ${this.#names.all(at)}`,
        );
      }
    }
    const isOtherKernel = facts.some(({ what }) => what === "kernel");
    const told = new Set<string>();
    for (const [what, kind, word] of MACHINE_CAUSES) {
      // A kernel comes with its configuration.
      if (what === "config" && isOtherKernel) continue;
      for (const { before, after } of facts.filter((fact) => fact.what === what)) {
        const text = `${word} ${valueText(after)} instead of ${valueText(before)}`;
        if (told.has(text)) continue;
        told.add(text);
        this.#add(kind, text);
      }
    }
  }

  #bars(): void {
    for (const [change, at] of alikeOf(this.#of("bars"))) {
      const supported = this.#of("resizable-bars").some(({ bdf }) => at.includes(bdf));
      const why = supported ? " (Resizable BAR)" : "";
      const text = `${valueText(change.after)} instead of ${valueText(change.before)}`;
      this.#add("bar-size", `${this.#names.all(at)}: ${text}${why}`);
    }
    const sized = new Set(this.#of("bars").map(({ bdf }) => bdf));
    for (const [change, at] of alikeOf(this.#of("resizable-bars").filter(({ bdf }) => !sized.has(bdf)))) {
      this.#add(
        "bar-size",
        `${this.#names.all(at)}: ${valueText(change.after)} instead of ${valueText(change.before)}`,
      );
    }
    const assigned = this.#of("bar-addresses").filter(
      ({ before, after }) => withoutAddress(before) !== withoutAddress(after),
    );
    if (assigned.length > 0) {
      const at = assigned.map(({ bdf }) => bdf);
      const lost = assigned.every(({ after }) => withoutAddress(after));
      this.#add("bar-address", `${this.#names.all(at)}: a BAR ${lost ? "without" : "with"} an address`);
    }
  }

  /** What Device Control sets. */
  #packets(): void {
    const { after, before } = this.#matching;
    const alike = new Map<string, { readonly kind: CauseKind; readonly at: Bdf[] }>();
    for (const { bdf } of this.#of("express")) {
      const old = before.find(this.#matching.earlierOf(bdf) ?? bdf)?.express;
      const now = after.functionOf(bdf).express;
      if (old === undefined || old === null || isUnknown(old) || now === null || isUnknown(now)) continue;
      const [was, is] = [packetControlOf(old), packetControlOf(now)];
      for (const [kind, word, key] of PACKET_WORDS) {
        const [a, b] = [was[key], is[key]];
        if (isUnknown(a) || isUnknown(b) || a === b) continue;
        const text = `${word} ${told(b)} instead of ${told(a)}`;
        const group = alike.get(text) ?? { kind, at: [] };
        alike.set(text, group);
        group.at.push(bdf);
      }
    }
    for (const [text, { kind, at }] of alike) this.#add(kind, `${this.#names.all(at)}: ${text}`);
  }

  #plain(what: FunctionFact, kind: CauseKind, word: string): void {
    const own = this.#of(what).filter(
      ({ bdf }) =>
        !(WITH_DRIVER.has(what) && this.#otherDriver.has(bdf)) && !(what === "numa-node" && this.#elsewhere.has(bdf)),
    );
    for (const [change, at] of alikeOf(own)) {
      const text = `${word} ${valueText(change.after)} instead of ${valueText(change.before)}`;
      this.#add(kind, `${this.#names.all(at)}: ${text}`);
    }
  }

  #virtual(): void {
    for (const [change, at] of alikeOf(this.#of("sriov").filter(({ bdf }) => !this.#otherDriver.has(bdf)))) {
      this.#add(
        "virtual-functions",
        `${this.#names.all(at)}: ${valueText(change.after)} instead of ${valueText(change.before)}`,
      );
    }
  }

  #capabilities(): void {
    const { after, before } = this.#matching;
    const at = this.#of("capabilities")
      .map(({ bdf }) => bdf)
      .filter((bdf) => {
        const old = before.find(this.#matching.earlierOf(bdf) ?? bdf);
        return old !== undefined && capabilitySet(old) !== capabilitySet(after.functionOf(bdf));
      });
    if (at.length > 0) this.#add("capabilities", `${this.#names.all(at)}: other capabilities`);
  }

  /** A source that shows less is not another machine, and cannot be told to be the same. */
  #sources(): void {
    const [old, now] = [hiddenParts(this.#before), hiddenParts(this.#after)];
    const less = [...now].filter((part) => !old.has(part));
    const more = [...old].filter((part) => !now.has(part));
    if (less.length > 0) this.#add("source", `the source does not show ${less.join(", ")}`);
    if (more.length > 0) this.#add("source", `the source shows ${more.join(", ")}, which the others' do not`);
  }

  /** Groups follow from places, ACS, the IOMMU and the kernel: they are told where none of these differs. */
  #groups(): void {
    if (this.#causes.length > 0) return;
    const changed = this.#difference.groups.filter(({ predicted, isHidden }) => predicted === undefined && !isHidden);
    if (changed.length === 0) return;
    const sets = changed.reduce((sum, { after }) => sum + after.length, 0);
    const was = changed.reduce((sum, { before }) => sum + before.length, 0);
    this.#add("iommu-groups", `IOMMU groups: ${was} are ${sets}`);
  }

  #numbers(): void {
    const { renumbered } = this.#difference;
    if (renumbered.length > 0) this.#add("bus-numbers", `other bus numbers of ${renumbered.length} functions`);
    else this.#add("other", "something that the comparison has no words for");
  }
}

const PACKET_WORDS = [
  ["max-payload", "MaxPayload", "maxPayloadBytes"],
  ["max-payload", "MaxPayload that it could have", "possiblePayloadBytes"],
  ["read-request", "MaxReadReq", "maxReadRequestBytes"],
  ["packets", "Relaxed Ordering", "relaxedOrdering"],
  ["packets", "Extended Tags", "extendedTags"],
] as const satisfies readonly (readonly [CauseKind, string, keyof ReturnType<typeof packetControlOf>])[];

function told(value: number | boolean): string {
  return typeof value === "boolean" ? (value ? "on" : "off") : String(value);
}

function byDevice<T extends SameFunction>(functions: readonly T[]): readonly (readonly T[])[] {
  const devices = new Map<string, T[]>();
  for (const one of functions) {
    const key = deviceKey(one);
    const device = devices.get(key) ?? [];
    devices.set(key, device);
    device.push(one);
  }
  return [...devices.values()];
}

function idsOf(topology: Topology, bdf: Bdf): string {
  const { vendorId, deviceId } = topology.functionOf(bdf);
  const hex = (value: Known<number>): string => (isUnknown(value) ? "?" : value.toString(16).padStart(4, "0"));
  return `${hex(vendorId)}:${hex(deviceId)}`;
}

/** Below which port a function sits, by the port's address. */
function slotText(bdf: Bdf, topology: Topology): string {
  const above = topology.bridgeAbove(bdf);
  return above === undefined ? `at ${formatBdf(bdf)}` : `below ${formatBdf(above.bdf)}`;
}

/** Changes that say the same of several functions. */
function alikeOf(changes: readonly FunctionChange[]): readonly (readonly [FunctionChange, readonly Bdf[]])[] {
  const groups = new Map<string, [FunctionChange, Bdf[]]>();
  for (const change of changes) {
    const key = `${valueText(change.before)}\n${valueText(change.after)}`;
    const group = groups.get(key) ?? [change, []];
    groups.set(key, group);
    group[1].push(change.bdf);
  }
  return [...groups.values()];
}

function withoutAddress(value: Known<string | null>): boolean {
  return typeof value === "string" && value.includes("without an address");
}

function redirecting(acs: PciFunction["acs"] | undefined): boolean {
  return acs !== undefined && acs !== null && !isUnknown(acs) && (acs.control & ACS_REDIRECT_BITS) !== 0;
}

function capabilitySet({ capabilities }: PciFunction): string {
  if (isUnknown(capabilities)) return "?";
  return capabilities
    .map(({ space, id }) => `${space}${id}`)
    .sort()
    .join();
}
