import { z } from "zod";
import { BOOT_LOADER_NAMES } from "../advice/boot-loaders/boot-loaders.ts";
import { LOCALITIES } from "../answers/locality.ts";
import { asked, groupChanges, verdictSide, whatIf } from "./difference-schema.ts";
import type { FindJson, FixJson, HistoryJson, NearestJson } from "./json-types.ts";
import { machine, notes } from "./machine-schema.ts";
import { asking, deviceName, gates, matrixPair, matrixReason } from "./pair-schema.ts";
import { bdf, count, known, link, mapType, named } from "./schema-parts.ts";

/** The validator of `peerlane explain --history --json`. */
export const historySchema: z.ZodType<HistoryJson> = named(
  "HistoryJson",
  "`peerlane explain --history --json`: what each release says of a pair.",
  z.strictObject({
    schema: z.literal("peerlane.history/1"),
    machine,
    provider: bdf,
    client: bdf,
    releases: z.array(
      z.strictObject({
        from: z.string(),
        to: z.string(),
        mapType,
        distance: z.int().min(-1).nullable(),
        reason: z.string(),
        hidden: z.array(z.string()),
        blocked: z.enum(["yes", "perhaps", "no"]).describe("whether something stops the pair all the same"),
      }),
    ),
    notes,
    whatIf,
  }),
);

const bootLoader = z.enum(BOOT_LOADER_NAMES);

const namedDevice = named(
  "NamedDeviceJson",
  "A function with the name that people use for it.",
  z.strictObject({ bdf, name: z.string().nullable() }),
);

const pairNames = { provider: bdf, client: bdf, providerName: deviceName, clientName: deviceName };
const namedPair = named("NamedPairJson", "A pair by addresses and names.", z.strictObject(pairNames));
const otherVerdict = named(
  "OtherVerdictJson",
  "Another pair whose verdict a proposal changes.",
  z.strictObject({ ...pairNames, before: verdictSide, after: verdictSide }),
);

const classPair = {
  providers: z.string().describe("what such functions are: GPU, NIC, storage …"),
  clients: z.string(),
  pairs: count,
  example: namedPair,
};
const figures = z.strictObject({ before: z.number().min(0), after: z.number().min(0) }).nullable();
const locality = z.enum(LOCALITIES);
const end = z.enum(["arrive", "arrive otherwise", "fail", "unknown"]);

const proved = named(
  "ProvedFixJson",
  "A smallest set of changes that makes pairs work, with what else it changes.",
  z.strictObject({
    outcome: z.literal("proved").describe("shown by the rules on the changed machine"),
    why: z.string().describe("how many of the asked pairs are what after it"),
    kinds: z
      .array(z.enum(["kernel-parameter", "run-time", "firmware-setting", "kernel", "slot", "iommu", "switch-card"]))
      .describe("one, or two that go together, in the order in which they are done"),
    title: z.string(),
    titleByIds: z
      .string()
      .exactOptional()
      .describe("the parameter by ids, as screens offer it first, where only what is meant has them"),
    changes: z.array(z.string()),
    lasting: z.enum(["until-reboot", "from-next-boot"]),
    steps: z
      .array(
        z.strictObject({
          where: z.string(),
          lines: z.array(z.string()),
          bootLoader: bootLoader
            .exactOptional()
            .describe("of steps of which a machine needs those of its boot loader alone"),
        }),
      )
      .describe("those of the likely boot loader come before those of others"),
    cautions: z.array(z.string()),
    pairs: z.array(matrixPair).describe("the asked pairs after the change, in their order"),
    directByVerdictAlone: z
      .strictObject({ pairs: count, directWithPassthrough: count.describe("so many of them with iommu=pt as well") })
      .describe(
        "asked pairs that are bus-addr and whose requests go up to the root complex, by addresses of the IOMMU",
      ),
    carries: z
      .array(z.strictObject({ ...classPair, write: figures, read: figures }))
      .describe(
        "asked pairs that are predicted to carry more or less after it, alike ones together: 10^9 data bytes per second of one flow, to three digits; null where both figures are the same or one is not known",
      ),
    otherVerdicts: z.array(otherVerdict).describe("other pairs that it changes, one by one: the first 1000"),
    otherPairs: z
      .strictObject({
        changed: count,
        hopsOnly: count.describe("of these, those that keep their map type"),
        classes: z.array(z.strictObject({ ...classPair, before: mapType, after: mapType })),
        localities: z
          .array(z.strictObject({ ...classPair, before: locality, after: locality }))
          .describe("pairs that keep map type and hops and come to lie nearer or farther apart"),
        routes: z
          .array(
            z.strictObject({
              ...classPair,
              direction: z.enum(["write", "read"]),
              before: end,
              after: end,
              why: z
                .array(z.string())
                .describe("why they end so after it, each reason once; none where they arrive as the verdict promises"),
            }),
          )
          .exactOptional()
          .describe(
            "pairs that keep their map type and whose requests end otherwise; left out where there are too many pairs to ask",
          ),
      })
      .describe("all other pairs that it changes, of every function but bridges, counted by classes"),
    groups: known(groupChanges),
    isolationLost: known(
      z.strictObject({
        pairs: count,
        inTwoGroups: count.describe("of these, those that are in two groups all the same"),
        classes: z.array(z.strictObject({ of: z.array(z.string()), pairs: count, example: z.array(namedDevice) })),
      }),
    ).describe("pairs of functions that the IOMMU keeps apart before, and not after it"),
  }),
);

