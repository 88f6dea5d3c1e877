import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { asQemuBuilds } from "../../src/vm/qemu-ids.ts";
import { readCapture, readCapturedMachine } from "../machines/captures.ts";
import { listBoots } from "./boots.ts";
import { comparePairs } from "./compare.ts";

/** ACS control of each function that has ACS. */
function acsControl(machine: Machine, only: ReadonlySet<Bdf>): Record<string, number | "unknown"> {
  const found: Record<string, number | "unknown"> = {};
  for (const { bdf, acs } of machine.functions) {
    if (only.has(bdf) && acs !== null) found[formatBdf(bdf)] = isUnknown(acs) ? "unknown" : acs.control;
  }
  return found;
}

describe("a scenario, put through the rules of the boot, is the machine that the kernel booted", () => {
  test.for(listBoots())("$name", ({ name, scenario }) => {
    const written = afterBoot(scenarioMachine(asQemuBuilds(scenario)));
    const booted = readCapturedMachine(name);
    const functions = new Set(written.functions.map(({ bdf }) => bdf));
    expect(acsControl(written, functions)).toEqual(acsControl(booted, functions));
    expect(comparePairs(written, readCapture(name).pairs).filter(({ differences }) => differences.length > 0)).toEqual(
      [],
    );
  });
});
