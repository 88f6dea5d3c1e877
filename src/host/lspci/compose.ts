import { type Bdf, busKeyOf, busOf } from "../../pci/bdf.ts";
import type { Attachment, PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../../pci/known.ts";
import { withPhysicals } from "../../pci/virtual-functions.ts";
import type { HostBridge, Machine } from "../machine.ts";
import type { FunctionTable, TextFacts } from "./function-table.ts";
import { besideLostFunctions } from "./lost-functions.ts";
import { generalNotes, treeNotes } from "./notes.ts";
import type { Reading } from "./reading.ts";
import * as why from "./reasons.ts";
import { FunctionRecord } from "./record.ts";
import { RecordEnds } from "./record-ends.ts";
import type { SystemLines } from "./system-lines.ts";
import { isBusCertain, type TreeNode, type TreeReader } from "./tree.ts";
import { VirtualFunctions } from "./virtual-functions.ts";

/** Text has no `sys/class`, where functions get their names. */
const noNames: readonly string[] = [];

/** Makes the machine of all that a text has shown; `isListedOnce` where it begins no function twice. */
export function composeMachine(
  file: string,
  table: FunctionTable,
  tree: TreeReader,
  system: SystemLines,
  isListedOnce: boolean,
): Machine {
  const isWholeList = isListedOnce && isEveryFunctionListed(table, tree);
  addTreeFunctions(table, tree);
  const taken = table.takeReadings();
  const ends = new RecordEnds(taken, table.facts);
  const beside = table.facts.isSelection ? new Set() : besideLostFunctions(table.order, taken, tree);
  const readings = taken.map(([bdf, reading]): readonly [Bdf, Reading] => {
    const lost = beside.has(bdf) ? why.lostFunctions : ends.isMissingLines(reading) ? why.lostLines : undefined;
    const rest = ends.whyNotCertain(reading);
    const shown =
      lost !== undefined ? withLostLines(reading, lost) : rest !== undefined ? withHiddenRest(reading, rest) : reading;
    return [bdf, withGroup(withoutCapabilities(shown, table.facts), system.groups.get(bdf))];
  });
  const finder = new VirtualFunctions(readings);
  const functions = withPhysicals(
    readings.map(([bdf, reading]) => composeFunction(bdf, reading, table.facts, tree, finder, isWholeList)),
  );
  return {
    source: { format: "lspci", name: file },
    functions,
    hostBridges: hostBridgesOf(tree),
    cpu: system.cpu(),
    kernel: system.kernel(),
    iommu: system.iommu(table.facts.namesGroups),
    ...(system.guestOf === undefined ? {} : { guestOf: system.guestOf }),
    notes: [...table.notes, ...treeNotes(file, tree), ...generalNotes(file, table.facts, functions)],
  };
}

/** True where a tree shows that the text lists every function of the machine. */
function isEveryFunctionListed(table: FunctionTable, tree: TreeReader): boolean {
  if (tree.roots.size === 0 || tree.contested.size > 0) return false;
  for (const bdf of tree.nodes.keys()) if (!table.has(bdf)) return false;
  for (const bdf of table.addresses()) if (!tree.nodes.has(bdf)) return false;
  return true;
}

/** Lines of ACS without its title are the last function's before them, unless the first line of another is left out. */
function acsOf({ acs, looseAcs }: Reading, proven: boolean, isWholeList: boolean): PciFunction["acs"] {
  if (looseAcs !== undefined && isUnknown(acs)) return isWholeList ? looseAcs : why.looseAcs;
  return proven || acs !== null ? acs : why.extendedNotSeen;
}

/** What a record that may have been cut, or that a filter went over, does not show, it hides. */
function withHiddenRest(reading: Reading, reason: Unknown): Reading {
  return {
    ...reading,
    express: reading.express ?? reason,
    acs: reading.acs ?? reason,
    sriov: reading.sriov ?? reason,
    resizableBars: isEmpty(reading.resizableBars) ? reason : reading.resizableBars,
    capabilities: isUnknown(reading.capabilities) ? reading.capabilities : reason,
  };
}

/** Of a record that lost lines only what its first lines say is certain to be its own. */
function withLostLines(reading: Reading, reason: Unknown): Reading {
  return {
    ...reading,
    express: reason,
    acs: reason,
    sriov: reason,
    resizableBars: reason,
    capabilities: reason,
    driver: reading.driver === why.noDriverLine || isUnknown(reading.driver) ? reading.driver : reason,
  };
}

/** The kernel's messages name groups too; where they contradict the list, the machine has changed since. */
function withGroup(reading: Reading, group: number | undefined): Reading {
  const { iommuGroup } = reading;
  if (group === undefined || iommuGroup === group) return reading;
  if (isUnknown(iommuGroup)) return { ...reading, iommuGroup: group };
  return { ...reading, iommuGroup: unknown("dmesg and lspci name different IOMMU groups: give those of one boot") };
}

/** A tree of its own lists functions too, with their names; what it draws in a place that it does not name is left out. */
function addTreeFunctions(table: FunctionTable, tree: TreeReader): void {
  const listed = new Set([...table.addresses()].map(busKeyOf));
  for (const node of tree.nodes.values()) {
    if (!table.has(node.bdf) && !isBusCertain(node, listed.has(busKeyOf(node.bdf)))) continue;
    const record = new FunctionRecord(node.bdf, node.line);
    if (table.hasOtherName(node.bdf, node.label)) tree.contested.add(node.bdf);
    else record.label = node.label;
    record.isHeadWhole = false;
    if (node.ids !== undefined) {
      record.vendorId = node.ids.vendorId;
      record.deviceId = node.ids.deviceId;
    }
    table.add(record, { isComplete: false });
  }
}

/** At `-v` a function without a line of capabilities has none where the text shows those of others. */
function withoutCapabilities(reading: Reading, { showsCapabilities }: TextFacts): Reading {
  if (!showsCapabilities || reading.capabilities !== why.noCapabilityLineOfV) return reading;
  const given = <T, E>(value: Known<T>, none: E): Known<T> | E => (value === why.noCapabilityLineOfV ? none : value);
  return {
    ...reading,
    subsystem: given(reading.subsystem, null),
    express: given(reading.express, null),
    acs: given(reading.acs, null),
    sriov: given(reading.sriov, null),
    resizableBars: given(reading.resizableBars, []),
    capabilities: [],
  };
}

function composeFunction(
  bdf: Bdf,
  reading: Reading,
  facts: TextFacts,
  tree: TreeReader,
  finder: VirtualFunctions,
  isWholeList: boolean,
): PciFunction {
  const node = tree.contested.has(bdf) ? undefined : tree.nodes.get(bdf);
  const proven = isExtendedSpaceSeen(reading, facts);
  return {
    bdf,
    label: reading.label,
    vendorId: reading.vendorId,
    deviceId: reading.deviceId,
    subsystem: reading.subsystem,
    revision: reading.revision,
    classCode: classOf(reading.classCode, reading.classKind),
    headerType: reading.headerType,
    multifunction: finder.isMultifunction(bdf, reading),
    command: reading.command,
    bars: reading.bars,
    bridge: bridgeOf(bdf, reading, node),
    express: reading.express,
    acs: acsOf(reading, proven, isWholeList),
    sriov: proven || reading.sriov !== null ? reading.sriov : why.extendedNotSeen,
    resizableBars: proven || !isEmpty(reading.resizableBars) ? reading.resizableBars : why.extendedNotSeen,
    capabilities: reading.capabilities,
    names: noNames,
    driver: reading.driver === why.noDriverLine && facts.namesDrivers ? null : reading.driver,
    numaNode: reading.numaNode === why.noNumaLine && facts.namesNumaNodes ? null : reading.numaNode,
    iommuGroup: reading.iommuGroup === why.noGroupLine && facts.namesGroups ? null : reading.iommuGroup,
    p2pmem: why.notInText,
    physicalFunction: finder.physicalOf(bdf, reading),
    attachment: attachmentOf(node, tree),
    dmaMaskBits: why.notInText,
  };
}

/** A plain listing prints base class and subclass only; nothing depends on the interface, which then is given as 0. */
function classOf(classCode: Known<number>, classKind: Known<number>): Known<number> {
  return isUnknown(classCode) && !isUnknown(classKind) ? classKind * 0x100 : classCode;
}

/**
 * Where no function of a text with PCI Express ports shows an extended capability, `lspci` could not read that space
 * (it says nothing of it then), and absence proves nothing: no port is without any.
 */
function isExtendedSpaceSeen(reading: Reading, facts: TextFacts): boolean {
  const { express } = reading;
  if (facts.showsExtended || !facts.showsPorts || isUnknown(express) || express === null) return true;
  // Bytes gave the registers, and what they say of the extended space is right.
  return !isUnknown(express.registers);
}

function isEmpty(list: Known<readonly unknown[]>): boolean {
  return !isUnknown(list) && list.length === 0;
}

function bridgeOf(bdf: Bdf, reading: Reading, node: TreeNode | undefined): PciFunction["bridge"] {
  if (!isUnknown(reading.bridge) || node?.buses === undefined) return reading.bridge;
  // The kernel writes the primary bus number from the bus that the bridge is on.
  return { primary: busOf(bdf), ...node.buses, windows: why.notVerbose };
}

function attachmentOf(node: TreeNode | undefined, tree: TreeReader): Known<Attachment> {
  if (node === undefined || node.rootBus < 0) {
    return tree.nodes.size === 0 ? why.noTree : unknown("the tree does not show this function, or in two places");
  }
  return { upstream: node.upstream?.bdf ?? null, rootBus: node.rootBus };
}

function hostBridgesOf(tree: TreeReader): Known<readonly HostBridge[]> {
  if (tree.roots.size === 0) return why.noTree;
  return [...tree.roots]
    .sort((a, b) => a - b)
    .map((rootBus) => ({ rootBus, windows: why.notInText, numaNode: why.notInText }));
}
