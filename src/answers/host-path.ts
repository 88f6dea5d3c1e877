import { claimedOnTheWay } from "../dmabuf/claimed.ts";
import { isTranslating, type Machine, topologyOf } from "../host/machine.ts";
import { busAddr, formatAddress } from "../pci/addresses.ts";
import type { Bar } from "../pci/bar.ts";
import { type Bdf, domainOf, formatBdf } from "../pci/bdf.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import {
  type DirectionFact,
  type Directions,
  directionsIn,
  hostsPath,
  type PlatformContext,
  platformContext,
} from "../platforms/directions.ts";

/** More ways to pair two devices with those of the host are not looked at one by one. */
const MAX_WAYS = 64;

/**
 * What the host's hardware does between two devices of a guest, where the host is given (`Machine.host`). A request
 * carries the address of the guest; it climbs to the host's IOMMU unless a port on the way claims that address, is
 * translated there, and goes down again if the root complex forwards it.
 *
 * MODEL: the hypervisor is taken to have mapped the provider's BAR for the client, as VFIO does where it can.
 */
export class HostPaths {
  readonly #guest: Machine;
  readonly #inGuest: PlatformContext;
  readonly #host: PlatformContext | undefined;

  constructor(guest: Machine, topology: Topology) {
    this.#guest = guest;
    this.#inGuest = platformContext(guest, topology);
    const host = guest.host === undefined ? undefined : withBusAddresses(guest.host.machine);
    this.#host = host === undefined ? undefined : platformContext(host, topologyOf(host));
  }

  /** `undefined` where no host is given, or the path is not the host's. */
  at(provider: Bdf, client: Bdf): Directions | undefined {
    const { host } = this.#guest;
    const context = this.#host;
    if (host === undefined || context === undefined || hostsPath(this.#inGuest, provider, client) === undefined) {
      return undefined;
    }
    const [providers, clients] = [host.candidates.get(provider), host.candidates.get(client)];
    if (providers === undefined || clients === undefined) return undefined;
    for (const [bdf, list] of [[provider, providers] as const, [client, clients] as const]) {
      if (list.length === 0)
        return both(unknown(`the path is the host's, which shows no device like ${formatBdf(bdf)}`));
    }
    const ways = providers.flatMap((of) => clients.filter((by) => by !== of).map((by) => [of, by] as const));
    if (ways.length === 0) return both(unknown("the path is the host's, which shows one device like both"));
    const isOpen = unknown(
      `the path is the host's, where it may be any of ${ways.length} pairs that are alike: state which with --pair`,
    );
    if (ways.length > MAX_WAYS) return both(isOpen);
    const bar = addressedBar(this.#inGuest.topology.functionOf(provider), this.#guest);
    const answers = ways.map(([of, by]) => hostDirections(context, host.machine, bar, of, by));
    const [first] = answers as [Directions];
    if (answers.length === 1) return first;
    const merge = (direction: "write" | "read"): DirectionFact => {
      const isSame = answers.every((answer) => answer[direction].outcome === first[direction].outcome);
      if (!isSame) return hidden(isOpen);
      const { why, ...fact } = first[direction];
      return inWords(
        fact,
        `for each of ${ways.length} pairs that are alike, as ${why.charAt(0).toLowerCase()}${why.slice(1)}`,
      );
    };
    return { write: merge("write"), read: merge("read") };
  }
}

function both(reason: Unknown): Directions {
  return { write: hidden(reason), read: hidden(reason) };
}

/** What is known is a sentence of its own; why it is not stands behind a colon. */
function inWords(fact: Omit<DirectionFact, "why">, text: string): DirectionFact {
  return { ...fact, why: fact.outcome === "unknown" ? text : `${text.charAt(0).toUpperCase()}${text.slice(1)}` };
}

function hidden({ unknown: why }: Unknown): DirectionFact {
  return { outcome: "unknown", why, facts: [] };
}

/** PCs put no offset between the two kinds of address; VMD, which may, has domains of its own. */
function withBusAddresses(machine: Machine): Machine {
  const { architecture } = machine.cpu;
  if (isUnknown(architecture) || !/^(?:x86_64|i[3-6]86)$/.test(architecture)) return machine;
  const functions = machine.functions.map((fn): PciFunction => {
    if (isUnknown(fn.bars) || domainOf(fn.bdf) >= FIRST_VMD_DOMAIN) return fn;
    const bars = fn.bars.map((bar): Bar => {
      const { busAddress, physAddress } = bar;
      if (!isUnknown(busAddress) || isUnknown(physAddress)) return bar;
      return { ...bar, busAddress: physAddress === null ? null : busAddr(physAddress) };
    });
    return { ...fn, bars };
  });
  return { ...machine, functions };
}

const FIRST_VMD_DOMAIN = 0x10000;

/** Where the guest addresses a provider's memory. */
interface AddressedBar {
  readonly start: number;
  readonly sizeBytes: number;
}

/** The provider's largest memory BAR, as the guest addresses it: by its own physical addresses. */
function addressedBar(provider: PciFunction, { iommu }: Machine): Known<AddressedBar> {
  if (!isUnknown(iommu.mode) && isTranslating(iommu.mode)) {
    return unknown("the guest has an IOMMU of its own, whose driver picks the address");
  }
  const bars = memoryBars(provider);
  if (bars === undefined) return unknown("the guest's source hides the BARs of the provider");
  let largest: AddressedBar | undefined;
  for (const { index, physAddress, sizeBytes } of bars) {
    if (isUnknown(sizeBytes) || isUnknown(physAddress)) {
      return unknown(`the guest's source does not show where BAR ${index} of the provider is`);
    }
    if (physAddress === null || (largest !== undefined && largest.sizeBytes >= sizeBytes)) continue;
    largest = { start: physAddress, sizeBytes };
  }
  return largest ?? unknown("no memory BAR of the provider has an address in the guest");
}

function hostDirections(
  context: PlatformContext,
  { iommu }: Machine,
  bar: Known<AddressedBar>,
  provider: Bdf,
  client: Bdf,
): Directions {
  const { topology } = context;
  const pair = `on the host ${formatBdf(client)} to ${formatBdf(provider)}`;
  const open = (why: string): Directions => both(unknown(`${pair}: ${why}`));
  if (iommu.kind === "none") return open("its source shows no IOMMU in use, without which no device is passed through");
  if (isUnknown(bar)) return open(bar.unknown);
  const claimed = claimedOnTheWay(topology, topology.indexOf(client), bar);
  if (isUnknown(claimed)) return open(claimed.unknown);
  if (claimed !== null) {
    const port = formatBdf(topology.functionAt(claimed).bdf);
    const why = `${pair}: ${port} claims the guest's address ${formatAddress(bar.start)} before the IOMMU sees it, and the request goes astray`;
    const fails = inWords({ outcome: "fails", facts: [] }, why);
    return { write: fails, read: fails };
  }
  const { write, read } = directionsIn(context, { provider, client, meeting: null, path: [] });
  const through = ({ why, ...fact }: DirectionFact): DirectionFact =>
    inWords(fact, `${pair}, through its IOMMU if the hypervisor mapped the BAR there: ${why}`);
  return { write: through(write), read: through(read) };
}
