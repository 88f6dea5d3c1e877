import { z } from "zod";
import { LOCALITIES } from "../answers/locality.ts";
import { ASK_CLASSES } from "../platforms/asking.ts";
import type {
  AskingWayJson,
  GateJson,
  MatrixPairJson,
  MatrixReasonJson,
  PairJson,
  RoutedPairJson,
} from "./json-types.ts";
import { route } from "./route-schema.ts";
import { bdf, count, known, mapType, named, type ShapeOf } from "./schema-parts.ts";

const direction = named(
  "DirectionJson",
  "What is documented of the hardware, for one direction.",
  z.strictObject({
    outcome: z.enum(["works", "fails", "limited", "unknown"]),
    why: z.string(),
    facts: z.array(z.string()).describe("ids of the platform facts that say so"),
  }),
);

const askClass = z.enum(ASK_CLASSES);

const askedBy = named(
  "AskedByJson",
  "Whether the drivers of a pair ask the kernel, and by which ways they may share memory.",
  z.strictObject({
    class: z.union([askClass, z.enum(["differs", "unknown"])]),
    ways: z.array(
      z.strictObject({
        id: z.string().describe("of a way in `asking`"),
        given: z
          .array(z.strictObject({ end: z.enum(["provider", "client"]), driver: z.string().nullable() }))
          .describe("drivers that have to be bound for it, where the source shows none; null: any driver of Linux"),
      }),
    ),
    why: z.string().nullable().describe("why the class is unknown"),
  }),
);

/** The validator of the ways in which drivers share memory, as they are on the machine of an output. */
export const asking: z.ZodType<readonly AskingWayJson[]> = z
  .array(
    named(
      "AskingWayJson",
      "A way in which two drivers share memory: who decides, what happens on no, which address, how to see it.",
      z.strictObject({
        id: z.string(),
        title: z.string(),
        class: askClass,
        words: z.string(),
        decides: z.string(),
        onNo: z.string(),
        address: z.string(),
        seen: z.string(),
        aside: z.string().nullable().describe("why it does not count for the class of a pair"),
        provisos: z
          .array(
            z.strictObject({
              holds: known(z.literal(true)),
              leaves: z.enum(["host-memory", "refusal", "part", "peer-dma"]),
              words: z.string(),
            }),
          )
          .describe("what is other on this kernel, or may be"),
        sources: z.array(z.string()),
      }),
    ),
  )
  .describe("the ways that the pairs name");

const distance = z
  .int()
  .min(-1)
  .nullable()
  .describe("what the kernel returns: hops, -1 when not supported; null when unknown");

const releases = z
  .strictObject({ from: z.string(), to: z.string().nullable() })
  .exactOptional()
  .describe("where the source names no kernel: those for which a known map type is claimed, null: and newer");

const supported = z
  .boolean()
  .nullable()
  .describe("whether it works, direct or through the host bridge; null where that depends on what the source hides");

const condition = z.string().nullable().describe("what an unknown map type depends on, as far as the source shows it");

const hardware = z
  .strictObject({ write: direction, read: direction })
  .describe("what is documented of the hardware, beside what the kernel decides");

/** The validator of the name of a device beside its address. */
export const deviceName: z.ZodNullable<z.ZodString> = z
  .string()
  .nullable()
  .describe("null where the source gives none");

/** The validator of gates. */
export const gates: z.ZodType<readonly GateJson[]> = z.array(
  named(
    "GateJson",
    "What stops or spoils a transfer beside the verdict.",
    z.strictObject({
      kind: z.string(),
      device: bdf.nullable(),
      effect: z.enum(["blocks", "warns"]),
      message: z.string(),
      doubt: z.string().exactOptional().describe("why it may not apply, where the source does not show all"),
    }),
  ),
);

/** The validator of a pair of a matrix, whose other parts stand in tables. */
export const matrixPair: z.ZodType<MatrixPairJson> = named(
  "MatrixPairJson",
  "A provider and a client. Numbers that point into a table count from 0; what there is not of a pair has no key.",
  z.strictObject({
    provider: bdf,
    client: bdf,
    providerName: deviceName,
    clientName: deviceName,
    mapType,
    distance,
    hops: count.nullable(),
    locality: z
      .enum([...LOCALITIES, "PIX or PXB", "NODE or SYS", "hidden"])
      .describe("how far apart the two are, by the words of nvidia-smi topo, or what it may be"),
    reason: count.describe("into `reasons`"),
    acsRedirect: z
      .array(bdf)
      .exactOptional()
      .describe("functions on the path that redirect, in the order in which the kernel lists them"),
    acsHidden: z.array(bdf).exactOptional().describe("functions on the path whose ACS the source hides"),
    hidden: z.array(count).exactOptional().describe("into `hidden`: why the verdict is unknown"),
    gates: z.array(count).exactOptional().describe("into `gates`"),
    route: count
      .exactOptional()
      .describe(
        "into `routes`: where the fabric leads requests, as far as that is not known to be what the verdict says",
      ),
  }),
);

/** The validator of what pairs of a matrix have in common. */
export const matrixReason: z.ZodType<MatrixReasonJson> = named(
  "MatrixReasonJson",
  "Why pairs are what they are, and what stands beside their verdict: the same for all of them.",
  z.strictObject({
    pairs: count.describe("how many pairs point here"),
    mapType,
    reason: z.string(),
    text: z.string().describe("the reason as a sentence"),
    releases,
    supported,
    condition,
    hardware,
    askedBy,
  }),
);

/** The validators of a pair's keys. */
export const pairShape: ShapeOf<PairJson> = {
  provider: bdf,
  client: bdf,
  providerName: deviceName,
  clientName: deviceName,
  mapType,
  distance,
  hops: count.nullable(),
  locality: known(z.enum(LOCALITIES).nullable()).describe(
    "how far apart the two are, by the words of nvidia-smi topo; null for a function with itself",
  ),
  releases,
  supported,
  condition,
  acsRedirect: z.array(bdf).describe("in the order in which the kernel lists them"),
  acsHidden: z.array(bdf),
  reason: z.string(),
  hidden: z.array(z.string()),
  gates,
  hardware,
  askedBy,
  fixes: z.array(z.strictObject({ kind: z.string(), value: z.string(), mapType })),
};

/** The validator of a pair. */
export const pair: z.ZodType<PairJson> = named(
  "PairJson",
  "A provider and a client: the kernel's verdict, and what stands beside it.",
  z.strictObject(pairShape),
);

/** The validator of a pair with its routes in brief. */
export const routedPair: z.ZodType<RoutedPairJson> = named(
  "RoutedPairJson",
  "A pair, and where the fabric leads its requests.",
  z.strictObject({ ...pairShape, route }),
);
