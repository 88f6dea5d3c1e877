import { z } from "zod";
import { suggestion } from "./did-you-mean.ts";
import { shorten } from "./scalars.ts";

/** One of a few words. An unknown one is answered with what was probably meant. */
export function choice<const W extends readonly [string, ...string[]]>(words: W): z.ZodType<W[number], W[number]> {
  return z.enum(words, {
    error: ({ input }) =>
      typeof input === "string"
        ? `'${shorten(input)}' is not known here${suggestion(input, words)}`
        : `expected one of: ${words.join(", ")}`,
  }) as z.ZodType<W[number], W[number]>;
}

/** A mapping with exactly these keys. An unknown key is answered with what was probably meant. */
export function fields<S extends z.core.$ZodLooseShape>(what: string, shape: S): z.ZodObject<S, z.core.$strict> {
  const known = Object.keys(shape);
  return z.strictObject(shape, {
    error: (issue) => {
      if (issue.code === "unrecognized_keys") {
        const [key = ""] = issue.keys;
        return `'${shorten(key)}' is no key of ${what}${suggestion(key, known)}`;
      }
      return `expected the keys of ${what}: ${known.join(", ")}`;
    },
  });
}

/**
 * A list whose validation ends at its first wrong item: a hostile file may have hundreds of thousands of them. The JSON
 * Schema of the items has to be given, as `items` is not seen through.
 */
export function list<T>(items: z.ZodType<T>, expected: string, jsonSchemaOfItems: object): z.ZodType<readonly T[]> {
  return z
    .array(z.unknown(), { error: `expected ${expected}` })
    .meta({ items: jsonSchemaOfItems } as Record<string, unknown>)
    .transform((values, context): readonly T[] => {
      const valid: T[] = [];
      for (const [index, value] of values.entries()) {
        const result = items.safeParse(value);
        if (!result.success) {
          for (const issue of result.error.issues.slice(0, MAX_ISSUES)) {
            context.issues.push({ ...issue, path: [index, ...issue.path], input: value } as z.core.$ZodRawIssue);
          }
          return z.NEVER;
        }
        valid.push(result.data);
      }
      return valid;
    });
}

/** Issues of one item that are worth keeping: one is told, the others are counted. */
const MAX_ISSUES = 20;
