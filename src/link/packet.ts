import type { Coding } from "./rate.ts";

/** What decides how many bytes a TLP takes beside its data. */
export interface PacketForm {
  readonly coding: Coding;
  /** 64 for addresses of 4 GiB and more, which take a header of four double words; requests alone have one. */
  readonly addressBits: 32 | 64;
  /** TLP prefixes, or in a flit the orthogonal header content that stands for them, in double words (a PASID is one). */
  readonly prefixes: number;
  /** The end-to-end CRC, a double word. */
  readonly ecrc: boolean;
}

const DOUBLE_WORD = 4;

/**
 * Bytes around a TLP (PCIe 6.0 sec 4.2.1, 4.2.2): the start and end symbols or the STP token, the sequence number and the
 * LCRC. A flit has all that once for itself.
 */
const FRAMING: Readonly<Record<Coding, number>> = { "8b/10b": 8, "128b/130b": 8, flit: 0 };

/** Bytes on the link of a memory write, beside its data (PCIe 6.0 sec 2.2.4.1). */
export function writeOverhead(form: PacketForm): number {
  return requestBytes(form);
}

/** Bytes on the link of a memory read request, which has no data. */
export function readRequestBytes(form: PacketForm): number {
  return requestBytes(form);
}

/** Bytes on the link of a completion, beside its data: its header has three double words, whatever the address. */
export function completionOverhead(form: PacketForm): number {
  return around(form) + 3 * DOUBLE_WORD;
}

function requestBytes(form: PacketForm): number {
  return around(form) + (form.addressBits === 64 ? 4 : 3) * DOUBLE_WORD;
}

function around({ coding, prefixes, ecrc }: PacketForm): number {
  return FRAMING[coding] + prefixes * DOUBLE_WORD + (ecrc ? DOUBLE_WORD : 0);
}
