import { type DecodedConfig, decodeConfig } from "../../src/pci/decode.ts";
import { type Unknown, unknown } from "../../src/pci/known.ts";

/** Config spaces written by hand. */

export const beyondHeader: Unknown = unknown("beyond the header");
export const extended: Unknown = unknown("beyond 256 bytes");

/** Registers by offset: dwords, or `[value, bytes]` for what is smaller. */
export type Registers = Readonly<Record<number, number | readonly [value: number, bytes: 1 | 2 | 4]>>;

/** A config space of `length` bytes that holds `registers`, and zero elsewhere. */
export function space(length: number, registers: Registers): Uint8Array {
  const view = new DataView(new ArrayBuffer(length));
  for (const [key, register] of Object.entries(registers)) {
    const [value, bytes] = typeof register === "number" ? ([register, 4] as const) : register;
    const offset = Number(key);
    if (bytes === 1) view.setUint8(offset, value);
    else if (bytes === 2) view.setUint16(offset, value, true);
    else view.setUint32(offset, value, true);
  }
  return new Uint8Array(view.buffer);
}

/** The start of a header: Intel 8086:1572, a NIC, with a capability list where there are capabilities. */
export function header(type: number, more: Registers = {}): Registers {
  return { 0: 0x15728086, 4: 0x00100006, 8: 0x02000001, 14: [type, 1], ...more };
}

/** A standard list of these capabilities, each `[offset, id]`, in order. */
export function standardList(...list: readonly (readonly [offset: number, id: number])[]): Registers {
  const registers: Record<number, readonly [number, 1 | 2]> = { 52: [list[0]?.[0] ?? 0, 1] };
  list.forEach(([offset, id], position) => {
    registers[offset] = [id | ((list[position + 1]?.[0] ?? 0) << 8), 2];
  });
  return registers;
}

/** An extended list of these capabilities from 0x100 on, each `[offset, id]`, in order; version 1. */
export function extendedList(...list: readonly (readonly [offset: number, id: number])[]): Registers {
  const registers: Record<number, number> = {};
  list.forEach(([offset, id], position) => {
    registers[offset] = (id | 0x10000 | ((list[position + 1]?.[0] ?? 0) << 20)) >>> 0;
  });
  return registers;
}

/** Decodes `registers` in a space of `length` bytes. */
export function decode(length: number, registers: Registers): DecodedConfig {
  return decodeConfig(space(length, registers), { beyondHeader, extended });
}
