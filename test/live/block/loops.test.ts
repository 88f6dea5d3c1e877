import { linkSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { liveTree } from "../../../src/host/live.ts";
import { findDataFile } from "../../../src/live/block/data-file.ts";
import { usesOf } from "../../../src/live/block/uses.ts";
import { findEnds } from "../../../src/live/copy/ends.ts";
import { refuseHarm } from "../../../src/live/copy/refusals.ts";
import { realSystem } from "../../../src/live/system-calls.ts";
import { has, LoopBench, run, whyNoLoops } from "../loop-devices.ts";

const MIB = 2 ** 20;
const tree = liveTree();
const why = whyNoLoops();

let bench: LoopBench;
beforeEach(() => {
  bench = new LoopBench();
});
afterEach(() => bench.close());

function uses(path: string): string {
  return usesOf(tree, findDataFile(tree, path)).join("; ");
}

/** What speaks against a copy of 4 MiB: words of the refusal, or of the warnings. */
function speaks(source: string, target: string, sourceStart = 0, targetStart = 0): string {
  const ends = findEnds({ tree, system: realSystem }, source, target);
  const lengthBytes = 4 * MIB;
  try {
    return refuseHarm(tree, ends, { sourceStart, targetStart, lengthBytes, bulkBytes: lengthBytes }).join("; ");
  } catch (error) {
    return (error as Error).message;
  }
}

/** What a world of loop devices, files and mounts is made of, and which of it is looked at. */
interface World {
  readonly source?: string;
  readonly target: string;
}

type Row = readonly [situation: string, make: () => World, says: string | null];

/** Uses of a target: what stands on it, shares its bytes, or lies below it. `null`: none. */
const USES: readonly Row[] = [
  ["a file that nothing is attached to", () => ({ target: bench.file("a", 8 * MIB) }), null],
  ["a loop that nothing uses", () => ({ target: bench.attach(bench.file("a", 8 * MIB)) }), null],
  [
    "a file that a loop is attached to",
    () => {
      const target = bench.file("a", 8 * MIB);
      bench.attach(target);
      return { target };
    },
    "attached as LOOP",
  ],
  [
    "another name (hard link) of a file that a loop is attached to",
    () => {
      bench.attach(bench.file("a", 8 * MIB));
      linkSync(bench.path("a"), bench.path("b"));
      return { target: bench.path("b") };
    },
    "/a attached as LOOP",
  ],
  [
    "a file below another mount (bind) of its folder",
    () => {
      mkdirSync(bench.path("folder"));
      mkdirSync(bench.path("seen"));
      bench.attach(bench.file("folder/a", 8 * MIB));
      bench.mountAt(bench.path("seen"), "--bind", bench.path("folder"));
      return { target: bench.path("seen/a") };
    },
    "/a attached as LOOP",
  ],
  [
    "a file that backs a mounted file system",
    () => {
      const target = bench.file("a", 64 * MIB);
      bench.mount(bench.attach(target), "mnt");
      return { target };
    },
    "LOOP mounted at FOLDER/mnt; attached as LOOP",
  ],
  [
    "the loop of a mounted file system",
    () => {
      const target = bench.attach(bench.file("a", 64 * MIB));
      bench.mount(target, "mnt");
      return { target };
    },
    "mounted at FOLDER/mnt",
  ],
  [
    "a second loop on the file of a mounted one",
    () => {
      const file = bench.file("a", 64 * MIB);
      bench.mount(bench.attach(file), "mnt");
      return { target: bench.attach(file) };
    },
    "LOOP mounted at FOLDER/mnt",
  ],
  [
    "a loop on another part of the file of a mounted one",
    () => {
      const file = bench.file("a", 128 * MIB);
      bench.mount(bench.attach(file, "--sizelimit", String(64 * MIB)), "mnt");
      return { target: bench.attach(file, "--offset", String(64 * MIB)) };
    },
    null,
  ],
  [
    "a loop whose last sector is the first of a mounted one",
    () => {
      const file = bench.file("a", 128 * MIB);
      bench.mount(bench.attach(file, "--offset", String(64 * MIB)), "mnt");
      return { target: bench.attach(file, "--sizelimit", String(64 * MIB + 512)) };
    },
    "LOOP mounted at FOLDER/mnt",
  ],
  [
    "the lowest file of a chain: loop, file system, file, loop, file system",
    () => {
      const target = bench.file("a", 128 * MIB);
      const inner = bench.file(`${bench.mount(bench.attach(target), "outer").split("/").pop()}/b`, 64 * MIB);
      bench.mount(bench.attach(inner), "inner");
      return { target };
    },
    "LOOP mounted at FOLDER/inner",
  ],
  [
    "a file on the file system of a mounted loop",
    () => {
      bench.mount(bench.attach(bench.file("a", 64 * MIB)), "mnt");
      return { target: bench.file("mnt/b", 8 * MIB) };
    },
    null,
  ],
  [
    "a loop that another loop is attached to",
    () => {
      const target = bench.attach(bench.file("a", 64 * MIB));
      bench.mount(bench.attach(target), "mnt");
      return { target };
    },
    "LOOP mounted at FOLDER/mnt; attached as LOOP",
  ],
  [
    "the file of a loop that another loop, which is mounted, is attached to",
    () => {
      const target = bench.file("a", 64 * MIB);
      bench.mount(bench.attach(bench.attach(target)), "mnt");
      return { target };
    },
    "LOOP mounted at FOLDER/mnt",
  ],
  [
    "a file in use as swap",
    () => {
      const target = swapFile();
      return { target };
    },
    "swap",
  ],
  [
    "the file below a file system with swap on it",
    () => {
      swapFile();
      return { target: bench.path("a") };
    },
    "mnt/swap swap",
  ],
  [
    "a file that was made anew under the name of a loop's removed one",
    () => {
      const target = bench.file("a", 8 * MIB);
      bench.attach(target);
      rmSync(target);
      bench.file("a", 8 * MIB);
      return { target };
    },
    "perhaps FOLDER/a is the file of LOOP: FOLDER/a (deleted) is not found here",
  ],
  [
    "a link to the removed file of a loop",
    () => {
      bench.attach(bench.file("a", 8 * MIB));
      linkSync(bench.path("a"), bench.path("b"));
      rmSync(bench.path("a"));
      return { target: bench.path("b") };
    },
    "perhaps FOLDER/b is the file of LOOP",
  ],
  [
    "a file of another size than the removed one of a loop",
    () => {
      bench.attach(bench.file("a", 8 * MIB));
      rmSync(bench.path("a"));
      return { target: bench.file("b", 9 * MIB) };
    },
    null,
  ],
  [
    "a file that was renamed while a loop is attached to it",
    () => {
      bench.attach(bench.file("a", 8 * MIB));
      renameSync(bench.path("a"), bench.path("b"));
      return { target: bench.path("b") };
    },
    "attached as LOOP",
  ],
  [
    "a file that grew while a loop is attached to it",
    () => {
      const target = bench.file("a", 8 * MIB);
      bench.attach(target);
      run("truncate", "-s", "16M", target);
      return { target };
    },
    "attached as LOOP",
  ],
  [
    "the file behind the upper layer of an overlay, to a file of which a loop is attached",
    () => {
      const merged = overlay();
      bench.attach(bench.file("merged/a", 8 * MIB));
      return { target: `${merged.upper}/a` };
    },
    "/merged/a attached as LOOP",
  ],
  [
    "a partition of a loop beside a mounted one",
    () => {
      const [first, second] = partitions();
      bench.mount(first, "mnt");
      return { target: second };
    },
    null,
  ],
  [
    "the file of a loop with a mounted partition",
    () => {
      const [first] = partitions();
      bench.mount(first, "mnt");
      return { target: bench.path("a") };
    },
    "LOOPp1 mounted at FOLDER/mnt",
  ],
];

/** The same, on Btrfs: its files have a device number that no device has, and its disks are several. */
const BTRFS_USES: readonly Row[] = [
  [
    "one of the two disks of a mounted Btrfs",
    () => {
      const disks = ["a", "b"].map((name) => bench.attach(bench.file(name, 128 * MIB)));
      run("mkfs.btrfs", "-q", "-f", "-m", "raid1", ...disks);
      mkdirSync(bench.path("mnt"));
      bench.mountAt(bench.path("mnt"), disks[0] as string);
      return { target: disks[1] as string };
    },
    "mounted at FOLDER/mnt",
  ],
  [
    "the file of a disk of a mounted Btrfs, by a subvolume of it",
    () => {
      bench.mount(bench.attach(bench.file("a", 128 * MIB)), "mnt", "btrfs");
      run("btrfs", "-q", "subvolume", "create", bench.path("mnt/sub"));
      return { target: bench.path("a") };
    },
    "LOOP mounted at FOLDER/mnt",
  ],
  [
    "a file on a subvolume of a mounted Btrfs",
    () => {
      bench.mount(bench.attach(bench.file("a", 128 * MIB)), "mnt", "btrfs");
      run("btrfs", "-q", "subvolume", "create", bench.path("mnt/sub"));
      return { target: bench.file("mnt/sub/b", 8 * MIB) };
    },
    null,
  ],
];

/** Copies of 4 MiB, and what speaks against them. `null`: nothing. */
const COPIES: readonly Row[] = [
  ["a loop to its file", () => pair("loop", "file"), "loopN and FOLDER/a overlap"],
  ["a file to its loop", () => pair("file", "loop"), "FOLDER/a and loopN overlap"],
  ["a loop to another one of the same file", () => pair("loop", "other"), "loopN and loopN overlap"],
  [
    "a loop to one of the next part of its file",
    () => {
      const file = bench.file("a", 16 * MIB);
      const [source, target] = [0, 8].map((start) =>
        bench.attach(file, "--offset", String(start * MIB), "--sizelimit", String(8 * MIB)),
      );
      return { source: source as string, target: target as string };
    },
    null,
  ],
  [
    "a loop to one whose part begins in its own",
    () => {
      const file = bench.file("a", 16 * MIB);
      const target = bench.attach(file, "--offset", String(4 * MIB - 512));
      return { source: bench.attach(file, "--sizelimit", String(8 * MIB)), target };
    },
    "overlap",
  ],
  [
    "a loop to a file on a file system on it",
    () => {
      const source = bench.attach(bench.file("a", 64 * MIB));
      return { source, target: `${bench.mount(source, "mnt")}/new` };
    },
    "the target FOLDER/mnt/new lies on the source loopN itself",
  ],
  [
    "a file to a new file on a file system on a loop on it",
    () => {
      const source = bench.file("a", 64 * MIB);
      return { source, target: `${bench.mount(bench.attach(source), "mnt")}/new` };
    },
    "the target FOLDER/mnt/new lies on the source FOLDER/a itself",
  ],
  [
    "a file on a file system on a loop to the loop's file",
    () => {
      const target = bench.file("a", 64 * MIB);
      bench.mount(bench.attach(target), "mnt");
      return { source: bench.file("mnt/b", 8 * MIB), target };
    },
    "the source FOLDER/mnt/b lies on the target FOLDER/a itself",
  ],
  [
    "a loop on a file of a chain to the lowest file",
    () => {
      const target = bench.file("a", 128 * MIB);
      bench.mount(bench.attach(target), "mnt");
      return { source: bench.attach(bench.file("mnt/b", 8 * MIB)), target };
    },
    "the source loopN lies on the target FOLDER/a itself",
  ],
  [
    "two files of one file system on a loop",
    () => {
      bench.mount(bench.attach(bench.file("a", 64 * MIB)), "mnt");
      return { source: bench.file("mnt/b", 8 * MIB), target: bench.file("mnt/c", 8 * MIB) };
    },
    null,
  ],
  [
    "two loops on two files of one file system",
    () => {
      bench.mount(bench.attach(bench.file("a", 64 * MIB)), "mnt");
      const [source, target] = ["b", "c"].map((name) => bench.attach(bench.file(`mnt/${name}`, 8 * MIB)));
      return { source: source as string, target: target as string };
    },
    null,
  ],
  [
    "a file of an overlay to the one behind it",
    () => {
      const { merged, upper } = overlay();
      bench.file("merged/b", 8 * MIB);
      return { source: `${merged}/b`, target: `${upper}/b` };
    },
    "overlap",
  ],
  [
    "a file of an overlay's lower layer to the same one below the overlay",
    () => {
      const { lower, merged } = overlay();
      return { source: `${merged}/below`, target: `${lower}/below` };
    },
    "overlap",
  ],
  [
    "a loop on a removed file to a file that may be it",
    () => {
      const source = bench.attach(bench.file("a", 8 * MIB));
      linkSync(bench.path("a"), bench.path("b"));
      rmSync(bench.path("a"));
      return { source, target: bench.path("b") };
    },
    "may be the same bytes: perhaps FOLDER/b is the file of loopN",
  ],
  [
    "a removed file's loop to another loop on it",
    () => {
      const source = bench.attach(bench.file("a", 8 * MIB));
      const target = bench.attach(bench.path("a"));
      rmSync(bench.path("a"));
      return { source, target };
    },
    "loopN and loopN overlap",
  ],
  [
    "a loop to a file of another",
    () => {
      const source = bench.attach(bench.file("a", 8 * MIB));
      return { source, target: bench.file("b", 8 * MIB) };
    },
    null,
  ],
];

const BTRFS_COPIES: readonly Row[] = [
  [
    "a file to a clone of it (reflink): what is written goes elsewhere",
    () => {
      bench.mount(bench.attach(bench.file("a", 128 * MIB)), "mnt", "btrfs");
      writeFileSync(bench.path("mnt/b"), Buffer.alloc(8 * MIB, 1));
      run("cp", "--reflink=always", bench.path("mnt/b"), bench.path("mnt/c"));
      return { source: bench.path("mnt/b"), target: bench.path("mnt/c") };
    },
    null,
  ],
];

function pair(source: "file" | "loop", target: "file" | "loop" | "other"): World {
  const file = bench.file("a", 16 * MIB);
  const nodes = { file, loop: bench.attach(file), other: target === "other" ? bench.attach(file) : "" };
  return { source: nodes[source], target: nodes[target] };
}

function swapFile(): string {
  bench.mount(bench.attach(bench.file("a", 128 * MIB)), "mnt");
  const file = bench.path("mnt/swap");
  writeFileSync(file, Buffer.alloc(16 * MIB), { mode: 0o600 });
  run("mkswap", file);
  run("swapon", file);
  bench.later(() => run("swapoff", file));
  return file;
}

function overlay(): { readonly lower: string; readonly upper: string; readonly merged: string } {
  // An overlay of one file system shows the inodes of its layers; of several, numbers of its own.
  bench.mount(bench.attach(bench.file("disk", 64 * MIB)), "top");
  const [lower, merged] = ["lower", "merged"].map((name) => bench.path(name)) as [string, string];
  const [upper, work] = ["top/upper", "top/work"].map((name) => bench.path(name)) as [string, string];
  for (const folder of [lower, upper, work, merged]) mkdirSync(folder);
  bench.file("lower/below", 8 * MIB);
  bench.mountAt(merged, "-t", "overlay", "-o", `lowerdir=${lower},upperdir=${upper},workdir=${work}`, "overlay");
  return { lower, upper, merged };
}

/** The nodes of two partitions of 64 MiB on a loop; made as `partx` does it: not every kernel reads partition tables. */
function partitions(): readonly [string, string] {
  const node = bench.attach(bench.file("a", 160 * MIB));
  [1, 2].forEach((number) => {
    const start = 2048 + (number - 1) * 131072;
    run("addpart", node, String(number), String(start), "131072");
    bench.later(() => run("delpart", node, String(number)));
  });
  return [`${node}p1`, `${node}p2`];
}

/** Loops get any number, and each test a folder of its own. */
function plain(words: string): string {
  return words.replaceAll(bench.folder, "FOLDER").replaceAll(/\bloop\d+/g, "LOOP");
}

function checkUses([, make, says]: Row): void {
  const words = plain(uses(make().target));
  if (says === null) expect(words).toBe("");
  else expect(words).toContain(says);
}

function checkCopy([, make, says]: Row): void {
  const { source = "", target } = make();
  const words = plain(speaks(source, target));
  if (says === null) expect(words).not.toMatch(/overlap|lies on|may be the same|target .* is in use/);
  else expect(words).toContain(says.replaceAll("loopN", "LOOP"));
}

describe.skipIf(why !== null)(`the uses on a real kernel${why === null ? "" : ` (${why})`}`, () => {
  test.each(USES)("of %s", (...row) => checkUses(row));
});

describe.skipIf(why !== null)(`a copy on a real kernel${why === null ? "" : ` (${why})`}`, () => {
  test.each(COPIES)("of %s", (...row) => checkCopy(row));
});

const whyNoBtrfs = why ?? (has("mkfs.btrfs") ? null : "needs mkfs.btrfs");

describe.skipIf(whyNoBtrfs !== null)(`Btrfs on loops${whyNoBtrfs === null ? "" : ` (${whyNoBtrfs})`}`, () => {
  test.each(BTRFS_USES)("the uses of %s", (...row) => checkUses(row));
  test.each(BTRFS_COPIES)("a copy of %s", (...row) => checkCopy(row));
});
