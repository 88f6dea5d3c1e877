import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type BlockDevice, readBlockDevice } from "../../../src/live/block/block-device.ts";
import { usesOf } from "../../../src/live/block/uses.ts";
import { refuseHarm } from "../../../src/live/copy/refusals.ts";
import { diskFiles, treeOf } from "../tree-of.ts";

const MIB = 2 ** 20;
const GROUP = "abcdefghijklmnopqrstuvwxyz012345";

/** One device of a stack: what it stands on, and what else sysfs says of it. */
type Device = readonly [lower: readonly string[], more?: Readonly<Record<string, string>>];

/** A host with these devices, each of 64 MiB; `sda1` is the first half of `sda`, `sda2` the second. */
function host(devices: Readonly<Record<string, Device>>, mounts: readonly string[] = [], more = {}) {
  const folders = new Map(Object.keys(devices).map((name) => [name, folderOf(name)]));
  const files = Object.entries(devices).map(([name, [lower, extra = {}]], index) => {
    const partition = /\D(\d+)$/.exec(name)?.[1];
    const isPartition = /^(sd[a-z]|md\d+p)\d+$/.test(name) && partition !== undefined;
    const start = isPartition ? { partition, start: String((Number(partition) - 1) * 65536) } : {};
    const slaves = Object.fromEntries(lower.map((one) => [`slaves/${one}`, ""]));
    const all = { ...start, ...slaves, ...extra };
    return diskFiles(folders.get(name) ?? "", `8:${index}`, isPartition ? 65536 : 131072, all);
  });
  const numbers = new Map(Object.keys(devices).map((name, index) => [name, `8:${index}`]));
  const table = mounts.map((name) => `30 1 ${numbers.get(name)} / /on/${name} rw - ext4 /dev/${name} rw`);
  const all = Object.assign({}, ...files, { "proc/self/mountinfo": `${table.join("\n")}\n` }, more);
  return treeOf(all as Record<string, string>);
}

function folderOf(name: string): string {
  const disk = /^(sd[a-z])\d+$/.exec(name)?.[1] ?? /^(md\d+)p\d+$/.exec(name)?.[1];
  if (disk !== undefined) return `${folderOf(disk)}/${name}`;
  return `devices/virtual/block/${name}`;
}

const volume = (name: string, lower: readonly string[], suffix = ""): Device => [
  lower,
  { "dm/uuid": `LVM-${GROUP}${name.padEnd(32, "x")}${suffix}\n` },
];

const PLAIN: Readonly<Record<string, Device>> = { sda: [[]], sda1: [[]], sda2: [[]], sdb: [[]], sdc: [[]] };

/** A volume group on sda1 and sdb with two plain volumes, a snapshot of a third, and two thin volumes. */
const LVM: Readonly<Record<string, Device>> = {
  ...PLAIN,
  "dm-0": volume("root", ["sda1"]),
  "dm-1": volume("data", ["sda1", "sdb"]),
  "dm-2": volume("origin", ["sdb"], "-real"),
  "dm-3": volume("snap", ["sdb"], "-cow"),
  "dm-4": volume("origin", ["dm-2"]),
  "dm-5": volume("snap", ["dm-2", "dm-3"]),
  "dm-6": volume("pool", ["sdb"], "_tmeta"),
  "dm-7": volume("pool", ["sdb"], "_tdata"),
  "dm-8": volume("pool", ["dm-6", "dm-7"], "-tpool"),
  "dm-9": volume("thin1", ["dm-8"]),
  "dm-10": volume("thin2", ["dm-8"]),
};

const WWID = { "device/wwid": "naa.6000c29\n" };
/** Two paths to one disk, a map of them, and a partition of the map. */
const PATHS: Readonly<Record<string, Device>> = {
  sda: [[], WWID],
  sda1: [[]],
  sdb: [[], WWID],
  "dm-0": [["sda", "sdb"], { "dm/uuid": "mpath-36000c29\n" }],
  "dm-1": [["dm-0"], { "dm/uuid": "part1-mpath-36000c29\n" }],
  "dm-2": [["dm-0"], { "dm/uuid": "part2-mpath-36000c29\n" }],
};

const RAID: Readonly<Record<string, Device>> = { ...PLAIN, md0: [["sda1", "sdb"]], md0p1: [[]], md0p2: [[]] };

