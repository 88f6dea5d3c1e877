import { describe, expect, test } from "vitest";
import { type BlockDevice, readBlockDevice } from "../../../src/live/block/block-device.ts";
import { usesOf } from "../../../src/live/block/uses.ts";
import { STORAGE, treeOf } from "../tree-of.ts";

const tree = treeOf({
  ...STORAGE,
  "proc/self/mountinfo": [
    "22 1 259:1 / /mnt/my\\040data rw - ext4 /dev/nvme0n1p1 rw",
    "23 1 0:55 / /pool rw - btrfs /dev/nvme1n1 rw",
    "24 1 0:5 / /proc rw - proc proc rw",
    "a line that is none",
  ].join("\n"),
  "proc/swaps": "Filename Type Size Used Priority\n/dev/ram0 partition 64 0 -2\n",
});

function uses(name: string): readonly string[] {
  return usesOf(tree, readBlockDevice(tree, name) as BlockDevice);
}

describe("the uses of a block device", () => {
  test("are its mounts, with blanks as they are", () => {
    expect(uses("nvme0n1p1")).toEqual(["mounted at /mnt/my data"]);
  });

  test("are found by the node where a file system mounts under a number of its own", () => {
    expect(uses("nvme1n1")).toEqual(["mounted at /pool"]);
  });

  test("of a disk include those of its partitions", () => {
    expect(uses("nvme0n1")).toEqual(["nvme0n1p1 mounted at /mnt/my data", "nvme0n1p2 held by dm-0"]);
  });

  test("of a partition leave out its neighbours", () => {
    expect(uses("nvme0n1p2")).toEqual(["held by dm-0"]);
  });

  test("include swap", () => {
    expect(uses("ram0")).toEqual(["swap"]);
  });

  test("are none for a disk that nobody uses", () => {
    expect(uses("dm-0")).toEqual([]);
  });
});
