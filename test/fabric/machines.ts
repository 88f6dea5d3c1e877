import type { Route } from "../../src/fabric/route.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import type { DmaAddr, PhysAddr } from "../../src/pci/addresses.ts";
import type { Bar } from "../../src/pci/bar.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, type Known } from "../../src/pci/known.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";

/** The machine of a scenario after its kernel's boot; `hostBridges:` and what follows is the caller's. */
export function machineOf(hostBridges: string, iommu: "off" | "strict" | "passthrough" = "off"): Machine {
  const head = ["cpu: amd-zen", "kernel: 7.2", `iommu: ${iommu}`, "hostBridges:"].join("\n");
  return afterBoot(readScenario(`${head}\n${hostBridges}\n`, "test.yaml"));
}

/** The function with a name of the scenario. */
export function named(machine: Machine, name: string): PciFunction {
  const fn = machine.functions.find(({ names }) => names.includes(name));
  if (fn === undefined) throw new Error(`no function named ${name}`);
  return fn;
}

/** The machine with some fields of a named function replaced. */
export function changed(machine: Machine, name: string, fields: Partial<PciFunction>): Machine {
  const { bdf } = named(machine, name);
  return { ...machine, functions: machine.functions.map((fn) => (fn.bdf === bdf ? { ...fn, ...fields } : fn)) };
}

export function bdfOf(machine: Machine, name: string): Bdf {
  return named(machine, name).bdf;
}

/** A value that the scenario states. */
export function shown<T>(value: Known<T>): T {
  if (isUnknown(value)) throw new Error(value.unknown);
  return value;
}

/** A memory BAR of a named function: the given one, else the first. */
export function barOf(machine: Machine, name: string, index?: number): Bar {
  const bar = shown(named(machine, name).bars).find((one) => index === undefined || one.index === index);
  if (bar === undefined) throw new Error(`${name} has no such BAR`);
  return bar;
}

/** The bus address of a BAR, as a device is given it. */
export function busOf(machine: Machine, name: string, index?: number): DmaAddr {
  return shown(barOf(machine, name, index).busAddress) as number as DmaAddr;
}

/** The CPU physical address of a BAR. */
export function physOf(machine: Machine, name: string, index?: number): PhysAddr {
  return shown(barOf(machine, name, index).physAddress) as PhysAddr;
}

/** `length` bytes that differ from each other and from 0. */
export function pattern(length: number, seed = 1): Uint8Array {
  return Uint8Array.from({ length }, (_, index) => ((index * 7 + seed * 31) % 255) + 1);
}

/** One switch with two devices and a third beside it, whose ports get the given `acs:` of the scenario. */
export function switchMachine(
  acs: { readonly ports?: string; readonly roots?: string } = {},
  iommu: "off" | "strict" | "passthrough" = "off",
): Machine {
  return machineOf(
    `
  - below:
      - rootPort: { acs: ${acs.roots ?? "false"}, name: root1 }
        below:
          - switch: { acs: ${acs.ports ?? "false"}, name: switch }
            below:
              - port: { name: leftPort }
                below: [ { nvme: { cmb: 16M, name: left } } ]
              - port: { name: rightPort }
                below: [ { gpu: { bar: 1G, name: right } } ]
      - rootPort: { acs: ${acs.roots ?? "false"}, name: root2 }
        below:
          - nic: { name: other }`,
    iommu,
  );
}

/** Hops as `left issue`, `root-complex reflect`, …: names of the scenario where a function has one. */
export function hopsOf(machine: Machine, route: Known<Route>): readonly string[] {
  return shown(route).hops.map(({ at, what }) => `${nameAt(machine, at)} ${what}`);
}

/** The name of a function, its address where it has none, or `root-complex`. */
export function nameAt(machine: Machine, at: Bdf | "root-complex"): string {
  if (at === "root-complex") return at;
  return machine.functions.find(({ bdf }) => bdf === at)?.names[0] ?? formatBdf(at);
}
