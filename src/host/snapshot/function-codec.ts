import { z } from "zod";
import type { Acs } from "../../pci/acs.ts";
import type { Bar } from "../../pci/bar.ts";
import type { BridgeRegisters } from "../../pci/bridge.ts";
import type { Capability } from "../../pci/capability.ts";
import { type PciExpress, PORT_TYPES, type PortType } from "../../pci/express.ts";
import type { PciFunction } from "../../pci/function.ts";
import { PACKET_SIZES } from "../../pci/packet-control.ts";
import { bdf, bus, busAddress, byte, count, type KnownCodec, physAddress, register, size } from "./parts.ts";

const id = register(4);
const word = register(4);
const doubleWord = register(8);

/** One function with all that a machine says of it; the compiler holds it to {@link PciFunction}. */
export function functionCodec(known: KnownCodec): z.ZodType<PciFunction, unknown> {
  return z.strictObject({
    bdf,
    vendorId: known(id),
    deviceId: known(id),
    idsAmong: z
      .array(z.strictObject({ vendorId: id, deviceId: id }))
      .exactOptional()
      .describe("the ids that share the name which the source gives in place of one"),
    subsystem: known(z.strictObject({ vendorId: id, deviceId: id }).nullable()),
    revision: known(register(2)),
    classCode: known(register(6)).describe("base class, subclass, programming interface"),
    headerType: known(byte),
    multifunction: known(z.boolean()),
    command: known(word),
    bars: known(z.array(barCodec(known))),
    bridge: known(bridgeCodec(known).nullable()),
    express: known(expressCodec(known).nullable()),
    acs: known(acsCodec.nullable()),
    sriov: known(sriovCodec(known).nullable()),
    resizableBars: known(
      z.array(z.strictObject({ barIndex: byte, currentBytes: known(size), supportedBytes: known(z.array(size)) })),
    ),
    capabilities: known(z.array(capabilityCodec)),
    names: z.array(z.string()),
    label: z.string().nullable(),
    driver: known(z.string().nullable()),
    numaNode: known(z.int().nullable()),
    iommuGroup: known(count.nullable()),
    p2pmem: known(
      z.strictObject({ sizeBytes: size, availableBytes: known(size), published: known(z.boolean()) }).nullable(),
    ),
    physicalFunction: known(bdf.nullable()),
    attachment: known(z.strictObject({ upstream: bdf.nullable(), rootBus: bus })),
    drawnBelow: bdf.nullable().exactOptional(),
    dmaMaskBits: known(count),
  });
}

const acsCodec: z.ZodType<Acs, unknown> = z.strictObject({
  capability: word,
  control: word,
  uncertain: word.exactOptional().describe("bits of control that are not known"),
  firmwareControl: word.exactOptional().describe("what firmware left in control"),
  capabilityHidden: z
    .literal(true)
    .exactOptional()
    .describe("capability holds the bits that are on, and there may be more"),
});

const capabilityCodec: z.ZodType<Capability, unknown> = z.strictObject({
  space: z.enum(["standard", "extended"]),
  id: word,
  version: count,
  offset: register(3),
  name: z.string(),
  decoded: z.record(z.string(), z.union([z.int(), z.string(), z.boolean()])),
});

function barCodec(known: KnownCodec): z.ZodType<Bar, unknown> {
  return z.strictObject({
    index: byte,
    kind: z.enum(["memory", "io"]),
    is64Bit: z.boolean(),
    prefetchable: z.boolean(),
    busAddress: known(busAddress.nullable()),
    physAddress: known(physAddress.nullable()),
    sizeBytes: known(size),
    fromEnhancedAllocation: z.boolean(),
  });
}

function bridgeCodec(known: KnownCodec): z.ZodType<BridgeRegisters, unknown> {
  const window = z.strictObject({ kind: z.enum(["io", "memory", "prefetchable"]), start: busAddress, size });
  return z.strictObject({ primary: byte, secondary: byte, subordinate: byte, windows: known(z.array(window)) });
}

function sriovCodec(known: KnownCodec): z.ZodType<Exclude<PciFunction["sriov"], null>, unknown> {
  const routing = z.int().min(0).max(0xffff);
  return z.strictObject({
    totalVfs: routing,
    numVfs: routing,
    firstVfOffset: routing,
    vfStride: routing,
    vfDeviceId: known(id),
    vfMemoryEnable: z.boolean().exactOptional().describe("memory decode of all of its virtual functions"),
  });
}

const portTypes = [...(Object.keys(PORT_TYPES) as PortType[]), "reserved"] as const;
/** Speeds are 2.5 to some hundreds; the bound is there to keep numbers finite. */
const link = z.strictObject({ speedGTps: z.number().min(0).max(1_000_000), width: byte });

const registersCodec = z.strictObject({
  deviceCapabilities: doubleWord,
  deviceControl: word,
  deviceStatus: word,
  linkCapabilities: doubleWord,
  linkControl: word,
  linkStatus: word,
  deviceCapabilities2: doubleWord,
  deviceControl2: word,
  linkCapabilities2: doubleWord,
  linkControl2: word,
  linkStatus2: word,
});

function expressCodec(known: KnownCodec): z.ZodType<PciExpress, unknown> {
  return z.strictObject({
    type: known(z.enum(portTypes)),
    version: known(count),
    slotImplemented: known(z.boolean()),
    slotNumber: known(count.nullable()),
    linkCapable: known(link.nullable()),
    linkStatus: known(link.nullable()),
    registers: known(registersCodec),
    stated: statedCodec.exactOptional().describe("what a text without registers states of Device Control"),
  });
}

const packetSize = z.union(PACKET_SIZES.map((size) => z.literal(size)));
const statedCodec = z.strictObject({
  maxPayloadBytes: packetSize.exactOptional(),
  possiblePayloadBytes: packetSize.exactOptional(),
  maxReadRequestBytes: packetSize.exactOptional(),
  relaxedOrdering: z.boolean().exactOptional(),
  extendedTags: z.boolean().exactOptional(),
});
