import { buildSystem, type System } from "../../src/devices/system.ts";
import type { SystemOptions } from "../../src/devices/system-options.ts";
import type { DmaOps } from "../../src/dma/dma-ops.ts";
import type { IommuMode, Machine } from "../../src/host/machine.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";

/** The machine of a scenario after its kernel's boot; `hostBridges:` and what follows is the caller's. */
export function machineOf(hostBridges: string, iommu: IommuMode = "off", extra = "cpu: amd-zen"): Machine {
  const head = ["scenario: test", extra, "kernel: 7.2", `iommu: ${iommu}`, "hostBridges:"].join("\n");
  return afterBoot(qemuMachineOf(`${head}\n${hostBridges}\n`, "test.yaml"));
}

/** The address of the function with a name of the scenario. */
export function bdfOf(machine: Machine, name: string): Bdf {
  const fn = machine.functions.find(({ names }) => names.includes(name));
  if (fn === undefined) throw new Error(`no function named ${name}`);
  return fn.bdf;
}

/** `lengthBytes` bytes that differ from their neighbours and from 0. */
export function pattern(lengthBytes: number, seed = 1): Uint8Array {
  return Uint8Array.from(
    { length: lengthBytes },
    (_, index) => ((index * 7 + (index >>> 8) * 13 + seed * 31) % 255) + 1,
  );
}

const portIds = "portId: 1000:c030";

/**
 * A switch of real hardware with two drives, a NIC and a GPU; beside it a drive with a buffer and a NIC below root ports
 * of their own.
 */
export function serverMachine(iommu: IommuMode = "off", acs = "false", cpu = "cpu: amd-zen"): Machine {
  return machineOf(
    `
  - id: 8086:29c0
    below:
      - rootPort: { name: root1, acs: ${acs} }
        below:
          - switch: { id: 1000:c030, ${portIds}, acs: ${acs}, name: switch }
            below:
              - nvme: { cmb: 1M, name: cmb0 }
              - nvme: { name: nvme0 }
              - nic: { name: nic0 }
              - gpu: { bar: 256M, name: gpu0 }
      - rootPort: { name: root2, acs: ${acs} }
        below:
          - nvme: { cmb: 1M, name: cmb1 }
      - rootPort: { name: root3, acs: ${acs} }
        below:
          - nic: { name: nic1 }`,
    iommu,
    cpu,
  );
}

/** The same below one switch as the emulator has it. */
export function emulatedMachine(iommu: IommuMode): Machine {
  return machineOf(
    `
  - id: 8086:29c0
    below:
      - rootPort: { name: root1, id: 1b36:000c }
        below:
          - switch: { acs: false, name: switch, id: 104c:8232, portId: 104c:8233 }
            below:
              - nvme: { cmb: 1M, name: cmb0, id: 1b36:0010 }
              - nvme: { name: nvme0, id: 1b36:0010 }
              - nic: { name: nic0, id: 8086:10d3 }
              - gpu: { bar: 256M, name: gpu0, id: 1234:1111 }`,
    iommu,
  );
}

/** A system and its functions by name. */
export interface Bench {
  readonly system: System;
  readonly fn: (name: string) => Bdf;
}

export function benchOf(machine: Machine, options: SystemOptions = {}): Bench {
  return { system: buildSystem(machine, options), fn: (name) => bdfOf(machine, name) };
}

/** Whether two runs of bytes are the same: `toEqual` takes a microsecond a byte. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

/** A back end by another name, which maps as the one beneath; `onCall` hears of each call. */
export function wrapped(
  beneath: DmaOps,
  own: Pick<DmaOps, "name" | "takesPeers">,
  onCall: (call: string) => void = () => {},
): DmaOps {
  return new Proxy(beneath, {
    get: (ops, key) => {
      if (key === "name" || key === "takesPeers") return own[key];
      const value: unknown = Reflect.get(ops, key, ops);
      if (typeof value !== "function") return value;
      return (...given: unknown[]): unknown => {
        onCall(String(key));
        return Reflect.apply(value, ops, given);
      };
    },
  });
}
