import { describe, expect, test } from "vitest";
import { readNccl } from "../../../src/host/nccl/read-nccl.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { rows } from "../../rows.ts";

/** One PCI function with these attributes, below a CPU with those. */
function read(pci: string, cpu = 'numaid="0" arch="x86_64"') {
  return readNccl(
    `<system version="1"><cpu ${cpu}><pci busid="0000:10:00.0" ${pci}><gpu dev="0"/></pci></cpu></system>`,
    "topo.xml",
  );
}

/** A value as the tables write it: hexadecimal, `-` for none, `?` for hidden. */
function text(value: unknown): string {
  if (value === null) return "-";
  return isUnknown(value)
    ? `? ${value.unknown.split(/[,:]/)[0]}`
    : typeof value === "number"
      ? value.toString(16)
      : `${value}`;
}

describe("The attributes of NCCL's XML", () => {
  test.each(
    rows(`
      // vendor | read as
      0x10de    | 10de
      0x25      | 25                                    // zeros in front are left out
      0x10DE    | 10de
      0xfff     | fff
      0xfffe    | fffe
      10de      | ? the file does not give it
      0x        | ? the file does not give it
      0x10de0   | ? the file does not give it
      0xg       | ? the file does not give it
    `),
  )("an id of %s is %s", (id = "", expected) => {
    const [fn] = read(`vendor="${id}" device="${id}" subsystem_vendor="${id}" subsystem_device="${id}"`).functions;
    const subsystem = fn?.subsystem;
    const both = isUnknown(subsystem ?? null)
      ? subsystem
      : (subsystem as { vendorId: number } | null | undefined)?.vendorId;
    expect([fn?.vendorId, fn?.deviceId, both].map(text)).toEqual([expected, expected, expected]);
  });

  test("an id of ffff is a placeholder of files drawn by hand, and its device is none either", () => {
    const idsOf = (vendor: string, device: string): string[] => {
      const [fn] = read(`vendor="${vendor}" device="${device}"`).functions;
      return [fn?.vendorId, fn?.deviceId].map(text);
    };
    expect(idsOf("0xffff", "0xffff")).toEqual(["? the file has ffff here", "? the file has ffff here"]);
    expect(idsOf("0xffff", "0x2330")).toEqual(["? the file has ffff here", "? the file has ffff here"]);
    // No vendor is 0: the id was not read.
    expect(idsOf("0x0", "0x0")).toEqual(["? the file does not give it", "? the file does not give it"]);
    expect(idsOf("0x10de", "0x0")).toEqual(["10de", "0"]);
    expect(idsOf("0x10de", "0xffff")).toEqual(["10de", "? the file has ffff here"]);
  });

  test("a subsystem half of which is a placeholder is hidden", () => {
    const half = (vendor: string, device: string): unknown =>
      read(`subsystem_vendor="${vendor}" subsystem_device="${device}"`).functions[0]?.subsystem;
    expect(text(half("0xffff", "0x1"))).toBe("? the file has ffff here");
    expect(text(half("0x1", "0xffff"))).toBe("? the file has ffff here");
    expect(half("0x1", "0x2")).toEqual({ vendorId: 1, deviceId: 2 });
  });

  test.each(
    rows(`
      // class  | read as
      0x030200  | 30200
      0x0302    | 30200
      0x03      | 30000
      0x0302000 | ? the file does not give it
      0x3       | ? the file does not give it
      030200    | ? the file does not give it
    `),
  )("a class of %s is %s", (code, expected) => {
    expect(text(read(`class="${code}"`).functions[0]?.classCode)).toBe(expected);
  });

  test.each(
    rows(`
      // numaid | node
      0         | 0
      7         | 7
      -1        | -
      x         | ? the file gives no NUMA node for it
      0x1       | ? the file gives no NUMA node for it
    `),
  )("a numaid of %s is node %s", (node, expected) => {
    expect(text(read("", `numaid="${node}"`).functions[0]?.numaNode)).toBe(expected);
  });

  test.each(
    rows(`
      // arch  | vendor       | familyid | architecture | vendor       | family, in the kernel's count
      x86_64   | AuthenticAMD | 143      | x86_64       | AuthenticAMD | 17  // 15 + 16 * 8: Zen
      x86_64   | AuthenticAMD | 175      | x86_64       | AuthenticAMD | 19  // 15 + 16 * 10: Zen 3
      x86_64   | AuthenticAMD | 23       | x86_64       | AuthenticAMD | 17  // written by hand
      x86_64   | AuthenticAMD | 15       | x86_64       | AuthenticAMD | f
      x86_64   | GenuineIntel | 6        | x86_64       | GenuineIntel | 6
      x86_64   | GenuineIntel | x        | x86_64       | GenuineIntel | ? the file gives no family of the CPU
      x86_64   | AuthenticAMD | 0        | x86_64       | AuthenticAMD | ? the file gives no family of the CPU
      arm64    | -            | 15       | aarch64      | -            | -
      ppc64    | IBM          | 1        | ppc64        | -            | -
    `),
  )("a CPU %s %s %s is %s %s of family %s", (arch, vendor, family, architecture, vendorExpected, familyExpected) => {
    const { cpu } = read("", `numaid="0" arch="${arch}" vendor="${vendor}" familyid="${family}" modelid="1"`);
    expect([cpu.architecture, cpu.vendor, cpu.family].map(text)).toEqual([
      architecture,
      vendorExpected,
      familyExpected,
    ]);
  });
});
