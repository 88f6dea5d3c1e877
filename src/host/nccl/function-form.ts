import { busOf, domainOf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { PciObject } from "./objects.ts";
import * as why from "./reasons.ts";

/**
 * A `<pci>` as a function of Peerlane's: its place in the system's tree is unknown, and how the file draws it is in
 * `drawnBelow`. What NCCL's XML has not is unknown, and says how to get it.
 */
export function functionOf(fn: PciObject): PciFunction {
  const { attributes } = fn;
  const vendorId = vendorOf(attributes["vendor"]);
  return {
    bdf: fn.bdf,
    vendorId,
    deviceId: isUnknown(vendorId) ? vendorId : idOf(attributes["device"]),
    subsystem: subsystemOf(fn),
    revision: why.notInXml,
    classCode: classOf(attributes["class"]),
    headerType: why.registersNotInXml,
    multifunction: why.registersNotInXml,
    command: why.registersNotInXml,
    bars: why.registersNotInXml,
    bridge: why.registersNotInXml,
    express: why.linkNotInXml,
    acs: why.acsNotInXml,
    sriov: why.registersNotInXml,
    resizableBars: why.registersNotInXml,
    capabilities: why.registersNotInXml,
    names: fn.netNames,
    label: isPlaceholder(fn) ? "switch drawn by hand" : null,
    driver: why.notInXml,
    numaNode: numaNodeOf(fn),
    iommuGroup: why.notInXml,
    p2pmem: why.notInXml,
    physicalFunction: why.notInXml,
    attachment: why.levelsLeftOut,
    drawnBelow: fn.above?.bdf ?? null,
    dmaMaskBits: why.notInXml,
  };
}

/** Hand-made files give switches addresses that no machine has: the last bus of the last domain. */
export function isPlaceholder({ bdf }: PciObject): boolean {
  return domainOf(bdf) === 0xffff && busOf(bdf) === 0xff;
}

/** An id: `0x10de`, or `0x25` for one with zeros in front. */
function idOf(text: string | undefined): Known<number> {
  if (text === undefined || !/^0x[0-9a-f]{1,4}$/i.test(text)) return why.notInThisFile;
  const id = Number.parseInt(text, 16);
  return id === 0xffff ? why.placeholder : id;
}

/** No vendor is 0: NCCL writes it where it could not read the id. */
function vendorOf(text: string | undefined): Known<number> {
  const id = idOf(text);
  return id === 0 ? why.notInThisFile : id;
}

function subsystemOf({ attributes }: PciObject): PciFunction["subsystem"] {
  const vendorId = idOf(attributes["subsystem_vendor"]);
  const deviceId = idOf(attributes["subsystem_device"]);
  if (isUnknown(vendorId)) return vendorId;
  return isUnknown(deviceId) ? deviceId : { vendorId, deviceId };
}

/**
 * The class as sysfs prints it, `0x030200`; NCCL cuts it to `0x03` where it knows no more than that it is a GPU or NIC.
 * Nothing but the base class is then looked at, and the rest is given as 0.
 */
function classOf(text: string | undefined): Known<number> {
  if (text === undefined || !/^0x(?!ff)(?:[0-9a-f]{2}){1,3}$/i.test(text)) return why.notInThisFile;
  return Number.parseInt(text.slice(2).padEnd(6, "0"), 16);
}

function numaNodeOf({ cpu }: PciObject): PciFunction["numaNode"] {
  const text = cpu?.attributes["numaid"];
  if (text === undefined || !/^-?\d{1,9}$/.test(text)) return why.numaNotInFile;
  const node = Number.parseInt(text, 10);
  return node < 0 ? null : node;
}
