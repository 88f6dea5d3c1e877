import { describe, expect, it } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { readMachine } from "../../src/host/read-machine.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { hwlocXml, ncclXml, rdmaTopoText, snapshotText } from "../fuzz/valid-files.ts";
import { readOrRefuse } from "./packed.ts";

const scenario = "hostBridges:\n  - below:\n      - nvme\n      - gpu\n";
const lspci = "00:00.0 Host bridge: Intel Corporation Device 2020\n01:00.0 Ethernet controller: X\n";

/** Texts of all formats, with the name of their file. */
const texts: Readonly<Record<string, string>> = {
  "machine.json": snapshotText(),
  "dump.json": await rdmaTopoText(),
  "hwloc.xml": hwlocXml,
  "nccl.xml": ncclXml,
  "machine.yaml": scenario,
  scenario,
  lspci,
};

const MARK = "\uFEFF";

function utf16(text: string, isBigEndian: boolean): Uint8Array {
  const bytes = Buffer.from(text, "utf16le");
  return new Uint8Array(isBigEndian ? bytes.swap16() : bytes);
}

async function read(bytes: Uint8Array, name: string): Promise<Machine> {
  return (await readMachine([bytes], { name })).machine;
}

describe.each(Object.entries(texts))("%s", (name, text) => {
  const bytes = new TextEncoder().encode(text);

  it("is the same machine with a byte order mark, and in UTF-16 of either order, with and without one", async () => {
    const plain = await read(bytes, name);
    expect(plain.functions.length).toBeGreaterThan(1);
    expect(await read(new TextEncoder().encode(MARK + text), name)).toEqual(plain);
    for (const isBigEndian of [false, true]) {
      expect(await read(utf16(MARK + text, isBigEndian), name)).toEqual(plain);
      expect(await read(utf16(text, isBigEndian), name)).toEqual(plain);
    }
  });

  it("in UTF-16 with an odd byte is refused or read, and a mark alone is refused", async () => {
    await readOrRefuse(utf16(MARK + text, false).subarray(0, -1), name);
    for (const mark of [new TextEncoder().encode(MARK), utf16(MARK, false), utf16(MARK, true)]) {
      expect(await readOrRefuse(mark, name)).toBeInstanceOf(PeerlaneError);
    }
  });

  it("with bytes that are no UTF-8 is refused or read", async () => {
    for (const at of [0, 1, 30, Math.floor(bytes.length / 2), bytes.length - 2]) {
      await readOrRefuse(Uint8Array.from([...bytes.subarray(0, at), 0xff, 0xc0, 0x80, ...bytes.subarray(at)]), name);
    }
  });
});
