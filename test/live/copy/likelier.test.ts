import { expect, it } from "vitest";
import { readBlockDevice } from "../../../src/live/block/block-device.ts";
import type { DataFile, RegularFile } from "../../../src/live/block/data-file.ts";
import { mayUseCache, mountAt, readMounts } from "../../../src/live/block/mounts.ts";
import { judgeDifference } from "../../../src/live/copy/judgement.ts";
import { journalSideOf, whoIsUncertain } from "../../../src/live/copy/resume.ts";
import { TargetWatch } from "../../../src/live/copy/source-watch.ts";
import { whatElseShows } from "../../../src/live/copy/suspicions.ts";
import { refuseReadOnly } from "../../../src/live/copy/write-protection.ts";
import { realSystem } from "../../../src/live/system-calls.ts";
import { diskFiles, STORAGE, treeOf } from "../tree-of.ts";
import { FakeDisk, noise } from "./fakes.ts";

/** What is likelier than a defect of a disk or path is found out before one is blamed. */

function disk(name: string, files: Readonly<Record<string, string>> = STORAGE): DataFile {
  const device = readBlockDevice(treeOf(files), name);
  if (device === undefined) throw new Error(`no ${name}`);
  return device;
}

function file(path: string, changes: Partial<RegularFile> = {}): RegularFile {
  const common = { kind: "file", path, sizeBytes: 100_000, inode: 7, fileSystem: "8:1", device: null } as const;
  return { ...common, made: "5", logicalBlockBytes: 512, modified: "1", ...changes };
}

const ofDisk = "sys/class/block/nvme0n1";
const ofPartition = "sys/class/block/nvme0n1p1";

it.each([
  ["a disk that the kernel holds read-only", "nvme0n1", { [`${ofDisk}/ro`]: "1\n" }, "has nvme0n1 as write-protected"],
  ["a partition of one", "nvme0n1p1", { [`${ofDisk}/ro`]: "1" }, "has nvme0n1 as write-protected"],
  ["a partition that is so itself", "nvme0n1p1", { [`${ofPartition}/ro`]: "1" }, "has nvme0n1p1 as write-protected"],
  ["a boot partition of an MMC", "nvme0n1", { [`${ofDisk}/ro`]: "1", [`${ofDisk}/force_ro`]: "1" }, "force_ro"],
  ["a mapping", "nvme0n1", { [`${ofDisk}/ro`]: "1", [`${ofDisk}/dm/name`]: "vg-lv" }, "mapping vg-lv is read-only"],
  [
    "a loop device",
    "nvme0n1",
    { [`${ofDisk}/ro`]: "1", [`${ofDisk}/loop/backing_file`]: "/x" },
    "attached or set read-only",
  ],
  ["an array", "nvme0n1", { [`${ofDisk}/md/array_state`]: "readonly\n" }, "array nvme0n1 is set read-only"],
  ["an array that waits for its first write", "nvme0n1", { [`${ofDisk}/md/array_state`]: "read-auto\n" }, null],
  ["a disk that can be written", "nvme0n1", { [`${ofDisk}/ro`]: "0\n" }, null],
])("%s is told before the first write", (_, name, more, why) => {
  const ends = { source: disk("nvme1n1"), target: disk(name), isNew: false };
  const refuse = (): void => refuseReadOnly({ tree: treeOf({ ...STORAGE, ...more }), system: realSystem }, ends);
  if (why === null) expect(refuse).not.toThrow();
  else expect(refuse).toThrow(why);
});

const MOUNTS = `21 1 8:1 / / rw - ext4 /dev/sda1 rw
22 21 8:2 / /data ro - ext4 /dev/sdb rw
23 21 8:3 / /old rw - ext4 /dev/sdc ro,errors=remount-ro
24 21 0:40 / /with\\040blank rw - btrfs /dev/sdd rw
25 22 8:5 / /data/inner rw - xfs /dev/sde rw
`;

it.each([
  ["/data/image", "mounted read-only at /data"],
  ["/old/image", "mounted read-only at /old"],
  ["/data/inner/image", null],
  ["/database/image", null],
])("A new file %s is told to lie on a read-only file system, or not", (path, why) => {
  const ends = { source: disk("nvme1n1"), target: file(path), isNew: true };
  const tree = treeOf({ "proc/self/mountinfo": MOUNTS });
  const refuse = (): void => refuseReadOnly({ tree, system: realSystem }, ends);
  if (why === null) expect(refuse).not.toThrow();
  else expect(refuse).toThrow(why);
});

it("File systems that go by the page cache in spite of direct I/O are known", () => {
  const mount = mountAt(readMounts(treeOf({ "proc/self/mountinfo": MOUNTS })), "/with blank/x");
  expect(mount).toMatchObject({ point: "/with blank", type: "btrfs" });
  if (mount === undefined) return;
  const areCached = (types: readonly string[]): readonly boolean[] =>
    types.map((type) => mayUseCache({ ...mount, type }));
  expect(areCached(["btrfs", "zfs", "fuse.sshfs", "nfs4", "tmpfs", "overlay"])).not.toContain(false);
  expect(areCached(["ext4", "xfs"])).not.toContain(true);
});

const WRITER = {
  "proc/4711/comm": "dd\n",
  "proc/4711/fd/3": "→ /data/image",
  "proc/4711/fdinfo/3": "pos:\t0\nflags:\t0100001\n",
  "proc/4712/comm": "cat\n",
  "proc/4712/fd/3": "→ /data/image",
  "proc/4712/fdinfo/3": "pos:\t0\nflags:\t0100000\n",
};

