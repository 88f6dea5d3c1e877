import { z } from "zod";
import { formatBdf, parseBdf } from "../../pci/bdf.ts";
import type { ReasonsTable } from "./reasons-table.ts";

/** A whole number from 0 that JSON keeps exactly. */
export const count: z.ZodInt = z.int().min(0);

/** Numbers that people know in hex: ids, addresses, registers. */
export const hex: z.ZodType<number, string> = z.codec(
  z.string().regex(/^0x[0-9a-f]{1,14}$/, "a number in hex, as 0x8086"),
  count,
  {
    decode: (text) => Number.parseInt(text.slice(2), 16),
    encode: (value) => `0x${value.toString(16)}`,
  },
);

/** An address of a function. */
export const bdf: z.ZodType<number, string> = z.codec(
  z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/, "an address, as 0000:03:00.0"),
  count,
  {
    decode: (text) => parseBdf(text) ?? 0,
    encode: (value) => formatBdf(value as Parameters<typeof formatBdf>[0]),
  },
);

/** Makes the form of values that a source may hide. */
export type KnownForm = <Output, Input>(
  value: z.ZodType<Output, Input>,
) => z.ZodType<Output | { readonly unknown: string }, Input | { readonly unknown: number }>;

/** A hidden value is `{ "unknown": N }`, with N the number of its reason in the snapshot's table. */
export function knownForm(table: ReasonsTable): KnownForm {
  const hidden = z.codec(z.strictObject({ unknown: count }), z.strictObject({ unknown: z.string() }), {
    decode: ({ unknown }, context) => {
      const reason = table.reasons[unknown];
      if (reason !== undefined) return { unknown: reason };
      context.issues.push({ code: "custom", input: unknown, message: `there is no reason ${unknown}` });
      return z.NEVER;
    },
    encode: ({ unknown }) => ({ unknown: table.numberOf(unknown) }),
  });
  return (value) => z.union([hidden, value]);
}
