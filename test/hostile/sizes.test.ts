import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { feed, feedBytes, hex, peerlane } from "./run-cli.ts";

let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "peerlane-hostile-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** One function as `lspci -vvv -nn` prints it. */
function lspciFunction(address: string): string {
  return `${address} Ethernet controller [0200]: X [15b3:1021]
\tSubsystem: X [15b3:0001]
\tControl: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-
\tRegion 0: Memory at f0000000 (64-bit, prefetchable) [size=32M]
\tCapabilities: [60] Express (v2) Endpoint, MSI 00
\t\tDevCap:\tMaxPayload 512 bytes, PhantFunc 0, Latency L0s unlimited, L1 unlimited
\t\tLnkSta:\tSpeed 16GT/s, Width x16
\tCapabilities: [230 v1] Access Control Services
\t\tACSCap:\tSrcValid- TransBlk- ReqRedir- CmpltRedir- UpstreamFwd- EgressCtrl- DirectTrans-
\t\tACSCtl:\tSrcValid- TransBlk- ReqRedir- CmpltRedir- UpstreamFwd- EgressCtrl- DirectTrans-

`;
}

describe(`${feedBytes / 2 ** 30} GB on standard input`, () => {
  test("of one machine's text, again and again, streams in bounded memory", async () => {
    const block = Buffer.from(
      Array.from({ length: 256 }, (_, bus) => lspciFunction(`0000:${hex(bus, 2)}:00.0`)).join(""),
    );
    const { status, out, err } = await feed(block, Math.min(feedBytes, 500 * 2 ** 20));
    expect(err).not.toContain("heap");
    expect(status).toBe(3);
    expect(out).toContain("0000");
  });

  test("of lines that are no lspci's is refused", async () => {
    const { status, err } = await feed(Buffer.from("nothing that lspci would print\n".repeat(30_000)), feedBytes);
    expect(status).toBe(2);
    expect(err).toContain("standard input");
  });

  test("without a single line end is refused", async () => {
    const { status, err } = await feed(Buffer.alloc(2 ** 20, "x"), feedBytes);
    expect(status).toBe(2);
    expect(err).toContain("standard input");
  });
});

describe("65,536 functions", () => {
  const functions = (make: (address: string) => string): string =>
    Array.from({ length: 65_536 }, (_, index) =>
      make(`${hex(index >>> 16, 4)}:${hex((index >>> 8) & 255, 2)}:${hex((index >>> 3) & 31, 2)}.${index & 7}`),
    ).join("");

  test("in a dump: too many pairs are refused with a way out, and a few can be asked for", () => {
    const dump = join(folder, "many.txt");
    writeFileSync(dump, functions(lspciFunction));
    const all = peerlane(["matrix", dump]);
    expect(all.status).toBe(2);
    expect(all.err).toContain("--providers");
    const few = peerlane(["matrix", dump, "--providers", "00:00.0,00:00.1", "--clients", "01:00.0"]);
    expect([0, 3]).toContain(few.status);
    const tree = peerlane(["tree", dump]);
    expect(tree.status).toBe(0);
    expect(tree.out.split("\n").length).toBeGreaterThan(65_000);
  });

  test("in an archive", () => {
    const blocks: Buffer[] = [];
    const entry = (path: string, type: string, target: string, content: Buffer): void => {
      const header = Buffer.alloc(512);
      header.write(path, 0);
      header.write("0000644\0", 100);
      header.write(`${content.length.toString(8).padStart(11, "0")}\0`, 124);
      header.write("        ", 148);
      header.write(type, 156);
      header.write(target, 157);
      header.write("ustar\u000000", 257);
      const sum = header.reduce((total_, byte) => total_ + byte, 0);
      header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
      blocks.push(header, content, Buffer.alloc((512 - (content.length % 512)) % 512));
    };
    const config = Buffer.alloc(64);
    config.writeUInt32LE(0x102115b3, 0);
    config.writeUInt32LE(0x02000000, 8);
    for (let index = 0; index < 65_536; index++) {
      const address = `0000:${hex(index >>> 8, 2)}:${hex((index >>> 3) & 31, 2)}.${index & 7}`;
      entry(`sys/devices/pci0000:${hex(index >>> 8, 2)}/${address}/config`, "0", "", config);
      entry(
        `sys/bus/pci/devices/${address}`,
        "2",
        `../../../devices/pci0000:${hex(index >>> 8, 2)}/${address}`,
        Buffer.alloc(0),
      );
    }
    const file = join(folder, "many.tar.gz");
    writeFileSync(file, gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]), { level: 1 }));
    const { status, out } = peerlane(["matrix", file, "--providers", "00:00.0", "--clients", "01:00.0"]);
    expect([0, 3]).toContain(status);
    expect(out).toContain("00:00.0");
  });

  test("in a scenario is refused or read, with the place", () => {
    const file = join(folder, "many.yaml");
    writeFileSync(file, `hostBridges:\n  - below:\n${"      - nvme\n".repeat(65_536)}`);
    const { status, err } = peerlane(["matrix", file]);
    expect(status).toBe(2);
    expect(err).toMatch(/many\.yaml:\d+:\d+/);
  });
});

