import type { DmaSpan } from "../../pci/addresses.ts";

/** What others may do with a region; its owner may always read and write it. */
export interface RegionAccess {
  readonly remoteRead: boolean;
  readonly remoteWrite: boolean;
}

/**
 * Registered memory: pages, as the DMA addresses that the owner's driver mapped, behind a key. Addressed by offset
 * (zero-based, `IBV_ACCESS_ZERO_BASED`).
 */
export interface MemoryRegion extends RegionAccess {
  /** Local and remote key alike. MODEL: one key for both. */
  readonly key: number;
  readonly lengthBytes: number;
  readonly spans: readonly DmaSpan[];
}

/** How a work request ends, as the adapter tells it (`enum ibv_wc_status`). */
export type RdmaStatus =
  | "success"
  /** A key or range of the requester's own is wrong. */
  | "local-protection-error"
  /** A key, range or permission at the other side is wrong. */
  | "remote-access-error"
  /** The other side could not read its memory. */
  | "remote-operation-error"
  /** The requester could not read its memory. */
  | "local-operation-error"
  /** A send met no receive, or one that is too short. */
  | "receiver-not-ready"
  | "remote-invalid-request";

/** The other end of a wire: an adapter of the model, or a host that is not modelled. */
export interface RdmaPort {
  /** Answers an RDMA read: fills `into`. */
  serveRead(key: number, offset: number, into: Uint8Array): RdmaStatus;
  /** Takes an RDMA write. */
  serveWrite(key: number, offset: number, bytes: Uint8Array): RdmaStatus;
  /** Takes a message. */
  receive(bytes: Uint8Array): RdmaStatus;
}

/** True where a region has a range of bytes. */
export function isInRegion(region: MemoryRegion, offset: number, lengthBytes: number): boolean {
  return offset >= 0 && lengthBytes >= 0 && offset + lengthBytes <= region.lengthBytes;
}
