import { z } from "zod";
import { byteSize, line, wholeNumber } from "../../host/yaml/scalars.ts";
import { choice, list } from "../../host/yaml/schema-parts.ts";

/** One transfer needs its memory in one run. */
const MAX_TRANSFER_BYTES = 16 * 2 ** 20;
const MAX_BLOCK = 2 ** 32 - 1;
const MAX_COUNT = 32_768;

/** A list of one to `most`. */
export function listOf<T>(items: z.ZodType<T>, expected: string, most: number): z.ZodType<readonly T[]> {
  const { $schema: _, ...schemaOfItems } = z.toJSONSchema(items, { io: "input" });
  return list(items, expected, schemaOfItems).refine(({ length }) => length > 0 && length <= most, {
    error: `expected at least one and at most ${most}`,
  });
}

export const device: z.ZodType<string, string> = line("a device, as 0000:03:00.0, 03:00.0 or nvme0", 100);
export const size: z.ZodType<number, string> = byteSize("a size", 1, MAX_TRANSFER_BYTES);
export const count: z.ZodType<number | undefined> = wholeNumber("how many", 1, MAX_COUNT).optional();
export const block: z.ZodType<number | undefined> = wholeNumber("a block of the namespace", 0, MAX_BLOCK).optional();
export const blockSize: z.ZodType<"512" | "4096" | "4K" | undefined> = choice(["512", "4096", "4K"]).optional();
export const commandsIn: z.ZodType<"host" | "controller" | undefined> = choice(["host", "controller"]).optional();
export const barIndex: z.ZodType<number, string> = wholeNumber("a BAR", 0, 5);
export const offset: z.ZodType<number, string> = byteSize("an offset", 0, 2 ** 50);
