import { expect, it } from "vitest";
import { readBlockDevice } from "../../../src/live/block/block-device.ts";
import type { DataFile, RegularFile } from "../../../src/live/block/data-file.ts";
import { describeFailure, whoIsGoneAfter } from "../../../src/live/copy/failures.ts";
import type { JournalSide } from "../../../src/live/copy/journal.ts";
import type { CopyRanges } from "../../../src/live/copy/ranges.ts";
import { refuseHarm } from "../../../src/live/copy/refusals.ts";
import { copyKey, journalSideOf, whatChanged } from "../../../src/live/copy/resume.ts";
import { signaturesOf } from "../../../src/live/copy/signatures.ts";
import { makeBdf } from "../../../src/pci/bdf.ts";
import { diskFiles, STORAGE, treeOf } from "../tree-of.ts";

const MIB = 2 ** 20;
const PROVIDER = makeBdf(0, 3, 0, 0);

const files = {
  ...STORAGE,
  ...diskFiles("devices/virtual/block/dm-9", "253:9", 64, { "slaves/nvme0n1p1": "" }),
  "proc/self/mountinfo": "31 1 253:9 / /data rw - ext4 /dev/mapper/data rw\n",
};
const tree = treeOf(files);

function disk(name: string): DataFile {
  const device = readBlockDevice(tree, name);
  if (device === undefined) throw new Error(`no ${name}`);
  return device;
}

function fileOn(device: string): RegularFile {
  const on = disk(device);
  return {
    kind: "file",
    path: "/data/image",
    sizeBytes: 10 * MIB,
    inode: 12,
    fileSystem: on.kind === "device" ? on.number : on.fileSystem,
    made: "0",
    device: on.kind === "device" ? on : null,
    logicalBlockBytes: 512,
    modified: "1",
  };
}

function ranges(sourceStart: number, targetStart: number, lengthBytes: number): CopyRanges {
  return { sourceStart, targetStart, lengthBytes, bulkBytes: lengthBytes };
}

const START = 2048 * 512;

it.each([
  ["a disk and itself", "nvme0n1", 0, "nvme0n1", 4096, true],
  ["ranges of a disk that are apart", "nvme0n1", 0, "nvme0n1", 8192, false],
  ["a partition and the place of the disk where it lies", "nvme0n1p1", 0, "nvme0n1", START, true],
  ["a partition and the place of the disk behind the range", "nvme0n1p1", 0, "nvme0n1", START + 8192, false],
  ["a disk and a partition that it reaches", "nvme0n1", START + 4096, "nvme0n1p1", 0, true],
  ["two partitions", "nvme0n1p1", 0, "nvme0n1p2", 0, false],
  ["a disk and what is stacked on it", "nvme0n1", START, "dm-9", 0, true],
  ["a place of the disk and what is stacked on another", "nvme0n1", 0, "dm-9", 0, false],
  ["two disks", "nvme1n1", 0, "ram0", 0, false],
])("Overlap of %s is told from the places on the disk", (_, source, sourceStart, target, targetStart, isOverlap) => {
  const ends = { source: disk(source), target: disk(target), isNew: false };
  const refuse = (): unknown => refuseHarm(treeOf(STORAGE_ONLY), ends, ranges(sourceStart, targetStart, 8192));
  if (isOverlap) expect(refuse).toThrow("overlap");
  // Who holds or mounts them is told apart from that.
  else expect(() => orInUse(refuse)).not.toThrow();
});

const STORAGE_ONLY = Object.fromEntries(Object.entries(files).filter(([path]) => !path.startsWith("proc/")));

function orInUse(work: () => unknown): void {
  try {
    work();
  } catch (error) {
    if (!(error as Error).message.includes("in use")) throw error;
  }
}

it("A target that is mounted, or that something is stacked on, is refused with its use", () => {
  const to = (target: string): unknown =>
    refuseHarm(tree, { source: disk("ram0"), target: disk(target), isNew: false }, ranges(0, 0, 4096));
  expect(() => to("dm-9")).toThrow("the target dm-9 is in use: mounted at /data");
  expect(() => to("nvme0n1p2")).toThrow("held by dm-0");
  expect(to("nvme1n1")).toEqual([]);
});

it("A source that is mounted is a warning", () => {
  const ends = { source: disk("dm-9"), target: disk("nvme1n1"), isNew: false };
  expect(refuseHarm(tree, ends, ranges(0, 0, 4096))).toEqual([
    "the source dm-9 is in use (mounted at /data): it may change meanwhile",
  ]);
});

it("A target file on the very disk that is copied is refused", () => {
  const ends = { source: disk("nvme0n1"), target: fileOn("nvme0n1p1"), isNew: true };
  expect(() => refuseHarm(tree, ends, ranges(0, 0, 2 * MIB))).toThrow("lies on the source nvme0n1 itself");
  expect(() => refuseHarm(tree, { ...ends, target: fileOn("nvme1n1") }, ranges(0, 0, 2 * MIB))).not.toThrow();
});

