import { mkdtempSync, renameSync, rmSync, symlinkSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { liveTree } from "../../../src/host/live.ts";
import { clientsOf, findDataFile, nameOf } from "../../../src/live/block/data-file.ts";
import { DirectFile } from "../../../src/live/block/direct-file.ts";
import { mapSystemMemory } from "../../../src/live/memory/transfer-memory.ts";
import { STORAGE, treeOf } from "../tree-of.ts";

const tree = treeOf(STORAGE);
const folder = mkdtempSync(join(tmpdir(), "peerlane-test-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("what a user names", () => {
  test("is a disk by its kernel name, its controller or its PCI address", () => {
    for (const word of ["nvme0n1", "nvme0", "0000:03:00.0", "03:00.0"])
      expect(nameOf(findDataFile(tree, word))).toBe("nvme0n1");
  });

  test("is a partition by its kernel name", () => {
    expect(nameOf(findDataFile(tree, "nvme0n1p2"))).toBe("nvme0n1p2");
  });

  test("is a file by its path, with the size and the device that it lies on", () => {
    const path = join(folder, "data");
    writeFileSync(path, "12345");
    expect(findDataFile(liveTree(), path)).toMatchObject({ kind: "file", path, sizeBytes: 5 });
  });

  test("that is not there is said, with the disks that are", () => {
    expect(() => findDataFile(tree, "nvme7")).toThrow(/no disk or file 'nvme7'/);
    expect(() => findDataFile(tree, "nvme7")).toThrow(
      expect.objectContaining({ remedy: "disks of PCI devices here: dm-0, nvme0n1, nvme0n1p1, nvme0n1p2, nvme1n1" }),
    );
  });

  test("that is a folder or a terminal is refused", () => {
    expect(() => findDataFile(tree, folder)).toThrow(/neither a block device nor a regular file/);
    expect(() => findDataFile(tree, "/dev/null")).toThrow(/neither a block device nor a regular file/);
  });

  test("on storage of no PCI device has no client", () => {
    expect(() => clientsOf(findDataFile(tree, "ram0"))).toThrow(/ram0 is no storage of a PCI device/);
  });
});

describe("a file open for direct I/O", () => {
  test("moves whole blocks between memory and file, and is short at the file's end only", async () => {
    const path = join(folder, "direct");
    writeFileSync(path, "");
    truncateSync(path, 8192);
    const file = await DirectFile.open(findDataFile(liveTree(), path), { access: "write" });
    const memory = await mapSystemMemory(8192);
    memory.store(0, new Uint8Array(4096).fill(7));
    expect(await file.write(memory, 0, 4096, 4096)).toEqual({ bytes: 4096, errno: null });
    expect(await file.read(memory, 4096, 4096, 4096)).toEqual({ bytes: 4096, errno: null });
    const read = new Uint8Array(4096);
    memory.load(4096, read);
    expect(read.every((byte) => byte === 7)).toBe(true);
    expect(await file.truncate(5000)).toEqual({ bytes: 0, errno: null });
    expect(await file.read(memory, 0, 4096, 4096)).toEqual({ bytes: 904, errno: null });
    expect(await file.sync()).toEqual({ bytes: 0, errno: null });
    await file.close();
    await file.close();
    memory.release();
  });

  test("that is not there any more is an error with its name", async () => {
    const path = join(folder, "gone");
    writeFileSync(path, "x");
    const file = findDataFile(liveTree(), path);
    rmSync(path);
    await expect(DirectFile.open(file, { access: "read" })).rejects.toThrow(/cannot open .*gone: ENOENT/);
  });
});

describe("a file that was replaced after it was looked at", () => {
  test.each([
    ["another file", (path: string) => writeFileSync(path, "other")],
    ["a link to another file", (path: string) => symlinkSync(join(folder, "victim"), path)],
  ])("by %s is not opened", async (_, replace) => {
    const path = join(folder, "replaced");
    rmSync(path, { force: true });
    writeFileSync(path, "mine");
    writeFileSync(join(folder, "victim"), "somebody else's");
    const file = findDataFile(liveTree(), path);
    // Its inode stays in use, so that the new file gets another.
    renameSync(path, join(folder, "moved"));
    replace(path);
    await expect(DirectFile.open(file, { access: "write" })).rejects.toMatchObject({ code: "environment" });
    rmSync(path);
  });
});

describe("memory of this process", () => {
  test("is aligned to pages, holds what is stored, and reads as zeros after its release", async () => {
    const memory = await mapSystemMemory(65536);
    expect(memory).toMatchObject({ kind: "dram", provider: null, sizeBytes: 65536 });
    memory.store(4096, Buffer.from("hello"));
    const out = Buffer.alloc(5);
    memory.load(4096, out);
    expect(out.toString()).toBe("hello");
    memory.release();
    memory.release();
    expect(memory.buffer.every((byte) => byte === 0)).toBe(true);
  });

  test("beyond what there is, is an error with a remedy", async () => {
    await expect(mapSystemMemory(2 ** 50)).rejects.toMatchObject({ code: "environment" });
  });
});
