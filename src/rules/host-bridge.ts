import type { Machine } from "../host/machine.ts";
import { originOf } from "../host/machine.ts";
import { devfnOf, formatBdf, makeBdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { ROOT_BUS_HIDDEN, type Topology } from "../pci/topology.ts";
import { type InferredCpu, isOtherArchitecture } from "./inferred-cpu.ts";
import type { AllowListEntry, KernelRules } from "./kernels/kernel-rules.ts";
import { NOT_SUPPORTED, THRU_HOST_BRIDGE, UNKNOWN } from "./map-type.ts";
import type { Reason } from "./verdict.ts";

/** What happens to a path that goes through the host bridge(s). */
export interface HostBridgeOutcome {
  /** One of the bytes of `map-type.ts`. */
  readonly mapType: number;
  readonly reason: Reason;
  /** Why it is unknown, in the words of the source. */
  readonly hidden: readonly string[];
  /** Where the CPU is hidden: the map type on one that the kernel does not trust for itself. */
  readonly otherwise?: number;
}

type Allowed = "yes" | "no" | { readonly hidden: string };

/** True for the CPUs whose root complex the kernel trusts without looking at the host bridge (`cpu_supports_p2pdma`). */
function cpuAllowed({ cpu, inferredCpu }: HostBridgeFacts, rules: KernelRules): Allowed {
  const first = rules.firstAmdFamily;
  if (first === null || isOtherArchitecture(cpu)) return "no";
  if (inferredCpu !== null) {
    const { families } = inferredCpu.make;
    if (families === null || families[1] < first) return "no";
    if (families[0] >= first) return "yes";
  }
  if (isUnknown(cpu.vendor)) return { hidden: cpu.vendor.unknown };
  if (cpu.vendor !== "AuthenticAMD") return "no";
  if (isUnknown(cpu.family)) return { hidden: cpu.family.unknown };
  return cpu.family !== null && cpu.family >= first ? "yes" : "no";
}

/** What the allow-list says of one host bridge: the entry, nothing, or that the source hides it. */
type LookUp = { readonly entry: AllowListEntry } | { readonly reason: Reason } | { readonly hidden: string };

/** As much of a machine as decides what its host bridges do. */
export type HostBridgeFacts = Pick<Machine, "cpu" | "iommu" | "source" | "hostBridges" | "functionsMayBeMissing"> & {
  /** What the machine's functions say of a CPU that its source does not name. */
  readonly inferredCpu: InferredCpu | null;
};

/**
 * Why a function in front of the first one seen on a root bus may be missing, `undefined` where none can be. A list of
 * `lspci` looks the same whether the bus has no device 0 or a filter took it out, whatever else is in it; a tree draws
 * each root bus on one line with the first device there.
 */
function missingFirst(facts: HostBridgeFacts, rootBus: number): string | undefined {
  const { source, hostBridges, functionsMayBeMissing } = facts;
  if (functionsMayBeMissing !== undefined) return functionsMayBeMissing;
  if (originOf({ source }) !== "lspci") return undefined;
  if (!isUnknown(hostBridges) && hostBridges.some((bridge) => bridge.rootBus === rootBus)) return undefined;
  const device = formatBdf(makeBdf(Math.floor(rootBus / 0x100), rootBus % 0x100, 0, 0));
  return `device ${device} is not in the text, and only a tree shows that there is none: use sudo lspci -vvvnn; lspci -t`;
}

function lookUp(topology: Topology, rootIndex: number, rules: KernelRules, facts: HostBridgeFacts): LookUp {
  const root = entryAt(topology.roots, rootIndex);
  const [index] = root.functions;
  const first = index === undefined ? undefined : topology.functionAt(index);
  if (first !== undefined && devfnOf(first.bdf) === 0) return lookUpFunction(first, rules);
  const hidden = missingFirst(facts, root.rootBus);
  if (hidden !== undefined) return { hidden };
  if (first === undefined || !rules.rootPortStandsForHostBridge) return { reason: "host-bridge-unidentified" };
  const isPort = isRootPort(first);
  if (isPort === false) return { reason: "host-bridge-unidentified" };
  const found = lookUpFunction(first, rules);
  // Whether it is a root port or not, what is not listed is refused.
  return isUnknown(isPort) && !("reason" in found) ? { hidden: isPort.unknown } : found;
}

function isRootPort({ express }: PciFunction): Known<boolean> {
  if (isUnknown(express) || express === null) return express ?? false;
  return isUnknown(express.type) ? express.type : express.type === "root-port";
}

/** Of ids that share one name, what holds for all of them; where they differ, the source hides it. */
function lookUpFunction({ vendorId, deviceId, idsAmong = [] }: PciFunction, rules: KernelRules): LookUp {
  const [first, ...others] = idsAmong.map((ids) => lookUpIds(ids.vendorId, ids.deviceId, rules));
  if (first !== undefined && others.every((other) => isSameLookUp(first, other))) return first;
  return lookUpIds(vendorId, deviceId, rules);
}

function isSameLookUp(a: LookUp, b: LookUp): boolean {
  if ("entry" in a) return "entry" in b && a.entry.sameHostBridgeOnly === b.entry.sameHostBridgeOnly;
  return "reason" in a && "reason" in b;
}

function lookUpIds(vendorId: Known<number>, deviceId: Known<number>, rules: KernelRules): LookUp {
  if (isUnknown(vendorId)) return { hidden: vendorId.unknown };
  const ofVendor = rules.allowList.filter((entry) => entry.vendorId === vendorId);
  const anyDevice = ofVendor.find((entry) => entry.deviceId === "any");
  if (anyDevice !== undefined) return { entry: anyDevice };
  if (ofVendor.length === 0) return { reason: "host-bridge-not-allowed" };
  if (isUnknown(deviceId)) return { hidden: deviceId.unknown };
  const entry = ofVendor.find((candidate) => candidate.deviceId === deviceId);
  return entry === undefined ? { reason: "host-bridge-not-allowed" } : { entry };
}

function refused(reason: Reason): HostBridgeOutcome {
  return { mapType: NOT_SUPPORTED, reason, hidden: [] };
}

/**
 * Decides a path through the host bridges of root buses `providerRoot` and `clientRoot` (indices into
 * `topology.roots`, `ROOT_BUS_HIDDEN` where the source hides it), after `host_bridge_whitelist`, Linux 7.2.
 */
export function decideHostBridge(
  topology: Topology,
  facts: HostBridgeFacts,
  rules: KernelRules,
  providerRoot: number,
  clientRoot: number,
): HostBridgeOutcome {
  const open = decideOpen(topology, facts, rules, providerRoot, clientRoot);
  const { mode } = facts.iommu;
  if (!rules.iommuClosesHostBridge || mode === "off" || open.mapType === NOT_SUPPORTED) return open;
  if (!isUnknown(mode)) return refused("iommu-closes-host-bridge");
  return { mapType: UNKNOWN, reason: "host-bridge-hidden", hidden: [`whether an IOMMU is in use: ${mode.unknown}`] };
}

/** What {@link decideHostBridge} says where no IOMMU closes the way (5.2 and 5.3 ask `iommu_present`). */
function decideOpen(
  topology: Topology,
  facts: HostBridgeFacts,
  rules: KernelRules,
  providerRoot: number,
  clientRoot: number,
): HostBridgeOutcome {
  if (rules.allowList.length === 0 && rules.firstAmdFamily === null) return refused("no-common-upstream-bridge");
  const byCpu = cpuAllowed(facts, rules);
  if (byCpu === "yes") return { mapType: THRU_HOST_BRIDGE, reason: "cpu-allowed", hidden: [] };
  if (rules.allowListUnread) return { mapType: THRU_HOST_BRIDGE, reason: "host-bridge-allowed", hidden: [] };
  const bridges = decideAllowList(topology, facts, rules, providerRoot, clientRoot);
  if (byCpu === "no" || bridges.mapType === THRU_HOST_BRIDGE) return bridges;
  const hidden = [byCpu.hidden, ...bridges.hidden];
  return { mapType: UNKNOWN, reason: "cpu-hidden", hidden, otherwise: bridges.mapType };
}

function decideAllowList(
  topology: Topology,
  facts: HostBridgeFacts,
  rules: KernelRules,
  providerRoot: number,
  clientRoot: number,
): HostBridgeOutcome {
  if (providerRoot === ROOT_BUS_HIDDEN || clientRoot === ROOT_BUS_HIDDEN) {
    return { mapType: UNKNOWN, reason: "host-bridge-hidden", hidden: ["the source does not show the host bridge"] };
  }
  const same = providerRoot === clientRoot;
  const lookUps = (same ? [providerRoot] : [providerRoot, clientRoot]).map((root) =>
    lookUp(topology, root, rules, facts),
  );
  // One refusal decides, whatever the other bridge turns out to be.
  for (const found of lookUps) {
    if ("reason" in found) return refused(found.reason);
    if ("entry" in found && found.entry.sameHostBridgeOnly && !same) return refused("host-bridge-same-only");
  }
  const hidden = lookUps.flatMap((found) => ("hidden" in found ? [found.hidden] : []));
  if (hidden.length > 0) return { mapType: UNKNOWN, reason: "host-bridge-hidden", hidden };
  return { mapType: THRU_HOST_BRIDGE, reason: "host-bridge-allowed", hidden: [] };
}
