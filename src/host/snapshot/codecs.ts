import { z } from "zod";
import { type Bdf, formatBdf, parseBdf } from "../../pci/bdf.ts";
import type { Known } from "../../pci/known.ts";
import type { Address } from "../addresses.ts";
import { HYPERVISOR_SIGNS, HYPERVISORS } from "../hypervisor.ts";
import type { HostBridge, Iommu, Machine, SourceFormat } from "../machine.ts";
import { SNAPSHOT_SCHEMA, SOURCE_FORMATS } from "./forms.ts";
import { functionCodec } from "./function-codec.ts";
import { bus, busAddress, byte, count, type KnownCodec, knownCodec, physAddress, size } from "./parts.ts";
import type { ReasonsTable } from "./reasons-table.ts";

const formats = z.enum(SOURCE_FORMATS);

/** A snapshot but for its long lists, which are taken apart from it, member by member. */
export interface Frame extends Omit<Machine, "source" | "functions" | "hostBridges"> {
  readonly schema: typeof SNAPSHOT_SCHEMA;
  readonly source: { readonly madeOf: SourceFormat; readonly label?: string };
  readonly reasons: readonly string[];
  readonly hostBridges: Known<readonly unknown[]>;
  readonly functions: readonly unknown[];
}

/** The codecs of a snapshot's parts: JSON on one side, what a machine holds on the other. */
export interface SnapshotCodecs {
  readonly frame: z.ZodType<Frame, unknown>;
  readonly hostBridge: z.ZodType<HostBridge, unknown>;
  readonly fn: ReturnType<typeof functionCodec>;
  /** All of it at once, for the published schema. */
  readonly whole: z.ZodType;
}

/** Makes the codecs. `table` takes the reasons of what is hidden when writing, and gives them when reading. */
export function snapshotCodecs(table: ReasonsTable): SnapshotCodecs {
  const known = knownCodec(table);
  const hostBridge = hostBridgeCodec(known);
  const fn = functionCodec(known);
  const shapeAround = <Bridge extends z.ZodType, Fn extends z.ZodType>(bridge: Bridge, member: Fn) =>
    z.strictObject({
      schema: z.literal(SNAPSHOT_SCHEMA),
      source: z.strictObject({
        madeOf: formats.describe("what the snapshot was made of"),
        label: z.string().exactOptional().describe("what its maker calls the machine"),
      }),
      reasons: z.array(z.string()).describe('why things are hidden: { "unknown": N } names one of these, from 0'),
      kernel: z.strictObject({
        release: known(z.string()),
        commandLine: known(z.string()).describe("only parameters that matter for DMA between devices"),
        config: known(z.record(z.string(), z.string())),
        modules: z
          .record(
            z.string(),
            z.strictObject({ version: z.string().nullable(), parameters: z.record(z.string(), z.string()) }),
          )
          .exactOptional()
          .describe("loaded modules that decide how drivers share memory"),
      }),
      cpu: z.strictObject({
        architecture: known(z.string()),
        vendor: known(z.string().nullable()),
        family: known(count.nullable()),
        model: known(count.nullable()),
        name: known(z.string().nullable()),
      }),
      iommu: iommuCodec(known),
      groupsAtBoot: known(groupsCodec)
        .exactOptional()
        .describe("the IOMMU groups that were predicted for its boot, where ACS was written since"),
      renumbered: renumberedCodec(known)
        .exactOptional()
        .describe("where functions answer after a move, by their names, which are the addresses before it"),
      guestOf: z
        .strictObject({ hypervisor: z.enum(HYPERVISORS), shownBy: z.enum(HYPERVISOR_SIGNS) })
        .exactOptional()
        .describe("that the machine is a guest, and what showed it"),
      functionsMayBeMissing: z.string().exactOptional().describe("why functions may be missing below"),
      notes: z.array(
        z.strictObject({
          severity: z.enum(["info", "warning"]),
          message: z.string(),
          remedy: z.string().exactOptional(),
        }),
      ),
      hostBridges: known(z.array(bridge)),
      functions: z.array(member),
    });
  return { frame: shapeAround(z.unknown(), z.unknown()), hostBridge, fn, whole: shapeAround(hostBridge, fn) };
}

function hostBridgeCodec(known: KnownCodec): z.ZodType<HostBridge, unknown> {
  const window = z.strictObject({
    kind: z.enum(["io", "memory"]),
    physStart: physAddress,
    busStart: known(busAddress),
    sizeBytes: size,
  });
  return z.strictObject({ rootBus: bus, windows: known(z.array(window)), numaNode: known(z.int().nullable()) });
}

const groupsCodec: z.ZodType<ReadonlyMap<Bdf, number>, unknown> = z.codec(
  z.record(z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/), count),
  z.custom<ReadonlyMap<Bdf, number>>((value) => value instanceof Map),
  {
    decode: (groups) => new Map(Object.entries(groups).map(([device, group]) => [parseBdf(device) ?? z.NEVER, group])),
    encode: (groups) => Object.fromEntries([...groups].map(([device, group]) => [formatBdf(device), group])),
  },
);

function renumberedCodec(known: KnownCodec): z.ZodType<ReadonlyMap<Bdf, Address>, unknown> {
  const address = z.strictObject({ bus: known(bus), devfn: byte, secondary: known(bus.nullable()) });
  return z.codec(
    z.record(z.string().regex(/^[0-9a-f]{4,8}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/), address),
    z.custom<ReadonlyMap<Bdf, Address>>((value) => value instanceof Map),
    {
      decode: (addresses) =>
        new Map(Object.entries(addresses).map(([device, at]) => [parseBdf(device) ?? z.NEVER, at])),
      encode: (addresses) => Object.fromEntries([...addresses].map(([device, at]) => [formatBdf(device), at])),
    },
  );
}

function iommuCodec(known: KnownCodec): z.ZodType<Iommu, unknown> {
  const groupTypes = z.codec(
    z.record(z.string().regex(/^(?:0|[1-9]\d{0,14})$/), z.string()),
    z.custom<ReadonlyMap<number, string>>((value) => value instanceof Map),
    {
      decode: (types) => new Map(Object.entries(types).map(([group, type]) => [Number(group), type])),
      encode: (types) => Object.fromEntries([...types].sort(([a], [b]) => a - b)),
    },
  );
  return z.strictObject({
    kind: known(z.enum(["none", "intel", "amd", "arm-smmu", "virtio", "other"])),
    mode: known(z.enum(["off", "passthrough", "strict", "lazy"])),
    groupTypes: known(groupTypes).describe("type of the default domain of each group"),
  });
}