const likely = named(
  "LikelyFixJson",
  "A change that helps in a case that the source leaves open: likely, and not proved. It does no asked pair harm.",
  z.strictObject({
    outcome: z.literal("likely"),
    why: z.string(),
    title: z.string(),
    open: count.describe("of the asked pairs, those that are unknown after it"),
    condition: z.string().nullable().describe("what its outcome depends on, where that is one pair's"),
    hidden: z.array(count).describe("into `hidden`: what would have to be known"),
  }),
);

/** The validator of `peerlane fix --json`. */
export const fixSchema: z.ZodType<FixJson> = named(
  "FixJson",
  "`peerlane fix --json`: what would make pairs work.",
  z.strictObject({
    schema: z.literal("peerlane.fix/2"),
    machine,
    pairs: z.array(matrixPair).describe("the asked pairs as they are; none of a function with itself"),
    nearer: z
      .array(
        z.strictObject({
          of: namedDevice,
          devices: z.array(namedDevice),
          mapType,
          hops: count.nullable(),
          isRedirected: z
            .boolean()
            .describe("they are below one bridge, and ACS redirection keeps them from being direct"),
        }),
      )
      .describe("of one pair that is not direct: what is nearer to each of the two than the other, of its class"),
    proposals: z
      .array(z.union([proved, likely]))
      .describe(
        "those that are proved first, in the order and with the numbers of the screen: settings before cards that move, what helps most first, what takes the IOMMU away and then a switch card last",
      ),
    reasons: z.array(matrixReason).describe("of `pairs` and of those of all proposals"),
    hidden: z.array(z.string()).describe("what the source hides, in its words"),
    gates,
    bootLoader: z
      .strictObject({ name: bootLoader, why: z.string() })
      .nullable()
      .describe("the boot loader that the machine most likely has, and by what it is known"),
    rejected: z
      .array(z.strictObject({ title: z.string(), why: z.string() }))
      .describe("what one might think of and does not help"),
    searched: z
      .strictObject({
        tried: z.array(z.strictObject({ what: z.string(), machines: count })),
        cut: z.string().nullable().describe("why there may be more ways than were found"),
      })
      .describe("the changed machines that were decided, by kinds of changes"),
    watched: z
      .strictObject({ functions: count, of: count })
      .describe("the functions but bridges for which it was looked what else a proposal changes, and all of them"),
    remedies: z.array(
      z.strictObject({
        gate: count.describe("into `gates`"),
        remedy: z.string(),
        possible: z
          .boolean()
          .describe("false: there is no way out for this pair, and the text says what to take instead"),
      }),
    ),
    parameters: z.array(
      z.strictObject({
        parameter: z.string(),
        devices: z.array(namedDevice),
        effect: z.enum(["took-effect", "still-redirects", "matches-nothing", "hidden"]),
      }),
    ),
    changedSinceBoot: z.array(z.strictObject({ device: namedDevice, bits: count })),
    asking,
    notes,
    asked,
  }),
);

