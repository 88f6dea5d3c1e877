import { z } from "zod";
import { PORT_TYPES, type PortType } from "../../pci/express.ts";
import { bdf, count, hex, type KnownForm } from "./parts.ts";

const portTypes = [...(Object.keys(PORT_TYPES) as PortType[]), "reserved"] as const;
const link = z.strictObject({ speedGTps: z.number().min(0), width: count });

/** One function with all that a machine says of it. */
export function functionForm(known: KnownForm): z.ZodType {
  return z.strictObject({
    bdf,
    vendorId: known(hex),
    deviceId: known(hex),
    subsystem: known(z.strictObject({ vendorId: hex, deviceId: hex }).nullable()),
    revision: known(hex),
    classCode: known(hex),
    headerType: known(count),
    multifunction: known(z.boolean()),
    command: known(hex),
    bars: known(z.array(barForm(known))),
    bridge: known(bridgeForm(known).nullable()),
    express: known(expressForm(known).nullable()),
    acs: known(acsForm.nullable()),
    sriov: known(
      z
        .strictObject({
          totalVfs: count,
          numVfs: count,
          firstVfOffset: count,
          vfStride: count,
          vfDeviceId: known(hex),
        })
        .nullable(),
    ),
    resizableBars: known(
      z.array(z.strictObject({ barIndex: count, currentBytes: known(count), supportedBytes: known(z.array(count)) })),
    ),
    capabilities: known(z.array(capabilityForm)),
    names: z.array(z.string()),
    label: z.string().nullable(),
    driver: known(z.string().nullable()),
    numaNode: known(z.int().nullable()),
    iommuGroup: known(count.nullable()),
    p2pmem: known(
      z.strictObject({ sizeBytes: count, availableBytes: known(count), published: known(z.boolean()) }).nullable(),
    ),
    physicalFunction: known(bdf.nullable()),
    attachment: known(z.strictObject({ upstream: bdf.nullable(), rootBus: count })),
    drawnBelow: bdf.nullable().exactOptional(),
    dmaMaskBits: known(count),
  });
}

const acsForm = z.strictObject({
  capability: hex,
  control: hex,
  uncertain: hex.exactOptional(),
  firmwareControl: hex.exactOptional(),
});

const capabilityForm = z.strictObject({
  space: z.enum(["standard", "extended"]),
  id: hex,
  version: count,
  offset: hex,
  name: z.string(),
  decoded: z.record(z.string(), z.union([z.number(), z.string(), z.boolean()])),
});

function barForm(known: KnownForm): z.ZodType {
  return z.strictObject({
    index: count,
    kind: z.enum(["memory", "io"]),
    is64Bit: z.boolean(),
    prefetchable: z.boolean(),
    busAddress: known(hex.nullable()),
    physAddress: known(hex.nullable()),
    sizeBytes: known(count),
    fromEnhancedAllocation: z.boolean(),
  });
}

function bridgeForm(known: KnownForm): z.ZodType {
  return z.strictObject({
    primary: count,
    secondary: count,
    subordinate: count,
    windows: known(
      z.array(z.strictObject({ kind: z.enum(["io", "memory", "prefetchable"]), start: hex, size: count })),
    ),
  });
}

const registerNames = [
  "deviceCapabilities",
  "deviceControl",
  "deviceStatus",
  "linkCapabilities",
  "linkControl",
  "linkStatus",
  "deviceCapabilities2",
  "deviceControl2",
  "linkCapabilities2",
  "linkControl2",
  "linkStatus2",
] as const;

function expressForm(known: KnownForm): z.ZodType {
  return z.strictObject({
    type: known(z.enum(portTypes)),
    version: known(count),
    slotImplemented: known(z.boolean()),
    slotNumber: known(count.nullable()),
    linkCapable: known(link.nullable()),
    linkStatus: known(link.nullable()),
    registers: known(z.strictObject(Object.fromEntries(registerNames.map((name) => [name, hex])))),
  });
}
