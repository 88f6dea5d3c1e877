import type { Random } from "../pastes/random.ts";
import type { DamagedFiles } from "./files.ts";

/** A function of a tree: its address and the folder that its link leads to. */
export interface Place {
  readonly name: string;
  readonly folder: string;
  /** True for what stands on a root bus. */
  readonly isTop: boolean;
}

/** One thing that a copy of a machine's files may have suffered. */
export interface Damage {
  readonly name: string;
  readonly apply: (files: DamagedFiles, places: readonly Place[], random: Random) => void;
}

const ALL_BYTES = 4096;
const LENGTHS = [
  0, 1, 2, 3, 4, 6, 8, 12, 15, 16, 40, 52, 63, 64, 65, 66, 100, 127, 128, 129, 200, 255, 256, 257, 259, 260, 300, 320,
  328, 512, 1024, 4095,
];
/**
 * Where copies that were filled up ended: behind what users may read, and at blocks. One function that is filled up from
 * 128 or 256 on is, byte for byte, one without what comes there.
 */
const FILLED_FROM = [64, 512, 1024, 2048];
const TREE = "sys/bus/pci/devices";
const GROUPS = "sys/kernel/iommu_groups";
const SYSTEM_FILES = ["proc/cpuinfo", "proc/cmdline", "proc/sys/kernel/osrelease", "proc/version", "proc/iomem"];

/** One function, some, or all. */
function some(places: readonly Place[], random: Random): readonly Place[] {
  const kind = random.below(10);
  if (kind < 6) return [random.pick(places)];
  return kind < 9 ? places.filter(() => random.chance(30)) : places;
}

type Change = (bytes: Uint8Array, random: Random) => Uint8Array;

const cut: Change = (bytes, random) => bytes.subarray(0, random.pick(LENGTHS));
const filled =
  (value: number): Change =>
  (bytes, random) => {
    const copy = bytes.slice();
    copy.fill(value, random.pick(FILLED_FROM));
    return copy;
  };
const allOf =
  (value: number): Change =>
  (bytes, random) =>
    new Uint8Array(random.pick([64, 256, bytes.length, ALL_BYTES])).fill(value);

function change(files: DamagedFiles, path: string, how: Change, random: Random): void {
  const bytes = files.read(path);
  if (bytes !== undefined) files.replace(path, how(bytes, random));
}

const ofConfig = (name: string, how: Change): Damage => ({
  name: `config ${name}`,
  apply: (files, places, random) => {
    for (const { folder } of some(places, random)) change(files, `${folder}/config`, how, random);
  },
});

const encoder = new TextEncoder();
const anywhere: Change = (bytes, random) => bytes.subarray(0, random.below(bytes.length + 1));
const byOne: Change = (bytes, random) => bytes.subarray(0, Math.max(0, bytes.length - 1 - random.below(3)));
const zeros: Change = (bytes) => new Uint8Array(bytes.length);
/** An archive of a live system makes files of a page. */
const padded: Change = (bytes) => {
  const page = new Uint8Array(ALL_BYTES);
  page.set(bytes.subarray(0, ALL_BYTES));
  return page;
};
const zeroResources: Change = (bytes) =>
  encoder.encode(`0x${"0".repeat(16)} 0x${"0".repeat(16)} 0x${"0".repeat(16)}\n`.repeat(Math.ceil(bytes.length / 57)));
const zeroId: Change = (bytes) => encoder.encode(`0x${"0".repeat(Math.max(0, bytes.length - 3))}\n`);
const onesId: Change = (bytes) => encoder.encode(`0x${"f".repeat(Math.max(0, bytes.length - 3))}\n`);

const VALUES = ["vendor", "device", "class", "numa_node", "dma_mask_bits", "resource", "uevent"];

const ofValue = (name: string, how: Change | undefined, values: readonly string[] = VALUES): Damage => ({
  name: `value ${name}`,
  apply: (files, places, random) => {
    const value = random.pick(values);
    for (const { folder } of some(places, random)) {
      if (how === undefined) files.remove(`${folder}/${value}`);
      else change(files, `${folder}/${value}`, how, random);
    }
  },
});

const ofSystem = (name: string, how: Change | undefined): Damage => ({
  name: `system file ${name}`,
  apply: (files, _places, random) => {
    const boot = (files.list("boot") ?? []).map((file) => `boot/${file}`);
    const path = random.pick([...SYSTEM_FILES, ...boot]);
    if (how === undefined) files.remove(path);
    else change(files, path, how, random);
  },
});

