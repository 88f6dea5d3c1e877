import { formatBdf } from "../../pci/bdf.ts";
import type { Machine, Note } from "../machine.ts";
import { rootElementOf } from "../xml/root-element.ts";
import { readXml } from "../xml/xml-reader.ts";
import { NcclCollector } from "./collector.ts";
import { cpuOf } from "./cpu-form.ts";
import { functionOf, isPlaceholder } from "./function-form.ts";
import type { NcclObjects } from "./objects.ts";
import * as why from "./reasons.ts";

/** True when `head`, the first kilobytes of a text, is the beginning of a topology file of NCCL. */
export function looksLikeNccl(head: string): boolean {
  return rootElementOf(head) === "system";
}

/**
 * Reads a topology file of NCCL (as `NCCL_TOPO_DUMP_FILE` writes and `NCCL_TOPO_FILE` reads it): a partial source that
 * shows GPUs, NICs and how NCCL draws them below switches, and the CPU. What it draws leaves levels out and is often
 * made by hand, so that no function has a known place but those on bus 0 of their domain. GUIDs and the host's hash are
 * passed over. Throws `PeerlaneError` with file, line and column: `bad-input`, `unsupported`, `too-large`.
 */
export function readNccl(text: string, file: string): Machine {
  const objects = new NcclCollector();
  readXml(text, file, objects);
  return {
    source: { format: "nccl", name: file },
    functions: objects.functions.map(functionOf).sort((a, b) => a.bdf - b.bdf),
    functionsMayBeMissing: why.functionsLeftOut,
    hostBridges: why.levelsLeftOut,
    cpu: cpuOf(objects.cpus),
    kernel: { release: why.kernelNotInXml, commandLine: why.kernelNotInXml, config: why.kernelNotInXml },
    iommu: { kind: why.iommuNotInXml, mode: why.iommuNotInXml, groupTypes: why.iommuNotInXml },
    notes: notesOf(objects, file),
  };
}

/** So many oddities of one kind are named one by one. */
const MAX_NAMED = 10;

/** What has to be said once of a file: what NCCL does not write, and what in it is no address. */
function notesOf({ functions, nameless }: NcclObjects, file: string): Note[] {
  const notes: Note[] = nameless.slice(0, MAX_NAMED).map(({ busId, place }) => ({
    severity: "warning",
    message: `'${busId.slice(0, 40)}' is no address of a PCI function: it is left out`,
    remedy: "write it as 0000:3f:00.0",
    place,
  }));
  if (functions.length === 0) {
    return [...notes, { severity: "warning", message: `${file} shows no PCI function with an address` }];
  }
  notes.push({
    severity: "warning",
    message:
      "NCCL's XML has no ACS and leaves out root ports and downstream ports: what it draws is no tree of the kernel's, " +
      "and pairs that depend on it are unknown",
    remedy: "give sudo lspci -vvvnn, or a capture",
  });
  const placeholders = functions.filter(isPlaceholder);
  if (placeholders.length > 0) {
    const names = placeholders.slice(0, MAX_NAMED).map(({ bdf }) => formatBdf(bdf));
    const more = placeholders.length > MAX_NAMED ? ", …" : "";
    notes.push({
      severity: "info",
      message: `the file was drawn by hand: ${names.join(", ")}${more} stand for switches and are no addresses`,
    });
  }
  return notes;
}
