import { describe, expect, it } from "vitest";
import { looksLikeLspci } from "../../../src/host/lspci/detect.ts";
import { createLspciReader, readLspci } from "../../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { bytesOf, compare, read, verbose } from "./support.ts";

const original = read(verbose);
const eachLine = (change: (line: string) => string): string => verbose.split("\n").map(change).join("\n");

function utf16(text: string, bigEndian: boolean, withMark: boolean): Uint8Array {
  const bytes = new Uint8Array(2 * (text.length + (withMark ? 1 : 0)));
  const view = new DataView(bytes.buffer);
  [...(withMark ? ["\ufeff"] : []), ...text].forEach((letter, index) => {
    view.setUint16(2 * index, letter.charCodeAt(0), !bigEndian);
  });
  return bytes;
}

/** The machine without what names lines and files. */
function essence({ functions, hostBridges, cpu, kernel, iommu }: Machine): unknown {
  return { functions, hostBridges, cpu, kernel, iommu };
}

describe("what pasting does to a text changes nothing", () => {
  it.each([
    ["Windows line ends", verbose.replaceAll("\n", "\r\n")],
    ["doubled carriage returns", verbose.replaceAll("\n", "\r\r\n")],
    ["spaces for tabs", verbose.replaceAll("\t", "        ")],
    ["no indentation at all", eachLine((line) => line.trimStart())],
    ["indentation by four spaces", eachLine((line) => `    ${line}`)],
    ["indentation that blank lines lack", eachLine((line) => (line === "" ? "" : `\t${line}`))],
    ["quote marks", eachLine((line) => `> ${line}`)],
    ["nested quote marks", eachLine((line) => `>> ${line}`)],
    ["trailing spaces", eachLine((line) => `${line}   `)],
    ["a Markdown fence", `Here it is:\n\n\`\`\`\n$ sudo lspci -vvnn\n${verbose}\`\`\`\nThanks!\n`],
    ["a list", eachLine((line) => (/^\S/.test(line) ? `- ${line}` : `  ${line}`))],
    ["a prompt before and after", `root@host:~# lspci -vvnn\n${verbose}root@host:~# exit\n`],
    [
      "kernel messages before and after",
      `[    0.5] pci 0000:00:1c.0: PCI bridge to [bus 01]\n${verbose}[    1.0] nvme 0000:01:00.0: x\n`,
    ],
    ["a byte order mark", `\ufeff${verbose}`],
    ["colours", verbose.replaceAll("Control:", "\u001b[1;32mControl:\u001b[0m")],
    ["no-break spaces", verbose.replaceAll("\t", "\u00a0\u00a0\u00a0\u00a0")],
    ["blank lines between all lines", eachLine((line) => `${line}\n`)],
    ["capital hexadecimal addresses", verbose.replaceAll("00:1c.0 PCI", "00:1C.0 PCI")],
    [
      "lines that are no lspci's between the functions",
      verbose.replaceAll("\n\n", "\n\nFlags: fpu vme de\nModel: unknown\n\n"),
    ],
  ])("%s", (_, text) => {
    expect(essence(read(text))).toEqual(essence(original));
  });

  it.each([
    [false, true],
    [true, true],
    [false, false],
    [true, false],
  ])("UTF-16, big-endian %s, with a mark %s", (bigEndian, withMark) => {
    expect(essence(readLspci(utf16(verbose, bigEndian, withMark), "paste.txt"))).toEqual(essence(original));
  });

  it.each([1, 2, 3, 7, 64, 1000])("chunks of %d bytes", (size) => {
    for (const bytes of [bytesOf(verbose), utf16(verbose, false, true)]) {
      const reader = createLspciReader("paste.txt");
      for (let from = 0; from < bytes.length; from += size) reader.push(bytes.subarray(from, from + size));
      expect(reader.finish()).toEqual(original);
    }
  });

  it("bytes that are not UTF-8 spoil a name only", () => {
    const bytes = bytesOf(verbose);
    bytes[verbose.indexOf("Some Root")] = 0xff;
    const found: string[] = [];
    compare("functions", original.functions, readLspci(bytes, "x").functions, found);
    expect(found).toHaveLength(1);
    expect(found[0]).toContain("label");
  });

  it("a line of a megabyte is passed over", () => {
    const long = `${"x".repeat(1_000_000)}\n`;
    expect(essence(read(long + verbose + long))).toEqual(essence(original));
  });

  it("a line that grep left between two functions cuts the one before", () => {
    const machine = read(verbose.replace(/\tKernel[\s\S]*?\n\n/, "--\n"));
    expect(machine.functions[0]?.sriov).toHaveProperty("unknown");
    expect(machine.functions[1]).toEqual({ ...original.functions[1], numaNode: machine.functions[1]?.numaNode });
  });
});

describe("a text without any device", () => {
  it.each([
    ["", "the text is empty", undefined],
    ["\n\nhello world\n", "line 3 reads 'hello world'", 3],
    [" |           +-00.2  Intel Corporation Device 0b23\n", "begin in the middle of a tree, or were wrapped", 1],
    ["hello\n+-----------+\n| nvidia-smi |\n+-----------+\n", "line 1 reads 'hello'", 1],
    ["00:1c.0/00.0 VGA compatible controller: X\n", "-P", 1],
  ])("%j is refused with what was expected", (text, words, line) => {
    const error = (() => {
      try {
        return read(text);
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(error).toMatchObject({ name: "PeerlaneError", code: "bad-input", place: { file: "paste.txt" } });
    expect(error).toMatchObject(line === undefined ? {} : { place: { line } });
    const { message, remedy } = error as { message: string; remedy: string };
    expect(message + remedy).toContain(words);
  });
});

describe("looksLikeLspci", () => {
  it.each([
    verbose,
    `> - 00:00.0 Host bridge: X\n`,
    "hello\n-[0000:00]-+-00.0\n",
    '00:00.0 "Host bridge" "Intel" "440FX" -r02 "" ""\n',
    "Slot:\t00:00.0\n",
  ])("finds the first line of %j", (text) => {
    expect(looksLikeLspci(bytesOf(text))).toBe(true);
    expect(looksLikeLspci(utf16(text, false, true))).toBe(true);
  });

  it.each([
    "",
    "machine:\n  - bdf: 00:1c.0\n",
    "<topology/>",
    "the device 00:1f.2 is my disk: yes\n",
    "- one\n+ two\n",
  ])("refuses %j", (text) => {
    expect(looksLikeLspci(bytesOf(text))).toBe(false);
  });
});
