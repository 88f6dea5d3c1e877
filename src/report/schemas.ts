import { z } from "zod";
import { checkSchema } from "./check/schema.ts";
import { labReplaySchema, labSchema } from "./lab/schema.ts";
import { benchSchema } from "./live/bench/schema.ts";
import { copySchema } from "./live/copy/json.ts";
import { poolsSchema } from "./live/p2pmem.ts";
import { probeSchema } from "./live/probe/json.ts";
import { routeSchemas } from "./route-schema.ts";
import { bdf, count, hidden, known, mapType } from "./schema-parts.ts";
import { simulateSchema } from "./simulate/schema.ts";

/** Validators of every JSON output; the published JSON Schemas are made from them, and tests hold real output to both. */

const bus = z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}$/);

const machine = z.strictObject({
  source: z.enum(["sysfs", "archive", "lspci", "scenario", "snapshot", "rdma-topo", "hwloc", "nccl"]),
  name: z.string(),
  kernel: z.strictObject({
    release: known(z.string()),
    rules: z.string().nullable().describe("the release whose rules decided, null where the source does not say"),
    rulesChecked: z
      .boolean()
      .describe("false where the release lies between two checked ones that differ, or is newer than all of them"),
    commandLine: known(z.string()),
  }),
  cpu: z.strictObject({
    architecture: known(z.string()),
    vendor: known(z.string().nullable()),
    family: known(count.nullable()),
    model: known(count.nullable()),
    name: known(z.string().nullable()),
  }),
  iommu: z.strictObject({
    kind: known(z.enum(["none", "intel", "amd", "arm-smmu", "virtio", "other"])),
    mode: known(z.enum(["off", "passthrough", "strict", "lazy"])),
  }),
});

const device = z.strictObject({
  bdf,
  name: z.string().nullable(),
  names: z.array(z.string()),
  class: z.enum(["gpu", "nic", "nvme", "accel", "bridge", "other"]),
  classCode: known(z.string().regex(/^[0-9a-f]{6}$/)),
  vendor: known(z.string().regex(/^[0-9a-f]{4}$/)),
  device: known(z.string().regex(/^[0-9a-f]{4}$/)),
  label: z.string().nullable(),
  numaNode: known(z.int().nullable()),
  iommuGroup: known(count.nullable()),
  expectedIommuGroup: known(count.nullable()),
  p2pmem: known(z.strictObject({ size: count, available: known(count), published: known(z.boolean()) }).nullable()),
});

const direction = z.strictObject({
  outcome: z.enum(["works", "fails", "limited", "unknown"]),
  why: z.string(),
  facts: z.array(z.string()).describe("ids of the platform facts that say so"),
});

const pairShape = {
  provider: bdf,
  client: bdf,
  mapType,
  distance: z
    .int()
    .min(-1)
    .nullable()
    .describe("what the kernel returns: hops, -1 when not supported; null when unknown"),
  hops: count.nullable(),
  acsRedirect: z.array(bdf).describe("in the order in which the kernel lists them"),
  acsHidden: z.array(bdf),
  reason: z.string(),
  hidden: z.array(z.string()),
  gates: z.array(
    z.strictObject({
      kind: z.string(),
      device: bdf.nullable(),
      effect: z.enum(["blocks", "warns"]),
      message: z.string(),
    }),
  ),
  hardware: z
    .strictObject({ write: direction, read: direction })
    .describe("what is documented of the hardware, beside what the kernel decides"),
  fixes: z.array(z.strictObject({ kind: z.string(), value: z.string(), mapType })),
};

const pair = z.strictObject(pairShape);
const routes = routeSchemas({ bdf, hidden });

const side = z.strictObject({ mapType, hops: count.nullable() });
const verdictChanges = z.array(z.strictObject({ provider: bdf, client: bdf, before: side, after: side }));
const groups = z.array(z.array(bdf));
const groupChanges = z.array(
  z.strictObject({
    before: groups,
    after: groups,
    joined: groups.describe("endpoints that were apart and are in one IOMMU group now"),
  }),
);
const fact = known(z.string().nullable());
const difference = z.strictObject({
  facts: z.array(
    z.strictObject({
      what: z.enum(["kernel", "command-line", "cpu", "iommu-kind", "iommu-mode"]),
      before: fact,
      after: fact,
    }),
  ),
  added: z.array(bdf),
  removed: z.array(bdf),
  functions: z.array(
    z.strictObject({
      bdf,
      what: z.enum(["upstream", "ids", "link", "acs", "driver", "numa-node", "bars", "p2pmem"]),
      before: fact,
      after: fact,
    }),
  ),
  groups: groupChanges,
  verdicts: verdictChanges,
});
/** On every output, where `--kernel`, `--set` and the like asked what would be. */
const asked = z.array(z.string()).optional().describe("what if: the changes with which the machine was asked about");
const whatIf = z.strictObject({ changes: z.array(z.string()), difference }).optional();