/** Two arrays in one container of a controller's own metadata (Intel's): all three stand on the same disks. */
const EXTERNAL: Readonly<Record<string, Device>> = {
  ...PLAIN,
  md125: [["sda", "sdb"], { "md/metadata_version": "external:/md127/1\n" }],
  md126: [["sda", "sdb"], { "md/metadata_version": "external:/md127/0\n" }],
};

const BCACHE: Readonly<Record<string, Device>> = { ...PLAIN, bcache0: [["sda", "sdc"]], bcache1: [["sdb", "sdc"]] };

const config = (path: string, text: string) => ({ [`sys/kernel/config/${path}`]: `${text}\n` });

describe("what a device of a stack is in use for", () => {
  test.each<[string, ReturnType<typeof host>, string, readonly string[]]>([
    [
      "a disk: what is on a volume of a partition of it",
      host(LVM, ["dm-0"]),
      "sda",
      ["dm-0 mounted at /on/dm-0", "sda1 held by dm-0", "sda1 held by dm-1"],
    ],
    ["a partition beside the physical volume: nothing", host(LVM, ["dm-0"]), "sda2", []],
    ["a volume beside others of its group that are mounted: nothing", host(LVM, ["dm-0", "dm-4", "dm-9"]), "dm-1", []],
    [
      "the origin of a snapshot: what the snapshot is used for",
      host(LVM, ["dm-5"]),
      "dm-4",
      ["dm-5 mounted at /on/dm-5", "dm-2 held by dm-5"],
    ],
    [
      "the hidden volume of an origin: the origin and the snapshot",
      host(LVM),
      "dm-2",
      ["held by dm-4", "held by dm-5"],
    ],
    ["a thin volume beside another one that is mounted: nothing", host(LVM, ["dm-10"]), "dm-9", []],
    [
      "the pool of thin volumes: the volumes",
      host(LVM, ["dm-10"]),
      "dm-8",
      ["dm-10 mounted at /on/dm-10", "held by dm-9", "held by dm-10"],
    ],
    [
      "the data of a pool: the pool, and what is on it",
      host(LVM, ["dm-10"]),
      "dm-7",
      ["dm-10 mounted at /on/dm-10", "held by dm-8", "dm-8 held by dm-9", "dm-8 held by dm-10"],
    ],
    [
      "another volume that was made by hand on the same disk: nobody knows where",
      host({ ...PLAIN, "dm-0": [["sdb"]], "dm-1": [["sdb"]] }, ["dm-1"]),
      "dm-0",
      ["dm-1 mounted at /on/dm-1", "sdb held by dm-1"],
    ],
    [
      "a member of an array: the array, and what is on its partitions",
      host(RAID, ["md0p2"]),
      "sdb",
      ["md0p2 mounted at /on/md0p2", "held by md0"],
    ],
    ["a partition of an array beside a mounted one: nothing", host(RAID, ["md0p2"]), "md0p1", []],
    ["a partition beside a member: nothing", host(RAID, ["md0p2"]), "sda2", []],
    ["an array beside another one in its container: nothing", host(EXTERNAL, ["md125"]), "md126", []],
    [
      "a disk of a container",
      host(EXTERNAL, ["md125"]),
      "sda1",
      ["md125 mounted at /on/md125", "sda held by md125", "sda held by md126"],
    ],
    [
      "a path: what is on the other path of the same disk",
      host(PATHS, ["sda1"]),
      "sdb",
      ["sda1 mounted at /on/sda1", "sda held by dm-0", "held by dm-0", "dm-0 held by dm-1", "dm-0 held by dm-2"],
    ],
    [
      "a path: what is on a partition of the map",
      host(PATHS, ["dm-1"]),
      "sda",
      ["dm-1 mounted at /on/dm-1", "held by dm-0", "sdb held by dm-0", "dm-0 held by dm-1", "dm-0 held by dm-2"],
    ],
    ["a partition of a map beside a mounted one: nothing", host(PATHS, ["dm-1"]), "dm-2", []],
    ["a disk behind bcache", host(BCACHE, ["bcache0"]), "sda", ["bcache0 mounted at /on/bcache0", "held by bcache0"]],
    ["a disk behind bcache beside another one with the same cache: nothing", host(BCACHE, ["bcache0"]), "bcache1", []],
    [
      "the disk that zram writes to",
      host({ ...PLAIN, zram0: [[], { backing_dev: "/dev/sdc\n" }] }),
      "sdc",
      ["held by zram0"],
    ],
    ["zram that writes to nothing", host({ ...PLAIN, zram0: [[], { backing_dev: "none\n" }] }), "zram0", []],
    [
      "a disk whose holder does not show as a device",
      host({ ...PLAIN, sdc: [[], { "holders/drbd7": "" }] }),
      "sdc",
      ["held by drbd7"],
    ],
    [
      "a log of xfs on a disk of its own",
      host(PLAIN, [], { "proc/self/mountinfo": "30 1 8:3 / /x rw - xfs /dev/sdb rw,logdev=/dev/sdc,noquota\n" }),
      "sdc",
      ["mounted at /x"],
    ],
    [
      "a member of bcachefs",
      host(PLAIN, [], { "proc/self/mountinfo": "30 1 0:44 / /x rw - bcachefs /dev/sdb:/dev/sdc rw\n" }),
      "sdc",
      ["mounted at /x"],
    ],
    [
      "a member of Btrfs that the table of mounts does not name",
      host(PLAIN, [], {
        "proc/self/mountinfo": "30 1 0:44 / /x rw - btrfs /dev/sdb rw\n",
        "sys/fs/btrfs/11-22/devices/sdb": "",
        "sys/fs/btrfs/11-22/devices/sdc": "",
      }),
      "sdc",
      ["mounted at /x"],
    ],
    [
      "what the first process has mounted, and this one does not see",
      host(PLAIN, [], { "proc/1/mountinfo": "30 1 8:4 / /x rw - ext4 /dev/sdc rw\n" }),
      "sdc",
      ["mounted at /x"],
    ],
    [
      "a disk that is given to other hosts (NVMe)",
      host(PLAIN, [], config("nvmet/subsystems/nqn.x/namespaces/1/device_path", "/dev/sdc")),
      "sdc",
      ["an NVMe namespace for others (nvmet)"],
    ],
    [
      "a disk that is given to other hosts (SCSI)",
      host(PLAIN, [], config("target/core/iblock_0/disk/udev_path", "/dev/sdc")),
      "sdc",
      ["a SCSI disk for others (LIO)"],
    ],
  ])("%s", (_, tree, name, words) => {
    expect(usesOf(tree, readBlockDevice(tree, name) as BlockDevice)).toEqual(words);
  });
});

