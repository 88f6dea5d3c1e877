import { z } from "zod";
import { EXPECTED_OUTCOMES } from "../../offload/workload/step-base.ts";
import type { SimulateJson } from "../json-types.ts";
import { machine, notes } from "../machine-schema.ts";
import { asking, pair } from "../pair-schema.ts";
import { bdf, count, hex, named, place } from "../schema-parts.ts";

const traffic = named(
  "TrafficJson",
  "What went over the fabric, in bytes.",
  z.strictObject({
    dramRead: count,
    dramWritten: count,
    rootComplex: count.describe("what the root complex passed from port to port"),
    rootPorts: count.describe("what went over the links of the root bus, in both directions"),
    links: z
      .array(z.strictObject({ bdf, port: z.string().nullable(), up: count, down: count }))
      .describe("payload bytes on the link above each function, towards the root and from it"),
    switches: z.array(z.strictObject({ bdf, bytes: count })).describe("what entered each switch, by its upstream port"),
    requests: count.describe("TLPs with data"),
    control: z.strictObject({ dram: count, requests: count }).describe("commands, lists, completions, doorbells"),
  }),
);

const memory = named(
  "UsedMemoryJson",
  "The memory that transfers went through.",
  z.strictObject({
    source: z.enum(["peer", "ram", "none"]),
    provider: bdf.nullable(),
    why: z.string().nullable().describe("why it is not peer memory"),
    transfers: count,
  }),
);

const failure = named(
  "RequestFailureJson",
  "Requests that the fabric did not deliver.",
  z.strictObject({
    requester: bdf,
    kind: z.enum(["read", "write"]),
    address: hex,
    outcome: z.enum(["unsupported-request", "acs-violation", "iommu-fault", "lost", "not-issued"]),
    endedAt: place,
    reason: z.string(),
    times: z.int().min(1),
    control: z.boolean().describe("of commands, lists or completions, which are no data"),
    bytes: z
      .strictObject({ asked: count, sent: count, arrived: count })
      .describe(
        "of all of them together; after a packet that is not delivered no more of its request is sent, so that `sent` less `arrived` is what was lost on the way",
      ),
  }),
);

const runShape = {
  outcome: z.enum(["done", "mapping-failed", "device-error", "silent-loss", "wrong-bytes", "not-run", "unknown"]),
  why: z.string().nullable(),
  errors: z
    .array(z.string())
    .describe("errnos of refusals, statuses of devices, how requests ended that nobody was told of; each once"),
  bytes: count,
  transfers: z.strictObject({
    done: count,
    "mapping-failed": count,
    "device-error": count,
    "silent-loss": count,
    "wrong-bytes": count,
  }),
  memory: z.array(memory),
  usedPeerMemory: z.boolean(),
  checked: z
    .strictObject({ right: count, wrong: count, failed: count, notChecked: count })
    .describe("bytes, compared at the owner of the target; failed: of transfers that a driver knows to have failed"),
  failures: z.array(failure).describe("what the fabric did not deliver: the first kinds, whoever learned of it"),
  iommuFaults: count,
  assumptions: z
    .array(z.string())
    .describe("what the outcome depends on where nobody shows, documents or specifies what really happens"),
  events: z
    .array(z.string())
    .describe("what the step did beside its transfers: what was shared, who waited for whom, what is done"),
  leftOpen: z.array(z.string()).describe("what devices that do not stop can still reach of memory that was taken back"),
  traffic,
};

const trace = named(
  "TraceJson",
  "The requests of a simulation, hop by hop.",
  z.strictObject({
    requests: z.array(
      z.strictObject({
        step: count,
        transfer: count.describe("from 1 on; 0 before the first"),
        requester: place.describe("root-complex: the CPU"),
        times: z.int().min(1),
        firstAddress: hex,
        lastAddress: hex,
        hops: z.array(z.strictObject({ at: place, what: z.string(), address: hex, words: z.string() })),
      }),
    ),
    dropped: count,
  }),
);

const run = named("StepRunJson", "One way of doing a step.", z.strictObject(runShape));

const STEP_KINDS = [
  ...(["copy", "nvmeof", "gpu-read"] as const),
  ...(["export", "import", "rdma", "reset", "revoke", "restore", "guest", "dma", "mmap", "direct-io"] as const),
] as const;

const step = named(
  "StepJson",
  "A step of a workload with its outcome.",
  z.strictObject({
    name: z.string(),
    kind: z.enum(STEP_KINDS),
    place: z.strictObject({ file: z.string(), line: z.int().min(1), column: z.int().min(1) }),
    ...runShape,
    expected: z
      .strictObject({ outcome: z.enum(EXPECTED_OUTCOMES), error: z.string().nullable(), isMet: z.boolean() })
      .nullable()
      .describe("how the file says that each transfer of the step ends, if not well"),
    throughRam: run.nullable().describe("the same by way of RAM, where asked for"),
  }),
);

/** The validator of `peerlane simulate --json`. */
export const simulateSchema: z.ZodType<SimulateJson> = named(
  "SimulateJson",
  "`peerlane simulate --json`: what became of a workload on the model of a machine.",
  z.strictObject({
    schema: z.literal("peerlane.simulate/1"),
    machine,
    workload: z.strictObject({ file: z.string(), name: z.string() }),
    outcome: z
      .enum(["delivered", "failed", "unknown"])
      .describe("unknown: the source hides what decides, or an outcome depends on assumptions"),
    hidden: z.string().nullable().describe("why no model could be made of the machine"),
    choices: z.array(z.strictObject({ what: z.string(), value: z.string(), why: z.string() })),
    steps: z.array(step),
    pairs: z
      .array(pair)
      .describe(
        "whose memory is read and written by whom in the steps: the kernel's verdict, and what stands beside it",
      ),
    asking,
    traffic: traffic.nullable().describe("of all steps, without the runs that they are compared with"),
    trace: trace.nullable().describe("with --trace"),
    notes,
  }),
);
