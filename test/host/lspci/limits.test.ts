import { describe, expect, it } from "vitest";
import { createLspciReader } from "../../../src/host/lspci/read-lspci.ts";
import { at, bytesOf, read, verbose } from "./support.ts";

/** The first line of the function with a number in enumeration order. */
function listed(index: number): string {
  const hex = (value: number, digits: number): string => value.toString(16).padStart(digits, "0");
  const bus = (index >>> 8) & 0xff;
  return `${hex(index >>> 16, 4)}:${hex(bus, 2)}:${hex((index >>> 3) & 31, 2)}.${index & 7} Bridge: X\n`;
}

describe("large and hostile texts", () => {
  it("a full domain of 65,536 functions is read", () => {
    const text = Array.from({ length: 65_536 }, (_, index) => listed(index)).join("");
    expect(read(text).functions).toHaveLength(65_536);
  });

  it("more functions than two full domains are refused with the line", () => {
    const text = Array.from({ length: 131_073 }, (_, index) => listed(index)).join("");
    expect(() => read(text)).toThrow(
      expect.objectContaining({ code: "too-large", place: { file: "paste.txt", line: 131_073 } }),
    );
  });

  it("a tree of more functions than two full domains is refused with the line", () => {
    const text = Array.from(
      { length: 70_000 },
      (_, index) => `-[${index.toString(16).padStart(6, "0")}:00]---00.0\n`,
    ).join("");
    expect(() => read(text)).toThrow(expect.objectContaining({ code: "too-large" }));
  });

  it("a list of capabilities that no config space holds is unknown, not kept", () => {
    const text = `00:00.0 Bridge: X\n\tControl: I/O+\n${"\tCapabilities: [40] Power Management version 3\n".repeat(100_000)}\n`;
    const fn = at(read(text), "00:00.0");
    expect(fn.capabilities).toHaveProperty("unknown");
    expect(fn.acs).toHaveProperty("unknown");
  });

  it("one function told ten thousand times is one function", () => {
    const reader = createLspciReader("paste.txt");
    const chunk = bytesOf(verbose.repeat(100));
    for (let turn = 0; turn < 100; turn++) reader.push(chunk);
    expect(reader.finish()).toEqual(read(verbose));
  });

  it("virtual functions that a text claims by the million cost no more than those it lists", () => {
    const claim = `\tControl: I/O+\n\tCapabilities: [100 v1] Single Root I/O Virtualization (SR-IOV)
\t\tInitial VFs: 65535, Total VFs: 65535, Number of VFs: 65535, Function Dependency Link: 00
\t\tVF offset: 1, stride: 1, Device ID: 0000\n\n`;
    const text = Array.from({ length: 300 }, (_, index) => listed(index) + claim).join("");
    expect(read(text).functions).toHaveLength(300);
  });

  it("bus numbers that make a loop are passed on as they are", () => {
    const text = `00:01.0 PCI bridge: X\n\tControl: I/O+\n\tBus: primary=00, secondary=00, subordinate=00, sec-latency=0\n\n`;
    expect(at(read(text), "00:01.0").bridge).toMatchObject({ secondary: 0 });
  });
});
