import { z } from "zod";
import type { FleetJson } from "../json-types.ts";
import { count, named } from "../schema-parts.ts";

/** What makes machines of one class another than those of the class that they are held against. */
export const FLEET_CAUSES = [
  "another-kind",
  "link-width",
  "link-speed",
  "acs-redirect",
  "acs",
  "missing-device",
  "added-device",
  "other-device",
  "other-slot",
  "iommu",
  "kernel",
  "command-line",
  "configuration",
  "modules",
  "cpu",
  "virtual-machine",
  "bar-size",
  "bar-address",
  "max-payload",
  "read-request",
  "packets",
  "driver",
  "decode",
  "dma-mask",
  "numa-node",
  "peer-memory",
  "virtual-functions",
  "capabilities",
  "iommu-groups",
  "bus-offset",
  "source",
  "bus-numbers",
  "other",
] as const;

const cause = named(
  "FleetCauseJson",
  "One thing that is other about a class than about the one that it is held against.",
  z.strictObject({
    kind: z.enum(FLEET_CAUSES),
    text: z.string().describe("in words; devices by kind and number, as all verbs take them"),
  }),
);

const fleetClass = named(
  "FleetClassJson",
  "Machines that are alike in all that matters.",
  z.strictObject({
    class: z
      .string()
      .regex(/^[0-9a-f]{16}$/)
      .describe("the same for machines that are alike, in every run"),
    machines: count,
    reference: z.boolean().describe("a kind of machine that others are held against, and no outlier"),
    nearest: z.string().nullable().describe("the larger class that it has most in common with"),
    causes: z.array(cause).describe("what differs from that one"),
    kernel: z.string().nullable().describe("null where the source does not show it"),
    iommu: z.string().nullable(),
    functions: count,
    gpus: count,
    nics: count,
    ssds: count,
    pairs: count.describe("pairs of two different devices, each way counted"),
    direct: count,
    hostBridge: count,
    notSupported: count,
    undecided: count,
    renumbered: z.array(z.string()).describe("its machines with other bus numbers than most of it"),
    members: z.array(z.string()).describe("its machines, in the order of the sources"),
  }),
);

/** `peerlane fleet --json`. */
export const fleetSchema: z.ZodType<FleetJson> = named(
  "FleetJson",
  "`peerlane fleet --json`: which machines of a fleet are alike, and how the others differ.",
  z.strictObject({
    schema: z.literal("peerlane.fleet/1"),
    machines: z.strictObject({
      named: count.describe("all that the sources name"),
      read: count,
      failed: count,
      duplicate: count,
      outliers: count.describe("of those that were read, those of no reference class"),
      renumbered: count.describe("those whose bus numbers are not the usual ones of their class"),
    }),
    causes: z
      .array(z.strictObject({ kind: z.enum(FLEET_CAUSES), machines: count, classes: count }))
      .describe("causes over all classes that are outliers, those of most machines first"),
    classes: z.array(fleetClass).describe("outliers first, those of fewest machines first; the largest class is last"),
    unread: z
      .array(z.strictObject({ machine: z.string(), state: z.enum(["failed", "duplicate"]), reason: z.string() }))
      .describe("machines without a result, and why"),
  }),
);
