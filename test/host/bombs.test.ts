import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, describe, expect, it } from "vitest";
import { ArchiveTree } from "../../src/host/archive.ts";
import { unpackInto } from "../../src/host/compression.ts";
import { readMachine } from "../../src/host/read-machine.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { joined, packedBy, tar } from "./packed.ts";

const program = join(import.meta.dirname, "../../dist/peerlane.cjs");
const folder = mkdtempSync(join(tmpdir(), "peerlane-bombs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const MIB = 2 ** 20;
const packers: Readonly<Record<string, (bytes: Uint8Array) => Uint8Array>> = {
  gzip: (bytes) => new Uint8Array(gzipSync(bytes, { level: 9 })),
  bzip2: (bytes) => packedBy("bzip2", ["-9"], bytes),
  zstd: (bytes) => packedBy("zstd", ["-19"], bytes),
};

describe.each(Object.entries(packers))("A file of %s that unpacks to half a gigabyte", (name, pack) => {
  const stream = pack(new Uint8Array(64 * MIB).fill(0x0a));
  const bomb = joined(...Array.from({ length: 8 }, () => stream));

  it("is given up behind 64 MiB and 250 times its size", async () => {
    let given = 0;
    const unpacked = unpackInto(
      bomb,
      (chunk) => {
        given += chunk.length;
      },
      "bomb",
    );
    await expect(unpacked).rejects.toMatchObject({
      code: "too-large",
      message: expect.stringMatching(/64 MiB|250 times/),
    });
    expect(given).toBeLessThanOrEqual(Math.max(64 * MIB, bomb.length * 250));
  });

  it("is refused by its text long before, with little memory", () => {
    const file = join(folder, `bomb.${name}`);
    writeFileSync(file, bomb);
    const { status, stderr } = spawnSync(process.execPath, ["--max-old-space-size=128", program, "tree", file], {
      encoding: "utf8",
    });
    expect(stderr).toContain(`bomb.${name}: 8 MiB of text without a device`);
    expect(status).toBe(2);
  });
});

/** Counts what a reader takes of a source that has no end. */
async function endless(start: string, block: string | Uint8Array): Promise<{ taken: number; error: PeerlaneError }> {
  const bytes = typeof block === "string" ? Buffer.from(block.repeat(Math.ceil(MIB / block.length))) : block;
  let taken = 0;
  function* chunks(): Generator<Uint8Array> {
    yield Buffer.from(start, "latin1");
    for (;;) {
      taken += bytes.length;
      yield bytes;
    }
  }
  try {
    await readMachine(chunks(), { name: "endless" });
  } catch (error) {
    if (error instanceof PeerlaneError) return { taken, error };
    throw error;
  }
  throw new Error("it was read to its end");
}

describe("A source without an end is refused at its bound:", () => {
  const machine = "00:00.0 Host bridge [0600]: X [8086:29c0]\n\tFlags: fast devsel\n\n";
  const nul = "\0".repeat(257);

  it.each([
    ["blank lines", "", "\n", "8 MiB", 8, "bad-input"],
    ["what yes prints", "", "y\n", "8 MiB", 8, "bad-input"],
    ["zeros", "", new Uint8Array(MIB), "8 MiB", 8, "bad-input"],
    ["one line", "", "x", "8 MiB", 8, "bad-input"],
    ["lines that tell nothing of one device", machine.trimEnd(), "\n\tSomething: else", "8 MiB", 8, "bad-input"],
    ["the same device again and again", "", machine, "1048576 devices", 64, "too-large"],
    ["JSON", '{"schema":"peerlane.snapshot/1"', ',"a":1', "64 MiB", 64, "too-large"],
    ["XML", "<topology>", "<object/>", "64 MiB", 64, "too-large"],
    ["a scenario", "hostBridges:\n", "  - below: []\n", "64 MiB", 64, "too-large"],
    ["compressed data", "\x1f\x8b\x08", "x", "64 MiB", 64, "too-large"],
    ["an archive", `${nul}ustar`, new Uint8Array(8 * MIB), "512 MiB", 512, "too-large"],
  ] as const)("%s", async (_, start, block, bound, mebibytes, code) => {
    const { taken, error } = await endless(start, block);
    expect(error.code).toBe(code);
    expect(error.message).toContain(bound);
    expect(error.place?.file).toBe("endless");
    expect(taken).toBeLessThanOrEqual((mebibytes + 9) * MIB);
  });

  it.each(["policy", "scenario", "workload"])("a %s", (kind) => {
    const line = { policy: "check /dev/zero x", scenario: "vm /dev/zero", workload: "simulate /dev/zero" }[kind] ?? "";
    const { status, stderr } = spawnSync(process.execPath, [program, ...line.split(" ")], { encoding: "utf8" });
    expect(stderr).toContain(`/dev/zero: the ${kind} has more than 4 MiB`);
    expect(status).toBe(2);
  });
});

describe("An archive", () => {
  it("of paths that are folders a thousand times over is refused", () => {
    expect(() => new ArchiveTree(tarOf([["a/".repeat(1000).concat("x"), "L"]]), "deep.tar")).toThrow(
      /more than 300 folders/,
    );
  });

  it("of names as long as files is refused", () => {
    expect(() => new ArchiveTree(tarOf([["n".repeat(5000), "L"]]), "long.tar")).toThrow(/5000 bytes of a name/);
    expect(() => new ArchiveTree(tarOf([["n".repeat(70_000), "x"]]), "long.tar")).toThrow(/70000 bytes of a name/);
  });
});

/** A tar archive of long names, each for an empty file behind it. */
function tarOf(names: readonly (readonly [name: string, type: "L" | "x"])[]): Uint8Array {
  const blocks: Buffer[] = [];
  const header = (path: string, size: number, type: string): void => {
    const block = Buffer.alloc(512);
    block.write(path, 0);
    block.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
    block.write("        ", 148);
    block.write(type, 156);
    block.write("ustar\u000000", 257);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
    blocks.push(block);
  };
  for (const [name, type] of names) {
    header("././@LongLink", name.length, type);
    blocks.push(Buffer.concat([Buffer.from(name), Buffer.alloc((512 - (name.length % 512)) % 512)]));
    header("x", 0, "0");
  }
  return new Uint8Array(Buffer.concat([...blocks, Buffer.alloc(1024)]));
}

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
