import type { Machine } from "../machine.ts";
import { rootElementOf } from "../xml/root-element.ts";
import { readXml } from "../xml/xml-reader.ts";
import { NcclCollector } from "./collector.ts";
import { cpuOf } from "./cpu-form.ts";
import { functionOf } from "./function-form.ts";
import { notesOf } from "./notes.ts";
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