describe("whether two devices of a stack share bytes", () => {
  const copy = (tree: ReturnType<typeof host>, source: string, target: string, sourceStart = 0, targetStart = 0) => {
    const [from, to] = [source, target].map((name) => readBlockDevice(tree, name) as BlockDevice) as [
      BlockDevice,
      BlockDevice,
    ];
    return refuseHarm(
      tree,
      { source: from, target: to, isNew: false },
      { sourceStart, targetStart, lengthBytes: MIB, bulkBytes: MIB },
    );
  };

  test.each<[string, ReturnType<typeof host>, string, string]>([
    ["a volume and its physical volume", host(LVM), "dm-0", "sda1"],
    ["a disk and a volume on a partition of it", host(LVM), "sda", "dm-0"],
    ["a snapshot and its origin", host(LVM), "dm-5", "dm-4"],
    ["a thin volume and its pool", host(LVM), "dm-9", "dm-8"],
    ["an array and a member", host(RAID), "sdb", "md0"],
    ["a partition of an array and a member of the array", host(RAID), "md0p1", "sdb"],
    ["two paths to one disk", host(PATHS), "sda", "sdb"],
    ["a path and a partition of the map", host(PATHS), "sda", "dm-1"],
    ["two volumes made by hand on one disk", host({ ...PLAIN, "dm-0": [["sdb"]], "dm-1": [["sdb"]] }), "dm-0", "dm-1"],
    ["two names of one image of Ceph", host({ rbd0: [[], CEPH], rbd1: [[], CEPH] }), "rbd0", "rbd1"],
  ])("%s: yes", (_, tree, source, target) => {
    expect(() => copy(tree, source, target)).toThrow("overlap");
    expect(() => copy(tree, target, source)).toThrow("overlap");
  });

  test.each<[string, ReturnType<typeof host>, string, string]>([
    ["two volumes of a group", host(LVM), "dm-0", "dm-1"],
    ["a volume and a partition beside its group", host(LVM), "dm-0", "sda2"],
    ["two thin volumes", host(LVM), "dm-9", "dm-10"],
    ["two partitions of an array", host(RAID), "md0p1", "md0p2"],
    ["two disks without an identity", host(PLAIN), "sdb", "sdc"],
    [
      "two disks with nothing but zeros for an identity",
      host({ sdb: [[], { "device/serial": "0x00000000\n" }], sdc: [[], { "device/serial": "0x00000000\n" }] }),
      "sdb",
      "sdc",
    ],
    [
      "two images of Ceph",
      host({ rbd0: [[], CEPH], rbd1: [[], { ...CEPH, "device/image_id": "77\n" }] }),
      "rbd0",
      "rbd1",
    ],
  ])("%s: no", (_, tree, source, target) => {
    expect(() => copy(tree, source, target)).not.toThrow("overlap");
  });

  test("what is reached through a network is said not to be known", () => {
    const tree = host({ ...PLAIN, nbd0: [[]] });
    expect(copy(tree, "sdb", "nbd0")).toEqual([expect.stringContaining("nbd0 is reached through a network (nbd)")]);
    expect(copy(tree, "sdb", "sdc")).toEqual([]);
  });
});

