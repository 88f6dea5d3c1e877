import { describe, expect, it, test } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { readScenario } from "../../../src/host/scenario/scenario-machine.ts";
import { busAddr } from "../../../src/pci/addresses.ts";
import type { Bar } from "../../../src/pci/bar.ts";
import { formatBdf, parseBdf } from "../../../src/pci/bdf.ts";
import type { BridgeRegisters } from "../../../src/pci/bridge.ts";
import { buildTopology } from "../../../src/pci/build-topology.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { isUnknown, type Known } from "../../../src/pci/known.ts";
import { NO_VENDOR } from "../../../src/pci/no-vendor.ts";

function known<T>(value: Known<T>): T {
  if (isUnknown(value)) throw new Error(value.unknown);
  return value as T;
}

function at(machine: Machine, address: string): PciFunction {
  const fn = machine.functions.find(({ bdf }) => bdf === parseBdf(address));
  if (fn === undefined)
    throw new Error(`no ${address} in ${machine.functions.map(({ bdf }) => formatBdf(bdf)).join(" ")}`);
  return fn;
}

function bridge(machine: Machine, address: string): BridgeRegisters {
  const registers = known(at(machine, address).bridge);
  if (registers === null) throw new Error(`${address} is no bridge`);
  return registers;
}

function bar(machine: Machine, address: string, index: number): Bar {
  const found = known(at(machine, address).bars).find((one) => one.index === index);
  if (found === undefined) throw new Error(`no BAR ${index}`);
  return found;
}

const nested = readScenario(
  `
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below:
          - switch:
            below:
              - nvme: { cmb: 16M, name: nvme0 }
              - switch:
                below: [nvme, nic]
              - bridge:
                below: [nic, { bridge: , below: [nic] }]
      - rootPort: { at: 05.0 }
        below: [gpu: { bar: 16G, rebar: small }]
  - below: [rootPort: , { rootPort: , below: [nvme: { cmb: 1M }] }]
`,
  "nested.yaml",
);

describe("Bus numbers are given depth first, as the kernel gives them", () => {
  it("to every function", () => {
    // Written down by hand from the file above.
    expect(nested.functions.map(({ bdf }) => formatBdf(bdf).slice(5))).toEqual([
      "00:00.0", // host bridge
      "00:04.0", // root port, buses 01 to 0a
      "00:05.0", // root port, bus 0b
      "01:00.0", // upstream port
      "02:00.0", // downstream ports of the outer switch
      "02:01.0",
      "02:02.0",
      "03:00.0", // nvme
      "04:00.0", // inner upstream port
      "05:00.0",
      "05:01.0",
      "06:00.0", // nvme
      "07:00.0", // nic
      "08:00.0", // PCIe-to-PCI bridge
      "09:01.0", // conventional nic
      "09:02.0", // PCI-to-PCI bridge
      "0a:01.0", // conventional nic
      "0b:00.0", // gpu
      "40:00.0",
      "40:01.0",
      "42:00.0",
    ]);
  });

  it.each([
    ["00:04.0", 0x00, 0x01, 0x0a],
    ["01:00.0", 0x01, 0x02, 0x0a],
    ["02:00.0", 0x02, 0x03, 0x03],
    ["02:01.0", 0x02, 0x04, 0x07],
    ["04:00.0", 0x04, 0x05, 0x07],
    ["02:02.0", 0x02, 0x08, 0x0a],
    ["08:00.0", 0x08, 0x09, 0x0a],
    ["09:02.0", 0x09, 0x0a, 0x0a],
    ["00:05.0", 0x00, 0x0b, 0x0b],
    ["40:00.0", 0x40, 0x41, 0x41],
    ["40:01.0", 0x40, 0x42, 0x42],
  ])("to the bridge %s", (address, primary, secondary, subordinate) => {
    expect(bridge(nested, address)).toMatchObject({ primary, secondary, subordinate });
  });

  it("and the tree read from them is the tree of the file", () => {
    const blind = nested.functions.map((fn) => ({ ...fn, attachment: { unknown: "left out" } }));
    const seen = buildTopology(nested.functions, [0, 0x40]);
    const fromBuses = buildTopology(blind, [0, 0x40]);
    expect([...fromBuses.parent]).toEqual([...seen.parent]);
    expect(seen.oddities).toEqual([]);
    expect(seen.roots.map(({ rootBus }) => rootBus)).toEqual([0, 0x40]);
  });
});

