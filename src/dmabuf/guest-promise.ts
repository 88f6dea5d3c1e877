import { type Device, resolveDevice } from "../host/select.ts";
import { formatAddress, type Iova } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../pci/known.ts";
import { ROOT_BUS_HIDDEN } from "../pci/topology.ts";
import { DocumentedPairs } from "../platforms/documented-pairs.ts";
import { mergeOutcomes } from "../rules/by-release.ts";
import { decideHostBridge } from "../rules/host-bridge.ts";
import { inferCpu } from "../rules/inferred-cpu.ts";
import { THRU_HOST_BRIDGE } from "../rules/map-type.ts";
import type { Verdict } from "../rules/verdict.ts";
import { decideAll, type VerdictTable } from "../rules/verdict-table.ts";
import { claimedOnTheWay } from "./claimed.ts";
import type { GuestView } from "./guest-view.ts";

/** What a guest can know by itself of peer-to-peer between its devices: nothing. */
export const INSIDE_A_GUEST: Unknown = unknown(
  "a guest sees the tree that its VMM made up: neither the switches nor the ACS nor the host bridge that peer traffic meets",
);

/** How the VMM has the provider's BAR in the guest's memory map. */
export interface GuestBar {
  /** Guest-physical address, which is what the client puts into its TLPs. */
  readonly address: Iova;
  readonly sizeBytes: number;
  /** Whether the BAR is in the IOMMU domain of the client (`GuestMemoryMap.mapBuffer`), now and not revoked. */
  readonly isMapped: boolean;
}

/** What may be said of a pair of a guest's devices, by somebody who sees the host. */
export interface GuestPromise {
  /** What the guest's kernel decides from the tree that it sees. */
  readonly guestVerdict: Verdict;
  /** What the host's kernel would decide between the same two functions. */
  readonly hostVerdict: Verdict;
  /** Whether the client reaches the provider's BAR at its guest-physical address. */
  readonly reaches: Known<boolean>;
  /** Why, in a sentence. */
  readonly why: string;
}

/**
 * What may be promised of peer-to-peer inside a guest: `client` gets the guest-physical address of `provider`'s BAR from
 * its guest, the request climbs to the IOMMU unless a real port on the way claims that address, is translated if the VMM
 * mapped the BAR, and goes down again if the root complex forwards. Both are addresses in the host; throws
 * `unknown-device` where one is not assigned.
 */
export function guestPromise(view: GuestView, from: Device, to: Device, bar: GuestBar): GuestPromise {
  const [provider, client] = [resolveDevice(view.host, from), resolveDevice(view.host, to)];
  const guest = { provider: guestOf(view, provider), client: guestOf(view, client) };
  const guestVerdict = decideAll(view.machine, { providers: [guest.provider], clients: [guest.client] }).at(0, 0);
  const table = decideAll(view.host, { providers: [provider], clients: [client] });
  const hostVerdict = table.at(0, 0);
  const { reaches, why } = judge(view, table, hostVerdict, bar);
  return { guestVerdict, hostVerdict, reaches, why };
}

function guestOf({ guestOf: slots }: GuestView, bdf: Bdf): Bdf {
  const slot = slots.get(bdf);
  if (slot !== undefined) return slot;
  throw new PeerlaneError("unknown-device", `${formatBdf(bdf)} is not assigned to this guest`);
}

interface Judgement {
  readonly reaches: Known<boolean>;
  readonly why: string;
}

function no(why: string): Judgement {
  return { reaches: false, why };
}

function hidden(why: string): Judgement {
  return { reaches: unknown(why), why };
}

function judge({ host }: GuestView, table: VerdictTable, verdict: Verdict, bar: GuestBar): Judgement {
  const { kind } = host.iommu;
  if (kind === "none") return no("the host has no IOMMU in use: VFIO assigns no device safely");
  if (isUnknown(kind)) return hidden(kind.unknown);
  const { topology } = table;
  const claimed = claimedOnTheWay(topology, topology.indexOf(verdict.client), {
    start: bar.address,
    sizeBytes: bar.sizeBytes,
  });
  if (isUnknown(claimed)) return hidden(claimed.unknown);
  if (claimed !== null) {
    const port = formatBdf(topology.functionAt(claimed).bdf);
    return no(
      `${port} claims guest-physical ${formatAddress(bar.address)} before the IOMMU sees it: the request goes astray`,
    );
  }
  if (!bar.isMapped) return no("the VMM did not map the BAR into the client's domain: the IOMMU faults the request");
  return downAgain(table, verdict);
}

/** Whether the root complex sends a translated request down to the provider. */
function downAgain(table: VerdictTable, verdict: Verdict): Judgement {
  const { machine, topology, rules } = table;
  if (verdict.mapType !== "bus-addr") {
    const { write, read } = new DocumentedPairs(table).at(0, 0);
    const broken = [write, read].find(({ outcome }) => outcome === "fails");
    if (broken !== undefined) return no(broken.why);
  }
  const rootOf = (bdf: Bdf): number => topology.rootOf(topology.indexOf(bdf)) ?? ROOT_BUS_HIDDEN;
  const facts = { ...machine, inferredCpu: inferCpu(machine) };
  const outcome = mergeOutcomes(
    rules.candidates.map((candidate) =>
      decideHostBridge(topology, facts, candidate, rootOf(verdict.provider), rootOf(verdict.client)),
    ),
    rules,
  );
  if (outcome.mapType === THRU_HOST_BRIDGE) {
    return { reaches: true, why: "the IOMMU translates the request and the host bridge is known to forward it" };
  }
  if (outcome.hidden.length > 0) return hidden(outcome.hidden.join("; "));
  return hidden(
    "the host's kernel does not know whether this host bridge forwards peer traffic; VFIO maps it all the same",
  );
}
