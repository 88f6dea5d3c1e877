import { spawnSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import { mkdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { copyBench } from "./copies.ts";

const MIB = 2 ** 20;
const bench = copyBench();

function run(program: string, ...words: readonly string[]): string | null {
  const { status, stdout } = spawnSync(program, words, { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

const attached: string[] = [];

/** Makes a disk of a file. */
function attach(name: string, sizeBytes: number, blockBytes: number): string {
  writeFileSync(bench.path(name), "");
  truncateSync(bench.path(name), sizeBytes);
  const disk = run("losetup", "--find", "--show", "--sector-size", `${blockBytes}`, bench.path(name));
  if (disk === null) throw new Error("no loop device");
  attached.push(disk);
  return disk;
}

function canAttach(): boolean {
  writeFileSync(bench.path("try"), "");
  truncateSync(bench.path("try"), MIB);
  const disk = run("losetup", "--find", "--show", bench.path("try"));
  return disk !== null && run("losetup", "--detach", disk) !== null;
}

const skipped = canAttach() ? "" : " (skipped: no loop devices for this user here)";

afterAll(() => {
  for (const disk of attached) run("losetup", "--detach", disk);
});

describe.skipIf(skipped !== "")(`Disks of 512 and 4096 byte blocks${skipped}`, () => {
  let [small, large] = ["", ""];
  const [smallFile, largeFile] = [bench.path("small.img"), bench.path("large.img")];

  beforeAll(() => {
    small = attach("small.img", 24 * MIB, 512);
    large = attach("large.img", 24 * MIB, 4096);
  });

  function fill(): { readonly small: Buffer; readonly large: Buffer } {
    const bytes = { small: randomBytes(24 * MIB), large: randomBytes(24 * MIB) };
    for (const [disk, content] of [
      [small, bytes.small],
      [large, bytes.large],
    ] as const) {
      writeFileSync(disk, content);
      run("blockdev", "--flushbufs", disk);
    }
    return bytes;
  }

  it.each([
    ["small to large", 512 * 3, 4096 * 5, 5 * MIB + 1],
    ["small to large, less than a block", 512, 4096, 3000],
    ["small to large, many small blocks at the end", 0, 0, MIB + 4095],
    ["large to small", 4096 * 7, 512 * 9, 3 * MIB + 513],
    ["large to small, less than a block", 4096, 512, 511],
  ])("%s: an odd range arrives, and no byte beside it changes", async (direction, sourceStart, targetStart, length) => {
    const before = fill();
    const isUp = direction.startsWith("small");
    const [source, target] = isUp ? [small, large] : [large, small];
    const words = [source, target, "--fallback", "--yes", "--verify", "--chunk", "64K", "--depth", "7"];
    const offsets = ["--source-offset", `${sourceStart}`, "--target-offset", `${targetStart}`, "--length", `${length}`];
    const { status, err } = await bench.copy(...words, ...offsets);
    expect([err, status]).toEqual(["", 0]);
    for (const disk of [small, large]) run("blockdev", "--flushbufs", disk);
    const wanted = Buffer.from(isUp ? before.large : before.small);
    (isUp ? before.small : before.large).copy(wanted, targetStart, sourceStart, sourceStart + length);
    expect(readFileSync(isUp ? largeFile : smallFile).equals(wanted)).toBe(true);
    expect(readFileSync(isUp ? smallFile : largeFile).equals(isUp ? before.small : before.large)).toBe(true);
  });

  it("A disk is not overwritten without --yes where nobody can be asked; what is on it is said", async () => {
    fill();
    const start = Buffer.alloc(4096);
    start.write("EFI PART", 512, "latin1");
    run("dd", "if=/dev/zero", `of=${small}`, "bs=68K", "count=1", "conv=notrunc,fsync");
    writeFileSync(bench.path("gpt"), start);
    run("dd", `if=${bench.path("gpt")}`, `of=${small}`, "conv=notrunc,fsync");
    const { status, err } = await bench.copy(large, small, "--fallback");
    expect([status, err]).toEqual([2, expect.stringContaining("holds a GPT partition table")]);
  });

  it("A target that is too small is refused", async () => {
    const { status, err } = await bench.copy(large, small, "--fallback", "--yes", "--target-offset", "512");
    expect([status, err]).toEqual([2, expect.stringContaining("is too small")]);
  });

  it("A mounted target is refused, and a file on it is copied to", async () => {
    const disk = attach("mounted.img", 24 * MIB, 512);
    mkdirSync(bench.path("mount"));
    if (run("mkfs.ext4", "-q", disk) === null || run("mount", disk, bench.path("mount")) === null) return;
    try {
      const refused = await bench.copy(large, disk, "--fallback", "--yes");
      expect([refused.status, refused.err]).toEqual([4, expect.stringContaining("mounted at")]);
      const full = await bench.copy(large, bench.path("mount/full"), "--fallback");
      expect([full.status, full.err]).toEqual([4, expect.stringContaining("no space is left")]);
      expect(full.err).toContain("--resume");
      const onItself = await bench.copy(disk, bench.path("mount/self"), "--fallback");
      expect([onItself.status, onItself.err]).toEqual([2, expect.stringContaining("lies on the source")]);
    } finally {
      run("umount", bench.path("mount"));
    }
  });

  it("Two copies to one disk at a time: the second finds it claimed", async () => {
    const slow = ["--fallback", "--yes", "--chunk", "4K", "--depth", "1"];
    const ends = await Promise.all([
      bench.copy(small, large, ...slow),
      bench.copy(bench.path("try"), large, "--length", "1M", ...slow),
    ]);
    const statuses = ends.map(({ status }) => status);
    expect(statuses).toContain(0);
    if (statuses.includes(4)) expect(ends.map(({ err }) => err).join("")).toContain("in use by somebody else");
  });
});
