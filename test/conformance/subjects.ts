import { buildSystem, poolOf, type System } from "../../src/devices/system.ts";
import type { SystemOptions } from "../../src/devices/system-options.ts";
import type { PeerMapType } from "../../src/dma/dma-device.ts";
import { type DmaEntry, dmaEntries, scatterlist } from "../../src/dma/scatterlist.ts";
import type { Machine } from "../../src/host/machine.ts";
import { iova, PAGE_BYTES, type PhysAddr } from "../../src/pci/addresses.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import type { Capture } from "../machines/captures.ts";
import type { Answer, Pair, Subject, Transfer } from "./answer.ts";

/** The rules: they decide, and move nothing. */
function rulesSubject(machine: Machine): Subject {
  return {
    name: "rules",
    answer: ({ provider, client }) => {
      const { mapType, hops } = decideAll(machine, { providers: [provider], clients: [client] }).at(0, 0);
      if (mapType === "unknown") throw new Error(`unknown: ${formatBdf(provider)} for ${formatBdf(client)}`);
      return { mapType, hops, read: null, write: null };
    },
  };
}

/** The kernel of a capture, with the I/O that was done there: the data itself was not compared. */
function kernelSubject({ pairs, kernelRelease }: Pick<Capture, "pairs" | "kernelRelease">): Subject {
  return {
    name: `Linux ${kernelRelease}`,
    answer: ({ provider, client }) => {
      const pair = pairs.find((one) => one.provider === provider && one.client === client);
      if (pair === undefined) throw new Error(`not recorded: ${formatBdf(provider)} for ${formatBdf(client)}`);
      const { mapType, hops, messages } = pair;
      const seen = (access: "Read" | "Write"): true | null =>
        faultsIn(messages).some((fault) => fault.access === access && fault.requester === formatBdf(client)) || null;
      return {
        mapType,
        hops,
        // `pwrite` to a file takes the data out of the buffer: the client reads the provider's memory.
        read: { isReported: pair.write === PAGE_BYTES, isFaulted: seen("Read"), isRight: null },
        write: { isReported: pair.read === PAGE_BYTES, isFaulted: seen("Write"), isRight: null },
      };
    },
  };
}

/** A fault in the kernel's messages. */
export interface LoggedFault {
  readonly access: "Read" | "Write";
  readonly requester: string;
  readonly address: number;
}

/** The DMAR faults among messages; the kernel logs only the first of many (it limits their rate). */
export function faultsIn(messages: readonly string[]): readonly LoggedFault[] {
  return messages.flatMap((line): LoggedFault[] => {
    const match = /\[DMA (Read|Write) NO_PASID\] Request device \[([0-9a-f:.]+)\] fault addr 0x([0-9a-f]+)/.exec(line);
    const [, access, requester = "", address = ""] = match ?? [];
    return access === "Read" || access === "Write"
      ? [{ access, requester, address: Number.parseInt(address, 16) }]
      : [];
  });
}

/** The model told to behave as what the captures were made on: every request goes up, devices ignore failed reads. */
export const emulated = { switchForwarding: "always-upstream" } as const;
/** The model by the specification. */
export const bySpecification = { switchForwarding: "per-spec" } as const;

/** All who decide: a kernel as it was recorded or booted, the rules, the model, the model of the emulator. */
export function allSubjects(machine: Machine, kernel: Pick<Capture, "pairs" | "kernelRelease">): readonly Subject[] {
  return [
    kernelSubject(kernel),
    rulesSubject(machine),
    new ModelSubject(machine, "model", bySpecification),
    new ModelSubject(machine, "model of the emulator", emulated),
  ];
}

/** The model: maps a page of the provider's pool for the client, which then reads and writes it. */
export class ModelSubject implements Subject {
  readonly name: string;
  readonly system: System;

  constructor(machine: Machine, name: string, options: SystemOptions) {
    this.name = name;
    this.system = buildSystem(machine, { ramBytes: 2 ** 26, ...options });
    // Some of the recorded devices have no driver bound; those of the pairs had one when the I/O was done.
    for (const { bdf } of machine.functions) {
      this.system.fabric.setCommand(bdf, this.system.fabric.command(bdf) | BUS_MASTER);
    }
  }

