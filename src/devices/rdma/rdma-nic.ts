import type { DmaFailure, DmaResult } from "../../dma/dma-error.ts";
import type { DmaBuf } from "../../dmabuf/dma-buf.ts";
import { type RdmaMode, RdmaRegion } from "../../dmabuf/rdma-region.ts";
import type { Device } from "../../host/select.ts";
import type { DmaSpan } from "../../pci/addresses.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { BusMaster } from "../bus-master.ts";
import type { System } from "../system.ts";
import {
  isInRegion,
  type MemoryRegion,
  type RdmaPort,
  type RdmaStatus,
  type RegionAccess,
  type RemoteBuffer,
  regionOf,
} from "./memory-region.ts";
import { eachPacket } from "./packets.ts";

/** A run of a region of the adapter's own. */
export interface LocalBuffer {
  readonly region: MemoryRegion;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** How a buffer is registered: how it is held, by what name, and what others may do with it. */
export interface BufferOptions extends Partial<RegionAccess> {
  /** `on-demand` unless told. */
  readonly mode?: RdmaMode;
  /** For people; the adapter's address unless told. */
  readonly name?: string;
}

/** Bytes that the adapter moves between a region and the wire, within one packet. */
export interface Packet {
  readonly region: MemoryRegion;
  /** Whether the adapter reads the memory or writes it. */
  readonly kind: "read" | "write";
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Told of each packet that touches registered memory. */
export interface PacketWatcher {
  /** The adapter has taken the addresses, and has not used them yet: what happens now happens under DMA. */
  begun?(packet: Packet): void;
  /** The requests are out; the addresses are not given back yet. */
  moved?(packet: Packet): void;
}

/**
 * An RDMA adapter: memory regions by key, of mapped pages or of shared buffers that may be taken back, and reads, writes
 * and sends to another port.
 *
 * MODEL: the wire delivers everything in order and at once; one port; a receive takes one message. What the adapter has
 * under way at one time is one packet: a revocation waits for that one, and the next finds the region as it is then.
 */
export class RdmaNic implements RdmaPort {
  readonly fn: Bdf;
  readonly bus: BusMaster;
  readonly #system: System;
  readonly #regions = new Map<number, MemoryRegion>();
  /** Regions of shared buffers. */
  readonly #imported = new Map<MemoryRegion, RdmaRegion>();
  readonly #receives: LocalBuffer[] = [];
  #watcher: PacketWatcher = {};
  #nextKey = 1;

  /** Throws `unknown-device` where the machine has no such function. */
  constructor(system: System, fn: Device) {
    this.bus = new BusMaster(system, fn);
    this.fn = this.bus.fn;
    this.#system = system;
  }

  /** Registers memory that was mapped for this adapter. */
  register(spans: readonly DmaSpan[], access: RegionAccess): MemoryRegion {
    return this.#add(regionOf({ spans }, this.#nextKey++, access));
  }

  /**
   * Imports a buffer that another device's driver shares, mapped for this adapter, and registers it; others may read and
   * write it unless told. A failure, with nothing left, where the exporter, the DMA API or the rules refuse. Throws
   * `unsupported` where the verdict is unknown.
   */
  registerBuffer(buffer: DmaBuf, options: BufferOptions = {}): DmaResult<MemoryRegion> {
    const { mode = "on-demand", name = formatBdf(this.fn), remoteRead = true, remoteWrite = true } = options;
    const [device, dma] = [this.#system.deviceOf(this.fn), this.#system.opsOf(this.fn)];
    const imported = RdmaRegion.register({ name, buffer, device, dma, mode });
    if (!imported.ok) return imported;
    const region = this.#add(regionOf({ imported: imported.value }, this.#nextKey++, { remoteRead, remoteWrite }));
    this.#imported.set(region, imported.value);
    return { ok: true, value: region };
  }

  /** Tells somebody of each packet from now on, in place of whoever was told before. */
  watch(watcher: PacketWatcher | null): void {
    this.#watcher = watcher ?? {};
  }

  #add(region: MemoryRegion): MemoryRegion {
    this.#regions.set(region.key, region);
    return region;
  }

  /** Forgets a region: its key is refused from now on. Throws `bad-input` for one that is not registered. */
  deregister(region: MemoryRegion): void {
    if (this.#regions.get(region.key) === region) {
      this.#regions.delete(region.key);
      this.#imported.get(region)?.deregister();
      this.#imported.delete(region);
      return;
    }
    throw new PeerlaneError("bad-input", `no region has key ${region.key}: deregistered twice, or another adapter's`);
  }

