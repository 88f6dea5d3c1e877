import type { HostBridge, Machine } from "../machine.ts";
import { rootElementOf } from "../xml/root-element.ts";
import { readXml } from "../xml/xml-reader.ts";
import { HwlocCollector } from "./collector.ts";
import { functionOf, kindsBelow, numaNodeOf } from "./function-form.ts";
import { notesOf } from "./notes.ts";
import type { HostBridgeObject } from "./objects.ts";
import * as why from "./reasons.ts";
import { certainHostBridges, unreadDomains } from "./root-buses.ts";
import { cpuOf, kernelOf } from "./system-form.ts";

/** True when `head`, the first kilobytes of a text, is the beginning of a topology of hwloc. */
export function looksLikeHwloc(head: string): boolean {
  return rootElementOf(head) === "topology";
}

/**
 * Reads a topology of hwloc (XML of versions 2 and 3, as `lstopo --of xml` writes it): a partial source that shows the
 * tree of bridges and devices, their ids and names, the CPU and the kernel's release. The host's name and addresses of
 * devices are passed over. Throws `PeerlaneError` with file, line and column: `bad-input`, `unsupported` for another
 * version, `too-large`.
 */
export function readHwloc(text: string, file: string): Machine {
  const objects = new HwlocCollector();
  readXml(text, file, objects);
  const certain = certainHostBridges(objects);
  const { functions } = objects;
  const facts = { certain, unreadDomains: unreadDomains(objects), kindsBelow: kindsBelow(functions) };
  return {
    source: { format: "hwloc", name: file },
    functions: functions.map((fn) => functionOf(fn, facts)).sort((a, b) => a.bdf - b.bdf),
    functionsMayBeMissing: why.functionsLeftOut,
    hostBridges: objects.hostBridges.length === 0 ? why.bridgesLeftOut : hostBridgesOf(certain),
    cpu: cpuOf(objects),
    kernel: kernelOf(objects),
    iommu: { kind: why.iommuNotInXml, mode: why.iommuNotInXml, groupTypes: why.iommuNotInXml },
    notes: notesOf(objects, file),
  };
}

function hostBridgesOf(certain: ReadonlySet<HostBridgeObject>): HostBridge[] {
  return [...certain]
    .map((hostBridge) => ({
      rootBus: hostBridge.rootBus,
      windows: why.windowsNotInXml,
      numaNode: numaNodeOf(hostBridge),
    }))
    .sort((a, b) => a.rootBus - b.rootBus);
}