it.each([
  ["a source that became shorter", { role: "source", operation: "read", errno: null }, {}, "the source became shorter"],
  ["a target that became shorter", { role: "target", operation: "read", errno: null }, {}, "the target became shorter"],
  [
    "a target that is read-only by now",
    { role: "target", operation: "write", errno: "EIO" },
    { "proc/self/mountinfo": "21 1 8:1 / /data ro - ext4 /dev/sda1 ro\n" },
    "the target is read-only now",
  ],
  [
    "another writer of the target",
    { role: "target", operation: "write", errno: "EIO" },
    WRITER,
    "dd (pid 4711) also has it open for writing",
  ],
] as const)("Behind a failure %s is seen", (_, failure, files, shows) => {
  const parties = { source: file("/src/image"), target: file("/data/image") };
  const where = { position: 50_000, lengthBytes: 4096 };
  const found = whatElseShows(treeOf(files), parties, { ...failure, ...where }, () =>
    shows.includes("shorter") ? 50_100 : 100_000,
  );
  expect(found).toEqual([expect.stringContaining(shows)]);
});

const BOOT = { "proc/sys/kernel/random/boot_id": "b00t\n" };
const attached = (sequence: string) => ({ ...STORAGE, ...BOOT, "sys/class/block/ram0/diskseq": `${sequence}\n` });

it.each([
  ["a disk with a serial number, attached anew", disk("nvme0n1"), attached("3"), attached("9"), false],
  ["a disk without one that stayed attached", disk("ram0"), attached("3"), attached("3"), false],
  ["a disk without one, attached anew", disk("ram0"), attached("3"), attached("4"), true],
  [
    "a disk without one in another boot",
    disk("ram0"),
    attached("3"),
    { ...attached("3"), "proc/sys/kernel/random/boot_id": "x" },
    true,
  ],
  ["a disk without one where attachments are not counted", disk("ram0"), STORAGE, STORAGE, true],
  ["a file that keeps when it was made", file("/a"), STORAGE, STORAGE, false],
  ["a file that does not", file("/a", { made: null }), STORAGE, STORAGE, true],
])("Of %s it is known whether it is the same", (_, source, then, now, isUncertain) => {
  const target = file("/b");
  const sidesIn = (files: Readonly<Record<string, string>>) => ({
    source: journalSideOf(treeOf(files), source, "source"),
    target: journalSideOf(treeOf(files), target, "target"),
  });
  expect(whoIsUncertain(sidesIn(then), sidesIn(now))).toEqual(isUncertain ? ["source"] : []);
});

it("A partition of a disk without a serial number is known by its UUID", () => {
  const part = disk("ram0p1", {
    ...STORAGE,
    ...diskFiles("devices/virtual/block/ram0/ram0p1", "1:1", 64, { partition: "1", start: "8" }),
  });
  const identity = (more: Readonly<Record<string, string>>): string | null =>
    journalSideOf(treeOf(more), part, "target").identity;
  expect(identity({ "sys/class/block/ram0p1/uevent": "MAJOR=1\nPARTUUID=0000AB-01\n" })).toBe("partuuid.0000ab-01");
  expect(identity({ "run/udev/data/b1:1": "E:ID_PART_ENTRY_UUID=0000ab-02\n" })).toBe("partuuid.0000ab-02");
  expect(identity({})).toBeNull();
});

it.each([
  ["as much as the copy wrote", 1000, 8, false],
  ["more than the copy wrote", 1001, 8, true],
  ["nothing, as where statistics are off", 992, 8, null],
])("A target disk of which the kernel counts %s", (_, sectors, ownSectors, others) => {
  const stat = (written: number) => treeOf({ "sys/class/block/nvme0n1/stat": `1 0 8 0 4 0 ${written} 0 0 0 0` });
  let tree = stat(992);
  const live = { ...tree, read: (path: string, most: number) => tree.read(path, most) };
  const watch = new TargetWatch(live, disk("nvme0n1"), () => null);
  tree = stat(sectors);
  expect(watch.wasWrittenByOthers(ownSectors * 512)).toBe(others);
});

const BYTES = 65_536;
const quiet = { wasSourceWritten: false, wasTargetWrittenByOthers: false };

it.each([
  ["both hold still and nobody wrote", quiet, {}, "loss"],
  ["the source was written to", { ...quiet, wasSourceWritten: true }, {}, "source-changed"],
  ["others wrote to the target", { ...quiet, wasTargetWrittenByOthers: true }, {}, "target-changed"],
  ["the source reads otherwise the second time", quiet, { source: true }, "source-changed"],
  ["the target reads otherwise the second time", quiet, { target: true }, "target-changed"],
] as const)("A difference is called lost data, or not: %s", async (_, counts, changes, is) => {
  const [source, target] = [new FakeDisk(noise(BYTES, 1), 512), new FakeDisk(noise(BYTES, 1), 512)];
  target.data.fill(0, 5000, 5010);
  const shown = (from: FakeDisk): string => from.data.toString("hex", 5000, 5016);
  const difference = { offset: 5000, looks: "other", source: shown(source), target: shown(target) } as const;
  if ("source" in changes) source.data.fill(9, 5000, 5004);
  if ("target" in changes) target.data.fill(9, 5000, 5004);
  const judged = await judgeDifference({
    tree: treeOf({}),
    ends: { source: disk("nvme1n1"), target: disk("nvme0n1"), isNew: false },
    ranges: { sourceStart: 0, targetStart: 0, lengthBytes: BYTES, bulkBytes: BYTES },
    sides: {
      source: { role: "source", io: source, start: 0, blockBytes: 512 },
      target: { role: "target", io: target, start: 0, blockBytes: 512 },
    },
    ...{ unitBytes: 4096, foundBy: "verification", difference, counts },
  });
  expect("loss" in judged ? "loss" : judged.failure.kind).toBe(is);
  if ("loss" in judged) expect(judged.loss).toMatchObject({ open: [], ruledOut: { length: 4 } });
});
