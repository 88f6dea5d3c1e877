import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { joined, packedBy, tar } from "./packed.ts";

const program = join(import.meta.dirname, "../../dist/peerlane.cjs");
const folder = mkdtempSync(join(tmpdir(), "peerlane-bombs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Packed zeros in streams of 64 MiB, more of them than may come out. */
function bomb(pack: (bytes: Uint8Array) => Uint8Array): Uint8Array {
  const stream = pack(new Uint8Array(64 * 2 ** 20));
  return joined(...Array.from({ length: 9 }, () => stream));
}

const bombs: Readonly<Record<string, Uint8Array>> = {
  gzip: bomb((bytes) => new Uint8Array(gzipSync(bytes, { level: 9 }))),
  bzip2: bomb((bytes) => packedBy("bzip2", ["-9"], bytes)),
  zstd: bomb((bytes) => packedBy("zstd", ["-19"], bytes)),
};

describe.each(Object.entries(bombs))("A file of %s that unpacks to more than 512 MiB", (name, bytes) => {
  it("is refused, with a heap that is smaller than that", () => {
    const file = join(folder, `bomb.${name}`);
    writeFileSync(file, bytes);
    const { status, stderr } = spawnSync(process.execPath, ["--max-old-space-size=384", program, "tree", file], {
      encoding: "utf8",
    });
    expect(stderr).toContain("512 MiB");
    expect(stderr).toContain(`bomb.${name}`);
    expect(status).toBe(2);
  });
});

describe("Many empty streams in front of an archive", () => {
  const empty = new Uint8Array(0);
  const streams: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
    gzip: (bytes) => new Uint8Array(gzipSync(bytes)),
    bzip2: (bytes) => packedBy("bzip2", ["-9"], bytes),
    zstd: (bytes) => packedBy("zstd", [], bytes),
  };

  it.each(Object.entries(streams))("of %s take no memory of their own", (name, pack) => {
    const file = join(folder, `many.${name}`);
    const one = pack(empty);
    writeFileSync(file, joined(...Array.from({ length: 20_000 }, () => one), pack(tar)));
    const { status } = spawnSync(process.execPath, ["--max-old-space-size=384", program, "tree", file]);
    expect(status).toBe(0);
  });
});
