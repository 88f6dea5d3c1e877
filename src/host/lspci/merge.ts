import type { Bar } from "../../pci/bar.ts";
import type { BridgeRegisters } from "../../pci/bridge.ts";
import type { PciExpress } from "../../pci/express.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../../pci/known.ts";
import type { OpenEnd, Reading } from "./reading.ts";
import { notVerbose } from "./reasons.ts";

/** Compares two values made of plain objects and arrays. */
function isSame(a: unknown, b: unknown): boolean {
  if (Object.is(a, b)) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const keys = Object.keys(a);
  if (keys.length !== Object.keys(b).length || Array.isArray(a) !== Array.isArray(b)) return false;
  return keys.every((key) => isSame((a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key]));
}

/** Disagreements stay: a third dump that sides with one of two does not settle them. */
const disagreementsMade = new WeakSet<Unknown>();

/** Joins two readings of one function, of which neither is the better: where they disagree, the value is unknown. */
export class ReadingMerger {
  readonly #lines: string;
  #disagreement: Unknown | undefined;
  /** Names of the fields that disagree. */
  readonly disagreements: string[] = [];

  constructor(firstLine: number, secondLine: number) {
    this.#lines = `${firstLine} and ${secondLine}`;
  }

  merge(a: Reading, b: Reading): Reading {
    const numbered = moreReliableBars(a, b);
    return {
      line: a.line,
      label: a.label ?? b.label,
      vendorId: this.#field("vendor", a.vendorId, b.vendorId),
      deviceId: this.#field("device", a.deviceId, b.deviceId),
      classKind: this.#field("class", a.classKind, b.classKind),
      classCode: this.#field("class", a.classCode, b.classCode),
      revision: this.#field("revision", a.revision, b.revision),
      subsystem: this.#field("subsystem", a.subsystem, b.subsystem),
      headerType: this.#field("header type", a.headerType, b.headerType),
      multifunction: this.#field("multi-function bit", a.multifunction, b.multifunction),
      command: this.#field("command register", a.command, b.command),
      bars: numbered?.bars ?? this.#field("BARs", a.bars, b.bars, (x, y) => this.#bars(x, y)),
      areBarsNumbered: (numbered ?? a).areBarsNumbered,
      openEnd: openEndOf(a, b),
      isLinkUp: a.isLinkUp || b.isLinkUp,
      looseAcs:
        a.looseAcs === undefined || isSame(a.looseAcs, b.looseAcs)
          ? (a.looseAcs ?? b.looseAcs)
          : b.looseAcs === undefined
            ? a.looseAcs
            : undefined,
      bridge: this.#field("bus numbers", a.bridge, b.bridge, (x, y) => this.#bridge(x, y)),
      express: this.#field("PCI Express", a.express, b.express, (x, y) => this.#express(x, y)),
      acs: this.#field("ACS", a.acs, b.acs),
      sriov: this.#field("SR-IOV", a.sriov, b.sriov),
      resizableBars: this.#field("Resizable BAR", a.resizableBars, b.resizableBars),
      // The fields of capabilities are for display, and status bits come and go: the lists need only agree on ids.
      capabilities: this.#field("capabilities", a.capabilities, b.capabilities, (x, y) =>
        isSame(x.map(idAndOffset), y.map(idAndOffset)) ? x : undefined,
      ),
      driver: this.#field("driver", a.driver, b.driver),
      numaNode: this.#field("NUMA node", a.numaNode, b.numaNode),
      iommuGroup: this.#field("IOMMU group", a.iommuGroup, b.iommuGroup),
    };
  }

  /** The known one of two; of two known ones what `combine` makes of them, or unknown where they disagree. */
  #field<T>(name: string, a: Known<T>, b: Known<T>, combine?: (a: T, b: T) => Known<T> | undefined): Known<T> {
    if (isUnknown(a)) return disagreementsMade.has(a) || b === notVerbose ? a : b;
    if (isUnknown(b)) return disagreementsMade.has(b) ? b : a;
    if (isSame(a, b)) return a;
    const joint = combine?.(a as T, b as T);
    if (joint !== undefined) return joint;
    if (!this.disagreements.includes(name)) this.disagreements.push(name);
    return this.#disagree();
  }

  #disagree(): Unknown {
    if (this.#disagreement === undefined) {
      this.#disagreement = unknown(`the dumps at lines ${this.#lines} disagree about it: give one dump per file`);
      disagreementsMade.add(this.#disagreement);
    }
    return this.#disagreement;
  }

  #bars(a: readonly Bar[], b: readonly Bar[]): readonly Bar[] | undefined {
    if (a.length !== b.length) return undefined;
    const joint = a.map((bar, position): Bar | undefined => {
      const other = b[position];
      if (other === undefined || shapeOf(bar) !== shapeOf(other)) return undefined;
      return {
        ...bar,
        busAddress: this.#field("BAR address", bar.busAddress, other.busAddress),
        physAddress: this.#field("BAR address", bar.physAddress, other.physAddress),
        sizeBytes: this.#field("BAR size", bar.sizeBytes, other.sizeBytes),
      };
    });
    return joint.every((bar) => bar !== undefined) ? joint : undefined;
  }

  #bridge(a: BridgeRegisters | null, b: BridgeRegisters | null): BridgeRegisters | undefined {
    if (a === null || b === null) return undefined;
    if (a.primary !== b.primary || a.secondary !== b.secondary || a.subordinate !== b.subordinate) return undefined;
    return { ...a, windows: this.#field("bridge windows", a.windows, b.windows) };
  }

  #express(a: PciExpress | null, b: PciExpress | null): PciExpress | undefined {
    if (a === null || b === null) return undefined;
    return {
      type: this.#field("port type", a.type, b.type),
      version: this.#field("PCI Express version", a.version, b.version),
      slotImplemented: this.#field("slot", a.slotImplemented, b.slotImplemented),
      slotNumber: this.#field("slot number", a.slotNumber, b.slotNumber),
      linkCapable: this.#field("link", a.linkCapable, b.linkCapable),
      linkStatus: this.#field("link", a.linkStatus, b.linkStatus),
      registers: this.#field("PCI Express registers", a.registers, b.registers),
    };
  }
}

