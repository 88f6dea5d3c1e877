import { HARDWARE_DEFAULTS, type HardwareSettings, type RootComplexPolicy } from "../fabric/options.ts";
import type { Machine } from "../host/machine.ts";
import { PCI_ACS_CR, PCI_ACS_EC, PCI_ACS_RR, PCI_ACS_UF } from "../pci/acs.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { isBridge } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { type Directions, directionsIn, type PlatformContext, platformContext } from "../platforms/directions.ts";
import { findPath } from "../rules/path.ts";
import type { SystemChoice, SystemOptions } from "./system-options.ts";

/** What the fabric is told of the platform, and why. */
export interface PlatformChoices extends Pick<HardwareSettings, "rootComplex" | "switchForwarding"> {
  readonly choices: readonly SystemChoice[];
}

/** The fact that tells of a switch which sends everything up to the IOMMU. */
const UPSTREAM_FACT = "qemu-switch-translated";

/**
 * Decides what config space leaves open: by the options, else by the documented facts of the platform, else by what most
 * PCs do.
 *
 * MODEL: one policy for the whole machine; where facts differ from pair to pair, the choice says so.
 */
export function platformChoices(machine: Machine, topology: Topology, options: SystemOptions): PlatformChoices {
  const context = platformContext(machine, topology);
  const { rootComplex, switchForwarding } = options;
  const decided = rootComplex === undefined ? policyByFacts(context) : bySetting(rootComplex);
  const switches = switchForwarding === undefined ? forwardingByFacts(context) : bySetting(switchForwarding);
  return {
    rootComplex: decided.value,
    switchForwarding: switches.value,
    choices: [
      { what: "root-complex", ...decided },
      { what: "switch-forwarding", ...switches },
      ...leftOpenByAcs(machine, options),
    ],
  };
}

/** What ports do where ACS leaves it to them, for machines that have such ports. */
function leftOpenByAcs({ functions }: Machine, options: SystemOptions): readonly SystemChoice[] {
  const choices: SystemChoice[] = [];
  const ports = functions.filter(({ express }) => {
    const type = isUnknown(express) ? null : express?.type;
    return type === "root-port" || type === "downstream-port";
  });
  const withControl = (bits: number): readonly PciFunction[] =>
    functions.filter(({ acs }) => !isUnknown(acs) && acs !== null && (acs.control & bits) !== 0);
  const withoutForwarding = ports.filter(
    ({ acs }) => !isUnknown(acs) && (acs === null || (acs.control & PCI_ACS_UF) === 0),
  );
  if (withControl(PCI_ACS_RR | PCI_ACS_CR).length > 0 && withoutForwarding.length > 0) {
    choices.push({
      what: "upstream-forwarding",
      value: options.withoutUpstreamForwarding ?? HARDWARE_DEFAULTS.withoutUpstreamForwarding,
      why: "for a request from below a port whose target is below it again, while its ACS Upstream Forwarding is off: PCIe 6.0 leaves that open",
    });
  }
  const controlling = withControl(PCI_ACS_EC);
  if (controlling.length > 0 && options.isEgressControlled === undefined) {
    const names = controlling.map(({ bdf }) => formatBdf(bdf)).join(", ");
    choices.push({
      what: "egress-control",
      value: "every peer",
      why: `assumed: no source shows the Egress Control Vector of ${names}`,
    });
  }
  return choices;
}

interface Decided<T extends string> {
  readonly value: T;
  readonly why: string;
}

function bySetting<T extends string>(value: T): Decided<T> {
  return { value, why: "the options say so" };
}

/** Whether each direction arrives, by what is documented of all pairs of a kind; `null`: nothing is, or facts differ. */
interface Documented {
  readonly write: boolean | null;
  readonly read: boolean | null;
}

