import { type Bdf, makeBdf, parseBdf } from "../../pci/bdf.ts";
import type { KernelMessage } from "../messages/kernel-log.ts";

/** A fault that an IOMMU reported in the kernel's log. What the message does not say is `null`. */
export interface IommuFault {
  readonly iommu: "intel" | "amd" | "arm-smmu-v3" | "arm-smmu" | "virtio";
  /**
   * Whose request it was, in domain 0 where the message names no segment. Stream and endpoint ids of ARM and virtio are
   * taken for requester ids, as firmware nearly always maps them.
   */
  readonly requester: Bdf | null;
  /** True where the message names no segment: the requester may be in any. */
  readonly isAnySegment: boolean;
  readonly access: "read" | "write" | null;
  /** The address of the request, `null` also where it is beyond 2^53. */
  readonly address: number | null;
  /** The IOMMU's own words or number for the reason. */
  readonly reason: string | null;
}

/** The text of a message is cut to this before it is looked at: those of the kernel are shorter. */
const MAX_TEXT = 1024;

/** The faults in messages of the kernel, in their order. Takes any text. */
export function parseFaults(messages: readonly Pick<KernelMessage, "text">[]): readonly IommuFault[] {
  const texts = messages.map(({ text }) => text.slice(0, MAX_TEXT));
  return texts.flatMap((text, position) => {
    const fault =
      intelFault(text) ??
      amdFault(text) ??
      smmuEventFault(text, texts[position + 1] ?? "") ??
      smmuRawFault(texts, position) ??
      smmuContextFault(text) ??
      virtioFault(text);
    return fault === null ? [] : [fault];
  });
}

/** `[DMA Write NO_PASID] Request device [0000:04:00.0] fault addr 0x… [fault reason 0x05] …`, with a segment since about 7. */
function intelFault(text: string): IommuFault | null {
  const match =
    /\[DMA (Read|Write)(?: NO_PASID| PASID [^\]]{1,20})?\] Request device \[([0-9a-fx:.]{7,20})\](?: PASID [0-9a-fx]{1,18})? fault addr ([0-9a-fx]{1,20})(?: \[fault reason ([0-9a-fx]{1,6})\] ?(.{0,100}))?/i.exec(
      text,
    );
  if (match === null) return null;
  const [, access = "", device = "", address = "", code, words = ""] = match;
  const name = device.replaceAll("0x", "");
  return {
    iommu: "intel",
    requester: parseBdf(name) ?? null,
    isAnySegment: name.split(":").length < 3,
    access: access.toLowerCase() === "read" ? "read" : "write",
    address: hexNumber(address),
    reason: code === undefined ? null : `${code} ${words}`.trim(),
  };
}

/** Bits of the flags of an IO_PAGE_FAULT (AMD I/O Virtualization Technology 3.09 sec 2.5.3). */
const AMD_PRESENT = 0x10;
const AMD_WRITE = 0x20;
const AMD_TRANSLATION = 0x100;

/** `nvme 0000:04:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x… address=0x… flags=0x…]`, older: `device=04:00.0`. */
function amdFault(text: string): IommuFault | null {
  // Older kernels print the head and the rest apart, so the rest alone has to do.
  const event = /IO_PAGE_FAULT ([^\]]{1,200})/.exec(text);
  if (event === null) return null;
  const field = (name: string): string | undefined =>
    new RegExp(`\\b${name}=([0-9a-fx:.]{1,24})`, "i").exec(event[1] ?? "")?.[1];
  const named = field("device");
  const before = /(?:^|\s)([0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]): AMD-Vi/.exec(text)?.[1];
  const flags = hexNumber(field("flags") ?? "");
  const address = field("address");
  return {
    iommu: "amd",
    requester: parseBdf(named ?? before ?? "") ?? null,
    isAnySegment: before === undefined && (named ?? "").split(":").length < 3,
    access: amdAccess(flags),
    address: address === undefined ? null : hexNumber(address),
    reason: flags === null ? null : `flags 0x${flags.toString(16)}`,
  };
}

/** Which way it went is told only for pages that are present. */
function amdAccess(flags: number | null): IommuFault["access"] {
  if (flags === null || (flags & AMD_PRESENT) === 0 || (flags & AMD_TRANSLATION) !== 0) return null;
  return (flags & AMD_WRITE) === 0 ? "read" : "write";
}

