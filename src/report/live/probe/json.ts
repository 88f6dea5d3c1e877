import { z } from "zod";
import type { DirectionView, FaultView, ProbedPairView, ProbeView } from "../../../measured/probe.ts";
import { formatAddress } from "../../../pci/addresses.ts";
import { formatBdf } from "../../../pci/bdf.ts";
import { routedJson } from "../../json.ts";
import { machineJson } from "../../machine-json.ts";
import { bdf, count, mapType } from "../../schema-parts.ts";
import { leftAloneJson, poolReason } from "../p2pmem.ts";

/** `peerlane.probe/2`: all that was measured. */
export function probeJson({
  table,
  sizes,
  nonce,
  pairs,
  exhausted,
  untried,
  leftAlone,
  kernelLog,
  leftRescues,
  answer,
}: ProbeView): object {
  return {
    schema: "peerlane.probe/2",
    machine: machineJson(table),
    answer,
    sizes,
    nonce,
    pairs: pairs.map(probedPairJson),
    exhausted: exhausted.map(({ provider, users }) => ({
      provider: formatBdf(provider),
      users: users.map(({ pid, command, sizeBytes }) => ({ pid, command, size: sizeBytes })),
    })),
    untried: untried.map(({ provider, sizes: left }) => ({ provider: formatBdf(provider), sizes: left })),
    leftAlone: leftAlone.map(({ provider, use }) => ({
      provider: formatBdf(provider),
      reason: leftAloneJson(use),
    })),
    kernelLog: kernelLog === null ? { isRead: true } : { isRead: false, reason: kernelLog },
    leftRescues: leftRescues.map(({ path, rescue }) => ({
      file: path,
      device: rescue.target.name,
      position: rescue.position,
    })),
  };
}

function probedPairJson(pair: ProbedPairView): object {
  return {
    provider: formatBdf(pair.provider),
    device: { name: pair.device.name, size: pair.device.sizeBytes },
    isNamed: pair.isNamed,
    isOwnMemory: pair.isOwnMemory,
    class: pair.class,
    rules: pair.mapType,
    clients: pair.clients.map((answer) => routedJson(answer, false)),
    into: directionJson(pair.into),
    out: directionJson(pair.out),
    findings: pair.findings,
    messages: pair.messages.map(({ timeUs, text }) => ({ timeUs, text })),
    faults: pair.faults.map(faultJson),
  };
}

function directionJson({ kernel, data, trials }: DirectionView): object {
  return {
    kernel,
    data: {
      kind: data.kind,
      text: data.text,
      right: data.rightCount,
      judged: data.judgedCount,
      alike: data.alikeCount,
    },
    trials: trials.map(({ sizeBytes, position, bufferOffset, io, state, isDistinct }) => ({
      ...{ size: sizeBytes, position, memoryOffset: bufferOffset },
      ...{ io: io === null ? null : { bytes: io.bytes, errno: io.errno }, state, isDistinct },
    })),
  };
}

function faultJson({ iommu, requester, access, address, reason, providerBar }: FaultView): object {
  return {
    iommu,
    requester: requester === null ? null : formatBdf(requester),
    access,
    address: address === null ? null : formatAddress(address),
    reason,
    providerBar,
  };
}

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
const damage = z.discriminatedUnion("kind", damages);
const state = z.discriminatedUnion("kind", [
  ...damages,
  z.strictObject({ kind: z.literal("changing") }),
  z.strictObject({ kind: z.literal("control-failed"), io, damage: damage.nullable() }),
  z.strictObject({ kind: z.literal("memory-fails"), damage }),
  z.strictObject({ kind: z.literal("spilled"), side: z.enum(["before", "behind"]) }),
  z.strictObject({ kind: z.literal("not-tested") }),
]);

const direction = z.strictObject({
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
});

const user = z.strictObject({ pid: count, command: z.string(), size: count });

/** The validator of {@link probeJson}, on what all outputs share. */
export function probeSchema(shared: {
  readonly machine: z.ZodType;
  /** A pair as `matrix` has it, with its route. */
  readonly pair: z.ZodType;
}): z.ZodType {
  return z.strictObject({
    schema: z.literal("peerlane.probe/2"),
    machine: shared.machine,
    answer: z.enum(["yes", "no", "unknown", "nothing"]),
    sizes: z.array(count),
    nonce: z.string(),
    pairs: z
      .array(
        z.strictObject({
          provider: bdf,
          device: z.strictObject({ name: z.string(), size: count }),
          isNamed: z.boolean(),
          isOwnMemory: z.boolean(),
          class: z.enum(["disagreement", "loss", "failure", "unknown", "fine"]),
          rules: mapType,
          clients: z.array(shared.pair),
          into: direction.describe("reads of the disk: the client writes peer memory"),
          out: direction.describe("writes of the disk: the client reads peer memory"),
          findings: z.array(z.strictObject({ kind: z.string(), text: z.string(), advice: z.array(z.string()) })),
          messages: z.array(z.strictObject({ timeUs: count, text: z.string() })),
          faults: z.array(
            z.strictObject({
              iommu: z.enum(["intel", "amd", "arm-smmu-v3", "arm-smmu", "virtio"]),
              requester: bdf.nullable(),
              access: z.enum(["read", "write"]).nullable(),
              address: z
                .string()
                .regex(/^0x[0-9a-f]+$/)
                .nullable(),
              reason: z.string().nullable(),
              providerBar: count
                .nullable()
                .describe("the provider's BAR in which the address lies, as the bus sees it"),
            }),
          ),
        }),
      )
      .describe("disagreements first, then losses, then the rest"),
    exhausted: z.array(z.strictObject({ provider: bdf, users: z.array(user) })),
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
  });
}
