import { describe, expect, test } from "vitest";
import { createFabric } from "../../src/fabric/fabric.ts";
import type { FabricOptions } from "../../src/fabric/options.ts";
import { IommuUnits } from "../../src/iommu/units.ts";
import type { DmaAddr, PhysAddr } from "../../src/pci/addresses.ts";
import { unknown } from "../../src/pci/known.ts";
import { rows } from "../rows.ts";
import { bdfOf, busOf, changed, hopsOf, machineOf, named, pattern, shown } from "./machines.ts";

const machine = machineOf(
  `
  - below:
      - rootPort: { acs: false }
        below: [ { accel: { name: peer, bars: { 0: "1M" } } } ]
      - rootPort: { acs: false }
        below: [ { nic: { name: plain } } ]
      - rootPort: { acs: false }
        below: [ { nic: { name: withAts, ats: true } } ]`,
  "strict",
);

describe("Message-signalled interrupts: writes to 0xfee00000 and on are no DMA", () => {
  test.each(
    rows(`
      // address   | bytes | kind  | outcome
      0xfee00000   | 4     | write | delivered             // an interrupt
      0xfeefffec   | 4     | write | delivered
      0xfee00002   | 4     | write | unsupported-request   // not aligned
      0xfee00000   | 64    | write | unsupported-request   // no interrupt is as long
      0xfee00000   | 4     | read  | unsupported-request
      0xfedfff00   | 4     | write | iommu-fault           // before the range: DMA
      0xfef00000   | 4     | write | iommu-fault           // behind it`),
  )("%s, %s bytes, %s: %s", (address, bytes, kind, outcome) => {
    const units = new IommuUnits(machine);
    const fabric = createFabric(machine, { translator: units });
    const at = Number(address) as DmaAddr;
    const done = fabric[kind as "write" | "read"](bdfOf(machine, "plain"), at, new Uint8Array(Number(bytes)));
    expect(done).toBe(outcome);
    expect(units.faults).toHaveLength(outcome === "iommu-fault" ? 1 : 0);
    if (outcome === "delivered") {
      expect(shown(fabric.lastRoute()).target).toEqual({ kind: "interrupt", address: at });
      expect(fabric.dram.storedPages()).toEqual([]);
      expect(fabric.counters.dramWrittenBytes).toBe(0);
    }
  });

  test("without an IOMMU too; on arm64 the range is like any other", () => {
    const x86 = createFabric(machine);
    expect(x86.write(bdfOf(machine, "plain"), 0xfee00000 as DmaAddr, new Uint8Array(4))).toBe("delivered");
    expect(x86.dram.storedPages()).toEqual([]);
    const arm = { ...machine, cpu: { ...machine.cpu, architecture: "aarch64" } };
    const fabric = createFabric(arm, { ram: [{ start: 0xfee00000 as PhysAddr, sizeBytes: 4096 }] });
    expect(fabric.write(bdfOf(machine, "plain"), 0xfee00000 as DmaAddr, pattern(4))).toBe("delivered");
    expect(fabric.dram.slice(0xfee00000, 4)).toEqual(pattern(4));
  });
});

describe("Requests of no bytes are routed as any other, and move nothing", () => {
  const fabric = () => createFabric(machine, { ram: [{ start: 0 as PhysAddr, sizeBytes: 2 ** 20 }] });
  const plain = bdfOf(machine, "plain");

  test.each(["write", "read"] as const)("a %s to a peer arrives, one to nobody does not", (kind) => {
    const one = fabric();
    expect(one[kind](plain, busOf(machine, "peer"), new Uint8Array(0))).toBe("delivered");
    expect(hopsOf(machine, one.lastRoute()).some((hop) => hop.startsWith("peer "))).toBe(true);
    expect(one.counters.requests).toBe(1);
    expect(one.barBytes(bdfOf(machine, "peer"), 0).storedPages()).toEqual([]);
    const end = (busOf(machine, "peer") + 2 ** 30) as DmaAddr;
    expect(fabric()[kind](plain, end, new Uint8Array(0))).toBe("unsupported-request");
  });

  test("with an IOMMU that maps nothing they fault, and with bus mastering off none is issued", () => {
    const units = new IommuUnits(machine);
    const one = createFabric(machine, { translator: units });
    expect(one.read(plain, 0x1000 as DmaAddr, new Uint8Array(0))).toBe("iommu-fault");
    expect(units.faults).toHaveLength(1);
    one.setCommand(plain, 0x2);
    expect(one.write(plain, 0x1000 as DmaAddr, new Uint8Array(0))).toBe("not-issued");
  });

  test("of the CPU as well", () => {
    expect(fabric().cpuWrite(0x1000 as PhysAddr, new Uint8Array(0))).toBe("delivered");
    expect(fabric().cpuRead(busOf(machine, "peer") as number as PhysAddr, new Uint8Array(0))).toBe("delivered");
  });
});

