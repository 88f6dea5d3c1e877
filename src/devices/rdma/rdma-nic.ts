import type { Device } from "../../host/select.ts";
import type { DmaSpan } from "../../pci/addresses.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { BusMaster } from "../bus-master.ts";
import { spanBytes } from "../dma-spans.ts";
import type { System } from "../system.ts";
import { isInRegion, type MemoryRegion, type RdmaPort, type RdmaStatus, type RegionAccess } from "./memory-region.ts";

/** Bytes of a packet's payload (the largest path MTU of InfiniBand and RoCE). */
const MTU_BYTES = 4096;

/** A run of a region of the adapter's own. */
export interface LocalBuffer {
  readonly region: MemoryRegion;
  readonly offset: number;
  readonly lengthBytes: number;
}

/** Memory at the other end. */
export interface RemoteBuffer {
  readonly key: number;
  readonly offset: number;
}

/**
 * An RDMA adapter: memory regions by key, reads, writes and sends to another port.
 *
 * MODEL: the wire delivers everything in order and at once; one port; a receive takes one message.
 */
export class RdmaNic implements RdmaPort {
  readonly fn: Bdf;
  readonly bus: BusMaster;
  readonly #regions = new Map<number, MemoryRegion>();
  readonly #receives: LocalBuffer[] = [];
  #nextKey = 1;

  /** Throws `unknown-device` where the machine has no such function. */
  constructor(system: System, fn: Device) {
    this.bus = new BusMaster(system, fn);
    this.fn = this.bus.fn;
  }

  /** Registers memory that was mapped for this adapter. */
  register(spans: readonly DmaSpan[], access: RegionAccess): MemoryRegion {
    const region = { ...access, key: this.#nextKey++, lengthBytes: spanBytes(spans), spans: [...spans] };
    this.#regions.set(region.key, region);
    return region;
  }

  /** Forgets a region: its key is refused from now on. Throws `bad-input` for one that is not registered. */
  deregister(region: MemoryRegion): void {
    if (this.#regions.delete(region.key)) return;
    throw new PeerlaneError("bad-input", `no region has key ${region.key}: deregistered twice, or another adapter's`);
  }

  /** Reads remote memory into its own (RDMA READ). */
  read(remote: RdmaPort, from: RemoteBuffer, to: LocalBuffer): RdmaStatus {
    if (!this.#owns(to)) return "local-protection-error";
    return eachPacket(to.lengthBytes, (done, packet) => {
      const status = remote.serveRead(from.key, from.offset + done, packet);
      if (status === "success") this.bus.scatter(to.region.spans, to.offset + done, packet);
      return status;
    });
  }

  /** Writes its own memory to remote memory (RDMA WRITE). */
  write(remote: RdmaPort, from: LocalBuffer, to: RemoteBuffer): RdmaStatus {
    if (!this.#owns(from)) return "local-protection-error";
    return eachPacket(from.lengthBytes, (done, packet) => {
      if (!this.bus.gather(from.region.spans, from.offset + done, packet)) return "local-operation-error";
      return remote.serveWrite(to.key, to.offset + done, packet);
    });
  }

  /** Sends its own memory as one message. */
  send(remote: RdmaPort, from: LocalBuffer): RdmaStatus {
    if (!this.#owns(from)) return "local-protection-error";
    const message = new Uint8Array(from.lengthBytes);
    if (!this.bus.gather(from.region.spans, from.offset, message)) return "local-operation-error";
    return remote.receive(message);
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
    return this.bus.gather(region.spans, offset, into) ? "success" : "remote-operation-error";
  }

  serveWrite(key: number, offset: number, bytes: Uint8Array): RdmaStatus {
    const region = this.#regions.get(key);
    if (region === undefined || !region.remoteWrite || !isInRegion(region, offset, bytes.length)) {
      return "remote-access-error";
    }
    this.bus.scatter(region.spans, offset, bytes);
    return "success";
  }

  receive(bytes: Uint8Array): RdmaStatus {
    const buffer = this.#receives.shift();
    if (buffer === undefined) return "receiver-not-ready";
    if (buffer.lengthBytes < bytes.length || !this.#owns(buffer)) return "remote-invalid-request";
    this.bus.scatter(buffer.region.spans, buffer.offset, bytes);
    return "success";
  }

  #owns({ region, offset, lengthBytes }: LocalBuffer): boolean {
    return this.#regions.get(region.key) === region && isInRegion(region, offset, lengthBytes);
  }
}

/** Runs a transfer packet by packet, up to the first that fails. */
function eachPacket(lengthBytes: number, transfer: (done: number, packet: Uint8Array) => RdmaStatus): RdmaStatus {
  const buffer = new Uint8Array(Math.min(MTU_BYTES, lengthBytes));
  for (let done = 0; done < lengthBytes; done += MTU_BYTES) {
    const status = transfer(done, buffer.subarray(0, Math.min(MTU_BYTES, lengthBytes - done)));
    if (status !== "success") return status;
  }
  return "success";
}
