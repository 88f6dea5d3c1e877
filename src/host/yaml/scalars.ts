import { z } from "zod";
import { parseSize } from "../../pci/size.ts";

/** How an editor's YAML reader may see a scalar that this package reads as text. */
type EditorType = "string" | "number" | "boolean";

/** A scalar read from its text: `parse` yields `undefined` for what it does not understand, `expected` says what it does. */
export function scalar<T>(
  expected: string,
  parse: (text: string) => T | undefined,
  editorTypes: readonly EditorType[] = ["string"],
): z.ZodType<T, string> {
  const type = editorTypes.length === 1 ? editorTypes[0] : [...editorTypes];
  return z
    .string({ error: `expected ${expected}` })
    .meta({ type, description: expected } as Record<string, unknown>)
    .transform((text, context) => {
      const value = parse(text.trim());
      if (value !== undefined) return value;
      context.addIssue({ code: "custom", message: `'${shorten(text)}' is not understood: expected ${expected}` });
      return z.NEVER;
    });
}

/** The start of a text that may be as long as the file, for a message. */
export function shorten(text: string): string {
  return text.length <= 40 ? text : `${text.slice(0, 40)}…`;
}

/** A number of bytes from `least` to `most`: decimal or `0x…`, with or without a binary unit. */
export function byteSize(what: string, least: number, most: number): z.ZodType<number, string> {
  return scalar(
    `${what} such as 4096, 64K or 1M (${least} to ${most} bytes)`,
    (text) => {
      const bytes = parseSize(text);
      return bytes !== undefined && bytes >= least && bytes <= most ? bytes : undefined;
    },
    ["string", "number"],
  );
}

function parseOffset(text: string): number | undefined {
  const negative = text.startsWith("-");
  const size = parseSize(negative ? text.slice(1) : text);
  if (size === undefined || size > 2 ** 50) return undefined;
  return negative && size !== 0 ? -size : size;
}

/** Bus address minus CPU physical address, in bytes. */
export const busOffset: z.ZodType<number, string> = scalar("an offset such as 0x1000000000, 64G or -2G", parseOffset, [
  "string",
  "number",
]);

/** `true` or `false`. */
export const flag: z.ZodType<boolean, string> = scalar(
  "true or false",
  (text) => (text === "true" ? true : text === "false" ? false : undefined),
  ["boolean"],
);

/** A whole number from `least` to `most`, decimal, or hexadecimal with `0x`. */
export function wholeNumber(what: string, least: number, most: number): z.ZodType<number, string> {
  return scalar(
    `${what} (${least} to ${most})`,
    (text) => {
      if (!/^(0x[0-9a-f]{1,8}|[0-9]{1,10})$/i.test(text)) return undefined;
      const value = Number(text);
      return value >= least && value <= most ? value : undefined;
    },
    ["string", "number"],
  );
}

/** A text on one line; empty only where `least` is 0. */
export function line(what: string, most: number, least: 0 | 1 = 1): z.ZodType<string, string> {
  return scalar(`${what} (one line, at most ${most} characters)`, (text) =>
    text.length >= least && text.length <= most && !/[\p{Cc}\u2028\u2029]/u.test(text) ? text : undefined,
  );
}

/** A kernel release. */
export const kernelRelease: z.ZodType<string, string> = scalar(
  "a kernel release such as 7.2 or 6.12.43+deb13-amd64",
  (text) => (/^[0-9]{1,3}\.[0-9]{1,4}[\w.+~-]{0,100}$/.test(text) ? text : undefined),
  ["string", "number"],
);