describe("Functions carry what their kind implies", () => {
  it.each([
    ["00:04.0", "root-port"],
    ["01:00.0", "upstream-port"],
    ["02:00.0", "downstream-port"],
    ["03:00.0", "endpoint"],
    ["08:00.0", "pcie-to-pci-bridge"],
  ])("%s is a PCIe %s", (address, type) => {
    expect(known(at(nested, address).express)?.type).toBe(type);
  });

  it.each(["09:01.0", "09:02.0", "0a:01.0", "00:00.0"])("%s has no PCIe capability", (address) => {
    expect(at(nested, address).express).toBeNull();
  });

  it("An endpoint on a root bus is a root complex endpoint without a link", () => {
    const express = known(at(readScenario("hostBridges: [below: [nvme]]", "f"), "00:01.0").express);
    expect(express).toMatchObject({ type: "root-complex-endpoint", linkCapable: null, linkStatus: null });
  });

  it("ACS control is the hardware's default before the kernel's boot", () => {
    expect(at(nested, "00:04.0").acs).toEqual({ capability: 0x5f, control: 0 });
    expect(at(nested, "02:00.0").acs).toEqual({ capability: 0x5f, control: 0 });
    expect(at(nested, "01:00.0").acs).toBeNull();
  });

  it("The CMB of an NVMe is published as peer memory", () => {
    expect(at(nested, "03:00.0")).toMatchObject({ names: ["nvme0"], p2pmem: { sizeBytes: 2 ** 24, published: true } });
    expect(at(nested, "06:00.0").p2pmem).toBeNull();
  });

  it("A small BAR shows what it could be", () => {
    expect(at(nested, "0b:00.0").resizableBars).toMatchObject([{ barIndex: 1, currentBytes: 2 ** 28 }]);
    expect(bar(nested, "0b:00.0", 1).sizeBytes).toBe(2 ** 28);
  });

  it("Both ends of a link negotiated the same", () => {
    const text = "hostBridges: [below: [{rootPort: {link: gen5 x16}, below: [nic: {link: gen3 x8 of gen4 x16}]}]]";
    const machine = readScenario(text, "f");
    const port = known(at(machine, "00:01.0").express);
    const nic = known(at(machine, "01:00.0").express);
    expect(port?.linkStatus).toEqual({ speedGTps: 8, width: 8 });
    expect(nic?.linkStatus).toEqual(port?.linkStatus);
    expect(port?.linkCapable).toEqual({ speedGTps: 32, width: 16 });
  });

  it("A port with nothing below it has its link down", () => {
    expect(known(at(nested, "40:00.0").express)?.linkStatus).toMatchObject({ width: 0 });
  });
});