describe("contradictions", () => {
  const bridge = (address: string, primary: string, secondary: string, subordinate: string): string =>
    `${address} PCI bridge [0604]: X [1b36:000c]\n\tBus: primary=${primary}, secondary=${secondary}, subordinate=${subordinate}, sec-latency=0\n\n`;

  test("bridges that claim each other's bus make no loop", () => {
    const dump =
      bridge("00:01.0", "00", "01", "02") +
      bridge("01:00.0", "01", "02", "02") +
      bridge("02:00.0", "02", "01", "02") +
      lspciFunction("02:01.0");
    const { status, out } = peerlane(["tree", "-"], dump);
    expect(status).toBe(0);
    expect(out).toContain("02:01.0");
  });

  test("a bridge above its own bus makes no loop", () => {
    const { status } = peerlane(["tree", "-"], bridge("03:00.0", "03", "03", "03") + lspciFunction("03:01.0"));
    expect(status).toBe(0);
  });

  test("a chain of 254 bridges is drawn", () => {
    const chain = Array.from({ length: 254 }, (_, bus) =>
      bridge(`${hex(bus, 2)}:00.0`, hex(bus, 2), hex(bus + 1, 2), "fe"),
    ).join("");
    const { status, out } = peerlane(["tree", "-"], chain + lspciFunction("fe:00.0"));
    expect(status).toBe(0);
    expect(out).toContain("fe:00.0");
  });
});

describe("files that are not what they seem", () => {
  test("a gzip bomb is refused", () => {
    const file = join(folder, "bomb.gz");
    writeFileSync(file, gzipSync(Buffer.alloc(600 * 2 ** 20), { level: 9 }));
    const { status, err } = peerlane(["matrix", file]);
    expect(status).toBe(2);
    expect(err).toContain("8 MiB of text without a device");
  });

  test("a damaged archive names the file", () => {
    const file = join(folder, "cut.tar.gz");
    writeFileSync(file, gzipSync(Buffer.alloc(4096, 7)).subarray(0, 20));
    const { status, err } = peerlane(["matrix", file]);
    expect(status).toBe(2);
    expect(err).toContain("cut.tar.gz");
  });

  test("a YAML alias bomb is refused with its place", () => {
    const file = join(folder, "bomb.yaml");
    const levels = Array.from({ length: 12 }, (_, level) =>
      level === 0
        ? "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"
        : `a${level}: &a${level} [${`*a${level - 1}, `.repeat(10)}x]`,
    );
    writeFileSync(file, levels.join("\n"));
    const { status, err } = peerlane(["matrix", file]);
    expect(status).toBe(2);
    expect(err).toMatch(/bomb\.yaml:\d+:\d+/);
  });

  test("an empty file and a folder without sys say what to give", () => {
    const file = join(folder, "empty");
    writeFileSync(file, "");
    expect(peerlane(["matrix", file])).toMatchObject({ status: 2 });
    const { status, err } = peerlane(["matrix", "--root", folder]);
    expect(status).toBe(2);
    expect(err).toContain("sys");
  });

  test("FIFOs and links that lead out of a tree are not followed", () => {
    const root = join(folder, "tree");
    const device = join(root, "sys/devices/pci0000:00/0000:00:01.0");
    mkdirSync(device, { recursive: true });
    mkdirSync(join(root, "sys/bus/pci/devices"), { recursive: true });
    symlinkSync("../../../devices/pci0000:00/0000:00:01.0", join(root, "sys/bus/pci/devices/0000:00:01.0"));
    spawnSync("mkfifo", [join(device, "config")]);
    const fifo = peerlane(["tree", "--root", root]);
    expect(fifo.status).toBe(0);
    const outside = join(folder, "escape");
    mkdirSync(join(outside, "sys"), { recursive: true });
    symlinkSync("/sys/bus", join(outside, "sys/bus"));
    symlinkSync("/sys/devices", join(outside, "sys/devices"));
    expect(peerlane(["tree", "--root", outside])).toMatchObject({ status: 2 });
  });
});
