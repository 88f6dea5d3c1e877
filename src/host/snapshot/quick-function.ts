import type { Acs } from "../../pci/acs.ts";
import type { Bar } from "../../pci/bar.ts";
import type { BridgeRegisters } from "../../pci/bridge.ts";
import type { Capability } from "../../pci/capability.ts";
import { type LinkState, type PciExpress, PORT_TYPES, type PortType, type StatedPackets } from "../../pci/express.ts";
import type { Attachment, P2pmem, PciFunction } from "../../pci/function.ts";
import { isPacketSize } from "../../pci/packet-control.ts";
import type { ResizableBar } from "../../pci/resizable-bar.ts";
import type { Sriov } from "../../pci/sriov.ts";
import {
  anyObject,
  bdf,
  boolean,
  bus,
  busAddress,
  byte,
  count,
  int,
  type Json,
  type KnownReader,
  list,
  nullable,
  object,
  oneOf,
  physAddress,
  present,
  refuse,
  register,
  size,
  string,
  upTo,
} from "./quick-parts.ts";

/** Reads a function as `functionCodec` does; throws Misfit for what that refuses. */
export function quickFunction(value: unknown, known: KnownReader): PciFunction {
  const json = anyObject(value);
  const { idsAmong, drawnBelow } = json;
  object(json, 25 + present(json, "idsAmong", "drawnBelow"));
  return {
    bdf: bdf(json["bdf"]),
    vendorId: known.of(json["vendorId"], id),
    deviceId: known.of(json["deviceId"], id),
    ...(idsAmong === undefined ? {} : { idsAmong: list(idsAmong, ids) }),
    subsystem: known.of(json["subsystem"], nullableIds),
    revision: known.of(json["revision"], revision),
    classCode: known.of(json["classCode"], classCode),
    headerType: known.of(json["headerType"], byte),
    multifunction: known.of(json["multifunction"], boolean),
    command: known.of(json["command"], id),
    bars: known.of(json["bars"], (bars) => list(bars, (member) => bar(member, known))),
    bridge: known.of(json["bridge"], (one) => nullable(one, (registers) => bridge(registers, known))),
    express: known.of(json["express"], (one) => nullable(one, (registers) => express(registers, known))),
    acs: known.of(json["acs"], nullableAcs),
    sriov: known.of(json["sriov"], (one) => nullable(one, (registers) => sriov(registers, known))),
    resizableBars: known.of(json["resizableBars"], (bars) => list(bars, (member) => resizableBar(member, known))),
    capabilities: known.of(json["capabilities"], capabilities),
    names: list(json["names"], string),
    label: nullable(json["label"], string),
    driver: known.of(json["driver"], nullableString),
    numaNode: known.of(json["numaNode"], nullableInt),
    iommuGroup: known.of(json["iommuGroup"], nullableCount),
    p2pmem: known.of(json["p2pmem"], (one) => nullable(one, (pool) => p2pmem(pool, known))),
    physicalFunction: known.of(json["physicalFunction"], nullableBdf),
    attachment: known.of(json["attachment"], attachment),
    ...(drawnBelow === undefined ? {} : { drawnBelow: nullableBdf(drawnBelow) }),
    dmaMaskBits: known.of(json["dmaMaskBits"], count),
  };
}

const id = (value: unknown): number => register(value, 4);
const revision = (value: unknown): number => register(value, 2);
const classCode = (value: unknown): number => register(value, 6);
const doubleWord = (value: unknown): number => register(value, 8);
const nullableString = (value: unknown): string | null => nullable(value, string);
const nullableInt = (value: unknown): number | null => nullable(value, int);
const nullableCount = (value: unknown): number | null => nullable(value, count);
const nullableBdf = (value: unknown): PciFunction["bdf"] | null => nullable(value, bdf);

function ids(value: unknown): { readonly vendorId: number; readonly deviceId: number } {
  const json = object(value, 2);
  return { vendorId: id(json["vendorId"]), deviceId: id(json["deviceId"]) };
}

const nullableIds = (value: unknown): ReturnType<typeof ids> | null => nullable(value, ids);

const BAR_KINDS = new Set(["memory", "io"] as const);

function bar(value: unknown, known: KnownReader): Bar {
  const json = object(value, 8);
  return {
    index: byte(json["index"]),
    kind: oneOf(json["kind"], BAR_KINDS),
    is64Bit: boolean(json["is64Bit"]),
    prefetchable: boolean(json["prefetchable"]),
    busAddress: known.of(json["busAddress"], nullableBusAddress),
    physAddress: known.of(json["physAddress"], nullablePhysAddress),
    sizeBytes: known.of(json["sizeBytes"], size),
    fromEnhancedAllocation: boolean(json["fromEnhancedAllocation"]),
  };
}

const nullableBusAddress = (value: unknown): ReturnType<typeof busAddress> | null => nullable(value, busAddress);
const nullablePhysAddress = (value: unknown): ReturnType<typeof physAddress> | null => nullable(value, physAddress);

const WINDOW_KINDS = new Set(["io", "memory", "prefetchable"] as const);

function bridge(value: unknown, known: KnownReader): BridgeRegisters {
  const json = object(value, 4);
  return {
    primary: byte(json["primary"]),
    secondary: byte(json["secondary"]),
    subordinate: byte(json["subordinate"]),
    windows: known.of(json["windows"], bridgeWindows),
  };
}

const bridgeWindows = (value: unknown) =>
  list(value, (member) => {
    const json = object(member, 3);
    return { kind: oneOf(json["kind"], WINDOW_KINDS), start: busAddress(json["start"]), size: size(json["size"]) };
  });

const TYPES = new Set<PortType | "reserved">([...(Object.keys(PORT_TYPES) as PortType[]), "reserved"]);

