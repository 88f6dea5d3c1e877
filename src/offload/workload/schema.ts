import { z } from "zod";
import { BACKENDS, FAILED_READS } from "../../devices/system-options.ts";
import { HARDWARE_WORDS } from "../../fabric/options.ts";
import { scenarioJsonSchema } from "../../host/scenario/json-schema.ts";
import { scenarioSchema } from "../../host/scenario/schema.ts";
import { busOffset, byteSize, flag, kernelRelease, line, wholeNumber } from "../../host/yaml/scalars.ts";
import { choice, fields } from "../../host/yaml/schema-parts.ts";
import type { ExpectInput, ModelInput, PlaceInput, StepInput, WorkloadInput } from "./input.ts";
import { barIndex, block, blockSize, commandsIn, count, device, listOf, offset, size } from "./schema-values.ts";
import { sharingShape } from "./sharing-schema.ts";
import { EXPECTED_OUTCOMES } from "./step-base.ts";

/** A workload is written by hand; what is larger is no test of a model. */
const MAX_STEPS = 256;
/** Each page of RAM and of peer memory costs the model memory of its own. */
export const MAX_RAM_BYTES: number = 64 * 2 ** 30;

/** A word or a device: the words are looked at first, so that no list of words is told where a device is misspelt. */
const provider = line("auto, off or a device", 100).optional();

const copyPlace: z.ZodType<PlaceInput> = z.union([
  device.transform((name) => ({ device: name })),
  fields("a place", { device, bar: barIndex.optional(), offset: offset.optional() }),
]);

const copy = fields("copy", {
  from: copyPlace,
  to: copyPlace,
  size,
  count,
  provider,
  engine: device.optional(),
  fallBackToRam: flag.optional(),
  blockSize,
});

const io = fields("an I/O", { read: size.optional(), write: size.optional(), count, block });

const nvmeof = fields("nvmeof", {
  nic: device.optional(),
  nics: listOf(device, "a list of NICs", 16).optional(),
  drive: device.optional(),
  drives: listOf(device, "a list of drives", 64).optional(),
  provider,
  queues: wholeNumber("queues", 1, 64).optional(),
  seed: wholeNumber("a seed", 0, 2 ** 31 - 1).optional(),
  blockSize,
  commandsIn,
  io: listOf(io, "a list of I/Os, one '- ' each", 1000),
});

const gpuRead = fields("gpuRead", {
  gpu: device,
  drive: device,
  size,
  count,
  block,
  way: choice(["drive-writes", "gpu-reads", "through-ram"]).optional(),
  fallBackToRam: flag.optional(),
  blockSize,
  commandsIn,
});

const outcome = choice(EXPECTED_OUTCOMES);

const expected: z.ZodType<ExpectInput> = z.union([
  outcome.transform((word) => ({ outcome: word })),
  fields("expect", { outcome, error: line("the name of an error, as EINVAL or remote-access-error", 60).optional() }),
]);

const step: z.ZodType<StepInput> = fields("a step", {
  name: line("what the step is, for people", 200).optional(),
  compare: choice(["dram"]).optional(),
  expect: expected.optional(),
  copy: copy.optional(),
  nvmeof: nvmeof.optional(),
  gpuRead: gpuRead.optional(),
  ...sharingShape,
});

const backend = choice(BACKENDS);
const tlpSize = choice(["128", "256", "512", "1024", "2048", "4096"]).optional();

const model: z.ZodType<ModelInput> = fields("model", {
  ram: byteSize("an amount of RAM", 2 ** 20, MAX_RAM_BYTES).optional(),
  ramBusOffset: busOffset.optional(),
  linearMapEnd: byteSize("the end of the linear map, a physical address", 2 ** 30, 2 ** 52).optional(),
  rootComplex: choice(HARDWARE_WORDS.rootComplex).optional(),
  switchForwarding: choice(HARDWARE_WORDS.switchForwarding).optional(),
  failedReads: choice(FAILED_READS).optional(),
  withoutUpstreamForwarding: choice(HARDWARE_WORDS.withoutUpstreamForwarding).optional(),
  insideDevices: choice(HARDWARE_WORDS.insideDevices).optional(),
  maxPayload: tlpSize,
  maxReadRequest: tlpSize,
  rules: kernelRelease.optional(),
  backend: z
    .union([backend, z.record(device, backend, { error: "expected a back end, or back ends by device" })])
    .optional(),
  dmaMaskBits: z
    .record(device, wholeNumber("DMA address bits", 20, 64), { error: "expected address bits by device" })
    .optional(),
  peerMemory: listOf(
    fields("peerMemory", {
      device,
      bar: barIndex,
      offset: offset.optional(),
      size: byteSize("a size", 4096, MAX_RAM_BYTES).optional(),
    }),
    "a list of BARs, one '- ' each",
    64,
  ).optional(),
});

/** What a workload file may hold. Scalars are the texts of the file. */
export const workloadSchema: z.ZodType<WorkloadInput> = fields("a workload", {
  name: line("a name", 200).optional(),
  machine: z.union([line("a path from this file to a machine, or a scenario's keys", 4096), scenarioSchema]),
  model: model.optional(),
  workload: listOf(step, "a list of steps, one '- ' each", MAX_STEPS),
});

/** The JSON Schema (draft 2020-12) of a workload file, for editors. */
export function workloadJsonSchema(): Readonly<Record<string, unknown>> {
  return {
    ...z.toJSONSchema(workloadSchema, { io: "input" }),
    title: "Peerlane workload",
    description: "Transfers to be run on a model of a machine.",
    $defs: scenarioJsonSchema()["$defs"],
  };
}
