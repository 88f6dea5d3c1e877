import { describe, expect, it } from "vitest";
import type { PciFunction } from "../../../src/pci/function.ts";
import { at, read, verbose } from "./support.ts";

const because = (words: string): unknown => ({ unknown: expect.stringContaining(words) });
const registers = (fn: PciFunction): unknown[] => [fn.acs, fn.express, fn.bridge, fn.bars, fn.command, fn.sriov];

describe("what a text does not show is unknown", () => {
  it("a plain list shows ids, class and revision", () => {
    const fn = at(read("00:1c.0 PCI bridge [0604]: Intel Corporation Port [8086:9d10] (rev f1)\n"), "00:1c.0");
    expect(fn).toMatchObject({ vendorId: 0x8086, deviceId: 0x9d10, revision: 0xf1, classCode: 0x060400 });
    expect(registers(fn)).toEqual(Array(6).fill(because("without -v")));
    expect([fn.driver, fn.numaNode, fn.iommuGroup, fn.headerType]).toEqual(Array(4).fill(because("without -v")));
  });

  it("names do not become ids", () => {
    const machine = read("00:00.0 Host bridge: Intel Corporation 440FX (rev 02)\n");
    expect(at(machine, "00:00.0")).toMatchObject({
      vendorId: because("-nn"),
      deviceId: because("-nn"),
      classCode: 0x060000,
      label: "Intel Corporation 440FX",
    });
    expect(machine.notes).toContainEqual(expect.objectContaining({ remedy: "add -nn" }));
  });

  it.each([
    ["00:00.0 0600: 8086:1237 (rev 02)", 0x8086, 0x1237, 2],
    ["00:00.0 Class 0600: 8086:1237", 0x8086, 0x1237, 0],
    ["00:00.0 Host bridge: Device 8086:1237", 0x8086, 0x1237, 0],
    ["00:00.0 Host bridge [0600]: Device [8086:1237]", 0x8086, 0x1237, 0],
    ["0000:00:00.0 Host bridge [0600]: Intel Corporation Device [8086:1237] (rev 0a)", 0x8086, 0x1237, 10],
  ])("'%s' has ids", (line, vendorId, deviceId, revision) => {
    expect(at(read(`${line}\n`), "00:00.0")).toMatchObject({ vendorId, deviceId, revision, classCode: 0x060000 });
  });

  it("domains of up to eight digits are read", () => {
    const machine = read("10000:e1:00.0 Non-Volatile memory controller: X\nfedcba98:00:1f.7 Bridge: X\n");
    expect(machine.functions.map((fn) => fn.bdf)).toEqual([0x10000 * 0x10000 + 0xe100, 0xfedcba98 * 0x10000 + 0xff]);
  });

  it("at -v a named ACS is unknown, an absent one null", () => {
    const text = `00:1c.0 PCI bridge: X
\tFlags: bus master, fast devsel, latency 0, IRQ 24, NUMA node 1, IOMMU group 7
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
\tCapabilities: [40] Express Root Port (Slot+), MSI 00
\tCapabilities: [140] Access Control Services
\tKernel driver in use: pcieport

01:00.0 VGA compatible controller: Y
\tFlags: bus master, fast devsel, latency 0, IRQ 24
\tMemory at f0000000 (64-bit, prefetchable) [size=256M]
\tI/O ports at e000 [size=256]
\tCapabilities: [40] Express Legacy Endpoint, MSI 00
\tCapabilities: [100] Advanced Error Reporting

`;
    const machine = read(text);
    expect(at(machine, "00:1c.0")).toMatchObject({
      acs: because("lspci -v does not print ACS control"),
      express: { type: "root-port", version: because("-v"), linkStatus: because("-v") },
      bridge: { secondary: 1 },
      command: because("-v"),
      numaNode: 1,
      iommuGroup: 7,
    });
    expect(at(machine, "01:00.0")).toMatchObject({
      acs: null,
      sriov: null,
      numaNode: null,
      bars: [
        { index: 0, sizeBytes: 2 ** 28 },
        { index: 2, kind: "io" },
      ],
    });
    expect(machine.notes).toContainEqual(expect.objectContaining({ severity: "info" }));
  });

  it("without root all that hangs on capabilities is unknown, with one note", () => {
    const denied = verbose.replaceAll(/\tCapabilities: \[.*\n(\t\t.*\n)*/g, "\tCapabilities: <access denied>\n");
    const machine = read(denied);
    for (const fn of machine.functions) {
      expect([fn.acs, fn.express, fn.sriov, fn.capabilities]).toEqual(Array(4).fill(because("without root")));
      expect(fn.command).not.toHaveProperty("unknown");
    }
    expect(at(machine, "00:1c.0").bridge).toMatchObject({ secondary: 1 });
    const notes = machine.notes.filter((note) => note.message.includes("without root"));
    expect(notes).toHaveLength(1);
    expect(notes[0]?.remedy).toContain("sudo");
  });

  it("a conventional device with a whole list has no ACS", () => {
    const text = `03:00.0 Ethernet controller: X\n\tControl: I/O+\n\tCapabilities: [40] Power Management version 2\n\n`;
    expect(at(read(text), "03:00.0")).toMatchObject({ acs: null, express: null, sriov: null, resizableBars: [] });
  });

  it("old releases name ACS by its number only: it is there, and unknown", () => {
    const text = `03:00.0 PCI bridge: X\n\tControl: I/O+\n\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n\tCapabilities: [148 v1] #0d\n\n`;
    expect(at(read(text), "03:00.0").acs).toHaveProperty("unknown");
  });

  it("where no function shows extended space, its absence proves nothing for PCI Express", () => {
    const text = `00:01.0 PCI bridge: X\n\tControl: I/O+\n\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00\n
00:02.0 Bridge: X\n\tControl: I/O+\n\tCapabilities: [40] Power Management version 2\n\n`;
    const machine = read(text);
    expect(at(machine, "00:01.0").acs).toEqual(because("no function of this text shows an extended capability"));
    expect(at(machine, "00:02.0").acs).toBeNull();
  });

  it("kernel, CPU and IOMMU are unknown, with the flag that gives them", () => {
    const { kernel, cpu, iommu } = read(verbose);
    expect(kernel.release).toEqual(because("--kernel"));
    expect(cpu.vendor).toEqual(because("--cpu"));
    expect([iommu.kind, iommu.mode]).toEqual([because("--iommu"), because("--iommu")]);
  });
});

describe("the end of a text", () => {
  const port = verbose.slice(0, verbose.indexOf("01:00.0"));
  const withoutDriver = port.replace(/\tKernel.*\n/, "");
  const withoutAcs = withoutDriver.replace(/\tCapabilities: \[140[\s\S]*?(?=\n\n)/, "").replace("\n\n\n", "\n\n");

  it("a blank line ends a function", () => {
    expect(at(read(withoutAcs), "00:1c.0").acs).toBeNull();
  });

  it("the next function ends a function", () => {
    expect(at(read(`${withoutAcs.trimEnd()}\n01:00.0 Bridge: X\n`), "00:1c.0").acs).toBeNull();
  });

  it("the driver's line ends a function, even without a line end", () => {
    const cut = withoutAcs.trimEnd();
    expect(at(read(`${cut}\n\tKernel driver in use: pcieport`), "00:1c.0")).toMatchObject({
      acs: null,
      driver: because("whole"),
    });
  });

  it.each(["", "\n", "\n--\n", "\n...\n", "\n```\n"])("an end of %j leaves open what may have followed", (ending) => {
    const machine = read(withoutAcs.trimEnd() + ending);
    const fn = at(machine, "00:1c.0");
    expect([fn.acs, fn.sriov, fn.capabilities]).toEqual(Array(3).fill(because("ends within this function")));
    expect(fn.bridge).toMatchObject({ secondary: 1 });
    expect(fn.express).toMatchObject({ type: "root-port" });
    expect(machine.notes).toContainEqual(expect.objectContaining({ remedy: expect.stringContaining("whole output") }));
  });

  it("a last line that is cut gives no value", () => {
    const cut = port.slice(0, port.indexOf("ordinate=02") + "ordinate=0".length);
    expect(at(read(cut), "00:1c.0").bridge).toHaveProperty("unknown");
  });
});
