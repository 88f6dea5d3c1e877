import { expect, it } from "vitest";
import { scenarioMachine } from "../../../src/host/scenario/scenario-machine.ts";
import type { Bar } from "../../../src/pci/bar.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { afterBoot } from "../../../src/rules/boot-acs.ts";
import { asQemuBuilds } from "../../../src/vm/qemu-ids.ts";
import { captureNames, readCapturedMachine } from "../../machines/captures.ts";
import { listBoots } from "../../vm/boots.ts";

/** QEMU gives no ACS to its model of Intel's root port, whatever the scenario says. */
const WITHOUT_ACS_IN_QEMU = ["8086:3420"];

const boots = listBoots().filter(({ name }) => captureNames.includes(name));

/** What a scenario states or implies of a function, in the words of both sources. */
function stated(fn: PciFunction): unknown {
  const { express, bridge, bars, p2pmem } = fn;
  const isEndpoint = bridge === null;
  return {
    ids: [fn.vendorId, fn.deviceId].map((id) => Number(id).toString(16).padStart(4, "0")).join(":"),
    classCode: fn.classCode,
    multifunction: fn.multifunction,
    type: isUnknown(express) ? express : (express?.type ?? null),
    buses: isUnknown(bridge) || bridge === null ? null : [bridge.primary, bridge.secondary, bridge.subordinate],
    acs: isUnknown(fn.acs) || fn.acs === null ? fn.acs : [fn.acs.capability, fn.acs.control],
    attachment: fn.attachment,
    driver: isEndpoint && fn.driver !== "nvme" ? "any" : fn.driver,
    bars: isUnknown(bars) || !isEndpoint ? null : bars.filter(({ index }) => index < 6).map(shapeOf),
    p2pmem: isUnknown(p2pmem) || p2pmem === null ? null : [p2pmem.sizeBytes, p2pmem.published],
  };
}

function shapeOf({ index, kind, is64Bit, prefetchable, sizeBytes }: Bar): unknown {
  return { index, kind, is64Bit, prefetchable, sizeBytes };
}

it("There are recorded boots to compare with, some with ACS redirect disabled by parameter", () => {
  expect(boots.length).toBeGreaterThanOrEqual(60);
  expect(boots.some(({ scenario }) => scenario.commandLine.includes("disable_acs_redir"))).toBe(true);
});

it.each(boots)(
  "$name: every function of the scenario is in the machine that a real kernel booted from it, the same",
  (boot) => {
    const machine = afterBoot(scenarioMachine(asQemuBuilds(boot.scenario)));
    const real = new Map(readCapturedMachine(boot.name).functions.map((fn) => [fn.bdf, fn]));
    for (const fn of machine.functions) {
      const twin = real.get(fn.bdf);
      const ids = `${Number(fn.vendorId).toString(16)}:${Number(fn.deviceId).toString(16)}`;
      const expected = WITHOUT_ACS_IN_QEMU.includes(ids) ? { ...fn, acs: null } : fn;
      expect(twin && stated(twin), formatBdf(fn.bdf)).toEqual(stated(expected));
    }
  },
);
