import { z } from "zod";
import type { ProbeJson } from "../../json-types.ts";
import { machine } from "../../machine-schema.ts";
import { routedPair } from "../../pair-schema.ts";
import { bdf, count, hex, mapType, named } from "../../schema-parts.ts";
import { poolReason, poolUser } from "../pools-schema.ts";

const io = z.strictObject({ bytes: count, errno: z.string().nullable() });
const damages = [
  z.strictObject({ kind: z.literal("right") }),
  z.strictObject({ kind: z.literal("untouched") }),
  z.strictObject({ kind: z.literal("all-ones") }),
  z.strictObject({ kind: z.literal("all-zeros") }),
  z.strictObject({ kind: z.literal("torn"), bytes: count, rest: z.enum(["before", "ones", "zeros"]) }),
  z.strictObject({ kind: z.literal("holes"), firstOffset: count, blocks: count }),
  z.strictObject({ kind: z.literal("reordered"), firstOffset: count, from: z.int(), blocks: count }),
  z.strictObject({
    kind: z.literal("corrupted"),
    firstOffset: count,
    blocks: count,
    expected: z.string(),
    actual: z.string(),
  }),
] as const;
const damage = named(
  "DamageJson",
  "What became of data that should have arrived.",
  z.discriminatedUnion("kind", damages),
);
const state = named(
  "DataStateJson",
  "What the data of one I/O was found to be.",
  z.discriminatedUnion("kind", [
    ...damages,
    z.strictObject({ kind: z.literal("changing") }),
    z.strictObject({ kind: z.literal("control-failed"), io, damage: damage.nullable() }),
    z.strictObject({ kind: z.literal("memory-fails"), damage }),
    z.strictObject({ kind: z.literal("spilled"), side: z.enum(["before", "behind"]) }),
    z.strictObject({ kind: z.literal("not-tested") }),
  ]),
);

const direction = named(
  "ProbedDirectionJson",
  "One direction of a probed pair.",
  z.strictObject({
    kernel: z.discriminatedUnion("kind", [
      z.strictObject({ kind: z.literal("accepted"), bytes: count, count }),
      z.strictObject({ kind: z.literal("refused"), errno: z.string() }),
      z.strictObject({ kind: z.literal("failed"), errno: z.string(), count, of: count }),
      z.strictObject({ kind: z.literal("short"), bytes: count, of: count, count }),
      z.strictObject({ kind: z.literal("not-tested"), why: z.string(), isAsked: z.boolean() }),
    ]),
    data: z.strictObject({
      kind: z.enum(["right", "lost", "unknown", "none", "not-tested"]),
      text: z.string(),
      right: count,
      judged: count,
      alike: count.describe("right data of blocks that are alike: it does not show that none was moved"),
    }),
    trials: z.array(
      z.strictObject({
        size: count,
        position: count,
        memoryOffset: count,
        io: io.nullable(),
        state,
        isDistinct: z.boolean(),
      }),
    ),
  }),
);

/** The validator of `peerlane probe --json`. */
export const probeSchema: z.ZodType<ProbeJson> = named(
  "ProbeJson",
  "`peerlane probe --json`: what a real kernel did with peer memory, and what became of the data.",
  z.strictObject({
    schema: z.literal("peerlane.probe/2"),
    machine,
    answer: z.enum(["yes", "no", "unknown", "nothing"]),
    sizes: z.array(count),
    nonce: z.string(),
    pairs: z
      .array(
        named(
          "ProbedPairJson",
          "A provider with a disk.",
          z.strictObject({
            provider: bdf,
            device: z.strictObject({ name: z.string(), size: count }),
            isNamed: z.boolean(),
            isOwnMemory: z.boolean(),
            class: z.enum(["disagreement", "loss", "failure", "unknown", "fine"]),
            rules: mapType,
            clients: z.array(routedPair),
            into: direction.describe("reads of the disk: the client writes peer memory"),
            out: direction.describe("writes of the disk: the client reads peer memory"),
            findings: z.array(z.strictObject({ kind: z.string(), text: z.string(), advice: z.array(z.string()) })),
            messages: z.array(z.strictObject({ timeUs: count, text: z.string() })),
            faults: z.array(
              z.strictObject({
                iommu: z.enum(["intel", "amd", "arm-smmu-v3", "arm-smmu", "virtio"]),
                requester: bdf.nullable(),
                access: z.enum(["read", "write"]).nullable(),
                address: hex.nullable(),
                reason: z.string().nullable(),
                providerBar: count
                  .nullable()
                  .describe("the provider's BAR in which the address lies, as the bus sees it"),
              }),
            ),
          }),
        ),
      )
      .describe("disagreements first, then losses, then the rest"),
    exhausted: z.array(z.strictObject({ provider: bdf, users: z.array(poolUser) })),
    untried: z
      .array(z.strictObject({ provider: bdf, sizes: z.array(count) }))
      .describe("sizes for which a provider had no room"),
    leftAlone: z
      .array(z.strictObject({ provider: bdf, reason: poolReason }))
      .describe("pools that were not tried, as they are in use or not published; empty where providers were named"),
    kernelLog: z.union([
      z.strictObject({ isRead: z.literal(true) }),
      z.strictObject({ isRead: z.literal(false), reason: z.string() }),
    ]),
    leftRescues: z.array(z.strictObject({ file: z.string(), device: z.string(), position: count })),
  }),
);
