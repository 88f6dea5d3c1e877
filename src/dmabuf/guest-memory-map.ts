import { type DmaFailure, type DmaResult, dmaFailure } from "../dma/dma-error.ts";
import type { IommuDomain } from "../iommu/domain.ts";
import { PERMIT_READ, PERMIT_WRITE } from "../iommu/page-table.ts";
import { formatAddress, type Iova, type IovaRange, PAGE_BYTES, type PhysRange } from "../pci/addresses.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { Attachment, DmaBuf } from "./dma-buf.ts";

/** As much of a domain as a map of guest memory needs; its unmap returns when the IOTLB has forgotten the range. */
export type MappableDomain = Pick<IommuDomain, "iovas" | "isFree" | "map" | "unmap">;

/** A run of guest-physical addresses and what is behind it. */
export interface GuestArea extends IovaRange {
  readonly kind: "ram" | "peer";
  /** The buffer was taken back: nothing is behind it any more. */
  readonly isRevoked: boolean;
}

interface Area extends IovaRange {
  readonly attachment: Attachment | null;
  isRevoked: boolean;
}

/**
 * The memory of a virtual machine in the IOMMU domain of its assigned devices: guest-physical addresses are the IOVAs,
 * as a VMM builds it with iommufd (`IOMMU_IOAS_MAP`, and `IOMMU_IOAS_MAP_FILE` for buffers, Linux 6.19). BARs of assigned
 * devices come in as revocable buffers.
 *
 * The kernel asks no P2PDMA rule for this: it maps the BAR's CPU physical address, and whether a request gets from the
 * root complex to the BAR is the platform's affair.
 */
export class GuestMemoryMap {
  readonly name: string;
  readonly #domain: MappableDomain;
  readonly #areas = new Map<Iova, Area>();

  constructor(name: string, domain: MappableDomain) {
    this.name = name;
    this.#domain = domain;
  }

  /** What is mapped, in the order in which it was. A revoked area stays, with nothing behind it, until it is unmapped. */
  get areas(): readonly GuestArea[] {
    return Array.from(this.#areas.values(), ({ start, sizeBytes, attachment, isRevoked }) => ({
      start,
      sizeBytes,
      kind: attachment === null ? "ram" : "peer",
      isRevoked,
    }));
  }

  /** Maps RAM of the host at a guest-physical address. EINVAL unless it is whole pages in a free range. */
  mapRam(start: Iova, range: PhysRange): DmaResult<null> {
    const refused = this.#refusal(start, range.sizeBytes);
    if (refused !== null) return refused;
    this.#domain.map(start, range.start, range.sizeBytes, PERMIT_READ | PERMIT_WRITE);
    this.#areas.set(start, { start, sizeBytes: range.sizeBytes, attachment: null, isRevoked: false });
    return { ok: true, value: null };
  }

  /**
   * Maps a whole buffer at a guest-physical address: attached, pinned where `pins` says so (since Linux 7.1), revocable.
   * Refuses what the exporter refuses, and EINVAL as {@link mapRam}.
   */
  mapBuffer(start: Iova, buffer: DmaBuf, { pins = true }: { readonly pins?: boolean } = {}): DmaResult<null> {
    const refused = this.#refusal(start, buffer.sizeBytes);
    if (refused !== null) return refused;
    buffer.get();
    const attached = buffer.attach({
      name: this.name,
      target: null,
      allowsPeers: true,
      invalidateMappings: () => this.#revoke(start),
    });
    if (!attached.ok) {
      buffer.put();
      return attached;
    }
    const area: Area = { start, sizeBytes: buffer.sizeBytes, attachment: attached.value, isRevoked: false };
    const mapped = buffer.reservation.withLock(this.name, () => this.#pinAndMap(area, attached.value, pins));
    if (mapped.ok) this.#areas.set(start, area);
    else leave(attached.value);
    return mapped;
  }

  #pinAndMap(area: Area, attachment: Attachment, pins: boolean): DmaResult<null> {
    const { buffer } = attachment;
    const pinned = pins ? buffer.pin(attachment) : null;
    if (pinned !== null && !pinned.ok) return pinned;
    const backing = buffer.backing(attachment);
    if (!backing.ok) return backing;
    let at: number = area.start;
    for (const { start, sizeBytes } of backing.value.ranges) {
      this.#domain.map(at as Iova, start, sizeBytes, PERMIT_READ | PERMIT_WRITE);
      at += sizeBytes;
    }
    return { ok: true, value: null };
  }

  /** Unmaps the area that begins at an address; there must be one, else it throws `usage`. */
  unmap(start: Iova): void {
    const area = this.#areas.get(start);
    if (area === undefined) {
      throw new PeerlaneError("usage", `${this.name} has nothing mapped at ${formatAddress(start)}`);
    }
    this.#areas.delete(start);
    const { attachment } = area;
    if (attachment === null) {
      this.#domain.unmap(start, area.sizeBytes);
      return;
    }
    attachment.buffer.reservation.withLock(this.name, () => {
      if (!area.isRevoked) this.#domain.unmap(start, area.sizeBytes);
    });
    leave(attachment);
  }

  /**
   * Runs under the buffer's lock, and is done when it returns: what the devices still send faults. The area does not come
   * back by itself when the buffer may be used again: the VMM maps it anew (`iopt_revoke_notify`, Linux 6.19).
   */
  #revoke(start: Iova): void {
    const area = this.#areas.get(start);
    if (area === undefined || area.isRevoked) return;
    area.isRevoked = true;
    this.#domain.unmap(start, area.sizeBytes);
  }

  #refusal(start: Iova, sizeBytes: number): DmaFailure | null {
    const place = `${formatAddress(start)} + ${sizeBytes}`;
    const isPages = start >= 0 && start % PAGE_BYTES === 0 && sizeBytes > 0 && sizeBytes % PAGE_BYTES === 0;
    if (!isPages) return dmaFailure("EINVAL", `${place} is no run of whole pages`);
    if (start + sizeBytes > 2 ** this.#domain.iovas.space.addressBits) {
      return dmaFailure("EINVAL", `${place} is beyond what the IOMMU translates`);
    }
    // A revoked area has no pages in the domain and holds its addresses all the same.
    const areas = [...this.#areas.values()];
    const isTaken = areas.some((area) => start < area.start + area.sizeBytes && area.start < start + sizeBytes);
    if (isTaken || !this.#domain.isFree(start, sizeBytes)) return dmaFailure("EINVAL", `${place} is mapped already`);
    return null;
  }
}

/** Lets go of a buffer: unpinned, detached, its reference given back. */
function leave(attachment: Attachment): void {
  const { buffer, importer } = attachment;
  buffer.reservation.withLock(importer.name, () => buffer.unpinAll(attachment));
  buffer.detach(attachment);
  buffer.put();
}
