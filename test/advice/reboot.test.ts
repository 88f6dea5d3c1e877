import { describe, expect, it } from "vitest";
import { changedSinceBoot, reboot } from "../../src/advice/reboot.ts";
import { applyChanges } from "../../src/advice/what-if/apply.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { type Bdf, makeBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { captureNames, readCapturedMachine } from "../machines/captures.ts";
import { groupSets } from "../vm/compare.ts";

type Booted = Pick<PciFunction, "bdf" | "acs">;

function bootedParts({ bdf, acs }: PciFunction): Booted {
  return { bdf, acs };
}

describe("A machine that is booted again without a change", () => {
  it.each(captureNames)("%s: has the ACS control and the IOMMU groups that it had", (name) => {
    const machine = readCapturedMachine(name);
    const again = reboot(machine, machine);
    expect(again.functions.map(bootedParts)).toEqual(machine.functions.map(bootedParts));
    expect(groupSets(again)).toEqual(groupSets(machine));
    expect(again.functions.every(({ iommuGroup }) => iommuGroup === null || isUnknown(iommuGroup))).toBe(true);
    expect(changedSinceBoot(machine)).toEqual([]);
  });
});

describe("A machine that is booted with another command line or IOMMU mode", () => {
  const recorded = captureNames.filter((name) => name.includes(".strict.by-"));

  it.each(recorded)("becomes %s, which a real kernel booted so", (name) => {
    const before = readCapturedMachine(name.replace(/\.by-.*/, ""));
    const real = readCapturedMachine(name);
    const parameter = /pci=\S+/.exec(String(real.kernel.commandLine))?.[0] ?? "";
    const foretold = applyChanges(before, [{ kind: "parameters", text: parameter }]);
    expect(groupSets(foretold)).toEqual(groupSets(real));
    expect(controls(foretold.functions, true)).toEqual(controls(real.functions, true, foretold.functions));
  });

  it.each(captureNames.filter((name) => name.endsWith(".off")))(
    "%s: turns the IOMMU on as the real kernel did",
    (name) => {
      const before = readCapturedMachine(name);
      for (const mode of ["strict", "passthrough"]) {
        const real = readCapturedMachine(name.replace(/off$/, mode));
        const foretold = applyChanges(before, [{ kind: "iommu", mode }]);
        expect(controls(foretold.functions, false)).toEqual(controls(real.functions, false));
        expect(groupSets(foretold)).toEqual(groupSets(real));
      }
    },
  );

  it("does not know what firmware left where the running kernel wrote over it", () => {
    const off = applyChanges(readCapturedMachine("one-switch.intel.strict"), [{ kind: "iommu", mode: "off" }]);
    const port = off.functions.find(({ bdf }) => bdf === makeBdf(0, 0, 4, 0));
    expect(port?.acs).toHaveProperty("unknown");
    expect(off.functions.every(({ iommuGroup }) => iommuGroup === null)).toBe(true);
  });

  it("knows it of a scenario, which states what firmware leaves", () => {
    const text = "kernel: 7.2\niommu: strict\ncpu: intel\nhostBridges: [{ below: [rootPort: { at: 04.0, acs: TB+ }] }]";
    const booted = afterBoot(readScenario(text, "s.yaml"));
    const off = applyChanges(booted, [{ kind: "iommu", mode: "off" }]);
    expect(off.functions.flatMap(({ acs }) => (acs === null ? [] : [acs]))).toEqual([
      { capability: 0x5f, control: 0x02, firmwareControl: 0x02 },
    ]);
  });
});

describe("What was written to a register after boot", () => {
  it("is seen, and undone by the next boot", () => {
    const machine = readCapturedMachine("one-switch.intel.strict");
    const port = makeBdf(0, 0, 4, 0);
    const written = applyChanges(machine, [{ kind: "acs", device: port, set: 0, clear: 0x0c }]);
    expect(changedSinceBoot(written)).toEqual([{ device: port, bits: 0x0c }]);
    expect(groupSets(written)).toEqual(groupSets(machine));
    const again = reboot(written, written);
    expect(again.functions.map(bootedParts)).toEqual(machine.functions.map(bootedParts));
    expect(groupSets(again)).toEqual(groupSets(machine));
  });
});

/** ACS control by address; with `certainIn`, only the bits that are certain there. */
function controls(
  functions: readonly PciFunction[],
  isMasked: boolean,
  certainIn: readonly PciFunction[] = functions,
): [Bdf, number][] {
  return functions.flatMap(({ bdf, acs }): [Bdf, number][] => {
    if (acs === null || "unknown" in acs) return [];
    const mask = certainIn.find((fn) => fn.bdf === bdf)?.acs;
    const uncertain =
      isMasked && mask !== null && mask !== undefined && !("unknown" in mask) ? (mask.uncertain ?? 0) : 0;
    return [[bdf, acs.control & ~uncertain]];
  });
}
