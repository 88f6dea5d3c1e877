import { describe, expect, it } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { PERMIT_READ } from "../../src/iommu/page-table.ts";
import { reservedRanges } from "../../src/iommu/reserved.ts";
import { IommuUnits } from "../../src/iommu/units.ts";
import { iova, PAGE_BYTES, physAddr } from "../../src/pci/addresses.ts";
import { type Bdf, parseBdf } from "../../src/pci/bdf.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";

function machineWith(iommu: string): Machine {
  const text = `kernel: 7.2
cpu: amd-zen
iommu: ${iommu}
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below:
          - functions: [nvme: { cmb: 16M }, nvme]
      - rootPort: { at: 05.0 }
        below: [nvme: {}]
`;
  return afterBoot(readScenario(text, "units.yaml"));
}

function bdf(text: string): Bdf {
  const parsed = parseBdf(text);
  if (parsed === undefined) throw new Error(text);
  return parsed;
}

const FIRST = bdf("01:00.0");
const SECOND = bdf("01:00.1");
const APART = bdf("02:00.0");

describe("The IOMMU units of a machine", () => {
  it("give functions of one group one domain, and others another", () => {
    const units = new IommuUnits(machineWith("strict"));
    expect(units.membersOfGroup(FIRST)).toContain(SECOND);
    expect(units.domainOf(FIRST)).toBe(units.domainOf(SECOND));
    expect(units.domainOf(FIRST)).not.toBe(units.domainOf(APART));
    expect(units.domainOf(FIRST)?.invalidation).toBe("strict");
  });

  it("translate by the group's domain and log what they refuse", () => {
    const units = new IommuUnits(machineWith("lazy"));
    const domain = units.domainOf(FIRST);
    expect(domain?.invalidation).toBe("lazy");
    domain?.map(iova(0x10000), physAddr(0x7000), PAGE_BYTES, PERMIT_READ);
    expect(units.translate(SECOND, iova(0x10010), false)).toEqual({ ok: true, phys: 0x7010, contiguousBytes: 0xff0 });
    expect(units.translate(SECOND, iova(0x10010), true)).toEqual({ ok: false, reason: "no-write" });
    expect(units.translate(APART, iova(0x10010), false)).toEqual({ ok: false, reason: "not-present" });
    expect(units.faults.map(({ requester, reason }) => [requester, reason])).toEqual([
      [SECOND, "no-write"],
      [APART, "not-present"],
    ]);
    units.clearFaults();
    expect(units.faults).toEqual([]);
  });

  it("keep a bounded log of faults and count the rest", () => {
    const units = new IommuUnits(machineWith("strict"));
    for (let count = 0; count < 5000; count++) units.resolve(FIRST, iova(0x1000), false);
    expect(units.faults.length + units.droppedFaults).toBe(5000);
    expect(units.faults.length).toBeLessThan(5000);
  });

  it("pass addresses through in passthrough, until a user of a group attaches a domain", () => {
    const units = new IommuUnits(machineWith("passthrough"));
    expect(units.translates(FIRST)).toBe(false);
    expect(units.domainOf(FIRST)).toBeNull();
    const vm = {};
    units.attach(FIRST, "blocked", vm);
    expect(units.translates(SECOND)).toBe(true);
    expect(units.translate(SECOND, iova(0), true)).toEqual({ ok: false, reason: "blocked" });
    const guest = units.newDomain();
    expect(() => units.attach(FIRST, guest)).toThrow("is held by another user");
    units.attach(FIRST, guest, vm);
    expect(units.domainOf(SECOND)).toBe(guest);
    expect(units.dmaDomainOf(SECOND)).toBeNull();
    expect(() => units.attach(SECOND, units.newDomain())).toThrow("another user's domain");
    expect(() => units.attach(SECOND, "blocked")).toThrow("another user's domain");
    expect(units.domainOf(SECOND)).toBe(guest);
    units.attach(FIRST, "blocked", vm);
    expect(units.translate(SECOND, iova(0), true)).toEqual({ ok: false, reason: "blocked" });
    units.detach(FIRST);
    expect(units.translates(FIRST)).toBe(false);
  });

  it("translate nothing when off, and can be asked for where the source has none", () => {
    const off = new IommuUnits(machineWith("off"));
    expect(off.mode).toBe("off");
    expect(off.translates(FIRST)).toBe(false);
    expect(() => off.attach(FIRST, off.newDomain())).toThrow("no IOMMU translates 0000:01:00.0");
    expect(off.translate(FIRST, iova(0), true)).toEqual({ ok: false, reason: "no-domain" });
    expect(new IommuUnits(machineWith("off"), { mode: "strict" }).translates(FIRST)).toBe(true);
  });

  it("refuse and log a requester id that no function has, unless addresses pass through", () => {
    const nobody = bdf("7f:00.0");
    for (const mode of ["strict", "lazy"] as const) {
      const units = new IommuUnits(machineWith(mode));
      expect(units.translates(nobody)).toBe(true);
      expect(units.translate(nobody, iova(0x1000), true)).toEqual({ ok: false, reason: "no-domain" });
      expect(units.faults).toEqual([{ requester: nobody, address: 0x1000, isWrite: true, reason: "no-domain" }]);
    }
    for (const mode of ["passthrough", "off"] as const) {
      expect(new IommuUnits(machineWith(mode)).translates(nobody)).toBe(false);
    }
  });

  it("leave functions out of scope alone", () => {
    const units = new IommuUnits(machineWith("strict"), { inScope: (requester) => requester === APART });
    expect(units.translates(APART)).toBe(true);
    expect(units.translates(FIRST)).toBe(false);
  });

  it("follow the type that sysfs shows for a group", () => {
    const machine = machineWith("strict");
    const group = new IommuUnits(machine, { groups: new Map([[FIRST, 7]]) });
    expect(group.translates(FIRST)).toBe(true);
    const groupTypes = new Map([[7, "identity"]]);
    const identity = { ...machine, iommu: { ...machine.iommu, groupTypes } };
    expect(new IommuUnits(identity, { groups: new Map([[FIRST, 7]]) }).translates(FIRST)).toBe(false);
    expect(new IommuUnits(identity, { groups: new Map([[FIRST, 7]]), mode: "lazy" }).translates(FIRST)).toBe(true);
    const lazy = {
      ...machine,
      iommu: { ...machine.iommu, mode: "passthrough" as const, groupTypes: new Map([[7, "DMA-FQ"]]) },
    };
    const units = new IommuUnits(lazy, {
      groups: new Map([
        [FIRST, 7],
        [APART, 8],
      ]),
    });
    expect(units.domainOf(FIRST)?.invalidation).toBe("lazy");
    expect(units.translates(APART)).toBe(false);
  });

  it("keep IOVAs out of every memory window of the host bridges", () => {
    const machine = machineWith("strict");
    const windows = isUnknown(machine.hostBridges)
      ? []
      : machine.hostBridges.flatMap((bridge) => (isUnknown(bridge.windows) ? [] : bridge.windows));
    const reserved = reservedRanges(machine);
    for (const window of windows.filter(({ kind }) => kind === "memory")) {
      expect(reserved.some((range) => range.start === window.busStart && range.sizeBytes === window.sizeBytes)).toBe(
        true,
      );
    }
    expect(reserved.some(({ start }) => start === 0xfee0_0000)).toBe(true);
  });

  it("say what a source hides and the way out, where it matters", () => {
    const machine = machineWith("strict");
    const hidden = unknown("needs root");
    const noWindows: Machine = { ...machine, hostBridges: hidden };
    expect(() => new IommuUnits(noWindows).domainOf(FIRST)).toThrow("host bridges: needs root");
    expect(new IommuUnits(noWindows, { reserved: [] }).domainOf(FIRST)).not.toBeNull();
    const noMode: Machine = { ...machine, iommu: { ...machine.iommu, mode: hidden } };
    expect(() => new IommuUnits(noMode)).toThrow("the mode of the IOMMU is hidden: needs root");
    const noGroups: Machine = {
      ...machine,
      functions: machine.functions.map((fn) => ({ ...fn, acs: hidden, iommuGroup: hidden })),
    };
    expect(() => new IommuUnits(noGroups)).toThrow("the IOMMU groups are hidden");
    const passing = new IommuUnits(noGroups, { mode: "passthrough" });
    expect(passing.translates(FIRST)).toBe(false);
    expect(() => passing.attach(FIRST, "blocked")).toThrow("the IOMMU groups are hidden");
    expect(passing.translates(FIRST), "a failed attach changes nothing").toBe(false);
  });
});
