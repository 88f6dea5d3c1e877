import { readFileSync } from "node:fs";
import { join } from "node:path";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { type Bdf, busKeyOf, formatBdf } from "../../src/pci/bdf.ts";
import { deviceKind, isBridge } from "../../src/pci/device-kind.ts";
import type { PciExpress } from "../../src/pci/express.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { readCapturedMachine } from "../machines/captures.ts";

/*
 * Faults that a fleet's machines have, each made in one machine as its source would show it.
 */

/** The machine of one of the examples, booted. */
export function exampleMachine(name: string): Machine {
  const file = join(import.meta.dirname, "../../examples", `${name}.yaml`);
  return askWhatIf(readScenario(readFileSync(file, "utf8"), name), {}, false).before;
}

/** Machines that fleets are made of: from scenarios, and as real kernels showed them. */
export const BASES: Readonly<Record<string, () => Machine>> = {
  "gpu-server": () => withRegisters(exampleMachine("gpu-nic-server")),
  "nested-switches": () => withRegisters(exampleMachine("nested-switches")),
  "recorded-switch": () => withRegisters(readCapturedMachine("one-switch.intel.strict")),
};

/** The function at a place of the kind's list. */
export function nth(machine: Machine, kind: "gpu" | "nic" | "nvme", index: number): PciFunction {
  const list = machine.functions.filter((fn) => !isBridge(fn) && deviceKind(fn) === kind);
  const fn = list[index % list.length];
  if (fn === undefined) throw new Error(`${machine.source.name} has no ${kind}`);
  return fn;
}

/** The machine with some functions other than they are. */
function changed(machine: Machine, at: readonly Bdf[], change: (fn: PciFunction) => PciFunction): Machine {
  return { ...machine, functions: machine.functions.map((fn) => (at.includes(fn.bdf) ? change(fn) : fn)) };
}

function above(fn: PciFunction): Bdf {
  if (isUnknown(fn.attachment) || fn.attachment.upstream === null) throw new Error("nothing is above it");
  return fn.attachment.upstream;
}

function withExpress(fn: PciFunction, change: (express: PciExpress) => PciExpress): PciFunction {
  if (isUnknown(fn.express) || fn.express === null) throw new Error(`${formatBdf(fn.bdf)} has no PCI Express`);
  return { ...fn, express: change(fn.express) };
}

/** Another Device Control register of one device: MaxPayload in bits 5 to 7, MaxReadReq in bits 12 to 14. */
function withDeviceControl(machine: Machine, at: number, deviceControl: number): Machine {
  return changed(machine, [endpoint(machine, at).bdf], (fn) =>
    withExpress(fn, (express) => ({
      ...express,
      registers: { ...(express.registers as Exclude<PciExpress["registers"], { unknown: string }>), deviceControl },
    })),
  );
}

/** A link by both of its ends. */
function withLink(machine: Machine, fn: PciFunction, state: { speedGTps?: number; width?: number }): Machine {
  return changed(machine, [fn.bdf, above(fn)], (end) =>
    withExpress(end, (express) => ({
      ...express,
      linkStatus: { ...(express.linkStatus as { speedGTps: number; width: number }), ...state },
    })),
  );
}

/** Gives every function ids, registers, links that are up, and a Device Control of 256 bytes. */
function withRegisters(machine: Machine): Machine {
  const registers = {
    ...{ deviceCapabilities: 0x8022, deviceControl: 0x2930, deviceStatus: 0, linkCapabilities: 0, linkControl: 0 },
    ...{
      linkStatus: 0,
      deviceCapabilities2: 0,
      deviceControl2: 0,
      linkCapabilities2: 0,
      linkControl2: 0,
      linkStatus2: 0,
    },
  };
  const link = { speedGTps: 32, width: 16 };
  return {
    ...machine,
    functions: machine.functions
      .map((fn) => ({
        ...fn,
        vendorId: isUnknown(fn.vendorId) ? 0x1234 : fn.vendorId,
        deviceId: isUnknown(fn.deviceId) ? 0x11 : fn.deviceId,
      }))
      .map((fn) =>
        isUnknown(fn.express) || fn.express === null
          ? fn
          : withExpress(fn, (express) => ({ ...express, registers, linkStatus: link, linkCapable: link })),
      ),
  };
}

/** Buses from one on have numbers higher by one, as another firmware numbers them. */
function renumbered(machine: Machine): Machine {
  const move = (bdf: Bdf): Bdf => (busKeyOf(bdf) % 256 === 0 ? bdf : ((bdf + 0x100) as Bdf));
  const bus = (number: number): number => (number === 0 ? 0 : number + 1);
  const busKey = (key: number): number => (key % 256 === 0 ? key : key + 1);
  return {
    ...machine,
    hostBridges: isUnknown(machine.hostBridges)
      ? machine.hostBridges
      : machine.hostBridges.map((bridge) => ({ ...bridge, rootBus: busKey(bridge.rootBus) })),
    functions: machine.functions.map((fn) => ({
      ...fn,
      bdf: move(fn.bdf),
      bridge:
        isUnknown(fn.bridge) || fn.bridge === null
          ? fn.bridge
          : {
              ...fn.bridge,
              primary: bus(fn.bridge.primary),
              secondary: bus(fn.bridge.secondary),
              subordinate: bus(fn.bridge.subordinate),
            },
      attachment: isUnknown(fn.attachment)
        ? fn.attachment
        : {
            upstream: fn.attachment.upstream === null ? null : move(fn.attachment.upstream),
            rootBus: busKey(fn.attachment.rootBus),
          },
      physicalFunction:
        isUnknown(fn.physicalFunction) || fn.physicalFunction === null
          ? fn.physicalFunction
          : move(fn.physicalFunction),
    })),
  };
}

