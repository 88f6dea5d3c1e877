import { PCI_ACS_CR, PCI_ACS_EC, PCI_ACS_RR } from "../pci/acs.ts";
import { formatBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { PairPath } from "../rules/verdict.ts";
import type { FactPath } from "./fact.ts";

/** A way that peer traffic takes, or why no documented fact can be about it. */
export type Way = Exclude<FactPath, "any-through-root-complex"> | { readonly none: string };

/** The way of each direction; unknown where the source hides what decides. */
export interface Ways {
  readonly write: Known<Way>;
  readonly read: Known<Way>;
}

const hostBridgeHidden = unknown("the source does not show the host bridge");
const portsHidden = unknown("the source does not show what is above the switch");

function both(way: Known<Way>): Ways {
  return { write: way, read: way };
}

/**
 * The way of a peer write (a request of the client) and of a peer read (a request of the client and a completion of the
 * provider), from the hardware description: which ACS bits send which of them up, PCIe 6.0 sec 6.12.3. The kernel counts
 * any of these bits anywhere on the path as a redirect; hardware asks each port for its own.
 */
export function waysOf(topology: Topology, pair: PairPath): Ways {
  if (pair.provider === pair.client) return both({ none: "provider and client are one function" });
  const [provider, client] = [topology.indexOf(pair.provider), topology.indexOf(pair.client)];
  if (pair.meeting === null) return both(throughRootComplex(topology, provider, client));
  return belowSwitch(topology, pair.path, pair.path.indexOf(pair.meeting), provider, client);
}

function throughRootComplex(topology: Topology, provider: number, client: number): Known<Way> {
  const ofProvider = topology.rootOf(provider);
  const ofClient = topology.rootOf(client);
  if (ofProvider === undefined || ofClient === undefined) return hostBridgeHidden;
  return ofProvider === ofClient ? "same-host-bridge" : "across-host-bridges";
}

/** The way of a pair whose requests no bridge below the root complex claims, whatever the switches on it do. */
export function waysUp(topology: Topology, pair: PairPath): Ways {
  if (pair.provider === pair.client) return waysOf(topology, pair);
  return both(throughRootComplex(topology, topology.indexOf(pair.provider), topology.indexOf(pair.client)));
}

/** `position` is that of the meeting point in `path`. */
function belowSwitch(
  topology: Topology,
  path: PairPath["path"],
  position: number,
  provider: number,
  client: number,
): Ways {
  const [providerSide, meeting, clientSide] = [position - 1, position, position + 1].map((at) => {
    const bdf = path[at];
    return bdf === undefined ? undefined : topology.find(bdf);
  });
  if (providerSide === undefined || meeting === undefined || clientSide === undefined) {
    return both({ none: "one of the two is above the other" });
  }
  const isSwitch = isUpstreamPort(meeting);
  if (isUnknown(isSwitch)) return both(isSwitch);
  if (!isSwitch) return both({ none: `they meet at ${formatBdf(meeting.bdf)}, which is no switch` });

  const requestsUp = sendsUp(clientSide, PCI_ACS_RR);
  const completionsUp = sendsUp(providerSide, PCI_ACS_CR);
  const up = (): Known<Way> => upAndDown(topology, meeting, provider, client);
  return { write: choose(requestsUp, up), read: wayOfRead(requestsUp, completionsUp, up) };
}

function isUpstreamPort({ express }: PciFunction): Known<boolean> {
  if (isUnknown(express)) return express;
  if (express === null) return false;
  return isUnknown(express.type) ? express.type : express.type === "upstream-port";
}

/** Whether a port's ACS sends what `bit` stands for up to the root complex. */
function sendsUp({ bdf, acs }: PciFunction, bit: number): Known<boolean> {
  if (isUnknown(acs)) return acs;
  if (acs === null) return false;
  const uncertain = acs.uncertain ?? 0;
  if ((uncertain & (bit | PCI_ACS_EC)) !== 0) return unknown(`the ACS control of ${formatBdf(bdf)} is not sure`);
  if ((acs.control & PCI_ACS_EC) !== 0) return unknown(`${formatBdf(bdf)} decides by its Egress Control Vector`);
  return (acs.control & bit) !== 0;
}

function choose(goesUp: Known<boolean>, up: () => Known<Way>): Known<Way> {
  if (isUnknown(goesUp)) return goesUp;
  return goesUp ? up() : "within-switch";
}

function wayOfRead(requestsUp: Known<boolean>, completionsUp: Known<boolean>, up: () => Known<Way>): Known<Way> {
  if (isUnknown(requestsUp)) return requestsUp;
  if (isUnknown(completionsUp)) return completionsUp;
  if (requestsUp === completionsUp) return choose(requestsUp, up);
  return { none: `ACS redirects ${requestsUp ? "requests and not completions" : "completions and not requests"}` };
}

/** What goes up from a switch comes back down at the root port, unless another switch is between. */
function upAndDown(topology: Topology, meeting: PciFunction, provider: number, client: number): Known<Way> {
  const above = topology.parentOf(topology.indexOf(meeting.bdf));
  if (above === undefined) return portsHidden;
  if (topology.parentOf(above) !== undefined) return { none: "ACS redirects it inside of nested switches" };
  return topology.isOnRootBus(above) ? throughRootComplex(topology, provider, client) : portsHidden;
}
