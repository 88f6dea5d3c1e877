import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, it } from "vitest";
import { ArchiveTree, gunzip } from "../../../src/host/archive.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { readScenario } from "../../../src/host/scenario/index.ts";
import { readSysfs } from "../../../src/host/sysfs.ts";
import { afterBoot } from "../../../src/p2pdma/index.ts";
import type { Bar } from "../../../src/pci/bar.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { isUnknown } from "../../../src/pci/known.ts";

const captures = join(import.meta.dirname, "../../machines");
const scenarios = join(import.meta.dirname, "../../vm/scenarios");

/** QEMU gives no ACS to its model of Intel's root port, whatever the scenario says. */
const WITHOUT_ACS_IN_QEMU = ["8086:3420"];

const archives = existsSync(captures)
  ? readdirSync(captures).filter((file) => /^[\w-]+\.\S+\.tar\.gz$/.test(file))
  : [];
const boots = archives.flatMap((file) => {
  const match = /^([\w-]+)\.(amd-zen|intel)\.(off|strict|passthrough)\.tar\.gz$/.exec(file);
  const [, name = "", cpu = "", mode = ""] = match ?? [];
  return match !== null && existsSync(join(scenarios, `${name}.yaml`)) ? [{ file, name, cpu, mode }] : [];
});

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
    acs: fn.acs,
    attachment: fn.attachment,
    driver: isEndpoint && fn.driver !== "nvme" ? "any" : fn.driver,
    bars: isUnknown(bars) || !isEndpoint ? null : bars.filter(({ index }) => index < 6).map(shapeOf),
    p2pmem: isUnknown(p2pmem) || p2pmem === null ? null : [p2pmem.sizeBytes, p2pmem.published],
  };
}

function shapeOf({ index, kind, is64Bit, prefetchable, sizeBytes }: Bar): unknown {
  return { index, kind, is64Bit, prefetchable, sizeBytes };
}

async function capturedMachine(file: string): Promise<Machine> {
  const bytes = new Uint8Array(readFileSync(join(captures, file)));
  return readSysfs(new ArchiveTree(await gunzip(bytes, file), file));
}

it.skipIf(boots.length === 0)(
  "Every function of a scenario is in the machine that a real kernel booted from it, the same",
  async () => {
    let compared = 0;
    for (const { file, name, cpu, mode } of boots) {
      const text = readFileSync(join(scenarios, `${name}.yaml`), "utf8");
      const machine = afterBoot(readScenario(`cpu: ${cpu}\niommu: ${mode}\n${text}`, `${name}.yaml`));
      const real = new Map((await capturedMachine(file)).functions.map((fn) => [fn.bdf, fn]));
      for (const fn of machine.functions) {
        const twin = real.get(fn.bdf);
        const ids = `${Number(fn.vendorId).toString(16)}:${Number(fn.deviceId).toString(16)}`;
        const expected = WITHOUT_ACS_IN_QEMU.includes(ids) ? { ...fn, acs: null } : fn;
        expect(twin && stated(twin), `${formatBdf(fn.bdf)} of ${file}`).toEqual(stated(expected));
        compared++;
      }
    }
    expect(compared).toBeGreaterThan(boots.length * 4);
  },
);
