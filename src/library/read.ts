import { decompress as decompressBytes } from "../host/compression.ts";
import type { FileTree } from "../host/file-tree.ts";
import {
  createLspciReader as createReader,
  type LspciReader,
  readLspci as readLspciText,
} from "../host/lspci/read-lspci.ts";
import type { Machine } from "../host/machine.ts";
import { type Overrides, withOverrides as override } from "../host/override.ts";
import { readMachine as readSource } from "../host/read-machine.ts";
import { redact as redactMachine } from "../host/redaction/redact.ts";
import { parseScenario as parse } from "../host/scenario/parse-scenario.ts";
import type { Scenario } from "../host/scenario/scenario.ts";
import { scenarioMachine as machineOf } from "../host/scenario/scenario-machine.ts";
import { readSnapshot as readSnapshotText } from "../host/snapshot/read-snapshot.ts";
import { writeSnapshot as writeSnapshotText } from "../host/snapshot/write-snapshot.ts";
import { readSysfs as readTree, type SysfsOptions } from "../host/sysfs.ts";
import { afterBoot as boot } from "../rules/boot-acs.ts";
import { door, needed, optional, taken } from "./arguments.ts";
import { frozen } from "./frozen.ts";
import { bytes, bytesOrText, call, fileTree, machine, options, shaped, text } from "./kinds.ts";

/**
 * Reads a machine in any format that the command line reads, found by content: text of `lspci`, an archive of sysfs, a
 * snapshot, a scenario, XML of hwloc or NCCL, a dump of rdma_topo, each also compressed. A scenario is booted on paper.
 * The machine is frozen, all the way down. Rejects with `PeerlaneError` (`bad-input`, `too-large`) with the place in the
 * input. Runs in browsers as well.
 */
export async function readMachine(input: Uint8Array | string, name = "input"): Promise<Machine> {
  taken("readMachine", [input, name], [needed("input", bytesOrText), needed("name", text)]);
  const whole = typeof input === "string" ? new TextEncoder().encode(input) : input;
  const { machine: read, isBooted } = await readSource([whole], { name });
  return frozen(isBooted ? read : boot(read));
}

/** Unpacks gzip, bzip2 or zstd; what is not packed is returned as it is. Rejects with `bad-input` for damaged data. */
export async function decompress(packed: Uint8Array, file: string): Promise<Uint8Array> {
  taken("decompress", [packed, file], [needed("packed", bytes), needed("file", text)]);
  return await decompressBytes(packed, file);
}

/** Reads the output of `lspci` as people paste it, whole. Throws as {@link createLspciReader}'s reader. */
export const readLspci: (packed: Uint8Array, fileName: string) => Machine = door(
  "readLspci",
  readLspciText,
  [needed("bytes", bytes), needed("fileName", text)],
  frozen,
);

/** Reads the output of `lspci` piece by piece; memory is bounded by the number of functions. */
export const createLspciReader: (fileName: string) => LspciReader = door(
  "createLspciReader",
  (fileName: string): LspciReader => {
    const reader = createReader(fileName);
    return {
      push: door("push", (chunk: Uint8Array) => reader.push(chunk), [needed("chunk", bytes)]),
      finish: () => frozen(reader.finish()),
    };
  },
  [needed("fileName", text)],
);

/**
 * Reads the machine that a tree with `sys/` and `proc/` shows. Throws `not-found` where the tree has no PCI devices
 * folder.
 */
export const readSysfs: (tree: FileTree, options?: SysfsOptions) => Machine = door(
  "readSysfs",
  readTree,
  [needed("tree", fileTree), optional("options", options({ format: text, gunzip: call }))],
  frozen,
);

/** Reads a scenario's YAML. Throws `bad-input` with line and column. */
export const parseScenario: (source: string, file: string) => Scenario = door("parseScenario", parse, [
  needed("text", text),
  needed("file", text),
]);

/** The machine of a scenario, as firmware hands it to the kernel: see {@link afterBoot}. */
export const scenarioMachine: (scenario: Scenario) => Machine = door(
  "scenarioMachine",
  machineOf,
  [needed("scenario", shaped("a Scenario", ["name", "file", "hostBridges"], "parseScenario reads one"))],
  frozen,
);

/** Reads a snapshot of `peerlane capture`. Throws `bad-input` with the place of what does not fit. */
export const readSnapshot: (source: string, file: string) => Machine = door(
  "readSnapshot",
  readSnapshotText,
  [needed("text", text), needed("file", text)],
  frozen,
);

/** Writes a machine as a snapshot, without what {@link redact} leaves out. */
export const writeSnapshot: (machine: Machine, label?: string) => string = door("writeSnapshot", writeSnapshotText, [
  needed("machine", machine),
  optional("label", text),
]);

/** The machine without what names a host, its users or its hardware's serial numbers. */
export const redact: (machine: Machine, label?: string) => Machine = door(
  "redact",
  redactMachine,
  [needed("machine", machine), optional("label", text)],
  frozen,
);

/** The machine with what the user says in place of what was read. Throws `usage` for names that there are not. */
export const withOverrides: (machine: Machine, overrides: Overrides) => Machine = door(
  "withOverrides",
  override,
  [needed("machine", machine), needed("overrides", options({ kernel: text, cpu: text, iommu: text }))],
  frozen,
);

/** The machine after its kernel's boot, which sets ACS: for one as firmware leaves it. */
export const afterBoot: (machine: Machine) => Machine = door("afterBoot", boot, [needed("machine", machine)], frozen);
