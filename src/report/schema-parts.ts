import { z } from "zod";

/** Parts that the validators of several outputs share. */

export const hidden: z.ZodObject<{ unknown: z.ZodString }, z.core.$strict> = z.strictObject({
  unknown: z.string().describe("why the source does not show it"),
});

export function known<T extends z.ZodType>(type: T): z.ZodUnion<[T, typeof hidden]> {
  return z.union([type, hidden]);
}

export const bdf: z.ZodString = z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/);

const mapTypes = ["bus-addr", "thru-host-bridge", "not-supported", "unknown"] as const;

export const mapType: z.ZodEnum<{ [K in (typeof mapTypes)[number]]: K }> = z.enum(mapTypes);

export const count: z.ZodInt = z.int().min(0);