/** A fault, what the fleet has to call it, and how its words have to begin or go on. */
export interface Fault {
  readonly kind: string;
  readonly says: RegExp;
  plant(machine: Machine, at: number): Machine;
}

/** Ports with ACS, those of one switch together where there are switches. */
function acsPorts(machine: Machine): readonly PciFunction[] {
  return machine.functions.filter((fn) => isBridge(fn) && !isUnknown(fn.acs) && fn.acs !== null);
}

/** Each kind of fault; `at` chooses which of the devices has it. */
export const FAULTS: Readonly<Record<string, Fault>> = {
  "down-trained speed": {
    kind: "link-speed",
    says: /^(?:nic|nvme):\d+ at 8 GT\/s instead of 32 GT\/s$/,
    plant: (machine, at) => withLink(machine, endpoint(machine, at), { speedGTps: 8 }),
  },
  "lost width": {
    kind: "link-width",
    says: /^\w+:\d+ at x8 instead of x16$/,
    plant: (machine, at) => withLink(machine, endpoint(machine, at), { width: 8 }),
  },
  "other redirection": {
    kind: "acs-redirect",
    says: /^redirect (?:on|off) (?:below the \w+ ?(?:switch)?|of )/,
    plant: (machine, at) => {
      const ports = acsPorts(machine);
      const port = ports[at % ports.length] as PciFunction;
      return changed(machine, [port.bdf], (fn) => {
        const acs = fn.acs as { capability: number; control: number };
        return { ...fn, acs: { capability: 0x1f, control: (acs.control & 0x0c) === 0 ? 0x1d : 0x01 } };
      });
    },
  },
  "missing device": {
    kind: "missing-device",
    says: /^\w+:\d+ missing$/,
    plant: (machine, at) => {
      const gone = endpoint(machine, at).bdf;
      return { ...machine, functions: machine.functions.filter(({ bdf }) => bdf !== gone) };
    },
  },
  "IOMMU used otherwise": {
    kind: "iommu",
    says: /^IOMMU (?:lazy|off) instead of \w+$/,
    plant: (machine) => ({
      ...machine,
      iommu: { ...machine.iommu, mode: machine.iommu.mode === "off" ? "lazy" : "off" },
    }),
  },
  "other kernel": {
    kind: "kernel",
    says: /^kernel 6\.8\.0 instead of /,
    plant: (machine) => ({ ...machine, kernel: { ...machine.kernel, release: "6.8.0" } }),
  },
  "shrunk BAR": {
    kind: "bar-size",
    says: /^\w+:\d+: BAR \d 64 KiB /,
    plant: (machine, at) =>
      changed(machine, [endpoint(machine, at).bdf], (fn) => {
        if (isUnknown(fn.bars)) return fn;
        const first = fn.bars.find(({ kind }) => kind === "memory")?.index;
        return { ...fn, bars: fn.bars.map((bar) => (bar.index === first ? { ...bar, sizeBytes: 64 * 1024 } : bar)) };
      }),
  },
  "smaller MaxPayload": {
    kind: "max-payload",
    says: /^\w+:\d+: MaxPayload 128 instead of 256$/,
    plant: (machine, at) => withDeviceControl(machine, at, 0x2910),
  },
  "smaller MaxReadReq": {
    kind: "read-request",
    says: /^\w+:\d+: MaxReadReq 128 instead of 512$/,
    plant: (machine, at) => withDeviceControl(machine, at, 0x0930),
  },
  "other slot": {
    kind: "other-slot",
    says: /^\w+:\d+ /,
    plant: (machine, at) => {
      const device = endpoint(machine, at);
      const moved = ((device.bdf & ~0xf8) | (0x1c << 3)) as Bdf;
      const bdf = (device.bdf - (device.bdf % 256) + (moved % 256)) as Bdf;
      return {
        ...machine,
        functions: machine.functions
          .map((fn) => (fn.bdf === device.bdf ? { ...fn, bdf } : fn))
          .sort((a, b) => a.bdf - b.bdf),
      };
    },
  },
  "other driver": {
    kind: "driver",
    says: /^\w+:\d+: driver vfio-pci instead of /,
    plant: (machine, at) =>
      changed(machine, [endpoint(machine, at).bdf], (fn) => ({ ...fn, driver: "vfio-pci", names: [] })),
  },
  "another device": {
    kind: "other-device",
    says: /^1234:5678 in place of /,
    plant: (machine, at) =>
      changed(machine, [endpoint(machine, at).bdf], (fn) => ({ ...fn, vendorId: 0x1234, deviceId: 0x5678 })),
  },
};

/** A NIC, or an SSD where the machine has no NIC. */
function endpoint(machine: Machine, at: number): PciFunction {
  const has = machine.functions.some((fn) => !isBridge(fn) && deviceKind(fn) === "nic");
  return nth(machine, has ? "nic" : "nvme", at);
}

/** The same machine with other bus numbers: no fault, and no class of its own. */
export const otherNumbers: (machine: Machine) => Machine = renumbered;