describe("Two functions of one device on a root bus", () => {
  const twins = machineOf(`
  - below:
      - functions:
          - accel: { name: a, bars: { 0: "1M" } }
          - accel: { name: b, bars: { 0: "1M" } }
      - accel: { name: c, bars: { 0: "1M" } }`);

  test.each(
    rows(`
      // from | to | inside devices | root complex | outcome             | through the root complex
      a       | b  | direct         | refuse       | delivered           | no
      a       | b  | upstream       | refuse       | unsupported-request | yes
      a       | b  | upstream       | forward      | delivered           | yes
      a       | c  | direct         | refuse       | unsupported-request | yes    // another device
      a       | c  | direct         | forward      | delivered           | yes`),
  )(
    "%s to %s, %s inside, a root complex that says %s: %s",
    (from, to, insideDevices, rootComplex, outcome, through) => {
      const options = { insideDevices, rootComplex } as FabricOptions;
      for (const kind of ["write", "read"] as const) {
        const fabric = createFabric(twins, options);
        expect(fabric[kind](bdfOf(twins, from), busOf(twins, to), pattern(8))).toBe(outcome);
        const hops = hopsOf(twins, fabric.lastRoute());
        expect(hops.some((hop) => hop.startsWith("root-complex")) ? "yes" : "no").toBe(through);
        expect(fabric.counters.rootComplexBytes > 0).toBe(through === "yes" && outcome === "delivered");
      }
    },
  );

  test("ACS redirect of the function sends the request to the root complex all the same", () => {
    const redirecting = changed(twins, "a", { acs: { capability: 0x4, control: 0x4 } });
    const fabric = createFabric(redirecting, { rootComplex: "forward" });
    expect(fabric.write(bdfOf(twins, "a"), busOf(twins, "b"), pattern(8))).toBe("delivered");
    expect(hopsOf(redirecting, fabric.lastRoute())).toContain("root-complex reflect");
  });
});

describe("Translated requests where the IOMMU translates the requester", () => {
  const at = (of = machine, name = "plain", mode: "strict" | "passthrough" = "strict") => {
    const fabric = createFabric(of, { translator: new IommuUnits(of, { mode }) });
    return { fabric, write: () => fabric.write(bdfOf(of, name), busOf(of, "peer"), pattern(8), "translated") };
  };
  const withAts = (decoded: Record<string, boolean>) => {
    const capabilities = shown(named(machine, "withAts").capabilities).map((one) =>
      one.space === "extended" && one.id === 0x0f ? { ...one, decoded } : one,
    );
    return changed(machine, "withAts", { capabilities });
  };

  test("of a function without ATS, or with ATS off, are faults, and reach nobody", () => {
    const plain = at();
    expect(plain.write()).toBe("iommu-fault");
    expect(shown(plain.fabric.lastRoute()).reason).toContain("no ATS, or has it off");
    expect(at(withAts({ enabled: false }), "withAts").write()).toBe("iommu-fault");
  });

  test("of a function with ATS on are taken at their word", () => {
    expect(at(machine, "withAts").write()).toBe("delivered");
    expect(at(withAts({ enabled: true }), "withAts").write()).toBe("delivered");
  });

  test("of a function whose capabilities are hidden are unknown", () => {
    const hidden = changed(machine, "plain", { capabilities: unknown("not root") });
    expect(() => at(hidden).write()).toThrow("whether the requester has ATS on is hidden");
  });

  test("in passthrough nobody checks them", () => {
    expect(at(machine, "plain", "passthrough").write()).toBe("delivered");
  });
});
