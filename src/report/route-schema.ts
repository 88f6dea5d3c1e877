import { z } from "zod";
import type { RouteJson, RouteWithHopsJson } from "./json-types.ts";
import { bdf, count, hex, hidden, named, place } from "./schema-parts.ts";

const wayShape = {
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
};

const way = named("WayJson", "Where requests of one direction go.", z.strictObject(wayShape));

const wayWithHops = named(
  "WayWithHopsJson",
  "Where requests of one direction go, hop by hop.",
  z.strictObject({
    ...wayShape,
    hops: z.array(
      z.strictObject({
        at: place,
        what: z.enum(["issue", "up", "across", "down", "redirect", "translate", "reflect", "complete", "end"]),
        address: hex,
        words: z.string(),
      }),
    ),
  }),
);

const address = z.strictObject({ bar: count, address: hex, kind: z.enum(["bus", "physical", "iova"]) });

function routeShape<T extends z.ZodType>(direction: T) {
  return {
    address: z.union([address, hidden]).describe("what the kernel would hand out for the start of the BAR"),
    write: z.union([direction, hidden]),
    read: z.union([direction, hidden]),
  };
}

const SAYS = "where the model of the fabric leads the client's requests; null where the kernel hands out no address";

/** The validator of the routes of pairs, in brief. */
export const knownRoute: z.ZodType<RouteJson> = named(
  "RouteJson",
  "Where the model of the fabric leads the client's requests.",
  z.strictObject(routeShape(way)),
);

/** The validator of a pair's routes in brief. */
export const route: z.ZodType<RouteJson | null> = knownRoute.nullable().describe(SAYS);

/** The validator of a pair's routes as `explain` has them, with hops. */
export const routeWithHops: z.ZodType<RouteWithHopsJson | null> = named(
  "RouteWithHopsJson",
  "Where the model of the fabric leads the client's requests, hop by hop.",
  z.strictObject(routeShape(wayWithHops)),
)
  .nullable()
  .describe(SAYS);
