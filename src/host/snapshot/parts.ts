import { z } from "zod";
import type { BusAddr, PhysAddr } from "../../pci/addresses.ts";
import { type Bdf, formatBdf, formatBus, parseBdf } from "../../pci/bdf.ts";
import { type Known, type Unknown, unknown } from "../../pci/known.ts";
import type { ReasonsTable } from "./reasons-table.ts";

/** A whole number from 0 that JSON keeps exactly. */
export const count: z.ZodType<number, number> = z.int().min(0);

/** A number of 8 bits, as bus numbers are. */
export const byte: z.ZodType<number, number> = z.int().min(0).max(0xff);

/** An id or register in hex, with all of its digits: `0x8086`, `0x010802`. */
export function register(digits: number): z.ZodType<number, string> {
  return z.codec(
    z.string().regex(new RegExp(`^0x[0-9a-f]{${digits}}$`), `expected ${digits} hexadecimal digits after 0x`),
    z
      .int()
      .min(0)
      .max(16 ** digits - 1),
    { decode: fromHex, encode: (value) => `0x${value.toString(16).padStart(digits, "0")}` },
  );
}

const word = z.string().regex(/^0x1?[0-9a-f]{1,13}$/, "expected a number below 2^53 in hex, as 0xfe800000");

function address<Address extends number>(): z.ZodType<Address, string> {
  return z.codec(word, z.custom<Address>(isCount), {
    decode: (text) => fromHex(text) as Address,
    encode: toHex,
  });
}

/** An address as the PCI bus sees it. */
export const busAddress: z.ZodType<BusAddr, string> = address<BusAddr>();

/** An address as the CPU sees it. */
export const physAddress: z.ZodType<PhysAddr, string> = address<PhysAddr>();

/** Bytes. Registers of Resizable BARs name powers of two up to 2^83, which are exact above 2^53 as well. */
export const size: z.ZodType<number, string> = z.codec(
  z.string().regex(/^0x(?:1?[0-9a-f]{1,13}|[1248]0{13,20})$/, "expected a size in hex, as 0x100000"),
  z.custom<number>(isSize),
  { decode: fromHex, encode: toHex },
);

/** An address of a function. */
export const bdf: z.ZodType<Bdf, string> = z.codec(
  z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/, "expected an address, as 0000:03:00.0"),
  z.custom<Bdf>(isCount),
  { decode: (text) => parseBdf(text) ?? z.NEVER, encode: formatBdf },
);

/** A bus of a domain, as `busKeyOf` numbers it. */
export const bus: z.ZodType<number, string> = z.codec(
  z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}$/, "expected a bus, as 0000:40"),
  z
    .int()
    .min(0)
    .max(2 ** 40 - 1),
  {
    decode: (text) => Number.parseInt(text.slice(0, -3), 16) * 0x100 + Number.parseInt(text.slice(-2), 16),
    encode: formatBus,
  },
);

/** Makes the codec of a value that a source may hide. */
export type KnownCodec = <Output, Input>(
  value: z.ZodType<Output, Input>,
) => z.ZodType<Known<Output>, Input | { readonly unknown: number }>;

/** A hidden value is `{ "unknown": N }`, with N the number of its reason in the snapshot's table. */
export function knownCodec(table: ReasonsTable): KnownCodec {
  const hidden = z.codec(z.strictObject({ unknown: count }), z.custom<Unknown>(isReason), {
    decode: ({ unknown: number }, context) => {
      const reason = table.at(number);
      if (reason !== undefined) return reason;
      context.issues.push({ code: "custom", input: number, message: `there is no reason ${number}` });
      return unknown("");
    },
    encode: (value) => ({ unknown: table.numberOf(value.unknown) }),
  });
  return (value) => z.union([hidden, value]);
}

function fromHex(text: string): number {
  return Number.parseInt(text.slice(2), 16);
}

function toHex(value: number): string {
  return `0x${value.toString(16)}`;
}

function isCount(value: unknown): boolean {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isSize(value: unknown): boolean {
  return (
    isCount(value) || (typeof value === "number" && value <= 2 ** 83 && value > 0 && Number.isInteger(Math.log2(value)))
  );
}

function isReason(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return false;
  const [only, ...others] = Object.entries(value);
  return others.length === 0 && only?.[0] === "unknown" && typeof only[1] === "string";
}