it("A copy is the same for a disk under another name, and another for other ranges", () => {
  const [a, b] = [disk("nvme0n1"), disk("nvme1n1")];
  const renamed = { ...a, name: "nvme7n1", path: "/dev/nvme7n1" } as DataFile;
  const key = (source: DataFile, start: number): string => JSON.stringify(copyKey(source, b, ranges(start, 0, 4096)));
  expect(key(renamed, 0)).toBe(key(a, 0));
  expect(key(a, 4096)).not.toBe(key(a, 0));
  expect(key(disk("nvme0n1p1"), 0)).not.toBe(key(a, 0));
});

const sideOf = (file: DataFile, role: "source" | "target"): JournalSide => journalSideOf(tree, file, role);

it("What has changed since the journal is said, thing by thing", () => {
  const [source, target] = [fileOn("nvme0n1p1"), disk("nvme1n1")];
  const journal = {
    schema: "peerlane.copy-journal/2",
    savedAt: "",
    source: sideOf(source, "source"),
    target: sideOf(target, "target"),
    range: { sourceStart: 0, targetStart: 0, lengthBytes: 4096 },
    chunkBytes: 4096,
    completedBytes: 0,
  } as const;
  const changed = (now: Partial<RegularFile>, lengthBytes = 4096): readonly string[] =>
    whatChanged(journal, { ...journal, source: sideOf({ ...source, ...now }, "source") }, ranges(0, 0, lengthBytes));
  expect(changed({})).toEqual([]);
  expect(changed({ sizeBytes: 1, inode: 13, made: "5", modified: "2" }, 512)).toEqual([
    "the inode of the source was 12 and is 13",
    "the time when the source was made was 0 and is 5",
    `the size of the source was ${10 * MIB} and is 1`,
    "the time of the last change of the source was 1 and is 2",
    "the range (lengthBytes) was 4096 and is 512",
  ]);
  const [first, second] = [disk("nvme0n1p1"), disk("nvme0n1p2")];
  const ofFirst = { ...journal, source: sideOf(first, "source") };
  const ofSecond = { ...journal, source: sideOf({ ...second, sizeBytes: first.sizeBytes }, "source") };
  expect(whatChanged(ofFirst, ofSecond, ranges(0, 0, 4096))).toEqual([
    expect.stringContaining("the place on its disk of the source was"),
  ]);
  const toRam = { ...journal, target: sideOf(disk("ram0"), "target") };
  expect(whatChanged(journal, toRam, ranges(0, 0, 4096))[0]).toContain("the path of the target");
});

it.each([
  ["EIO", "io", "read of 512 bytes at 0x200 of the source nvme0n1: EIO"],
  ["ENOSPC", "no-space", "no space is left"],
  ["EFBIG", "no-space", "larger than allowed"],
  ["EROFS", "read-only", "the file system is read-only"],
  ["EBADE", "io", "another host has reserved the disk"],
  ["EFAULT", "memory-gone", "the memory of 0000:03:00.0 cannot be reached"],
  [null, "ended-early", "it ended early"],
])("A failure with %s is called %s", (errno, kind, message) => {
  const parties = { source: disk("nvme0n1"), target: disk("ram0"), provider: PROVIDER };
  const failure = { operation: "read", role: "source", position: 512, lengthBytes: 512, errno } as const;
  const described = describeFailure(parties, failure, { gone: [], found: [] });
  expect(described).toMatchObject({ kind, errno, positionBytes: 512 });
  expect(described.message).toContain(message);
});

it("Where no peer memory takes part, none is blamed", () => {
  const parties = { source: disk("nvme0n1"), target: disk("ram0"), provider: null };
  for (const errno of ["EINVAL", "EREMOTEIO", "EFAULT"]) {
    const failure = { operation: "write", role: "target", position: 0, lengthBytes: 512, errno } as const;
    const { message, remedy } = describeFailure(parties, failure, { gone: [], found: [] });
    expect(`${message} ${remedy}`).not.toMatch(/memory|--fallback/);
  }
});

it("A failure after a device was removed names the device", async () => {
  const parties = { source: disk("nvme1n1"), target: disk("ram0"), provider: PROVIDER };
  const failure = { operation: "write", role: "target", position: 0, lengthBytes: 512, errno: "EIO" } as const;
  const gone = await whoIsGoneAfter(tree, parties, failure);
  const described = describeFailure(parties, failure, { gone, found: [] });
  expect(described.kind).toBe("gone");
  expect(described.message).toContain("0000:03:00.0 (the provider)");
});

it("What is on a disk is told by its marks", () => {
  const start = Buffer.alloc(68 * 1024);
  expect(signaturesOf(start)).toEqual([]);
  start.write("\x55\xaa", 510, "latin1");
  expect(signaturesOf(start)).toEqual(["a partition table or boot sector"]);
  start.write("EFI PART", 512, "latin1");
  expect(signaturesOf(start)).toEqual(["a GPT partition table"]);
  start.write("_BHRfS_M", 0x10040, "latin1");
  expect(signaturesOf(start)).toEqual(["a GPT partition table", "a Btrfs file system"]);
  expect(signaturesOf(Buffer.alloc(3))).toEqual([]);
});
