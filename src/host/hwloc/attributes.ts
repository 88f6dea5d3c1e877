import { type Bdf, domainOf, parseBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { XmlElement } from "../xml/xml-reader.ts";
import type { FunctionObject, OsDeviceObject, PciIds } from "./objects.ts";

function misread(element: XmlElement, attribute: string, form: string): PeerlaneError {
  const value = element.attributes[attribute];
  const found = value === undefined ? `no ${attribute}` : `${attribute} '${value.slice(0, 60)}'`;
  return new PeerlaneError("bad-input", `${found} in an object of type ${element.attributes["type"] ?? "?"}`, {
    place: element.place,
    remedy: `hwloc writes it as ${form}`,
  });
}

/** The address of a bridge or device. Throws `bad-input` where there is none. */
export function readBusId(element: XmlElement): Bdf {
  const bdf = parseBdf(element.attributes["pci_busid"] ?? "");
  if (bdf === undefined) throw misread(element, "pci_busid", "0000:3f:00.0");
  return bdf;
}

const typePattern =
  /^([0-9a-f]{4}) \[([0-9a-f]{4}):([0-9a-f]{4})\] \[([0-9a-f]{4}):([0-9a-f]{4})\] ([0-9a-f]{2})(?: ([0-9a-f]{2}))?$/i;

/** The ids of a bridge or device. Throws `bad-input` where they are not as hwloc writes them. */
export function readIds(element: XmlElement): PciIds {
  const match = typePattern.exec(element.attributes["pci_type"] ?? "");
  if (match === null) throw misread(element, "pci_type", "0604 [8086:340a] [0000:0000] 22 00");
  const part = (index: number): number => Number.parseInt(match[index] ?? "", 16);
  return {
    classId: part(1),
    vendorId: part(2),
    deviceId: part(3),
    subsystemVendorId: part(4),
    subsystemDeviceId: part(5),
    revision: part(6),
    interface: match[7] === undefined ? undefined : part(7),
  };
}

/** The buses below a bridge. */
export interface BridgeBuses {
  readonly domain: number;
  readonly secondary: number;
  readonly subordinate: number;
}

const busesPattern = /^([0-9a-f]{4,8}):\[([0-9a-f]{2})-([0-9a-f]{2})\]$/i;

/** The buses below a bridge of either kind. Throws `bad-input` where they are not as hwloc writes them. */
export function readBuses(element: XmlElement): BridgeBuses {
  const match = busesPattern.exec(element.attributes["bridge_pci"] ?? "");
  if (match === null) throw misread(element, "bridge_pci", "0000:[01-02]");
  const [domain, secondary, subordinate] = match.slice(1, 4).map((digits) => Number.parseInt(digits, 16));
  if (domain === undefined || secondary === undefined || subordinate === undefined || secondary > subordinate) {
    throw misread(element, "bridge_pci", "0000:[01-02]");
  }
  return { domain, secondary, subordinate };
}

/** Which sides of a bridge are PCI: `0` a host bridge, `1` a PCI-to-PCI bridge. Throws `bad-input` for any other. */
export function readBridgeSide(element: XmlElement): 0 | 1 {
  const type = element.attributes["bridge_type"];
  if (type === "0-1") return 0;
  if (type === "1-1") return 1;
  throw misread(element, "bridge_type", "0-1 or 1-1");
}

/** The buses of a bridge with an address, which lie in its own domain above its own bus. */
export function readBridgeBuses(element: XmlElement, bdf: Bdf): FunctionObject["buses"] {
  // hwloc leaves them out where the bridge leads to something other than PCI.
  if (element.attributes["bridge_pci"] === undefined) return null;
  const { domain, ...buses } = readBuses(element);
  if (domain !== domainOf(bdf)) throw misread(element, "bridge_pci", "the domain of pci_busid and its buses");
  return buses;
}

/** Types of OS devices: numbers in hwloc 2, bits of one number in hwloc 3. */
const networkOf2 = 2;
const openFabricsOf2 = 3;
const networkBitOf3 = 0x10;
const openFabricsBitOf3 = 0x20;

/** The name and kind of an OS device, `undefined` where it has no name. `version` is hwloc's, 2 or 3. */
export function readOsDevice(element: XmlElement, version: number): OsDeviceObject | undefined {
  const { name, osdev_type: text } = element.attributes;
  if (name === undefined || name === "") return undefined;
  const type = text !== undefined && /^\d{1,9}$/.test(text) ? Number.parseInt(text, 10) : 0;
  if (version < 3) return { name, isNetwork: type === networkOf2, isOpenFabrics: type === openFabricsOf2 };
  return { name, isNetwork: (type & networkBitOf3) !== 0, isOpenFabrics: (type & openFabricsBitOf3) !== 0 };
}

/** More words than any machine has NUMA nodes for: a longer set names none that is unambiguous. */
const MAX_SET_WORDS = 64;

/** The members of a set as hwloc prints it (`0x00000001,0x0`, highest word first); `undefined` where it is endless or odd. */
export function readSet(text: string | undefined): readonly number[] | undefined {
  if (text === undefined || text === "") return undefined;
  const words = text.split(",", MAX_SET_WORDS + 1);
  if (words.length > MAX_SET_WORDS || !words.every((word) => /^(?:0x[0-9a-f]{1,8})?$/i.test(word))) return undefined;
  const members: number[] = [];
  words.reverse().forEach((word, index) => {
    const bits = word === "" ? 0 : Number.parseInt(word, 16);
    for (let bit = 0; bit < 32; bit++) if (((bits >>> bit) & 1) === 1) members.push(index * 32 + bit);
  });
  return members;
}
