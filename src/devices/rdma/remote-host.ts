import { ByteStore } from "../../memory/bytes.ts";
import type { RdmaPort, RdmaStatus } from "./memory-region.ts";

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

  #allows(key: number, offset: number, lengthBytes: number): boolean {
    return key === this.key && offset >= 0 && offset + lengthBytes <= this.#lengthBytes;
  }
}
