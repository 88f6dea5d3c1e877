import { z } from "zod";

/** The parts of an output's schema that describe a pair's routes. */
export interface RouteSchemas {
  /** As `matrix` has them. */
  readonly brief: z.ZodType;
  /** As `explain` has them, with hops. */
  readonly full: z.ZodType;
}

/** The validators of routes, on what all outputs share. */
export function routeSchemas({ bdf, hidden }: { readonly bdf: z.ZodType; readonly hidden: z.ZodType }): RouteSchemas {
  const count = z.int().min(0);
  const hex = z.string().regex(/^0x[0-9a-f]+$/);
  const place = z.union([bdf, z.literal("root-complex")]);
  const way = z.strictObject({
    outcome: z.enum(["delivered", "unsupported-request", "acs-violation", "iommu-fault", "lost", "not-issued"]),
    target: z
      .union([
        z.strictObject({ kind: z.literal("bar"), bdf, bar: count, offset: count }),
        z.strictObject({ kind: z.literal("dram"), address: hex }),
      ])
      .nullable()
      .describe("what is reached, null where nothing is"),
    endedAt: place,
    reason: z.string(),
    differs: z
      .enum(["not-delivered", "elsewhere", "goes-up", "stays-below"])
      .nullable()
      .describe("how that differs from the kernel's verdict, null where the two agree"),
  });
  const hop = z.strictObject({
    at: place,
    what: z.enum(["issue", "up", "across", "down", "redirect", "translate", "reflect", "complete", "end"]),
    address: hex,
    words: z.string(),
  });
  const address = z.strictObject({ bar: count, address: hex, kind: z.enum(["bus", "physical", "iova"]) });
  const routes = (direction: z.ZodType): z.ZodType =>
    z
      .strictObject({
        address: z.union([address, hidden]).describe("what the kernel would hand out for the start of the BAR"),
        write: z.union([direction, hidden]),
        read: z.union([direction, hidden]),
      })
      .nullable()
      .describe(
        "where the model of the fabric leads the client's requests; null where the kernel hands out no address",
      );
  return { brief: routes(way), full: routes(way.extend({ hops: z.array(hop) })) };
}
