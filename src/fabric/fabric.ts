import type { Machine } from "../host/machine.ts";
import { topologyOf } from "../host/machine.ts";
import { requireMachine } from "../host/require-machine.ts";
import { type Device, resolveDevice } from "../host/select.ts";
import type { ByteStore } from "../memory/bytes.ts";
import type { DmaAddr, PhysAddr } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { isPacketSize } from "../pci/packet-control.ts";
import type { Topology } from "../pci/topology.ts";
import type { FabricCounters } from "./counters.ts";
import type { FabricOptions } from "./options.ts";
import { DELIVERED, HIDDEN, outcomeName } from "./outcomes.ts";
import type { MemoryRequest, Route, RouteOutcome } from "./route.ts";
import type { BarHandler } from "./storage.ts";
import { TLP_READ, TLP_RELAXED_ORDERING, TLP_TRANSLATED } from "./traffic.ts";
import { bytesToPageEnd, checkRange, Transactions } from "./transactions.ts";

/** That requests of one function reached memory of another. */
export interface PeerReach {
  readonly requester: Bdf;
  readonly owner: Bdf;
  readonly kind: MemoryRequest["kind"];
}

/**
 * The fabric of one machine: requests of devices and of the CPU, routed by config space, with the bytes that they move.
 *
 * MODEL: functional, without time: a transaction is over when its call returns, so nothing is reordered or in flight,
 * and there are no credits, tags, timeouts or errors of links.
 */
export class Fabric {
  readonly machine: Machine;
  readonly topology: Topology;
  readonly counters: FabricCounters;
  #arrivedBytes = 0;
  #sentBytes = 0;
  readonly #transactions: Transactions;
  /** The address of each function. */
  readonly #ids: readonly Bdf[];
  readonly #maxPayloadBytes: number;
  readonly #maxReadBytes: number;

  constructor(machine: Machine, options: FabricOptions) {
    this.machine = machine;
    this.topology = topologyOf(machine);
    this.#ids = this.topology.functions.map(({ bdf }) => bdf);
    this.#transactions = new Transactions(machine, this.topology, options);
    const { counters, options: settings } = this.#transactions.context;
    this.counters = counters;
    this.#maxPayloadBytes = tlpSize(settings.maxPayloadBytes, "maxPayloadBytes");
    this.#maxReadBytes = tlpSize(settings.maxReadBytes, "maxReadBytes");
  }

  /** DRAM by CPU physical address: for putting data there without counting it. */
  get dram(): ByteStore {
    return this.#transactions.storage.dram;
  }

