import { z } from "zod";
import { HARDWARE_WORDS } from "../../fabric/options.ts";
import { DESIGN_IDS } from "../../lab/design.ts";
import { LIST_KINDS } from "../../lab/list-kinds.ts";
import { CLASS_IDS } from "../../lab/machines/machine-class.ts";
import { LAB_OUTCOMES } from "../../lab/outcome.ts";
import type { LabJson, LabReplayJson } from "../json-types.ts";
import { count, named } from "../schema-parts.ts";

const outcome = named("LabOutcomeJson", "How a run of the lab ended, best first.", z.enum(LAB_OUTCOMES));
const design = named("DesignIdJson", "A design of the lab.", z.enum(DESIGN_IDS));
const kind = named("ClassIdJson", "A class of machines of the lab.", z.enum(CLASS_IDS));

const cost = named(
  "CostJson",
  "Operations of a design, counted.",
  z.strictObject({
    pageTouches: count,
    pagemapLookups: count,
    pageReferences: count,
    ownerLookups: count,
    listPasses: count,
    segmentVisits: count,
    iommuMapCalls: count,
    iommuUnmapCalls: count,
    iommuFlushes: count,
    iovaAllocations: count,
    allocations: count,
    bouncedBytes: count,
    mapTypeDecisions: count,
  }),
);

const refusal = named(
  "RefusalJson",
  "Who said no, and why.",
  z.strictObject({
    phase: z.enum(["allocation", "submission", "attach", "building", "mapping"]),
    errno: z.string(),
    reason: z.string(),
  }),
);

const mishap = named(
  "MishapJson",
  "The first request that did not do what it should.",
  z.strictObject({
    direction: z.enum(["read", "write"]),
    segment: count,
    kind: z.enum(["a", "b", "r"]),
    dmaAddress: count.describe("what the device put into its request"),
    routeOutcome: z.string(),
    expected: z.string(),
    reached: z.string().nullable(),
    hops: z.array(z.strictObject({ at: z.string(), what: z.string(), address: z.int(), words: z.string() })),
  }),
);

const run = {
  outcome: outcome.describe("the worse of read and write"),
  read: outcome,
  write: outcome,
  cost: z.strictObject({ prepare: cost, map: cost, unmap: cost }),
  dmaEntries: count,
  throughRoot: z.number().min(0).describe("part of the peer bytes that the root complex passed from port to port"),
  inHostMemory: z.number().min(0).describe("part of the peer bytes that was moved to system memory without a word"),
  structPageBytes: count.describe("struct pages of the peer memory"),
  isRestored: z.boolean(),
  isContained: z.boolean().describe("false where bytes outside of the list were written"),
};
const details = { refusal: refusal.nullable(), mishap: mishap.nullable() };

const labRun = named(
  "LabRunJson",
  "A design on a machine with one list.",
  z.strictObject({ workload: z.enum(LIST_KINDS), length: count, ...run }),
);

/** The validator of `peerlane lab --json`. */
export const labSchema: z.ZodType<LabJson> = named(
  "LabJson",
  "`peerlane lab --json`: designs of the mapping layer side by side.",
  z.strictObject({
    schema: z.literal("peerlane.lab/1"),
    seed: count,
    lengths: z.array(count),
    designs: z.array(
      z.strictObject({
        id: design,
        title: z.string(),
        idea: z.string(),
        origins: z.array(z.strictObject({ who: z.string(), date: z.string(), what: z.string(), link: z.string() })),
        preparation: z.enum(["allocation", "submission", "attach", "building"]),
        hasPeerPages: z.boolean(),
        mapsByDirection: z.boolean().describe("reads and writes are mapped apart"),
      }),
    ),
    classes: z.array(
      z.strictObject({
        id: kind,
        title: z.string(),
        words: z.string(),
        pairs: z
          .array(z.enum(["near", "far"]))
          .describe("whether a bridge is above peerA and the client, and peerB and the client"),
        scenario: z.string().describe("a scenario file"),
        rootComplex: z.enum(HARDWARE_WORDS.rootComplex),
        switchForwarding: z.enum(HARDWARE_WORDS.switchForwarding),
      }),
    ),
    cells: z.array(
      z.strictObject({
        design,
        class: kind,
        runs: z.array(labRun),
        counterExample: z
          .strictObject({
            id: z.string().describe("for peerlane lab replay"),
            read: outcome,
            write: outcome,
            ...details,
          })
          .nullable(),
        fallBack: z
          .strictObject({ outcome, copiedBytes: count.describe("fetched from peer memory by the CPU first") })
          .nullable()
          .describe("who was refused took system memory; null where nothing is refused"),
      }),
    ),
    baselines: z
      .array(z.strictObject({ kind, length: count, map: cost, unmap: cost }))
      .describe("lists of RAM, mapped by a kernel that knows of no peers"),
    claims: z.array(
      z.strictObject({
        id: z.string(),
        who: z.string(),
        date: z.string(),
        seed: z.string().nullable(),
        says: z.string(),
        about: z.array(design),
        leftOut: z.array(kind).describe("machines that its author left out"),
        holds: z.boolean().nullable().describe("null where the lab was not asked for what decides"),
        evidence: z.string().nullable(),
      }),
    ),
    measured: z.array(z.strictObject({ design, kind, nsPerSegment: z.number().nullable() })),
  }),
);

/** The validator of `peerlane lab replay ID --json`. */
export const labReplaySchema: z.ZodType<LabReplayJson> = named(
  "LabReplayJson",
  "`peerlane lab replay ID --json`: one run of the lab.",
  z.strictObject({
    schema: z.literal("peerlane.lab-replay/1"),
    id: z.string(),
    design,
    class: kind,
    seed: count,
    ...run,
    entries: z.array(z.strictObject({ address: count, lengthBytes: count, isBus: z.boolean() })),
    ...details,
  }),
);
