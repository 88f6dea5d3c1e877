import { z } from "zod";
import type { DeviceJson, MachineJson, NoteJson } from "./json-types.ts";
import { bdf, count, known, named, type ShapeOf } from "./schema-parts.ts";

/** The validator of the machine, as every output names it. */
export const machine: z.ZodType<MachineJson> = named(
  "MachineJson",
  "The machine that an output is about.",
  z.strictObject({
    source: z.enum(["sysfs", "archive", "collected", "lspci", "scenario", "snapshot", "rdma-topo", "hwloc", "nccl"]),
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
      inferred: z
        .strictObject({ make: z.string(), device: bdf, ids: z.string(), what: z.string() })
        .exactOptional()
        .describe("what a function of the processor says of it where the source does not"),
    }),
    iommu: z.strictObject({
      kind: known(z.enum(["none", "intel", "amd", "arm-smmu", "virtio", "other"])),
      mode: known(z.enum(["off", "passthrough", "strict", "lazy"])),
    }),
    onHost: z
      .array(
        named(
          "OnHostJson",
          "A device of a guest, and the functions of its host that it may be: one where that is known.",
          z.strictObject({ guest: bdf, host: z.array(bdf) }),
        ),
      )
      .exactOptional()
      .describe("with --host: what the devices of the guest are there"),
  }),
);

/** The validator of what a reader or a benchmark has to say. */
export const notes: z.ZodType<readonly NoteJson[]> = z.array(
  named(
    "NoteJson",
    "What the reader of the machine has to say, and the way out.",
    z.strictObject({ severity: z.enum(["info", "warning"]), message: z.string(), remedy: z.string().nullable() }),
  ),
);

/** The validators of a device's keys. */
export const deviceShape: ShapeOf<DeviceJson> = {
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
};

/** The validator of a device. */
export const device: z.ZodType<DeviceJson> = named(
  "DeviceJson",
  "A function as people see it: names, ids, place and peer memory.",
  z.strictObject(deviceShape),
);