function express(value: unknown, known: KnownReader): PciExpress {
  const json = anyObject(value);
  const { stated } = json;
  object(json, 7 + present(json, "stated"));
  return {
    type: known.of(json["type"], expressType),
    version: known.of(json["version"], count),
    slotImplemented: known.of(json["slotImplemented"], boolean),
    slotNumber: known.of(json["slotNumber"], nullableCount),
    linkCapable: known.of(json["linkCapable"], nullableLink),
    linkStatus: known.of(json["linkStatus"], nullableLink),
    registers: known.of(json["registers"], expressRegisters),
    ...(stated === undefined ? {} : { stated: statedPackets(stated) }),
  };
}

const SIZES = ["maxPayloadBytes", "possiblePayloadBytes", "maxReadRequestBytes"] as const;
const FLAGS = ["relaxedOrdering", "extendedTags"] as const;

function statedPackets(value: unknown): StatedPackets {
  const json = anyObject(value);
  object(json, present(json, ...SIZES, ...FLAGS));
  const stated: { -readonly [key in keyof StatedPackets]: StatedPackets[key] } = {};
  for (const key of SIZES) {
    const size = json[key];
    if (size === undefined) continue;
    if (typeof size !== "number" || !isPacketSize(size)) refuse();
    stated[key] = size;
  }
  for (const key of FLAGS) if (json[key] !== undefined) stated[key] = boolean(json[key]);
  return stated;
}

const expressType = (value: unknown): PortType | "reserved" => oneOf(value, TYPES);

function nullableLink(value: unknown): LinkState | null {
  if (value === null) return null;
  const { speedGTps, width } = object(value, 2);
  if (typeof speedGTps !== "number" || !(speedGTps >= 0 && speedGTps <= 1_000_000)) refuse();
  return { speedGTps, width: byte(width) };
}

function expressRegisters(value: unknown): Exclude<PciExpress["registers"], { readonly unknown: string }> {
  const json = object(value, 11);
  return {
    deviceCapabilities: doubleWord(json["deviceCapabilities"]),
    deviceControl: id(json["deviceControl"]),
    deviceStatus: id(json["deviceStatus"]),
    linkCapabilities: doubleWord(json["linkCapabilities"]),
    linkControl: id(json["linkControl"]),
    linkStatus: id(json["linkStatus"]),
    deviceCapabilities2: doubleWord(json["deviceCapabilities2"]),
    deviceControl2: id(json["deviceControl2"]),
    linkCapabilities2: doubleWord(json["linkCapabilities2"]),
    linkControl2: id(json["linkControl2"]),
    linkStatus2: id(json["linkStatus2"]),
  };
}

function nullableAcs(value: unknown): Acs | null {
  if (value === null) return null;
  const json = anyObject(value);
  const { uncertain, firmwareControl, capabilityHidden } = json;
  object(json, 2 + present(json, "uncertain", "firmwareControl", "capabilityHidden"));
  if (capabilityHidden !== undefined && capabilityHidden !== true) refuse();
  return {
    capability: id(json["capability"]),
    control: id(json["control"]),
    ...(uncertain === undefined ? {} : { uncertain: id(uncertain) }),
    ...(firmwareControl === undefined ? {} : { firmwareControl: id(firmwareControl) }),
    ...(capabilityHidden === undefined ? {} : { capabilityHidden }),
  };
}

function sriov(value: unknown, known: KnownReader): Exclude<Sriov, null> {
  const json = anyObject(value);
  const { vfMemoryEnable } = json;
  object(json, 5 + present(json, "vfMemoryEnable"));
  return {
    totalVfs: upTo(json["totalVfs"], 0xffff),
    numVfs: upTo(json["numVfs"], 0xffff),
    firstVfOffset: upTo(json["firstVfOffset"], 0xffff),
    vfStride: upTo(json["vfStride"], 0xffff),
    vfDeviceId: known.of(json["vfDeviceId"], id),
    ...(vfMemoryEnable === undefined ? {} : { vfMemoryEnable: boolean(vfMemoryEnable) }),
  };
}

function resizableBar(value: unknown, known: KnownReader): ResizableBar {
  const json = object(value, 3);
  return {
    barIndex: byte(json["barIndex"]),
    currentBytes: known.of(json["currentBytes"], size),
    supportedBytes: known.of(json["supportedBytes"], sizes),
  };
}

const sizes = (value: unknown): readonly number[] => list(value, size);

const SPACES = new Set(["standard", "extended"] as const);

const capabilities = (value: unknown): readonly Capability[] => list(value, capability);

function capability(value: unknown): Capability {
  const json = object(value, 6);
  return {
    space: oneOf(json["space"], SPACES),
    id: id(json["id"]),
    version: count(json["version"]),
    offset: register(json["offset"], 3),
    name: string(json["name"]),
    decoded: decoded(json["decoded"]),
  };
}

/** The object itself: it was made of the text, and nobody else has it. */
function decoded(value: unknown): Capability["decoded"] {
  const json = anyObject(value);
  for (const key in json) {
    const field = json[key];
    if (typeof field !== "string" && typeof field !== "boolean") int(field);
  }
  return json as Json & Capability["decoded"];
}

function p2pmem(value: unknown, known: KnownReader): P2pmem {
  const json = object(value, 3);
  return {
    sizeBytes: size(json["sizeBytes"]),
    availableBytes: known.of(json["availableBytes"], size),
    published: known.of(json["published"], boolean),
  };
}

function attachment(value: unknown): Attachment {
  const json = object(value, 2);
  return { upstream: nullableBdf(json["upstream"]), rootBus: bus(json["rootBus"]) };
}
