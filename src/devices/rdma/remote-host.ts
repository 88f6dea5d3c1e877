import { ByteStore } from "../../memory/bytes.ts";
import type { RdmaPort, RdmaStatus, RemoteBuffer } from "./memory-region.ts";
import { eachPacket } from "./packets.ts";

/**
 * The host at the other end of a wire, of which only its registered memory is modelled: one region.
 *
 * MODEL: whatever the other machine does inside is not counted; an adapter of another `System` can stand here instead.
 */
export class RemoteHost implements RdmaPort {
  readonly key = 1;
  readonly memory: ByteStore = new ByteStore();
  /** Messages that arrived, oldest first. */
  readonly messages: Uint8Array[] = [];
  readonly #lengthBytes: number;

  constructor(lengthBytes: number) {
    this.#lengthBytes = lengthBytes;
  }

  serveRead(key: number, offset: number, into: Uint8Array): RdmaStatus {
    if (!this.#allows(key, offset, into.length)) return "remote-access-error";
    this.memory.read(offset, into);
    return "success";
  }

  serveWrite(key: number, offset: number, bytes: Uint8Array): RdmaStatus {
    if (!this.#allows(key, offset, bytes.length)) return "remote-access-error";
    this.memory.write(offset, bytes);
    return "success";
  }

  receive(bytes: Uint8Array): RdmaStatus {
    this.messages.push(bytes.slice());
    return "success";
  }

  /** Reads memory of the other end into its own, from `offset` on (RDMA READ). */
  readFrom(port: RdmaPort, from: RemoteBuffer, offset: number, lengthBytes: number): RdmaStatus {
    return eachPacket(lengthBytes, (done, packet) => {
      const status = port.serveRead(from.key, from.offset + done, packet);
      if (status === "success") this.memory.write(offset + done, packet);
      return status;
    });
  }

  /** Writes its own memory from `offset` on to memory of the other end (RDMA WRITE). */
  writeTo(port: RdmaPort, offset: number, to: RemoteBuffer, lengthBytes: number): RdmaStatus {
    return eachPacket(lengthBytes, (done, packet) => {
      this.memory.read(offset + done, packet);
      return port.serveWrite(to.key, to.offset + done, packet);
    });
  }

  #allows(key: number, offset: number, lengthBytes: number): boolean {
    return key === this.key && offset >= 0 && offset + lengthBytes <= this.#lengthBytes;
  }
}
