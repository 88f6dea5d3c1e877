import { z } from "zod";
import { busOffset, kernelRelease, line, wholeNumber } from "../yaml/scalars.ts";
import { choice, fields, list } from "../yaml/schema-parts.ts";
import { CPU_PRESETS, type CpuPreset } from "./cpu-presets.ts";
import type { CpuInput, HostBridgeInput, ScenarioInput } from "./input.ts";
import { nodeList } from "./node-schema.ts";
import { busNumber, ids } from "./scalars.ts";

const IOMMU_MODES = ["off", "strict", "lazy", "passthrough"] as const;
const CPU_NAMES = Object.keys(CPU_PRESETS) as [CpuPreset, ...CpuPreset[]];

const cpu: z.ZodType<CpuInput> = z.union([
  choice(CPU_NAMES),
  fields("cpu", {
    architecture: line("an architecture such as x86_64 or aarch64", 30).optional(),
    vendor: line("a vendor as /proc/cpuinfo has it, such as GenuineIntel", 60).optional(),
    family: wholeNumber("a CPU family", 0, 65535).optional(),
    model: wholeNumber("a CPU model", 0, 65535).optional(),
    name: line("the CPU's name", 200).optional(),
  }),
]);

const iommu = z.union([
  choice(IOMMU_MODES).transform((mode) => ({ mode })),
  fields("iommu", { mode: choice(IOMMU_MODES), kind: choice(["intel", "amd", "arm-smmu"]).optional() }),
]);

/** Name of {@link hostBridgeSchema} in the JSON Schema of a file. */
export const HOST_BRIDGE_DEFINITION = "hostBridge";

/** One item of `hostBridges:`. */
export const hostBridgeSchema: z.ZodType<HostBridgeInput> = fields("a host bridge", {
  segment: wholeNumber("a segment", 0, 0xffff).optional(),
  bus: busNumber.optional(),
  busOffset: busOffset.optional(),
  id: z.union([choice(["none"]), ids]).optional(),
  numaNode: wholeNumber("a NUMA node", 0, 1023).optional(),
  below: nodeList,
});

/**
 * What a scenario file may hold. Scalars are the texts of the file: `04.0` and `6.10` need no quotes. Its JSON Schema
 * (`scenarioJsonSchema`) describes the same for editors, which read such scalars as numbers.
 */
export const scenarioSchema: z.ZodType<ScenarioInput> = fields("a scenario", {
  scenario: line("a name", 200).optional(),
  cpu: cpu.optional(),
  kernel: kernelRelease.optional(),
  iommu: iommu.optional(),
  cmdline: line("kernel parameters", 2048, 0).optional(),
  hostBridges: list(hostBridgeSchema, "a list of host bridges, one '- ' each", {
    $ref: `#/$defs/${HOST_BRIDGE_DEFINITION}`,
  }).refine((hostBridges) => hostBridges.length > 0, { error: "a machine has at least one host bridge" }),
});