function policyByFacts(context: PlatformContext): Decided<RootComplexPolicy> {
  const { topology } = context;
  const tops = topTrees(topology);
  const same: Directions[] = [];
  const across: Directions[] = [];
  for (const provider of tops) {
    for (const client of tops) {
      if (provider === client) continue;
      const directions = directionsIn(context, {
        provider: bdfAt(topology, provider),
        client: bdfAt(topology, client),
        meeting: null,
        path: [],
      });
      (topology.root[provider] === topology.root[client] ? same : across).push(directions);
    }
  }
  const all = [...same, ...across];
  const facts = [...new Set(all.flatMap(({ write, read }) => [...write.facts, ...read.facts]))];
  if (facts.length === 0)
    return { value: HARDWARE_DEFAULTS.rootComplex, why: "assumed: nothing is documented of this root complex" };
  const { write, read } = documented(all);
  const [within, between] = [documented(same), documented(across)];
  const isLimited = all.some((each) => each.write.outcome === "limited" || each.read.outcome === "limited");
  const why = `documented: ${facts.join(", ")}${isLimited ? ", with limits that the model does not have" : ""}`;
  if (write === true && read === false) return { value: "writes-only", why };
  // Before `refuse`: where nothing is documented within host bridges, all that is documented fails.
  if (within.write !== false && within.read !== false && between.write === false && between.read === false) {
    return { value: "within-host-bridge", why };
  }
  if (write === false && read === false) return { value: "refuse", why };
  const isWhole = write === true && read === true;
  return { value: "forward", why: isWhole ? why : `${why}; they differ or are incomplete, and the rest is assumed` };
}

function documented(all: readonly Directions[]): Documented {
  const of = (direction: "write" | "read"): boolean | null => {
    const said = new Set(
      all
        .map((each) => each[direction].outcome)
        .filter((outcome) => outcome !== "unknown")
        .map((one) => one !== "fails"),
    );
    return said.size === 1 ? said.has(true) : null;
  };
  return { write: of("write"), read: of("read") };
}

function forwardingByFacts(context: PlatformContext): Decided<HardwareSettings["switchForwarding"]> {
  const { topology } = context;
  for (let port = 0; port < topology.functions.length; port++) {
    const pair = pairBelow(topology, port);
    if (pair === null) continue;
    const [provider, client] = pair;
    const { providerArm, clientArm } = findPath(topology, provider, client);
    const path = [...providerArm, ...[...clientArm].reverse()].map((index) => bdfAt(topology, index));
    const { write } = directionsIn(context, {
      provider: bdfAt(topology, provider),
      client: bdfAt(topology, client),
      meeting: bdfAt(topology, port),
      path,
    });
    if (write.facts.includes(UPSTREAM_FACT)) return { value: "always-upstream", why: `documented: ${UPSTREAM_FACT}` };
  }
  return { value: HARDWARE_DEFAULTS.switchForwarding, why: "PCIe 6.0: a switch routes between its downstream ports" };
}

/** An endpoint in each tree below a root bus, as index: the root complex is between any two of them. */
function topTrees(topology: Topology): readonly number[] {
  return topology.functions.flatMap((_, index) => {
    if (!topology.isOnRootBus(index)) return [];
    const endpoint = endpointBelow(topology, index);
    return endpoint === null ? [] : [endpoint];
  });
}

/** Two endpoints below different ports of a switch, `null` where the function is no upstream port with two. */
function pairBelow(topology: Topology, port: number): readonly [number, number] | null {
  const { express } = topology.functionAt(port);
  if (express === null || isUnknown(express) || express.type !== "upstream-port") return null;
  const endpoints = topology.children(port).flatMap((child) => {
    const endpoint = endpointBelow(topology, child);
    return endpoint === null ? [] : [endpoint];
  });
  const [first, second] = endpoints;
  return first === undefined || second === undefined ? null : [first, second];
}

function endpointBelow(topology: Topology, top: number): number | null {
  return topology.subtreeOf(top).find((index) => !isBridge(topology.functionAt(index))) ?? null;
}

function bdfAt(topology: Topology, index: number): Bdf {
  return topology.functionAt(index).bdf;
}
