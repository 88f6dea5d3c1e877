import { execFile } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { open, readFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { has, type LoopBench, run } from "../loop-devices.ts";

const MIB = 2 ** 20;
const ZRAM = "/sys/class/zram-control";

/** What an end of a copy can be. */
export const KINDS = ["disk", "partition", "loop", "loop with offset", "file", "file on ext4", "file on xfs"] as const;
export type Kind = (typeof KINDS)[number];

/** A place that a copy can be from or to, and all that lies around it. */
export interface Place {
  readonly kind: Kind;
  /** What the copy is told; of a file its folder. */
  readonly path: string;
  /** Offsets are multiples of it. */
  readonly blockBytes: number;
  readonly sizeBytes: number;
  /** The disk or file that holds it, and where it starts in there. `null` of a file, which is its own whole. */
  readonly whole: { readonly path: string; readonly start: number; readonly sizeBytes: number } | null;
}

/** Two sets of places, so that one copy goes from one of the first to one of the second. */
export interface Lane {
  readonly folder: string;
  readonly sources: readonly Place[];
  readonly targets: readonly Place[];
}

/** Makes the places of some kinds on `bench`. */
export function makeLane(bench: LoopBench, name: string, kinds: readonly Kind[]): Lane {
  const placesOf = (role: string): readonly Place[] =>
    kinds.map((kind) => makePlace(bench, kind, `${name}-${role}-${kind.replaceAll(" ", "-")}`, role));
  return { folder: bench.folder, sources: placesOf("source"), targets: placesOf("target") };
}

/** Makes one place; `name` is free on the bench. */
export function makePlace(bench: LoopBench, kind: Kind, name: string, role: string): Place {
  const sizeBytes = 4 * MIB;
  switch (kind) {
    case "disk":
      return whole(kind, makeZram(bench, sizeBytes), sizeBytes, 4096);
    case "loop": {
      const blockBytes = role === "source" ? 512 : 4096;
      return whole(kind, bench.attach(bench.file(name, sizeBytes), "-b", String(blockBytes)), sizeBytes, blockBytes);
    }
    case "loop with offset": {
      const [start, size] = [512 * 1024 + 512, 3 * MIB];
      const file = bench.file(name, 5 * MIB);
      const node = bench.attach(file, "--offset", String(start), "--sizelimit", String(size));
      return {
        ...{ kind, path: node, blockBytes: 512, sizeBytes: size },
        whole: { path: file, start, sizeBytes: 5 * MIB },
      };
    }
    case "partition": {
      const disk = bench.attach(bench.file(name, 5 * MIB), "-P");
      // Not by a table in the file: kernels without the code for one know partitions all the same.
      const sectors = [
        [1, 64, 1984],
        [2, 2048, 6144],
        [3, 8192, 2048],
      ] as const;
      for (const [number, start, count] of sectors) run("addpart", disk, String(number), String(start), String(count));
      const [start, size] = [MIB, 3 * MIB];
      return {
        ...{ kind, path: `${disk}p2`, blockBytes: 512, sizeBytes: size },
        whole: { path: disk, start, sizeBytes: 5 * MIB },
      };
    }
    case "file":
      mkdirSync(bench.path(name));
      return { kind, path: bench.path(name), blockBytes: 4096, sizeBytes: 3 * MIB, whole: null };
    case "file on ext4":
      return { kind, path: onLoop(bench, name, "ext4", 32), blockBytes: 512, sizeBytes: 3 * MIB, whole: null };
    case "file on xfs":
      return { kind, path: onLoop(bench, name, "xfs", 320), blockBytes: 512, sizeBytes: 3 * MIB, whole: null };
  }
}

function whole(kind: Kind, path: string, sizeBytes: number, blockBytes: number): Place {
  return { kind, path, blockBytes, sizeBytes, whole: { path, start: 0, sizeBytes } };
}

function onLoop(bench: LoopBench, name: string, type: string, mebibytes: number): string {
  return bench.mount(bench.attach(bench.file(name, mebibytes * MIB)), `${name}-mounted`, type);
}

/** A disk that stands on nothing else: compressed memory. */
function makeZram(bench: LoopBench, sizeBytes: number): string {
  const number = readFileSync(join(ZRAM, "hot_add"), "latin1").trim();
  bench.later(() => {
    // Busy for a moment where a process that held it has just been killed.
    run(
      "sh",
      "-c",
      `for i in 1 2 3 4 5; do echo 1 > /sys/block/zram${number}/reset && echo ${number} > ${ZRAM}/hot_remove && exit; sleep 0.2; done`,
    );
  });
  writeFileSync(`/sys/block/zram${number}/disksize`, String(sizeBytes));
  return `/dev/zram${number}`;
}

/** The kinds that can be had here, and why the others cannot. */
export function kindsHere(): { readonly here: readonly Kind[]; readonly missing: ReadonlyMap<Kind, string> } {
  const missing = new Map<Kind, string>();
  if (!existsSync(join(ZRAM, "hot_add"))) missing.set("disk", "no zram in this kernel");
  if (!has("addpart")) missing.set("partition", "no addpart");
  if (!has("mkfs.xfs")) missing.set("file on xfs", "no mkfs.xfs");
  return { here: KINDS.filter((kind) => !missing.has(kind)), missing };
}

/** All bytes of a disk past what the page cache remembers, or of a file. Others are killed meanwhile: nothing waits. */
export async function readWhole(path: string): Promise<Buffer> {
  if (!path.startsWith("/dev/")) return await readFile(path);
  const words = [`if=${path}`, "iflag=direct", "bs=1M", "status=none"];
  const { stdout } = await promisify(execFile)("dd", words, { maxBuffer: 64 * MIB, encoding: "buffer" });
  return stdout;
}

/** Sets all bytes of a disk, or of a file that may not be there. */
export async function writeWhole(path: string, bytes: Buffer): Promise<void> {
  const file = await open(path, existsSync(path) ? "r+" : "w");
  try {
    for (let done = 0; done < bytes.length; ) {
      const { bytesWritten } = await file.write(bytes, done, bytes.length - done, done);
      done += bytesWritten;
    }
    await file.sync();
  } finally {
    await file.close();
  }
}