describe("Addresses", () => {
  it("Every BAR lies in the windows of all bridges above it and of the host bridge", () => {
    const topology = buildTopology(nested.functions, [0, 0x40]);
    let checked = 0;
    nested.functions.forEach((fn, index) => {
      for (const one of known(fn.bars)) {
        const start = known(one.busAddress) ?? Number.NaN;
        const end = start + known(one.sizeBytes);
        expect(start % known(one.sizeBytes)).toBe(0);
        for (let above = topology.parent[index] ?? -1; above >= 0; above = topology.parent[above] ?? -1) {
          const registers = known(topology.functions[above]?.bridge ?? null);
          const windows = known(registers?.windows ?? []);
          expect(windows.some((window) => window.start <= start && end <= window.start + window.size)).toBe(true);
        }
        const rootBus = topology.roots[topology.root[index] ?? -1]?.rootBus;
        const host = known(nested.hostBridges).find((candidate) => candidate.rootBus === rootBus);
        const windows = known(host?.windows ?? []);
        expect(
          windows.some((window) => known(window.busStart) <= start && end <= known(window.busStart) + window.sizeBytes),
        ).toBe(true);
        checked++;
      }
    });
    expect(checked).toBe(14);
  });

  it("No two BARs overlap", () => {
    const bars = nested.functions.flatMap((fn) => known(fn.bars)).filter(({ kind }) => kind === "memory");
    const sorted = bars
      .map((one) => [known(one.busAddress) ?? 0, known(one.sizeBytes)] as const)
      .sort((a, b) => a[0] - b[0]);
    sorted.forEach(([start], index) => {
      const [before, size] = sorted[index - 1] ?? [0, 0];
      expect(before + size).toBeLessThanOrEqual(start);
    });
  });

  it("Only 64-bit prefetchable BARs lie above 4 GiB", () => {
    for (const one of nested.functions.flatMap((fn) => known(fn.bars))) {
      expect((known(one.busAddress) ?? 0) >= 2 ** 32).toBe(one.is64Bit && one.prefetchable);
    }
  });

  it("A bus offset is the bus address less the physical one", () => {
    const machine = readScenario("hostBridges: [{busOffset: -1T, below: [nvme: {cmb: 16M}]}]", "f");
    for (const index of [0, 2]) {
      const { busAddress, physAddress } = bar(machine, "00:01.0", index);
      expect((known(busAddress) ?? 0) - (known(physAddress) ?? 0)).toBe(-(2 ** 40));
    }
    const [window] = known(known(machine.hostBridges)[0]?.windows ?? []);
    expect((known(window?.busStart ?? busAddr(0)) as number) - (window?.physStart ?? 0)).toBe(-(2 ** 40));
  });

  it("A positive offset leaves the 32-bit window where it is", () => {
    const machine = readScenario("hostBridges: [{busOffset: 64G, below: [nvme: {cmb: 16M}]}]", "f");
    expect(bar(machine, "00:01.0", 0).busAddress).toBe(bar(machine, "00:01.0", 0).physAddress);
    const cmb = bar(machine, "00:01.0", 2);
    expect((known(cmb.busAddress) ?? 0) - (known(cmb.physAddress) ?? 0)).toBe(64 * 2 ** 30);
  });

  it("A BAR that finds no space is unassigned, decode is off, and a note says so", () => {
    const machine = readScenario("hostBridges: [below: [device: {bars: {0: 2G 32-bit}}, nvme]]", "f");
    expect(bar(machine, "00:01.0", 0)).toMatchObject({ busAddress: null, physAddress: null });
    expect(known(at(machine, "00:01.0").command) & 2).toBe(0);
    expect(known(at(machine, "00:02.0").command) & 2).toBe(2);
    const warnings = machine.notes.filter(({ severity }) => severity === "warning");
    expect(warnings).toMatchObject([{ message: expect.stringContaining("1 BARs") }]);
  });
});

describe("Functions without ids are hardware of no vendor", () => {
  test.each([
    ["hostBridges: [below: [nvme, nic: {id: 15b3:1021}]]", "no ids are given for 2 of 3 functions of f: "],
    [
      "hostBridges: [{id: 8086:09a2, below: [nvme: {id: 144d:a80a}, nic]}]",
      "no ids are given for 1 of 3 functions of f: ",
    ],
    ["hostBridges: [{id: 8086:09a2, below: [nvme: {id: 144d:a80a}]}]", ""],
  ])("a note counts them: %s", (text, message) => {
    const { notes } = readScenario(text, "f");
    expect(notes.map((note) => note.message)).toEqual(message === "" ? [] : [expect.stringContaining(message)]);
  });

  test("virtual functions of one have no id either, and of another that of the file", () => {
    const vfIds = (id: string): readonly unknown[] => {
      const text = `hostBridges: [below: [{rootPort: , below: [nic: {${id}sriov: {total: 4, vfs: 2}}]}]]`;
      const { functions } = readScenario(text, "f");
      const physical = functions.find(({ sriov }) => sriov !== null);
      const virtual = functions.find(({ physicalFunction }) => physicalFunction !== null);
      const { sriov } = physical ?? {};
      return [sriov === null || sriov === undefined || isUnknown(sriov) ? null : sriov.vfDeviceId, virtual?.deviceId];
    };
    expect(vfIds("")).toEqual([NO_VENDOR, NO_VENDOR]);
    expect(vfIds("id: 15b3:1021, ")).toEqual([0x1021, 0x1021]);
  });
});

