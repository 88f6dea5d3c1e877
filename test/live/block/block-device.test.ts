import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { listBlockDevices, readBlockDevice, readBlockDeviceByNumber } from "../../../src/live/block/block-device.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import { diskFiles, STORAGE, treeOf } from "../tree-of.ts";

const tree = treeOf(STORAGE);

function functionsOf(name: string): readonly string[] {
  return readBlockDevice(tree, name)?.functions.map(formatBdf) ?? [];
}

describe("a block device", () => {
  test("is described by sysfs: size in bytes, block, node, identity and the function that moves its data", () => {
    expect(readBlockDevice(tree, "nvme0n1")).toMatchObject({
      name: "nvme0n1",
      path: "/dev/nvme0n1",
      number: "259:0",
      sizeBytes: 64 * 1024 * 1024,
      logicalBlockBytes: 4096,
      disk: { name: "nvme0n1", startBytes: 0 },
      identity: "eui.0001",
    });
    expect(functionsOf("nvme0n1")).toEqual(["0000:03:00.0"]);
  });

  test("that is a partition has the function, block and identity of its disk, and a place there", () => {
    expect(readBlockDevice(tree, "nvme0n1p2")).toMatchObject({
      logicalBlockBytes: 4096,
      disk: { name: "nvme0n1", startBytes: 4096 * 512 },
      identity: "eui.0001",
    });
    expect(functionsOf("nvme0n1p2")).toEqual(["0000:03:00.0"]);
  });

  test("of device-mapper has the functions of what it is stacked on", () => {
    expect(functionsOf("dm-0")).toEqual(["0000:03:00.0"]);
  });

  test("of native multipath has the functions of all controllers", () => {
    expect(functionsOf("nvme1n1")).toEqual(["0000:05:00.0", "0000:41:00.0"]);
  });

  test("of no PCI device has no function", () => {
    expect(functionsOf("ram0")).toEqual([]);
  });

  test("is found by its number, and not where there is none", () => {
    expect(readBlockDeviceByNumber(tree, "259:1")?.name).toBe("nvme0n1p1");
    expect(readBlockDeviceByNumber(tree, "8:0")).toBeUndefined();
    expect(readBlockDevice(tree, "sda")).toBeUndefined();
  });

  test("without a size is not listed", () => {
    expect(listBlockDevices(tree).map(({ name }) => name)).toEqual([
      "dm-0",
      "nvme0n1",
      "nvme0n1p1",
      "nvme0n1p2",
      "nvme1n1",
      "ram0",
    ]);
  });

  test("that is stacked on itself ends without a function", () => {
    const loop = treeOf({
      ...diskFiles("devices/virtual/block/dm-1", "253:1", 8, { "slaves/dm-2": "" }),
      ...diskFiles("devices/virtual/block/dm-2", "253:2", 8, { "slaves/dm-1": "" }),
    });
    expect(readBlockDevice(loop, "dm-1")?.functions).toEqual([]);
  });

  test("whose files hold anything at all never throws, and never has a negative or unsafe size", () => {
    const file = fc.constantFrom("size", "dev", "start", "partition", "queue/logical_block_size", "wwid");
    fc.assert(
      fc.property(
        fc.array(
          fc.tuple(
            file,
            fc.oneof(fc.string({ unit: "binary" }), fc.nat().map(String), fc.constantFrom("0", "9".repeat(16))),
          ),
        ),
        (changes) => {
          const folder = "devices/pci0000:00/0000:00:04.0/nvme/nvme9/nvme9n1";
          const changed = treeOf({ ...diskFiles(folder, "259:9", 8, Object.fromEntries(changes)) });
          for (const { sizeBytes, logicalBlockBytes } of listBlockDevices(changed)) {
            expect(sizeBytes).toBeGreaterThan(0);
            expect(Number.isSafeInteger(sizeBytes)).toBe(true);
            expect(logicalBlockBytes).toBeGreaterThan(0);
          }
        },
      ),
    );
  });
});