function links(places: readonly Place[], random: Random, name: string): readonly string[] {
  return some(places, random).map((place) => (name === "" ? `${TREE}/${place.name}` : `${place.folder}/${name}`));
}

const ofLinks = (name: string, apply: (files: DamagedFiles, path: string) => void, link: string): Damage => ({
  name: `link ${link === "" ? "of the bus" : link} ${name}`,
  apply: (files, places, random) => {
    for (const path of links(places, random, link)) apply(files, path);
  },
});

const remove = (files: DamagedFiles, path: string): void => files.remove(path);
const follow = (files: DamagedFiles, path: string): void => files.follow(path);
const asFile = (files: DamagedFiles, path: string): void => {
  const target = files.readLink(path);
  if (target !== undefined) files.replace(path, encoder.encode(target));
};

const ofGroups = (name: string, apply: (files: DamagedFiles, group: string) => void): Damage => ({
  name: `groups ${name}`,
  apply: (files, _places, random) => {
    const groups = files.list(GROUPS) ?? [];
    if (groups.length === 0) return;
    const isAll = random.chance(30);
    for (const group of groups) if (isAll || random.chance(20)) apply(files, `${GROUPS}/${group}`);
  },
});

export const DAMAGES: readonly Damage[] = [
  ofConfig("missing", () => new Uint8Array(0)),
  ofConfig("cut", cut),
  ofConfig("cut again", cut),
  ofConfig("zeros", allOf(0)),
  ofConfig("all ones", allOf(0xff)),
  ofConfig("filled up with zeros", filled(0)),
  ofConfig("filled up with ones", filled(0xff)),
  {
    name: "config of all filled up with zeros from 256",
    apply: (files, places, random) => {
      const zeroed: Change = (bytes) => bytes.slice().fill(0, 256);
      for (const { folder } of places) change(files, `${folder}/config`, zeroed, random);
    },
  },
  ofConfig("header of a gone device filled up with zeros", () => new Uint8Array(ALL_BYTES).fill(0xff, 0, 64)),
  {
    name: "config not there",
    apply: (files, places, random) => {
      for (const { folder } of some(places, random)) files.remove(`${folder}/config`);
    },
  },
  ofValue("missing", undefined),
  ofValue("cut", byOne),
  ofValue("cut anywhere", anywhere),
  ofValue("zeros", zeros),
  ofValue("padded", padded),
  ofValue("zeros", zeroResources, ["resource"]),
  ofValue("zeros", zeroId, ["vendor", "device", "class"]),
  ofValue("all ones", onesId, ["vendor", "device", "class"]),
  ofSystem("missing", undefined),
  ofSystem("cut", anywhere),
  ofSystem("cut at the end", byOne),
  ofSystem("zeros", zeros),
  ofSystem("padded", padded),
  ofLinks("gone", remove, ""),
  ofLinks("followed", follow, ""),
  ofLinks("a file", asFile, ""),
  ofLinks("gone", remove, "iommu_group"),
  ofLinks("followed", follow, "iommu_group"),
  ofLinks("followed", follow, "driver"),
  ofLinks("a file", asFile, "driver"),
  ofLinks("gone", remove, "physfn"),
  ofLinks("followed", follow, "physfn"),
  {
    name: "all links followed, and sys/devices gone",
    apply: (files, places) => {
      for (const { name } of places) files.follow(`${TREE}/${name}`);
      files.remove("sys/devices");
    },
  },
  { name: "sys/bus gone", apply: (files) => files.remove("sys/bus") },
  {
    name: "folder gone",
    apply: (files, places, random) => {
      for (const { folder } of some(places, random)) files.remove(folder);
    },
  },
  {
    name: "files of a function gone, those below it not",
    apply: (files, places, random) => {
      for (const { folder } of some(places, random)) {
        for (const name of files.list(folder) ?? []) {
          if (!/^[0-9a-f]{4}:/.test(name)) files.remove(`${folder}/${name}`);
        }
      }
    },
  },
  ofGroups("gone", remove),
  ofGroups("without types", (files, group) => files.remove(`${group}/type`)),
  ofGroups("without members", (files, group) => files.remove(`${group}/devices`)),
  ofGroups("with types cut", (files, group) => {
    const bytes = files.read(`${group}/type`);
    if (bytes !== undefined) files.replace(`${group}/type`, bytes.subarray(0, 2));
  }),
  { name: "no folder of groups", apply: (files) => files.remove(GROUPS) },
  { name: "no IOMMU units", apply: (files) => files.remove("sys/class/iommu") },
];
