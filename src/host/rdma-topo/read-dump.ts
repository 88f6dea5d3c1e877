import { type Bdf, parseBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { PciFunction } from "../../pci/function.ts";
import { type Known, unknown } from "../../pci/known.ts";
import { parseJson } from "../json/json-text.ts";
import type { Machine } from "../machine.ts";
import { readSysfs } from "../sysfs.ts";
import { CONFIG_BYTES, type DumpEntry, dumpEntry, SUBSYSTEMS } from "./dump-entry.ts";
import { DumpTree } from "./dump-tree.ts";
import { fromBase64, inflate } from "./zlib.ts";

/** Folders of a path; buses nest no deeper. */
const MAX_DEPTH = 300;

const wayOut = "make a capture (peerlane capture, as root) instead";
const notInDump = unknown(`a dump of rdma_topo does not have it: ${wayOut}`);
const notInEntry = unknown(`the dump does not say it of this function: ${wayOut}`);
const leftOut = `rdma_topo leaves host bridges and system devices out of its dumps: ${wayOut}`;

/** True when the text begins as a dump of rdma_topo does: a list of objects, one of whose first keys is a real path. */
export function looksLikeRdmaTopo(head: string): boolean {
  return /^\s*\[\s*(?:\]|\{)/.test(head) && (/"realpath"\s*:/.test(head) || /^\s*\[\s*\]/.test(head));
}

/**
 * Reads the dump that `rdma_topo dump` writes: config space, tree, IOMMU groups, NUMA nodes and names of class devices.
 * CPU, kernel, IOMMU mode, drivers and peer memory are not in it, and unknown. Throws `bad-input` with the number of the
 * entry for what is no dump.
 */
export async function readRdmaTopo(text: string, file: string): Promise<Machine> {
  const entries = parseEntries(text, file);
  const tree = new DumpTree(file);
  const groups = new Map<Bdf, Known<number | null>>();
  for (const [index, value] of entries.entries()) {
    const entry = checkedEntry(value, index, file);
    const bdf = await addEntry(tree, entry, index, file);
    if (groups.has(bdf)) throw refused(file, index, "its function is there twice");
    groups.set(bdf, entry.iommu_group === undefined ? notInEntry : entry.iommu_group);
  }
  const machine = readSysfs(tree, { format: "rdma-topo" });
  return {
    ...machine,
    ...(machine.functions.some(isLeftOutByTool) ? {} : { functionsMayBeMissing: leftOut }),
    functions: machine.functions.map((fn) => ({
      ...fn,
      driver: notInDump,
      p2pmem: notInDump,
      physicalFunction: notInDump,
      dmaMaskBits: notInDump,
      // What only a path names has no entry.
      iommuGroup: groups.get(fn.bdf) === undefined ? notInEntry : (groups.get(fn.bdf) ?? null),
    })),
    cpu: { architecture: notInDump, vendor: notInDump, family: notInDump, model: notInDump, name: notInDump },
    kernel: { release: notInDump, commandLine: notInDump, config: notInDump },
    iommu: { kind: notInDump, mode: notInDump, groupTypes: notInDump },
  };
}

/** Classes that the tool leaves out: a dump that has one is whole, as those that are written here are. */
const LEFT_OUT_BY_TOOL: readonly Known<number>[] = [0x060000, 0x060100, 0x080700, 0x088000, 0x110100, 0x130000];

function isLeftOutByTool({ classCode }: PciFunction): boolean {
  return LEFT_OUT_BY_TOOL.includes(classCode);
}

function refused(file: string, index: number, message: string, cause?: unknown): PeerlaneError {
  return new PeerlaneError("bad-input", `not a dump of rdma_topo: entry ${index + 1}: ${message}`, {
    place: { file },
    remedy: "make it anew: rdma_topo dump, as root",
    cause,
  });
}

function parseEntries(text: string, file: string): readonly unknown[] {
  const value = parseJson(text, file, "a dump of rdma_topo");
  if (Array.isArray(value)) return value;
  throw new PeerlaneError("bad-input", "a dump of rdma_topo is a list", {
    place: { file },
    remedy: "make it anew: rdma_topo dump, as root",
  });
}

function checkedEntry(value: unknown, index: number, file: string): DumpEntry {
  const result = dumpEntry.safeParse(value);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  throw refused(file, index, `${issue?.path.map(String).join(".") ?? ""}: ${issue?.message ?? "not an entry"}`);
}

async function addEntry(tree: DumpTree, entry: DumpEntry, index: number, file: string): Promise<Bdf> {
  const path = entry.realpath.replace(/^\/+/, "");
  const parts = path.split("/");
  const name = parts.at(-1) ?? "";
  const bdf = parseBdf(name);
  const isPlain = parts.length <= MAX_DEPTH && parts.every((part) => part !== "" && part !== "." && part !== "..");
  if (bdf === undefined || !isPlain || !path.startsWith("sys/devices/")) {
    throw refused(file, index, "its realpath is none of a PCI function below /sys/devices");
  }
  tree.addLink(`sys/bus/pci/devices/${name}`, `/${path}`);
  tree.addFile(`${path}/config`, await configOf(entry, index, file));
  if (entry.numa_node !== null && entry.numa_node !== undefined)
    tree.addFile(`${path}/numa_node`, `${entry.numa_node}\n`);
  for (const subsystem of SUBSYSTEMS) {
    for (const device of entry.subsystems?.[subsystem] ?? []) {
      if (/^[\w.@:-]{1,64}$/.test(device)) tree.addFile(`${path}/${subsystem}/${device}/uevent`, "");
    }
  }
  return bdf;
}

async function configOf({ config }: DumpEntry, index: number, file: string): Promise<Uint8Array> {
  try {
    return await inflate(fromBase64(config), CONFIG_BYTES);
  } catch (cause) {
    throw refused(file, index, `its config is not zlib in base64: ${(cause as Error).message}`, cause);
  }
}