  /** The index of a function in `topology` and in the counters; throws `unknown-device` where there is none. */
  indexOf(fn: Device): number {
    const index = this.topology.indexOf(this.#addressOf(fn));
    if (index !== undefined) return index;
    throw new PeerlaneError(
      "unknown-device",
      `${this.machine.source.name} has no function ${formatBdf(this.#addressOf(fn))}`,
      {
        remedy: "'peerlane show' lists the functions",
      },
    );
  }

  /** The bytes of a BAR by offset: for putting data there without counting it. Throws where it has no address. */
  barBytes(fn: Device, bar: number): ByteStore {
    return this.#transactions.storage.barBytes(this.#barPosition(fn, bar));
  }

  /** Lets a device model take over a BAR, or, with `null`, gives it back to plain bytes. Throws as {@link barBytes}. */
  attach(fn: Device, bar: number, handler: BarHandler | null): void {
    this.#transactions.storage.setHandler(this.#barPosition(fn, bar), handler ?? undefined);
  }

  /** Reads a command register; throws `unsupported` where the source hides it. */
  command(fn: Device): number {
    const { command, commandHidden } = this.#transactions.context.registers;
    const index = this.indexOf(fn);
    if (commandHidden[index] !== 1) return entryAt(command, index);
    throw new PeerlaneError("unsupported", `the command register of ${formatBdf(this.#addressOf(fn))} is hidden`, {
      place: { file: this.machine.source.name },
      remedy: "set it first, or take sysfs or a scenario as the source",
    });
  }

  /** Writes a command register (memory enable 0x2, bus master 0x4): what is decoded changes with it at once. */
  setCommand(fn: Device, command: number): void {
    const { registers } = this.#transactions.context;
    const index = this.indexOf(fn);
    registers.command[index] = command;
    registers.commandHidden[index] = 0;
    this.#transactions.decodeAgain();
  }

  /**
   * Writes an ACS control register, whose bits without a capability bit stay 0 (PCIe 6.0 sec 7.7.11.3); throws
   * `unsupported` for a function without ACS.
   */
  setAcsControl(fn: Device, control: number): void {
    const { registers } = this.#transactions.context;
    const index = this.indexOf(fn);
    const acs = this.topology.functions[index]?.acs ?? null;
    if (acs === null) {
      throw new PeerlaneError("unsupported", `${formatBdf(this.#addressOf(fn))} has no ACS capability`, {
        remedy: "give it one in the scenario with 'acs:'",
      });
    }
    registers.acs[index] = isUnknown(acs) ? control : control & acs.capability;
    registers.acsHidden[index] = 0;
    this.#transactions.registersChanged();
  }

  /** Bytes of the last write or read of a device that were delivered: all of it, or those before the TLP that was not. */
  get arrivedBytes(): number {
    return this.#arrivedBytes;
  }

  /** The same with the TLP that was not delivered, after which no more are issued. */
  get sentBytes(): number {
    return this.#sentBytes;
  }

  /**
   * A device writes memory, in TLPs cut at 4 KiB and at the payload size (PCIe 6.0 sec 2.2.7). The outcome is that of the
   * first TLP that is not delivered, after which no more are issued; those before have landed. Throws `unsupported` where
   * the route depends on what the source hides.
   */
  write(
    requester: Device,
    address: DmaAddr,
    bytes: Uint8Array,
    addressType: MemoryRequest["addressType"] = "untranslated",
  ): RouteOutcome {
    const flags = addressType === "translated" ? TLP_TRANSLATED : 0;
    return this.#split(this.indexOf(requester), this.#addressOf(requester), address, bytes, flags);
  }

  /** A device reads memory into `into`; as {@link write}. The part of a TLP that is not delivered stays as it was. */
  read(
    requester: Device,
    address: DmaAddr,
    into: Uint8Array,
    addressType: MemoryRequest["addressType"] = "untranslated",
  ): RouteOutcome {
    const flags = TLP_READ | (addressType === "translated" ? TLP_TRANSLATED : 0);
    return this.#split(this.indexOf(requester), this.#addressOf(requester), address, into, flags);
  }

  /** A request with all of its attributes; `bytes` is what is written or read into, of the request's length. */
  send(request: MemoryRequest, bytes: Uint8Array): RouteOutcome {
    const { requester, requesterId, address, lengthBytes } = request;
    if (bytes.length !== lengthBytes) {
      throw new PeerlaneError("bad-input", `a request of ${lengthBytes} bytes with ${bytes.length} bytes of data`);
    }
    return this.#split(this.indexOf(requester), requesterId ?? requester, address, bytes, flagsOf(request));
  }

  /**
   * One TLP, the hot path: allocates nothing. `requester` is an index, `flags` are `TLP_…`; `bytes[from, from +
   * lengthBytes)` is written or filled. It must not cross 4 KiB and is not checked. Yields an outcome code
   * (`outcomeName`), `HIDDEN` among them.
   */
  transact(
    requester: number,
    address: number,
    bytes: Uint8Array,
    from: number,
    lengthBytes: number,
    flags: number,
  ): number {
    const requesterId = this.#ids[requester] ?? this.topology.functionAt(requester).bdf;
    return this.#transactions.run(requester, requesterId, address, bytes, from, lengthBytes, flags);
  }

  /** The CPU writes memory by physical address: DRAM, or down through a host bridge. Neither ACS nor an IOMMU applies. */
  cpuWrite(phys: PhysAddr, bytes: Uint8Array): RouteOutcome {
    return this.#cpu(phys, bytes, false);
  }

  /** The CPU reads memory by physical address; what nobody claims reads as all ones, as on a PC. */
  cpuRead(phys: PhysAddr, into: Uint8Array): RouteOutcome {
    return this.#cpu(phys, into, true);
  }

  /**
   * Where a request would go, hop by hop, and its completion if it is a read: nothing is moved or counted, except that an
   * IOMMU logs the faults of what it is asked. A request over several pages ends with its first page that is not
   * delivered; else the route is that of its first page.
   */
  route(request: MemoryRequest): Known<Route> {
    const { address, lengthBytes } = request;
    checkRange(address, lengthBytes);
    const requester = this.indexOf(request.requester);
    const requesterId = request.requesterId ?? request.requester;
    let first: Known<Route> | undefined;
    let done = 0;
    do {
      const length = Math.min(bytesToPageEnd(address + done), lengthBytes - done);
      const route = this.#transactions.ask(requester, requesterId, address + done, length, flagsOf(request));
      if ("unknown" in route || route.outcome !== "delivered") return route;
      first ??= route;
      done += length;
    } while (done < lengthBytes);
    return first;
  }

  /** Which functions reached memory of which others since the last call, each pair once for reads and once for writes. */
  takeReached(): readonly PeerReach[] {
    return this.#transactions.takeReached().map(({ requester, owner, isRead }) => ({
      requester: this.topology.functionAt(requester).bdf,
      owner: this.topology.functionAt(owner).bdf,
      kind: isRead ? "read" : "write",
    }));
  }

  /** How the last TLP ended, with its hops; unknown where that depends on what the source hides. */
  lastRoute(): Known<Route> {
    return this.#transactions.lastRoute();
  }

  /** Names are looked up; an address is taken as it is, without a look at the machine. */
  #addressOf(fn: Device): Bdf {
    return typeof fn === "number" ? fn : resolveDevice(this.machine, fn);
  }

  #split(requester: number, requesterId: Bdf, address: number, bytes: Uint8Array, flags: number): RouteOutcome {
    checkRange(address, bytes.length);
    const most = (flags & TLP_READ) === 0 ? this.#maxPayloadBytes : this.#maxReadBytes;
    // Of no bytes, it is one TLP all the same: it has to arrive.
    let done = 0;
    do {
      const length = Math.min(most, bytesToPageEnd(address + done), bytes.length - done);
      this.#arrivedBytes = done;
      this.#sentBytes = done + length;
      const outcome = this.#transactions.run(requester, requesterId, address + done, bytes, done, length, flags);
      if (outcome === HIDDEN) throw this.#transactions.hiddenError();
      if (outcome !== DELIVERED) return outcomeName(outcome);
      done += length;
      this.#arrivedBytes = done;
    } while (done < bytes.length);
    return outcomeName(DELIVERED);
  }

  #cpu(phys: PhysAddr, bytes: Uint8Array, isRead: boolean): RouteOutcome {
    checkRange(phys, bytes.length);
    let result = DELIVERED;
    let done = 0;
    do {
      const at = (phys + done) as PhysAddr;
      const length = Math.min(this.#maxPayloadBytes, bytesToPageEnd(at), bytes.length - done);
      const outcome = this.#transactions.runFromCpu(at, bytes, done, length, isRead);
      if (outcome === HIDDEN) throw this.#transactions.hiddenError();
      if (outcome !== DELIVERED && isRead) bytes.fill(0xff, done, done + length);
      if (result === DELIVERED) result = outcome;
      done += length;
    } while (done < bytes.length);
    return outcomeName(result);
  }

  #barPosition(fn: Device, bar: number): number {
    const position = this.#transactions.context.bars.positionOf(this.indexOf(fn), bar);
    if (position >= 0) return position;
    throw new PeerlaneError(
      "unsupported",
      `BAR ${bar} of ${formatBdf(this.#addressOf(fn))} has no memory address that is shown`,
      {
        place: { file: this.machine.source.name },
        remedy: "'peerlane explain' says which BARs a function has; sysfs and scenarios give their addresses",
      },
    );
  }
}

/**
 * Builds the fabric of a machine. Never throws for what the source hides: `route` answers `unknown` there, and the calls
 * that move bytes throw `unsupported`. Throws `bad-input` for TLP sizes that are none.
 */
export function createFabric(machine: Machine, options: FabricOptions = {}): Fabric {
  requireMachine("createFabric", machine);
  return new Fabric(machine, options);
}

function flagsOf({ kind, addressType, relaxedOrdering }: MemoryRequest): number {
  return (
    (kind === "read" ? TLP_READ : 0) |
    (addressType === "translated" ? TLP_TRANSLATED : 0) |
    (relaxedOrdering === true ? TLP_RELAXED_ORDERING : 0)
  );
}

function tlpSize(bytes: number, what: string): number {
  if (isPacketSize(bytes)) return bytes;
  throw new PeerlaneError("bad-input", `${what} ${bytes} is no size of a TLP`, {
    remedy: "take a power of two from 128 to 4096 (PCIe 6.0 sec 7.5.3.4)",
  });
}
