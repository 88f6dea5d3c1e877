import type { Cpu, Machine } from "../host/machine.ts";
import { devfnOf, formatBdf, makeBdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import { ROOT_BUS_HIDDEN, type Topology } from "../pci/topology.ts";
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
}

type Allowed = "yes" | "no" | { readonly hidden: string };

/** True for the CPUs whose root complex the kernel trusts without looking at the host bridge (`cpu_supports_p2pdma`). */
function cpuAllowed(cpu: Cpu, rules: KernelRules): Allowed {
  if (rules.firstAmdFamily === null) return "no";
  if (!isUnknown(cpu.architecture) && !/^(x86|i[3-6]86|amd64)/.test(cpu.architecture)) return "no";
  if (isUnknown(cpu.vendor)) return { hidden: cpu.vendor.unknown };
  if (cpu.vendor !== "AuthenticAMD") return "no";
  if (isUnknown(cpu.family)) return { hidden: cpu.family.unknown };
  return cpu.family !== null && cpu.family >= rules.firstAmdFamily ? "yes" : "no";
}

/** What the allow-list says of one host bridge: the entry, nothing, or that the source hides it. */
type LookUp = { readonly entry: AllowListEntry } | { readonly reason: Reason } | { readonly hidden: string };

/** As much of a machine as decides what its host bridges do. */
export type HostBridgeFacts = Pick<Machine, "cpu" | "iommu" | "source" | "hostBridges" | "functionsMayBeMissing">;

/**
 * Why a function in front of the first one seen on a root bus may be missing, `undefined` where none can be. A list of
 * `lspci` looks the same whether the bus has no device 0 or a filter took it out, whatever else is in it; a tree draws
 * each root bus on one line with the first device there.
 */
function missingFirst(facts: HostBridgeFacts, rootBus: number): string | undefined {
  const { source, hostBridges, functionsMayBeMissing } = facts;
  if (functionsMayBeMissing !== undefined) return functionsMayBeMissing;
  if ((source.madeOf ?? source.format) !== "lspci") return undefined;
  if (!isUnknown(hostBridges) && hostBridges.some((bridge) => bridge.rootBus === rootBus)) return undefined;
  const device = formatBdf(makeBdf(Math.floor(rootBus / 0x100), rootBus % 0x100, 0, 0));
  return `device ${device} is not in the text, and only a tree shows that there is none: paste the whole output of lspci and that of lspci -t`;
}

function lookUp(topology: Topology, rootIndex: number, rules: KernelRules, facts: HostBridgeFacts): LookUp {
  const root = topology.roots[rootIndex];
  if (root === undefined) return { reason: "host-bridge-unidentified" };
  const [index] = root.functions;
  const first = index === undefined ? undefined : topology.functionAt(index);
  if (first === undefined || devfnOf(first.bdf) !== 0) {
    const hidden = missingFirst(facts, root.rootBus);
    if (hidden !== undefined) return { hidden };
    if (first === undefined) return { reason: "host-bridge-unidentified" };
    if (!rules.rootPortStandsForHostBridge) return { reason: "host-bridge-unidentified" };
    if (isUnknown(first.express)) return { hidden: first.express.unknown };
    const type = first.express?.type ?? null;
    if (type !== null && isUnknown(type)) return { hidden: type.unknown };
    if (type !== "root-port") return { reason: "host-bridge-unidentified" };
  }
  const { vendorId, deviceId } = first;
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
  const byCpu = cpuAllowed(facts.cpu, rules);
  if (byCpu === "yes") return { mapType: THRU_HOST_BRIDGE, reason: "cpu-allowed", hidden: [] };
  if (rules.allowListUnread) return { mapType: THRU_HOST_BRIDGE, reason: "host-bridge-allowed", hidden: [] };
  const bridges = decideAllowList(topology, facts, rules, providerRoot, clientRoot);
  if (byCpu === "no" || bridges.mapType === THRU_HOST_BRIDGE) return bridges;
  return { mapType: UNKNOWN, reason: "cpu-hidden", hidden: [byCpu.hidden, ...bridges.hidden] };
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

/**
 * One outcome for all rule sets that may apply (`candidates`, oldest first): theirs where they agree, else unknown. No candidate
 * at all is a kernel without P2PDMA.
 */
export function mergeOutcomes(outcomes: readonly HostBridgeOutcome[], kernelHidden: string): HostBridgeOutcome {
  const newest = outcomes.at(-1);
  if (newest === undefined) return refused("kernel-too-old");
  if (outcomes.every((outcome) => outcome.mapType === newest.mapType)) return newest;
  return { mapType: UNKNOWN, reason: "kernel-hidden", hidden: [kernelHidden] };
}