const notes = z.array(
  z.strictObject({ severity: z.enum(["info", "warning"]), message: z.string(), remedy: z.string().nullable() }),
);

const link = z.strictObject({ speedGTps: z.number(), width: count });

/** The validators by the name of the output. */
export const OUTPUT_SCHEMAS: Readonly<
  Record<
    | "matrix"
    | "tree"
    | "explain"
    | "history"
    | "fix"
    | "find"
    | "diff"
    | "check"
    | "vm"
    | "lab"
    | "lab-replay"
    | "simulate"
    | "p2pmem"
    | "probe"
    | "bench"
    | "copy",
    z.ZodType
  >
> = {
  matrix: z.strictObject({
    schema: z.literal("peerlane.matrix/1"),
    machine,
    devices: z.array(device),
    pairs: z.array(pair.extend({ route: routes.brief })),
    notes,
    whatIf,
  }),
  tree: z.strictObject({
    schema: z.literal("peerlane.tree/1"),
    machine,
    hostBridges: z.array(bus),
    functions: z.array(
      device.extend({
        role: z.string(),
        parent: known(bdf.nullable()),
        hostBridge: bus.nullable(),
        driver: known(z.string().nullable()),
        acs: known(z.strictObject({ capability: count, control: count }).nullable()),
        link: known(z.strictObject({ status: known(link.nullable()), capable: known(link.nullable()) }).nullable()),
      }),
    ),
    notes,
    whatIf,
  }),
  explain: z.strictObject({
    schema: z.literal("peerlane.explain/1"),
    machine,
    directions: z.array(
      z.strictObject({
        ...pairShape,
        route: routes.full,
        meeting: bdf.nullable(),
        path: z.array(z.strictObject({ bdf, name: z.string().nullable(), role: z.string().nullable() })),
      }),
    ),
    notes,
    whatIf,
  }),
  history: z.strictObject({
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
      }),
    ),
    notes,
    whatIf,
  }),
  fix: z.strictObject({
    schema: z.literal("peerlane.fix/1"),
    machine,
    pairs: z.array(pair),
    fixes: z
      .array(
        z.strictObject({
          kind: z.enum(["kernel-parameter", "run-time", "firmware-setting", "kernel", "slot", "iommu"]),
          title: z.string(),
          changes: z.array(z.string()),
          lasting: z.enum(["until-reboot", "from-next-boot"]),
          steps: z.array(z.strictObject({ where: z.string(), lines: z.array(z.string()) })),
          cautions: z.array(z.string()),
          pairs: z.array(pair).describe("the verdicts of the asked pairs after the change"),
          otherVerdicts: verdictChanges,
          groups: known(groupChanges),
        }),
      )
      .describe("each shown by the rules on the changed machine, the smallest change first"),
    rejected: z.array(z.strictObject({ title: z.string(), why: z.string() })),
    remedies: z.array(z.strictObject({ gate: z.string(), message: z.string(), remedy: z.string() })),
    parameters: z.array(
      z.strictObject({
        parameter: z.string(),
        devices: z.array(bdf),
        effect: z.enum(["took-effect", "still-redirects", "matches-nothing", "hidden"]),
      }),
    ),
    changedSinceBoot: z.array(z.strictObject({ device: bdf, bits: count })),
    notes,
    asked,
  }),
  find: z.strictObject({
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
  diff: z.strictObject({ schema: z.literal("peerlane.diff/1"), before: machine, after: machine, difference }),
  check: checkSchema({ machine, pair, notes, asked }),
  simulate: simulateSchema({ machine, notes }),
  p2pmem: poolsSchema,
  probe: probeSchema({ machine, pair: pair.extend({ route: routes.brief }) }),
  bench: benchSchema({ machine, notes }),
  copy: copySchema,
  lab: labSchema,
  "lab-replay": labReplaySchema,
  vm: z.strictObject({
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
};

/** The JSON Schema (2020-12) of an output. */
export function outputJsonSchema(name: keyof typeof OUTPUT_SCHEMAS): object {
  return { $id: `peerlane.${name}/1`, ...z.toJSONSchema(OUTPUT_SCHEMAS[name]) };
}