/** The end of the record that shows the capabilities; of two such the one behind which less may be missing. */
function openEndOf(a: Reading, b: Reading): OpenEnd | undefined {
  const isHidden = isUnknown(a.capabilities);
  if (isHidden !== isUnknown(b.capabilities)) return (isHidden ? b : a).openEnd;
  if (isHidden) return a.openEnd ?? b.openEnd;
  return a.openEnd?.isOpen === true ? b.openEnd : a.openEnd;
}

/** Of two lists of BARs the only one, or the only one with numbers: `-v` numbers BARs by guess. */
function moreReliableBars(a: Reading, b: Reading): Reading | undefined {
  if (isUnknown(b.bars)) return a;
  if (isUnknown(a.bars)) return b;
  if (a.areBarsNumbered === b.areBarsNumbered) return undefined;
  return a.areBarsNumbered ? a : b;
}

function idAndOffset(capability: { readonly id: number; readonly offset: number }): number {
  return capability.id * 0x1000 + capability.offset;
}

/** What must not differ between two descriptions of one BAR. */
function shapeOf(bar: Bar): string {
  return `${bar.index} ${bar.kind} ${bar.is64Bit} ${bar.prefetchable}`;
}

const known = <T>(best: Known<T>, second: Known<T>): Known<T> =>
  isUnknown(best) && !isUnknown(second) ? second : best;

/** Lays the bytes of a function over its text: bytes win, and text fills what they do not hold (sizes of BARs). */
export function overlay(bytes: Reading, text: Reading): Reading {
  return {
    line: text.line,
    label: text.label,
    driver: text.driver,
    numaNode: text.numaNode,
    iommuGroup: text.iommuGroup,
    areBarsNumbered: true,
    openEnd: text.openEnd,
    isLinkUp: text.isLinkUp,
    looseAcs: text.looseAcs,
    classKind: known(bytes.classKind, text.classKind),
    vendorId: known(bytes.vendorId, text.vendorId),
    deviceId: known(bytes.deviceId, text.deviceId),
    subsystem: known(bytes.subsystem, text.subsystem),
    revision: known(bytes.revision, text.revision),
    classCode: known(bytes.classCode, text.classCode),
    headerType: known(bytes.headerType, text.headerType),
    multifunction: known(bytes.multifunction, text.multifunction),
    command: known(bytes.command, text.command),
    bars: overlayBars(bytes.bars, text),
    bridge: overlayBridge(bytes.bridge, text.bridge),
    express: overlayExpress(bytes.express, text.express),
    acs: known(bytes.acs, text.acs),
    sriov: known(bytes.sriov, text.sriov),
    resizableBars: known(bytes.resizableBars, text.resizableBars),
    capabilities: known(bytes.capabilities, text.capabilities),
  };
}

function overlayBars(bytes: Reading["bars"], text: Reading): Reading["bars"] {
  if (isUnknown(bytes) || isUnknown(text.bars)) return known(bytes, text.bars);
  // Without numbers, the order tells which is which, as long as there are as many.
  const isInOrder = !text.areBarsNumbered && text.bars.length === bytes.length;
  const printed = text.bars;
  const joint = bytes.map((bar, position): Bar => {
    const other = isInOrder ? printed[position] : printed.find((candidate) => candidate.index === bar.index);
    if (other === undefined || other.kind !== bar.kind || other.is64Bit !== bar.is64Bit) return bar;
    return {
      ...bar,
      busAddress: known(bar.busAddress, other.busAddress),
      physAddress: known(other.physAddress, bar.physAddress),
      sizeBytes: known(bar.sizeBytes, other.sizeBytes),
    };
  });
  // Those that the kernel knows though the register is empty: BARs of virtual functions.
  const onlyPrinted = text.areBarsNumbered
    ? printed.filter((bar) => !bytes.some((other) => other.index === bar.index))
    : [];
  return [...joint, ...onlyPrinted].sort((a, b) => a.index - b.index);
}

function overlayBridge(bytes: Reading["bridge"], text: Reading["bridge"]): Reading["bridge"] {
  if (isUnknown(bytes) || bytes === null || isUnknown(text) || text === null) return known(bytes, text);
  return { ...bytes, windows: known(bytes.windows, text.windows) };
}

function overlayExpress(bytes: Reading["express"], text: Reading["express"]): Reading["express"] {
  if (isUnknown(bytes) || bytes === null || isUnknown(text) || text === null) return known(bytes, text);
  return {
    type: known(bytes.type, text.type),
    version: known(bytes.version, text.version),
    slotImplemented: known(bytes.slotImplemented, text.slotImplemented),
    slotNumber: known(bytes.slotNumber, text.slotNumber),
    linkCapable: known(bytes.linkCapable, text.linkCapable),
    linkStatus: known(bytes.linkStatus, text.linkStatus),
    registers: known(bytes.registers, text.registers),
  };
}
