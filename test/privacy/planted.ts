import { execFileSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { deflateSync, gzipSync } from "node:zlib";
import { readLive } from "../../src/host/live.ts";
import type { Machine } from "../../src/host/machine.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { readCapture } from "../machines/captures.ts";
import {
  ARCHIVE_MARKS,
  BODIES,
  DUMP_MARKS,
  FILES,
  HWLOC_MARKS,
  HWLOC_TEXT,
  LSPCI_MARKS,
  LSPCI_TEXT,
  type Mark,
  NCCL_MARKS,
  NCCL_TEXT,
  SCENARIO_MARKS,
  SCENARIO_TEXT,
  SERIALS,
  SNAPSHOT_MARKS,
  SOURCE_FILE,
  SOURCE_FOLDER,
  SOURCE_MARKS,
} from "./marks.ts";

/** A source with the marks that it holds. */
export interface Planted {
  readonly name: string;
  readonly path: string;
  readonly marks: readonly Mark[];
  /** Two devices of it, by names that nobody gave. */
  readonly pair: readonly [string, string];
}

/** Sources in a folder of their own. */
export interface PlantedSources {
  readonly folder: string;
  readonly sources: readonly Planted[];
  remove(): void;
}

const PCI_FOLDER = "sys/bus/pci/devices";
const PAIR = ["02:00.0", "02:00.1"] as const;

/** Plants the marks into copies of a recorded machine and into files of every other format. */
export function plantSources(): PlantedSources {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-marks-"));
  const home = join(folder, SOURCE_FOLDER);
  const root = join(home, "sosreport-hostzx");
  mkdirSync(root, { recursive: true });
  execFileSync("tar", ["xzf", readCapture("mixed-acs.intel.strict").archive, "-C", root]);
  plantFiles(root);
  plantConfig(root);
  const archive = join(home, `${SOURCE_FILE}.tar.gz`);
  packed(home, archive);
  const write = (ending: string, text: string | Uint8Array): string => {
    const path = join(home, `${SOURCE_FILE}${ending}`);
    writeFileSync(path, text);
    return path;
  };
  const machine = readLive(root);
  const inTree = [...FILES.flatMap(([, , ...marks]) => marks), ...configMarks()];
  const sources: Planted[] = [
    { name: "folder of sysfs", path: root, marks: [...inTree, ...SOURCE_MARKS.slice(0, 1)], pair: PAIR },
    { name: "archive of sysfs", path: archive, marks: [...inTree, ...ARCHIVE_MARKS, ...SOURCE_MARKS], pair: PAIR },
    {
      name: "text of lspci",
      path: write(".txt", LSPCI_TEXT),
      marks: [...LSPCI_MARKS, ...SOURCE_MARKS],
      pair: ["01:00.0", "00:00.0"],
    },
    {
      name: "packed text of lspci",
      path: write(".txt.gz", namedGzip(LSPCI_TEXT)),
      marks: [...LSPCI_MARKS, ...SOURCE_MARKS],
      pair: ["01:00.0", "00:00.0"],
    },
    {
      name: "XML of hwloc",
      path: write(".hwloc.xml", HWLOC_TEXT),
      marks: [...HWLOC_MARKS, ...SOURCE_MARKS],
      pair: ["00:02.0", "00:03.0"],
    },
    {
      name: "XML of NCCL",
      path: write(".nccl.xml", NCCL_TEXT),
      marks: [...NCCL_MARKS, ...SOURCE_MARKS],
      pair: ["41:00.0", "42:00.0"],
    },
    {
      name: "dump of rdma_topo",
      path: write(".dump.json", rdmaTopoDump(root)),
      marks: [...configMarks(), ...DUMP_MARKS, ...SOURCE_MARKS],
      pair: PAIR,
    },
    {
      name: "snapshot that another program wrote",
      path: write(".snapshot.json", foreignSnapshot(machine)),
      marks: [...SNAPSHOT_MARKS, ...SOURCE_MARKS],
      pair: PAIR,
    },
    {
      name: "scenario",
      path: write(".yaml", SCENARIO_TEXT),
      marks: [...SCENARIO_MARKS, ...SOURCE_MARKS],
      pair: ["nvme0", "nvme1"],
    },
  ];
  return { folder, sources, remove: () => rmSync(folder, { recursive: true, force: true }) };
}

/** A dump as the tool itself makes it: config space whole, and all names. */
function rdmaTopoDump(root: string): string {
  const entries = readdirSync(join(root, PCI_FOLDER)).map((address) => {
    const folder = deviceFolder(root, address);
    const names = (kind: string): string[] => (existsSync(join(folder, kind)) ? readdirSync(join(folder, kind)) : []);
    return {
      realpath: folder.slice(realpathSync(root).length).replace("/sys/devices/", "/sys/devices/irenezx-node/"),
      config: deflateSync(readFileSync(join(folder, "config"))).toString("base64"),
      modalias: "pci:irenezx",
      iommu_group: null,
      numa_node: null,
      subsystems: { net: names("net"), infiniband: names("infiniband"), nvme: ["nvme0"] },
    };
  });
  return JSON.stringify(entries, null, 1);
}

/** A snapshot with everything that ours leaves out, in every field that holds text. */
function foreignSnapshot(machine: Machine): string {
  const snapshot = JSON.parse(writeSnapshot(machine)) as Record<string, unknown> & {
    readonly functions: Record<string, unknown>[];
    readonly kernel: Record<string, unknown>;
    readonly cpu: Record<string, unknown>;
    readonly iommu: Record<string, unknown>;
    readonly reasons: string[];
    readonly notes: unknown[];
  };
  Object.assign(snapshot.kernel, {
    release: "7.2.12-henryzx",
    commandLine: "root=UUID=henryzx iommu=pt vfio.secret=snappwzx",
    config: { CONFIG_HENRYZX: "y", CONFIG_PCI_P2PDMA: "henryzx" },
    modules: {
      nvidia: { version: "1.2-henryzx", parameters: { henryzx: "1" } },
      henryzx: { version: null, parameters: {} },
    },
  });
  Object.assign(snapshot.cpu, { vendor: "henryzx", name: "CPU of snaphostzx.example.com", architecture: "henryzx" });
  snapshot.iommu["groupTypes"] = { 1: "henryzx" };
  snapshot.reasons.push("/home/henryzx/dump.txt has no numa_node", "S/N REASON5544ZX");
  const [first, second, third] = snapshot.functions;
  Object.assign(first ?? {}, {
    label: "card, S/N LABEL5544ZX, 0c:42:a1:de:ae:01",
    numaNode: { unknown: snapshot.reasons.length - 2 },
  });
  Object.assign(second ?? {}, {
    names: ["henryzx-nic", "enx0c42a1deae02"],
    driver: { unknown: snapshot.reasons.length - 1 },
  });
  Object.assign(third ?? {}, {
    capabilities: [
      {
        space: "extended",
        id: "0x0003",
        version: 1,
        offset: "0x100",
        name: "henryzx",
        decoded: { serial: "0c-42-a1-ff-fe-de-ae-03" },
      },
      {
        space: "extended",
        id: "0x000b",
        version: 1,
        offset: "0x120",
        name: "x",
        decoded: { vsecId: "henryzx", length: 8, owner: "henryzx" },
      },
    ],
  });
  snapshot.notes.push({
    severity: "warning",
    message: "read of henryzx@snaphostzx.example.com, S/N NOTE5544ZX",
    remedy: "ask henryzx@snaphostzx.example.com",
  });
  return JSON.stringify(snapshot);
}

function configMarks(): readonly Mark[] {
  return [...Object.values(SERIALS).map(({ mark }) => mark), ...Object.values(BODIES)];
}

function deviceFolder(root: string, address: string): string {
  return realpathSync(join(root, PCI_FOLDER, address));
}

function plantFiles(root: string): void {
  for (const [path, content] of FILES) {
    const file = path.startsWith("@/") ? join(deviceFolder(root, "0000:01:00.0"), path.slice(2)) : join(root, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
}

/** Builds capability lists of their own behind what the functions have. */
function plantConfig(root: string): void {
  plantInto(root, "0000:01:00.0", [
    [0x03, 12, { 4: SERIALS.first.words }],
    [0x0b, 0x20, { 8: BODIES.vendor.text }],
    [0x03, 12, { 4: SERIALS.second.words }],
    [0x28, 0x20, { 8: SERIALS.hierarchy.words }],
    [0x2e, 0x18, { 8: BODIES.exchange.text }],
  ]);
  plantInto(root, "0000:02:00.0", [
    [0x23, 0x20, { 12: BODIES.designated.text }],
    [0x7f, 0x20, { 8: BODIES.unknown.text }],
    [0x01, 0x48, { 28: BODIES.headerLog.text }],
    [0x03, 12, { 4: SERIALS.first.words }],
  ]);
}

type Body = Readonly<Record<number, string | readonly number[]>>;

function plantInto(
  root: string,
  address: string,
  extended: readonly (readonly [id: number, bytes: number, body: Body])[],
): void {
  const file = join(deviceFolder(root, address), "config");
  const bytes = Buffer.alloc(4096);
  readFileSync(file).copy(bytes);
  // Behind the standard list: product data, and a vendor's own.
  let last = bytes[0x34] ?? 0;
  while ((bytes[last + 1] ?? 0) !== 0) last = bytes[last + 1] ?? 0;
  bytes[last + 1] = 0xd0;
  bytes.set([0x03, 0xe0, 0, 0x80], 0xd0);
  bytes.write(BODIES.productData.text, 0xd4, "latin1");
  bytes.set([0x09, 0, 0x10], 0xe0);
  bytes.write(BODIES.standardVendor.text, 0xe4, "latin1");
  bytes.write(BODIES.gap.text, 0xf4, "latin1");
  bytes.write(BODIES.reserved.text, 0x38, "latin1");
  let at = 0x100;
  if (bytes.readUInt32LE(at) !== 0) {
    while (bytes.readUInt32LE(at) >>> 20 !== 0) at = bytes.readUInt32LE(at) >>> 20;
    bytes.writeUInt32LE((bytes.readUInt32LE(at) & 0xfffff) + 0x400 * 0x100000, at);
    at = 0x400;
  }
  extended.forEach(([id, length, body], index) => {
    const next = index + 1 < extended.length ? at + length : 0;
    bytes.writeUInt32LE(next * 0x100000 + 0x10000 + id, at);
    for (const [offset, content] of Object.entries(body)) {
      if (typeof content === "string") bytes.write(content, at + Number(offset), "latin1");
      else {
        for (const [position, word] of content.entries()) bytes.writeUInt32LE(word, at + Number(offset) + 4 * position);
      }
    }
    at += length;
  });
  writeFileSync(file, bytes);
}

/** An archive as a support tool makes it: below a folder with the host's name, with owners in its headers. */
function packed(home: string, archive: string): void {
  const owners = ["--owner=ownerzx:1001", "--group=ownerzx:1001"];
  execFileSync("tar", ["czf", archive, ...owners, "-C", home, "sosreport-hostzx"]);
}

/** A gzip file that names the file that it was made of, as `gzip` does. */
function namedGzip(text: string): Buffer {
  const plain = gzipSync(text);
  plain[3] = 0x08;
  return Buffer.concat([plain.subarray(0, 10), Buffer.from("pastehostzx-erinzx.txt\0"), plain.subarray(10)]);
}