  /** Reads remote memory into its own (RDMA READ). */
  read(remote: RdmaPort, from: RemoteBuffer, to: LocalBuffer): RdmaStatus {
    if (!this.#owns(to)) return "local-protection-error";
    return eachPacket(to.lengthBytes, (done, packet) => {
      const status = remote.serveRead(from.key, from.offset + done, packet);
      return status === "success" ? localStatus(this.#move("write", to.region, to.offset + done, packet)) : status;
    });
  }

  /** Writes its own memory to remote memory (RDMA WRITE). */
  write(remote: RdmaPort, from: LocalBuffer, to: RemoteBuffer): RdmaStatus {
    if (!this.#owns(from)) return "local-protection-error";
    return eachPacket(from.lengthBytes, (done, packet) => {
      const status = localStatus(this.#move("read", from.region, from.offset + done, packet));
      return status === "success" ? remote.serveWrite(to.key, to.offset + done, packet) : status;
    });
  }

  /** Sends its own memory as one message. */
  send(remote: RdmaPort, from: LocalBuffer): RdmaStatus {
    if (!this.#owns(from)) return "local-protection-error";
    const message = new Uint8Array(from.lengthBytes);
    const status = localStatus(this.#move("read", from.region, from.offset, message));
    return status === "success" ? remote.receive(message) : status;
  }

  /** Offers memory for the next message. Throws `bad-input` for memory that is not registered here. */
  postReceive(buffer: LocalBuffer): void {
    if (!this.#owns(buffer)) throw new PeerlaneError("bad-input", "a receive needs registered memory of this adapter");
    this.#receives.push(buffer);
  }

  serveRead(key: number, offset: number, into: Uint8Array): RdmaStatus {
    const region = this.#regions.get(key);
    if (region === undefined || !region.remoteRead || !isInRegion(region, offset, into.length)) {
      return "remote-access-error";
    }
    return remoteStatus(this.#move("read", region, offset, into));
  }

  serveWrite(key: number, offset: number, bytes: Uint8Array): RdmaStatus {
    const region = this.#regions.get(key);
    if (region === undefined || !region.remoteWrite || !isInRegion(region, offset, bytes.length)) {
      return "remote-access-error";
    }
    return remoteStatus(this.#move("write", region, offset, bytes));
  }

  receive(bytes: Uint8Array): RdmaStatus {
    const buffer = this.#receives.shift();
    if (buffer === undefined) return "receiver-not-ready";
    if (buffer.lengthBytes < bytes.length || !this.#owns(buffer)) return "remote-invalid-request";
    return remoteStatus(this.#move("write", buffer.region, buffer.offset, bytes));
  }

  /** Moves a packet between a region and the wire; what became of it: `failed` is a read that the adapter knows to have. */
  #move(kind: Packet["kind"], region: MemoryRegion, offset: number, bytes: Uint8Array): Moved {
    const use = region.use(offset, bytes.length);
    if (!use.ok) return use;
    const packet: Packet = { region, kind, offset, bytes };
    try {
      this.#watcher.begun?.(packet);
      const { spans } = use.value;
      if (kind === "write") this.bus.scatter(spans, 0, bytes);
      else if (!this.bus.gather(spans, 0, bytes)) return "failed";
      this.#watcher.moved?.(packet);
      return "moved";
    } finally {
      use.value.end();
    }
  }

  #owns({ region, offset, lengthBytes }: LocalBuffer): boolean {
    return this.#regions.get(region.key) === region && isInRegion(region, offset, lengthBytes);
  }
}

/** What became of a packet at the memory. */
type Moved = "moved" | "failed" | DmaFailure;

function localStatus(moved: Moved): RdmaStatus {
  if (moved === "moved") return "success";
  return moved === "failed" ? "local-operation-error" : "local-protection-error";
}

/** A region that is being given up answers "not ready", as a page fault of the responder does: it may come back. */
function remoteStatus(moved: Moved): RdmaStatus {
  if (moved === "moved") return "success";
  if (moved === "failed") return "remote-operation-error";
  return moved.errno === "EIO" ? "receiver-not-ready" : "remote-access-error";
}
