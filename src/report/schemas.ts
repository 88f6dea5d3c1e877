import { z } from "zod";

/** Validators of every JSON output; the published JSON Schemas are made from them, and tests hold real output to both. */

const hidden = z.strictObject({ unknown: z.string().describe("why the source does not show it") });

function known<T extends z.ZodType>(type: T): z.ZodUnion<[T, typeof hidden]> {
  return z.union([type, hidden]);
}

const bdf = z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]$/);
const bus = z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}$/);
const mapType = z.enum(["bus-addr", "thru-host-bridge", "not-supported", "unknown"]);
const count = z.int().min(0);

const machine = z.strictObject({
  source: z.enum(["sysfs", "archive", "lspci", "scenario", "snapshot", "rdma-topo", "hwloc", "nccl"]),
  name: z.string(),
  kernel: z.strictObject({
    release: known(z.string()),
    rules: z.string().nullable().describe("the release whose rules decided, null where the source does not say"),
    rulesChecked: z.boolean().describe("false where the release lies between two checked ones that differ"),
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
  fixes: z.array(z.strictObject({ kind: z.string(), value: z.string(), mapType })),
};

const notes = z.array(
  z.strictObject({ severity: z.enum(["info", "warning"]), message: z.string(), remedy: z.string().nullable() }),
);

const link = z.strictObject({ speedGTps: z.number(), width: count });

/** The validators by the name of the output. */
export const OUTPUT_SCHEMAS: Readonly<Record<"matrix" | "tree" | "explain" | "vm", z.ZodType>> = {
  matrix: z.strictObject({
    schema: z.literal("peerlane.matrix/1"),
    machine,
    devices: z.array(device),
    pairs: z.array(z.strictObject(pairShape)),
    notes,
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
  }),
  explain: z.strictObject({
    schema: z.literal("peerlane.explain/1"),
    machine,
    directions: z.array(
      z.strictObject({
        ...pairShape,
        meeting: bdf.nullable(),
        path: z.array(z.strictObject({ bdf, name: z.string().nullable(), role: z.string().nullable() })),
      }),
    ),
    notes,
  }),
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