const CEPH = {
  "device/cluster_fsid": "c\n",
  "device/pool_id": "2\n",
  "device/image_id": "76\n",
  "device/current_snap": "-\n",
};

describe("a broken or hostile tree", () => {
  test("of devices that stand on each other in circles ends, and the use is still seen", () => {
    const tree = host({ "dm-0": [["dm-1", "sdb"]], "dm-1": [["dm-2"]], "dm-2": [["dm-0"]], sdb: [[]] }, ["dm-2"]);
    expect(usesOf(tree, readBlockDevice(tree, "sdb") as BlockDevice)).toContain("dm-2 mounted at /on/dm-2");
  });

  test("with as many ways through a stack as there are combinations ends at once", () => {
    const ladder = Array.from({ length: 40 }, (_, index) => [
      [`dm-${2 * index}`, [[`dm-${2 * index + 2}`, `dm-${2 * index + 3}`]]],
      [`dm-${2 * index + 1}`, [[`dm-${2 * index + 2}`, `dm-${2 * index + 3}`]]],
    ]).flat();
    const tree = host({ ...Object.fromEntries(ladder), "dm-80": [["sdb"]], "dm-81": [["sdb"]], sdb: [[]] }, ["dm-0"]);
    expect(usesOf(tree, readBlockDevice(tree, "sdb") as BlockDevice)).toContain("dm-0 mounted at /on/dm-0");
  });

  test("with a stack of hundreds is refused, with what to look at", () => {
    const many = Object.fromEntries(
      Array.from({ length: 200 }, (_, index) => [`dm-${index}`, [[`dm-${index + 1}`]] as Device]),
    );
    const tree = host({ ...many, "dm-200": [[]] });
    expect(() => usesOf(tree, readBlockDevice(tree, "dm-0") as BlockDevice)).toThrow("stands on too many others");
  });

  test("of any shape never hangs and never throws anything but a refusal", () => {
    const names = ["dm-0", "dm-1", "dm-2", "md0", "loop0", "sda", "sda1"];
    const device = fc.record({
      lower: fc.subarray(names),
      uuid: fc.constantFrom("", `LVM-${GROUP}x`, "part1-mpath-x", `LVM-${GROUP}y-tpool`),
      backing: fc.constantFrom("", "/dev/sda", "/nowhere", "/x (deleted)"),
      offset: fc.constantFrom("0", "512", "-1", "x", "9".repeat(30)),
    });
    fc.assert(
      fc.property(fc.tuple(...names.map(() => device)), fc.subarray(names), (shapes, mounted) => {
        const devices = names.map((name, index): [string, Device] => {
          const { lower = [], uuid = "", backing = "", offset = "" } = shapes[index] ?? {};
          return [name, [lower, { "dm/uuid": uuid, "loop/backing_file": backing, "loop/offset": offset }]];
        });
        const tree = host(Object.fromEntries(devices), mounted);
        for (const name of names) {
          const words = usesOf(tree, readBlockDevice(tree, name) as BlockDevice);
          expect(!mounted.includes(name) || words.includes(`mounted at /on/${name}`)).toBe(true);
        }
      }),
      { numRuns: 50 },
    );
  });
});
