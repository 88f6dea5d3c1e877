import { parseBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { jsonText, type Printable } from "../../pci/visible.ts";
import { baseName, type FileTree, readText, resolveLink } from "../file-tree.ts";
import { withoutIdentifiers } from "../redaction/config-space.ts";
import { isKernelName } from "../redaction/kernel-names.ts";
import { CONFIG_BYTES, type DumpEntry, SUBSYSTEMS } from "./dump-entry.ts";
import { deflate, toBase64 } from "./zlib.ts";

/** What config space has at least where its capabilities can be read. */
const WITH_CAPABILITIES = 256;

/**
 * Writes a dump that `rdma_topo` reads (`-F`), of a tree of sysfs: every function, host bridges too, which it leaves out
 * of its own dumps and does not mind. Of config space the registers that matter stay ({@link withoutIdentifiers}), of names
those that the kernel or udev gave. Throws `environment`
 * where config space is cut, as for readers without root: a dump of that would read as a machine without ACS.
 */
export async function writeRdmaTopo(tree: FileTree): Promise<Printable> {
  const folder = "sys/bus/pci/devices";
  const names = (tree.list(folder) ?? []).filter((name) => parseBdf(name) !== undefined).sort();
  if (names.length === 0) {
    throw new PeerlaneError("not-found", `${tree.name} has no ${folder}`, {
      remedy: "name a machine with PCI devices",
    });
  }
  const entries: DumpEntry[] = [];
  for (const name of names) {
    const link = tree.readLink(`${folder}/${name}`);
    if (link === undefined) {
      throw new PeerlaneError("unsupported", `${tree.name} did not keep the links of ${folder}`, {
        remedy: "copy it with links, as cp -a does",
      });
    }
    entries.push(await entryOf(tree, resolveLink(`${folder}/${name}`, link)));
  }
  return `${jsonText(entries, 1)}\n` as Printable;
}

async function entryOf(tree: FileTree, path: string): Promise<DumpEntry> {
  const config = tree.read(`${path}/config`, CONFIG_BYTES);
  if (config === undefined || config.length < WITH_CAPABILITIES) {
    throw new PeerlaneError("environment", `config space of ${baseName(path)} is hidden`, {
      remedy: "run as root (sudo npx peerlane), or read a copy that root made",
    });
  }
  const numaNode = Number.parseInt(readText(tree, `${path}/numa_node`) ?? "", 10);
  const group = Number.parseInt(baseName(tree.readLink(`${path}/iommu_group`) ?? ""), 10);
  return {
    realpath: `/${busPath(path)}`,
    config: toBase64(await deflate(withoutIdentifiers(config))),
    modalias: modaliasIn(readText(tree, `${path}/modalias`)) ?? modaliasOf(config),
    iommu_group: Number.isNaN(group) ? null : group,
    numa_node: Number.isNaN(numaNode) ? null : numaNode,
    subsystems: subsystemsOf(tree, path),
  };
}

/** A function's folder with the host bridges and functions above it; platform devices above those tell nothing here. */
function busPath(path: string): string {
  const buses = path
    .split("/")
    .filter((part) => /^pci[0-9a-f]{4,8}:[0-9a-f]{2}$/.test(part) || parseBdf(part) !== undefined);
  return ["sys/devices", ...buses].join("/");
}

function modaliasIn(text: string | undefined): string | undefined {
  return text !== undefined && /^pci:(?:v|d|sv|sd|bc|sc|i|[0-9A-F]){8,60}$/.test(text) ? text : undefined;
}

/** Names that people or MAC addresses gave are left out, as in captures. */
function subsystemsOf(tree: FileTree, path: string): Record<string, string[]> {
  const inside = new Set(tree.list(path) ?? []);
  return Object.fromEntries(
    SUBSYSTEMS.filter((name) => inside.has(name)).map((name) => [
      name,
      (tree.list(`${path}/${name}`) ?? []).filter(isKernelName).sort(),
    ]),
  );
}

/** What the kernel makes of a function's ids and class (`pci_uevent`, Linux 7.2). */
function modaliasOf(config: Uint8Array): string {
  const hex = (offset: number, bytes: number, digits: number): string => {
    let value = 0;
    for (let index = bytes - 1; index >= 0; index--) value = value * 256 + (config[offset + index] ?? 0);
    return value.toString(16).toUpperCase().padStart(digits, "0");
  };
  const subsystem = ((config[0x0e] ?? 0) & 0x7f) === 0 ? [hex(0x2c, 2, 8), hex(0x2e, 2, 8)] : ["00000000", "00000000"];
  const ids = `v${hex(0x00, 2, 8)}d${hex(0x02, 2, 8)}sv${subsystem[0]}sd${subsystem[1]}`;
  return `pci:${ids}bc${hex(0x0b, 1, 2)}sc${hex(0x0a, 1, 2)}i${hex(0x09, 1, 2)}`;
}
