import type { RdmaStatus } from "./memory-region.ts";

/** Bytes of a packet's payload (the largest path MTU of InfiniBand and RoCE). */
const MTU_BYTES = 4096;

/** Runs a transfer packet by packet, up to the first that fails. */
export function eachPacket(
  lengthBytes: number,
  transfer: (done: number, packet: Uint8Array) => RdmaStatus,
): RdmaStatus {
  const buffer = new Uint8Array(Math.min(MTU_BYTES, lengthBytes));
  for (let done = 0; done < lengthBytes; done += MTU_BYTES) {
    const status = transfer(done, buffer.subarray(0, Math.min(MTU_BYTES, lengthBytes - done)));
    if (status !== "success") return status;
  }
  return "success";
}