  answer({ provider, client }: Pair): Answer {
    const { system } = this;
    const pool = poolOf(system, provider);
    const range = pool.alloc(PAGE_BYTES);
    if (range === null) throw new Error(`the pool of ${formatBdf(provider)} is empty`);
    const device = system.deviceOf(client);
    const ops = system.opsOf(client);
    const list = scatterlist([{ start: range.start, sizeBytes: PAGE_BYTES }]);
    const mapped = ops.mapList(device, list, "bidirectional");
    try {
      if (!mapped.ok) {
        if (mapped.errno !== "EREMOTEIO") throw new Error(`${mapped.errno}: ${mapped.reason}`);
        return { mapType: "not-supported", hops: null, read: REFUSED, write: REFUSED };
      }
      const [entry] = dmaEntries(list);
      if (entry === undefined || list.dmaCount !== 1) throw new Error(`${list.dmaCount} entries for one page`);
      const mapType = this.#mapTypeBy(entry, range.start, provider, client);
      return {
        mapType,
        hops: null,
        read: this.#read(entry, range.start, client),
        write: this.#write(entry, range.start, client),
      };
    } finally {
      if (mapped.ok) ops.unmapList(device, list, "bidirectional");
      pool.free(range);
    }
  }

  /** What the address says: a bus address, or what RAM would be given, which is an IOVA where the client is translated. */
  #mapTypeBy({ address, isBus }: DmaEntry, phys: PhysAddr, provider: Bdf, client: Bdf): PeerMapType {
    const { units, machine } = this.system;
    if (isBus) {
      const of = this.system.maps.providerAt(phys);
      if (of?.owner !== provider || address !== phys + of.busOffset)
        throw new Error(`bus address ${address} of physical ${phys}`);
      return "bus-addr";
    }
    const domain = units.domainOf(client);
    if (domain === null) {
      if ((address as number) !== phys) throw new Error(`DMA address ${address} of physical ${phys}`);
      return "thru-host-bridge";
    }
    if (domain.resolve(iova(address), true) !== phys) {
      throw new Error(`IOVA ${address} does not lead to physical ${phys}`);
    }
    if (isInWindow(machine, address)) throw new Error(`IOVA ${address} lies in a window of a host bridge`);
    return "thru-host-bridge";
  }

  #read({ address }: DmaEntry, phys: PhysAddr, client: Bdf): Transfer {
    const { fabric } = this.system;
    const wanted = pattern(17);
    fabric.cpuWrite(phys, wanted);
    const into = new Uint8Array(PAGE_BYTES);
    const outcome = fabric.read(client, address, into);
    return this.#transfer(outcome, isSame(into, wanted));
  }

  #write({ address }: DmaEntry, phys: PhysAddr, client: Bdf): Transfer {
    const { fabric } = this.system;
    const wanted = pattern(91);
    const outcome = fabric.write(client, address, wanted);
    const now = new Uint8Array(PAGE_BYTES);
    fabric.cpuRead(phys, now);
    return this.#transfer(outcome, isSame(now, wanted));
  }

  /** Posted writes tell nobody that they are lost; reads tell, unless the devices take what comes for the data. */
  #transfer(outcome: string, isRight: boolean): Transfer {
    const isReported = outcome === "delivered" || this.system.failedReads === "unnoticed";
    return { isReported, isFaulted: outcome === "iommu-fault", isRight };
  }
}

const BUS_MASTER = 0x4;
const REFUSED: Transfer = { isReported: false, isFaulted: false, isRight: null };

function isInWindow({ hostBridges }: Machine, address: number): boolean {
  return (isUnknown(hostBridges) ? [] : hostBridges).some(({ windows }) =>
    (isUnknown(windows) ? [] : windows).some(
      ({ kind, busStart, sizeBytes }) =>
        kind === "memory" && !isUnknown(busStart) && address >= busStart && address < busStart + sizeBytes,
    ),
  );
}

function pattern(seed: number): Uint8Array {
  return Uint8Array.from({ length: PAGE_BYTES }, (_, index) => ((index * 7 + seed) % 255) + 1);
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.every((byte, index) => byte === b[index]);
}