/** `event: F_TRANSLATION client: 0000:04:00.0 sid: 0x400 ssid: 0x0 iova: 0x… ipa: 0x…`, the access on the next line (SMMUv3, 6.14). */
function smmuEventFault(text: string, next: string): IommuFault | null {
  const match =
    /event: (\w{1,32}) client: (\(unassigned sid\)|\S{1,40}) sid: (0x[0-9a-f]{1,8}|0) ssid: \S{1,12} iova: (0x[0-9a-f]{1,16}|0)/i.exec(
      text,
    );
  if (match === null) return null;
  const [, reason = "", client = "", sid = "", iova = ""] = match;
  const access = /\b(?:priv|unpriv) (?:inst|data) (read|write)\b/.exec(next)?.[1];
  const named = parseBdf(client);
  return {
    iommu: "arm-smmu-v3",
    requester: named ?? requesterOf(hexNumber(sid)),
    isAnySegment: named === undefined,
    access: access === "read" || access === "write" ? access : null,
    address: hexNumber(iova),
    reason,
  };
}

/** Faults of SMMUv3 that carry an input address (ARM IHI 0070 sec 7.3): translation, address size, access, permission. */
const SMMU_ADDRESS_EVENTS: Readonly<Record<string, string>> = {
  "0x10": "F_TRANSLATION",
  "0x11": "F_ADDR_SIZE",
  "0x12": "F_ACCESS",
  "0x13": "F_PERMISSION",
};

/** `event 0x10 received:` and four lines with the words of the record (SMMUv3 before 6.14, and beside the newer form). */
function smmuRawFault(texts: readonly string[], position: number): IommuFault | null {
  const id = /arm-smmu-v3 \S{1,64}: event (0x[0-9a-f]{2}) received:/.exec(texts[position] ?? "")?.[1];
  const reason = SMMU_ADDRESS_EVENTS[id ?? ""];
  if (reason === undefined) return null;
  // The newer form of the same event follows, and says more.
  if (/event: \w{1,32} client: /.test(texts[position + 5] ?? "")) return null;
  const words = texts.slice(position + 1, position + 5).map((text) => /(?:^|\s)0x([0-9a-f]{16})\s*$/.exec(text)?.[1]);
  const [first, second, address] = words;
  if (first === undefined || second === undefined || address === undefined) return null;
  // The stream is in bits 63:32 of the first word, RnW is bit 35 of the second.
  const isRead = (Number.parseInt(second.slice(0, 8), 16) & 0x8) !== 0;
  return {
    iommu: "arm-smmu-v3",
    requester: requesterOf(Number.parseInt(first.slice(0, 8), 16)),
    isAnySegment: true,
    access: isRead ? "read" : "write",
    address: hexNumber(address),
    reason,
  };
}

/** `Unhandled context fault: fsr=0x402, iova=0x…, fsynr=0x11, cbfrsynra=0x400, cb=0` (SMMUv2; write is bit 4 of fsynr). */
function smmuContextFault(text: string): IommuFault | null {
  const match =
    /Unhandled context fault: fsr=(0x[0-9a-f]{1,8}), ?iova=(0x[0-9a-f]{1,16}), ?fsynr=(0x[0-9a-f]{1,8})(?:, ?cbfrsynra=(0x[0-9a-f]{1,8}))?/.exec(
      text,
    );
  if (match === null) return null;
  const [, status = "", iova = "", syndrome = "", stream] = match;
  return {
    iommu: "arm-smmu",
    requester: stream === undefined ? null : requesterOf(hexNumber(stream)),
    isAnySegment: true,
    access: (Number(syndrome) & 0x10) === 0 ? "read" : "write",
    address: hexNumber(iova),
    reason: `fsr ${status}`,
  };
}

/** `page fault from EP 1024 at 0x… [W]` (virtio-iommu). */
function virtioFault(text: string): IommuFault | null {
  const match =
    /\b(domain|page|unknown) fault from EP (\d{1,10})(?: PASID \d{1,10})? at (0x[0-9a-f]{1,16}|0) \[([RWX]{0,3})\]/.exec(
      text,
    );
  if (match === null) return null;
  const [, reason = "", endpoint = "", address = "", ways = ""] = match;
  return {
    iommu: "virtio",
    requester: requesterOf(Number(endpoint)),
    isAnySegment: true,
    access: ways.includes("W") ? "write" : ways.includes("R") ? "read" : null,
    address: hexNumber(address),
    reason,
  };
}

/** Hexadecimal with or without `0x`; `null` beyond 2^53, and for anything else. */
function hexNumber(text: string): number | null {
  const digits = text.replace(/^0x/i, "");
  if (!/^[0-9a-f]{1,16}$/i.test(digits)) return null;
  const value = Number.parseInt(digits, 16);
  return Number.isSafeInteger(value) ? value : null;
}

/** A stream or endpoint id as the requester id that its low 16 bits are. */
function requesterOf(id: number | null): Bdf | null {
  if (id === null) return null;
  return makeBdf(0, (id >>> 8) & 0xff, (id >>> 3) & 0x1f, id & 0x7);
}
