import { type Bdf, domainOf, formatBdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { memoryBars } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import type { KernelMessage } from "../messages/kernel-log.ts";
import { type IommuFault, parseFaults } from "./faults.ts";

/** A fault of a pair's client. */
export interface PairFault extends IommuFault {
  /**
   * Index of the provider's BAR in which the address lies as the bus sees it: then a peer request, which should have
   * gone to the BAR, went up to the IOMMU. `null` where it lies in none.
   */
  readonly providerBar: number | null;
}

/** What the kernel said while a pair was tested, and has to do with it. */
export interface PairMessages {
  readonly messages: readonly KernelMessage[];
  readonly faults: readonly PairFault[];
}

/** Who is tested. */
export interface Involved {
  readonly provider: PciFunction;
  readonly clients: readonly Bdf[];
  /** Names of disk, partition and controllers. */
  readonly names: readonly string[];
}

/** Picks the messages that name the pair, and the faults of its clients, of all that the kernel said meanwhile. */
export function messagesOf(all: readonly KernelMessage[], involved: Involved): PairMessages {
  const { provider, clients } = involved;
  const words = [provider.bdf, ...clients].map(formatBdf).concat(involved.names);
  const faults = parseFaults(all)
    .filter((fault) => clients.some((client) => isFrom(fault, client)) || barOf(provider, fault.address) !== null)
    .map((fault) => ({ ...fault, providerBar: barOf(provider, fault.address) }));
  const messages = all.filter(
    (message) =>
      words.some((word) => hasWord(message.text, word)) ||
      parseFaults([message]).some((fault) => clients.some((client) => isFrom(fault, client))),
  );
  return { messages, faults };
}

function isFrom({ requester, isAnySegment }: IommuFault, client: Bdf): boolean {
  if (requester === null) return false;
  return isAnySegment ? requester === client - domainOf(client) * 0x10000 : requester === client;
}

/** `nvme1` is no word of `nvme10` or `nvme1n1p2`, but a name's own partitions and namespaces are named apart. */
function hasWord(text: string, word: string): boolean {
  for (let at = text.indexOf(word); at >= 0; at = text.indexOf(word, at + 1)) {
    const [before = "", after = ""] = [text[at - 1], text[at + word.length]];
    if (!/[\w.]/.test(before) && !/\w/.test(after)) return true;
  }
  return false;
}

function barOf(provider: PciFunction, address: number | null): number | null {
  if (address === null) return null;
  const bar = memoryBars(provider)?.find(({ busAddress, sizeBytes }) => {
    if (busAddress === null || isUnknown(busAddress) || isUnknown(sizeBytes)) return false;
    return address >= busAddress && address < busAddress + sizeBytes;
  });
  return bar?.index ?? null;
}