const reachShape = {
  nearest: known(z.array(namedDevice)).describe("all that are as near"),
  mapType: mapType.describe("where both have memory for peers, what is worse of the two ways"),
  works: z
    .boolean()
    .nullable()
    .describe("supported, and nothing blocks it; null where that depends on what the source hides"),
  blockedBy: z.string().nullable(),
  goesUp: z
    .boolean()
    .describe(
      "direct by the verdict alone: the driver takes an address of the IOMMU, and requests go up to the root complex",
    ),
  hops: count.nullable(),
  locality: known(locality.nullable()),
  memory: z
    .enum(["own", "other", "both", "none", "hidden"])
    .describe("whose memory is used; none: neither has any for peers, hidden: that is not shown; told is the path"),
  perhaps: z.array(namedDevice).describe("those that may be as near or nearer, as the source hides what decides"),
};

const reach = named(
  "ReachJson",
  "The devices that are nearest to another, and how they are reached.",
  z.strictObject(reachShape),
);

const nearest = named(
  "NearestDeviceJson",
  "A device with those that are nearest to it.",
  z.strictObject({
    device: namedDevice,
    ...reachShape,
    before: reach
      .nullable()
      .exactOptional()
      .describe("where a what-if changes the answer: that of the machine as it is, null where there is none"),
  }),
);

/** The validator of `peerlane find --json`. */
export const nearestSchema: z.ZodType<NearestJson> = named(
  "NearestJson",
  "`peerlane find --json`: the nearest devices of each device.",
  z.strictObject({
    schema: z.literal("peerlane.nearest/1"),
    machine,
    questions: z
      .array(
        z.strictObject({
          of: z.string().describe("a class, or the words by which devices were asked for"),
          among: z.string(),
          found: z.array(nearest),
          without: z.array(namedDevice).describe("devices without a candidate: neither side has memory for peers"),
        }),
      )
      .describe("of each device of one group the nearest of another"),
    reduced: z
      .array(
        z.strictObject({
          device: namedDevice,
          link: z
            .strictObject({
              at: bdf.describe("the function at its lower end: the device, or the switch of its card"),
              is: z.enum(["full", "slow", "idle-gpu", "held-by-port", "below-own", "open"]),
              status: link.describe("what was negotiated"),
              deviceCan: link.nullable(),
              bothCan: link.nullable().describe("what both ends can; null where that is not known"),
            })
            .nullable()
            .describe("where it is narrower or slower than the device can be, and no idle GPU explains it"),
          bar: z
            .strictObject({
              barIndex: z.int().min(0),
              sizeBytes: count,
              possibleBytes: count.nullable().describe("null where the source does not show what it could be"),
            })
            .nullable()
            .describe("a BAR that shows a part of the device's memory, as without Resizable BAR"),
        }),
      )
      .describe("of the devices that were asked about those whose link or BAR is less than it could be"),
    virtualFunctions: count.describe("those that are not listed, as they are where their physical one is"),
    notes,
    asked,
  }),
);

/** The validator of `peerlane find --p2pmem --json`. */
export const findSchema: z.ZodType<FindJson> = named(
  "FindJson",
  "`peerlane find --p2pmem --json`: the provider that the kernel would choose for clients.",
  z.strictObject({
    schema: z.literal("peerlane.find/1"),
    machine,
    clients: z.array(bdf),
    candidates: z.array(
      z.strictObject({
        provider: bdf,
        published: known(z.boolean()),
        distance: known(z.int().min(-1)).describe("the sum over the clients, -1 when one is not supported"),
        hops: count.nullable(),
      }),
    ),
    chosen: known(z.array(bdf)).describe("the nearest; the kernel picks one of several at random"),
    notes,
    asked,
  }),
);
