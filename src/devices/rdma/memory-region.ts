import { type DmaResult, dmaFailure } from "../../dma/dma-error.ts";
import type { RdmaRegion, RdmaState } from "../../dmabuf/rdma-region.ts";
import type { DmaSpan } from "../../pci/addresses.ts";
import { partOf, spanBytes } from "../dma-spans.ts";

/** What others may do with a region; its owner may always read and write it. */
export interface RegionAccess {
  readonly remoteRead: boolean;
  readonly remoteWrite: boolean;
}

/** Addresses that the adapter has taken for one packet. */
export interface RegionUse {
  readonly spans: readonly DmaSpan[];
  /** The adapter is through with them. */
  end(): void;
}

/**
 * Registered memory behind a key, addressed by offset (zero-based, `IBV_ACCESS_ZERO_BASED`): pages that the owner's driver
 * mapped, or a buffer that another device's driver shares and may take back.
 */
export interface MemoryRegion extends RegionAccess {
  /** Local and remote key alike. MODEL: one key for both. */
  readonly key: number;
  readonly lengthBytes: number;
  /** `usable` as long as the region is registered, unless its memory can be taken back. */
  readonly state: RdmaState;
  /**
   * Takes the addresses of a part, until the use ends. EINVAL beyond the region; of a buffer ENODEV where the memory was
   * taken back, EIO while it is being given up.
   */
  use(offset: number, lengthBytes: number): DmaResult<RegionUse>;
}

/** What a region is of: addresses that stay as they are, or a buffer that may be taken back. */
export type RegionMemory = { readonly spans: readonly DmaSpan[] } | { readonly imported: RdmaRegion };

/** A region of memory behind a key. */
export function regionOf(memory: RegionMemory, key: number, access: RegionAccess): MemoryRegion {
  return "spans" in memory
    ? regionOfSpans([...memory.spans], key, access)
    : regionOfBuffer(memory.imported, key, access);
}

function regionOfSpans(spans: readonly DmaSpan[], key: number, access: RegionAccess): MemoryRegion {
  const lengthBytes = spanBytes(spans);
  return {
    ...access,
    ...{ key, lengthBytes, state: "usable" },
    use: (offset, length) =>
      offset >= 0 && length >= 0 && offset + length <= lengthBytes
        ? { ok: true, value: { spans: partOf(spans, offset, length), end: () => {} } }
        : dmaFailure("EINVAL", `${length} bytes at ${offset} are beyond a region of ${lengthBytes}`),
  };
}

function regionOfBuffer(imported: RdmaRegion, key: number, access: RegionAccess): MemoryRegion {
  return {
    ...access,
    ...{ key, lengthBytes: imported.buffer.sizeBytes },
    get state(): RdmaState {
      return imported.state;
    },
    use: (offset, length) => {
      const access = imported.access(offset, length);
      if (!access.ok) return access;
      return { ok: true, value: { spans: access.value.spans, end: () => imported.complete(access.value) } };
    },
  };
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
  /** A send met no receive, or the other side's memory is on its way out: the requester would try again. */
  | "receiver-not-ready"
  | "remote-invalid-request";

/** Memory at the other end. */
export interface RemoteBuffer {
  readonly key: number;
  readonly offset: number;
}

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
