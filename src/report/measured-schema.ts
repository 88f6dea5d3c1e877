import { z } from "zod";
import type { VmJson } from "./json-types.ts";
import { bdf, count, mapType, named } from "./schema-parts.ts";

/** The validator of `peerlane vm --json`. */
export const vmSchema: z.ZodType<VmJson> = named(
  "VmJson",
  "`peerlane vm --json`: a real kernel's answers beside the rules'.",
  z.strictObject({
    schema: z.literal("peerlane.vm/1"),
    kernel: z.string(),
    qemu: z.string(),
    pairs: z.array(
      z.strictObject({
        provider: bdf,
        client: bdf,
        rules: mapType,
        kernel: mapType,
        hops: count,
        write: z.int(),
        read: z.int(),
        messages: z.array(z.string()),
      }),
    ),
  }),
);
