import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { deviceNumber } from "../../../src/live/block/data-file.ts";
import { readCapture } from "../../machines/captures.ts";

/** What sysfs says of a pool and of the function that has it. */
export interface PoolKind {
  /** As the table of the docs names it. */
  readonly name: string;
  /** Of the function; `null`: no driver is bound; `hidden`: a link that cannot be read. */
  readonly driver: string | null | "hidden";
  readonly classCode: number;
  /** Text of `p2pmem/published`; `null`: the file is missing. */
  readonly published: string | null;
  /** When `probe`, `copy` and `bench` take it: unasked, with a flag and a yes, or never. */
  readonly taken: "unasked" | "asked" | "never";
}

const NVME = 0x010802;

/** A pool of each kind. */
export const POOL_KINDS: readonly PoolKind[] = [
  {
    name: "published (an NVMe Controller Memory Buffer)",
    driver: "nvme",
    classCode: NVME,
    published: "1",
    taken: "unasked",
  },
  { name: "not published by its driver", driver: "nvme", classCode: NVME, published: "0", taken: "asked" },
  { name: "whether it is published is hidden", driver: "nvme", classCode: NVME, published: null, taken: "asked" },
  {
    name: "published by a driver that Peerlane does not know",
    driver: "newcard",
    classCode: 0x058000,
    published: "1",
    taken: "unasked",
  },
  { name: "not published by such a driver", driver: "newcard", classCode: 0x058000, published: "0", taken: "asked" },
  {
    name: "of an NVIDIA GPU (cuFile's P2PDMA mode)",
    driver: "nvidia",
    classCode: 0x030200,
    published: "0",
    taken: "never",
  },
  { name: "of an AMD GPU (AIS)", driver: "amdgpu", classCode: 0x038000, published: "0", taken: "never" },
  { name: "of a Gaudi (HLDIO)", driver: "habanalabs", classCode: 0x120000, published: "0", taken: "never" },
  { name: "of an Intel GPU, published or not", driver: "xe", classCode: 0x030000, published: "1", taken: "never" },
  {
    name: "of a GPU with a driver that Peerlane does not know",
    driver: "newgpu",
    classCode: 0x030000,
    published: "1",
    taken: "never",
  },
  {
    name: "of an accelerator whose driver is hidden",
    driver: "hidden",
    classCode: 0x120000,
    published: "1",
    taken: "never",
  },
  { name: "of a GPU to which no driver is bound", driver: null, classCode: 0x030000, published: "1", taken: "never" },
];

/** Functions below one switch; each pair of them is direct. */
const PROVIDERS = [3, 4, 5, 6, 7].map((bus) => `0000:0${bus}:00.0`);
const DISK = "0000:08:00.0";
export const DISK_NAME = "nvme5n1";
export const DISK_NUMBER: readonly [number, number] = [259, 5];
const POOL_BYTES = 16 * 2 ** 20;

/** The file in sysfs whose mapping takes memory of a pool, by the name that programs use. */
export function allocateFile(provider: string): string {
  return `/sys/bus/pci/devices/${provider}/p2pmem/allocate`;
}

/** The provider of the pool at a position. */
export function providerAt(index: number): string {
  const provider = PROVIDERS[index];
  if (provider === undefined) throw new Error("there are five pools at most");
  return provider;
}

/**
 * Makes a host below a folder: a recorded machine with six devices below a switch, the given pools, and a disk on which
 * `dataFolder` lies. Files in place of `p2pmem/allocate` and of the disk's node take real reads, writes and mappings.
 */
export function makeHost(root: string, dataFolder: string, pools: readonly PoolKind[]): void {
  rmSync(root, { recursive: true, force: true });
  mkdirSync(root, { recursive: true });
  execFileSync("tar", ["-xzf", readCapture("wide-switch.amd-zen.off").archive, "-C", root]);
  for (const provider of PROVIDERS) rmSync(join(folderOf(root, provider), "p2pmem"), { recursive: true, force: true });
  for (const [index, pool] of pools.entries()) makePool(folderOf(root, providerAt(index)), pool);
  makeDisk(root, dataFolder);
  mkdirSync(join(root, "dev"));
  sparse(join(root, "dev", DISK_NAME), 64 * 2 ** 20);
}

function folderOf(root: string, bdf: string): string {
  const link = join(root, "sys/bus/pci/devices", bdf);
  return join(link, "..", readlinkSync(link));
}

function makePool(folder: string, { driver, classCode, published }: PoolKind): void {
  mkdirSync(join(folder, "p2pmem"));
  writeFileSync(join(folder, "p2pmem/size"), `${POOL_BYTES}\n`);
  writeFileSync(join(folder, "p2pmem/available"), `${POOL_BYTES}\n`);
  if (published !== null) writeFileSync(join(folder, "p2pmem/published"), `${published}\n`);
  sparse(join(folder, "p2pmem/allocate"), POOL_BYTES);
  setClass(folder, classCode);
  setDriver(folder, driver);
}

function setClass(folder: string, classCode: number): void {
  const config = readFileSync(join(folder, "config"));
  config.writeUIntLE(classCode, 9, 3);
  writeFileSync(join(folder, "config"), config);
  writeFileSync(join(folder, "class"), `0x${classCode.toString(16).padStart(6, "0")}\n`);
}

/** Binds another driver to a function, as `sysfs` shows it. */
export function setDriver(folder: string, driver: PoolKind["driver"]): void {
  const link = join(folder, "driver");
  const drivers = readlinkSync(link).replace(/[^/]*$/, "");
  unlinkSync(link);
  if (driver === "hidden") writeFileSync(link, "");
  else if (driver !== null) symlinkSync(`${drivers}${driver}`, link);
}

/** The real folder of the provider of the pool at a position. */
export function providerFolder(root: string, index: number): string {
  return folderOf(root, providerAt(index));
}

/** One disk under two numbers: that of its node, and that of the file system on which the data of the test lies. */
function makeDisk(root: string, dataFolder: string): void {
  const disk = join(folderOf(root, DISK), "nvme/nvme5", DISK_NAME);
  mkdirSync(join(disk, "queue"), { recursive: true });
  writeFileSync(join(disk, "dev"), `${DISK_NUMBER.join(":")}\n`);
  writeFileSync(join(disk, "size"), `${(64 * 2 ** 20) / 512}\n`);
  writeFileSync(join(disk, "queue/logical_block_size"), "4096\n");
  writeFileSync(join(disk, "wwid"), "eui.0005\n");
  const path = disk.slice(join(root, "sys").length + 1);
  mkdirSync(join(root, "sys/class/block"), { recursive: true });
  mkdirSync(join(root, "sys/dev/block"), { recursive: true });
  symlinkSync(`../../${path}`, join(root, "sys/class/block", DISK_NAME));
  for (const number of [DISK_NUMBER.join(":"), deviceNumber(statSync(dataFolder).dev)])
    symlinkSync(`../../${path}`, join(root, "sys/dev/block", number));
}

function sparse(path: string, sizeBytes: number): void {
  writeFileSync(path, "");
  truncateSync(path, sizeBytes);
}