describe("Virtual functions", () => {
  const text =
    "hostBridges: [below: [{rootPort: , below: [functions: [nic: {sriov: {total: 300, vfs: 2}}, nic]]}, {rootPort: , below: [nvme]}]]";
  const machine = readScenario(text, "vfs.yaml");

  it("follow the last function of their device, and reserve buses for all that could be", () => {
    // 302 routing ids need two buses: 01 and 02; the next root port's bus is 03.
    const addresses = machine.functions.map(({ bdf }) => formatBdf(bdf).slice(5));
    expect(addresses).toEqual(["00:00.0", "00:01.0", "00:02.0", "01:00.0", "01:00.1", "01:00.2", "01:00.3", "03:00.0"]);
    expect(bridge(machine, "00:01.0")).toMatchObject({ secondary: 1, subordinate: 2 });
    expect(at(machine, "01:00.0").sriov).toMatchObject({ totalVfs: 300, numVfs: 2, firstVfOffset: 2, vfStride: 1 });
  });

  it("know their physical function and have a BAR each", () => {
    expect(at(machine, "01:00.2").physicalFunction).toBe(parseBdf("01:00.0"));
    const [first, second] = ["01:00.2", "01:00.3"].map((address) => known(bar(machine, address, 0).busAddress) ?? 0);
    expect((second ?? 0) - (first ?? 0)).toBe(16 * 1024);
  });
});

describe("What a scenario leaves out is unknown, with the key to add", () => {
  const bare = readScenario("hostBridges: [below: [nvme]]", "f");

  it.each<[string, Known<unknown>, string]>([
    ["the CPU's vendor", bare.cpu.vendor, "`cpu:`"],
    ["the CPU's family", bare.cpu.family, "`cpu:`"],
    ["the kernel", bare.kernel.release, "`kernel:`"],
    ["the IOMMU's mode", bare.iommu.mode, "`iommu:`"],
    ["the IOMMU's kind", bare.iommu.kind, "`iommu:`"],
    ["the DMA mask", bare.functions[1]?.dmaMaskBits ?? 0, "`dmaMaskBits:`"],
    ["the IOMMU group", bare.functions[1]?.iommuGroup ?? 0, "`iommuGroup:`"],
  ])("%s", (_what, value, key) => {
    expect(isUnknown(value) && value.unknown).toContain(key);
  });

  it("A CPU that names its vendor only has an unknown family", () => {
    const { cpu } = readScenario("cpu: {vendor: AuthenticAMD}\nhostBridges: [below: ]", "f");
    expect(isUnknown(cpu.family) && cpu.family.unknown).toContain("add `family:` to `cpu:`");
  });

  it("An Arm CPU has no vendor, which is an answer", () => {
    expect(readScenario("cpu: arm\nhostBridges: [below: ]", "f").cpu.vendor).toBeNull();
  });
});

describe("The kernel's command line", () => {
  it.each([
    ["iommu: off", ""],
    ["iommu: { mode: strict, kind: intel }", "intel_iommu=on iommu.passthrough=0 iommu.strict=1"],
    ["iommu: { mode: lazy, kind: amd }", "iommu.passthrough=0 iommu.strict=0"],
    [
      "iommu: { mode: passthrough, kind: intel }\ncmdline: pci=noats quiet",
      "intel_iommu=on iommu.passthrough=1 pci=noats quiet",
    ],
  ])("of %j", (text, expected) => {
    expect(readScenario(`${text}\nhostBridges: [below: ]`, "f").kernel.commandLine).toBe(expected);
  });
});
