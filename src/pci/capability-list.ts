import { CONVENTIONAL_BYTES, type ConfigSpace, EXTENDED_BYTES } from "./config-space.ts";
import { type Unknown, unknown } from "./known.ts";

/** One entry of a capability list, not yet decoded. */
export interface CapabilityHeader {
  readonly space: "standard" | "extended";
  readonly id: number;
  readonly version: number;
  readonly offset: number;
}

/** The entries found, and why there may be more (`hidden`) or what is wrong with the list (`oddity`). */
export interface CapabilityWalk {
  readonly headers: readonly CapabilityHeader[];
  readonly hidden: Unknown | null;
  readonly oddity: string | null;
  /** The list leads to where there are only zeros up to the end: the bytes were filled up with them. */
  readonly isFilledUp?: true;
}

const STATUS_REGISTER = 0x06;
const STATUS_HAS_CAPABILITIES = 0x10;
const POINTER_OF_BRIDGES_AND_ENDPOINTS = 0x34;
const POINTER_OF_CARDBUS = 0x14;
/** A standard list has at most this many entries of four bytes each (the kernel's limit, `PCI_FIND_CAP_TTL`). */
const MAX_STANDARD = 48;

/** Why registers of a space that was filled up are hidden. */
export const FILLED_UP: Unknown = unknown(
  "the list of capabilities leads to where config space reads as zeros to its end",
);
const goneHere: Unknown = unknown("the list of capabilities leads to where config space reads as all ones");

/**
 * Walks the standard list (PCI 3.0 sec 6.7) in whatever order its pointers go; a loop ends it. An entry that no device has
 * (all ones, or zeros to the end) hides what follows: the bytes were lost there.
 */
export function walkStandard(config: ConfigSpace, headerType: number): CapabilityWalk {
  const headers: CapabilityHeader[] = [];
  const status = config.u16(STATUS_REGISTER);
  const pointer = headerType === 2 ? POINTER_OF_CARDBUS : POINTER_OF_BRIDGES_AND_ENDPOINTS;
  if (status === undefined) return { headers, hidden: config.reason(STATUS_REGISTER), oddity: null };
  if ((status & STATUS_HAS_CAPABILITIES) === 0) return { headers, hidden: null, oddity: null };
  let offset = config.u8(pointer);
  if (offset === undefined) return { headers, hidden: config.reason(pointer), oddity: null };
  const visited = new Set<number>();
  while (headers.length <= MAX_STANDARD) {
    offset &= 0xfc;
    if (offset < 0x40) return { headers, hidden: null, oddity: null };
    if (visited.has(offset)) return { headers, hidden: null, oddity: loopAt(offset) };
    visited.add(offset);
    const word = config.u16(offset);
    if (word === undefined) return { headers, hidden: config.reason(offset), oddity: null };
    if ((word & 0xff) === 0xff) return { headers, hidden: goneHere, oddity: null };
    if (word === 0 && config.isZeroFrom(offset)) return filledUp(headers);
    headers.push({ space: "standard", id: word & 0xff, version: 0, offset });
    offset = word >>> 8;
  }
  return { headers, hidden: null, oddity: null };
}

/**
 * Walks the extended list (PCIe 6.0 sec 7.6.3) from 0x100; an empty first header is an empty list. All ones stand for no
 * answer, and a later header that begins nothing but zeros was lost.
 */
export function walkExtended(config: ConfigSpace): CapabilityWalk {
  const headers: CapabilityHeader[] = [];
  const visited = new Set<number>();
  let offset: number = CONVENTIONAL_BYTES;
  while (offset >= CONVENTIONAL_BYTES && offset < EXTENDED_BYTES) {
    if (visited.has(offset)) return { headers, hidden: null, oddity: loopAt(offset) };
    visited.add(offset);
    const header = config.u32(offset);
    if (header === undefined) return { headers, hidden: config.reason(offset), oddity: null };
    if (header === 0xffffffff) return { headers, hidden: goneHere, oddity: null };
    if (header === 0) {
      const isLost = offset > CONVENTIONAL_BYTES && config.isZeroFrom(offset);
      return isLost ? filledUp(headers) : { headers, hidden: null, oddity: null };
    }
    const id = header & 0xffff;
    // A null capability only holds the pointer to the next one.
    if (id !== 0) headers.push({ space: "extended", id, version: (header >>> 16) & 0xf, offset });
    offset = (header >>> 20) & 0xffc;
  }
  return { headers, hidden: null, oddity: null };
}

function filledUp(headers: readonly CapabilityHeader[]): CapabilityWalk {
  return { headers, hidden: FILLED_UP, oddity: null, isFilledUp: true };
}

function loopAt(offset: number): string {
  return `the capability list comes back to 0x${offset.toString(16)}`;
}
