import { distance } from "fastest-levenshtein";
import { type Bdf, formatBdf, isBdf, parseBdf } from "../pci/bdf.ts";
import {
  type DeviceKind,
  deviceKind,
  hasP2pmem,
  isBridge,
  isKindHidden,
  KINDS_OF_INTEREST,
} from "../pci/device-kind.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { PciFunction } from "../pci/function.ts";
import { hasMemory, mayBeClient, mayProvide } from "../pci/peer-roles.ts";
import type { Machine } from "./machine.ts";

/** A function of a machine: its address, or a name that people use (`03:00.0`, `nvme0`, `10de:2330`, `gpu` for the only one). */
export type Device = Bdf | string;

/** The functions of a table, in enumeration order. */
export interface DeviceSelection {
  readonly providers: readonly Bdf[];
  readonly clients: readonly Bdf[];
}

/** GPUs, NICs, NVMe controllers, accelerators and whatever has peer memory. */
export function devicesOfInterest(machine: Machine): readonly Bdf[] {
  return machine.functions
    .filter((fn) => !isBridge(fn) && (KINDS_OF_INTEREST.includes(deviceKind(fn)) || hasP2pmem(fn)))
    .map((fn) => fn.bdf);
}

/**
 * The functions to show. By default the devices of interest as clients, and as providers those of them that may have
 * memory for peers (`mayProvide`), or all of them where none may: a table without a row answers nothing; with `all`, every function with a memory BAR, or whose BARs are hidden, as provider and
 * every one but bridges (those of the chipset too: host, ISA) as client.
 */
export function selectDevices(machine: Machine, options: { readonly all: boolean }): DeviceSelection {
  const where = (test: (fn: PciFunction) => boolean): readonly Bdf[] =>
    machine.functions.filter(test).map((fn) => fn.bdf);
  if (options.all) {
    return {
      providers: where((fn) => hasMemory(fn) !== false),
      clients: where((fn) => mayBeClient(fn) !== false),
    };
  }
  const clients = devicesOfInterest(machine);
  const shown = new Set(clients);
  const providers = where((fn) => shown.has(fn.bdf) && mayProvide(fn) === true);
  return { providers: providers.length > 0 ? providers : clients, clients };
}

const idPattern = /^([0-9a-f]{4}):([0-9a-f]{4})$/i;

/**
 * The functions that `name` means: an address (`0000:03:00.0`, `03:00.0`), a class device (`nvme0`, `mlx5_0`), ids
 * (`10de:2330`), a kind (`gpu`, `nic`, `nvme`, `accel`) or `all`. Throws `unknown-device`, with near names, for none.
 */
export function findDevices(machine: Machine, name: string): readonly Bdf[] {
  const found = machine.functions.filter(matcher(name)).map((fn) => fn.bdf);
  if (found.length > 0) return found;
  const near = nearNames(machine, name);
  const hidden = machine.functions.filter(isKindHidden).length;
  if (KINDS_OF_INTEREST.includes(name as DeviceKind) && hidden > 0) {
    throw new PeerlaneError("unknown-device", `no device is known to be '${name}' in ${machine.source.name}`, {
      remedy: `${hidden} functions show no class: name it by address ('peerlane matrix --all' lists them)`,
    });
  }
  throw new PeerlaneError("unknown-device", `no device '${name}' in ${machine.source.name}`, {
    remedy:
      near.length > 0
        ? `did you mean ${near.join(" or ")}?`
        : "name it as 0000:03:00.0, 03:00.0, nvme0, 10de:2330, or a class: gpu, nic, nvme, accel",
  });
}

/** The one function that `name` means; throws `unknown-device` for none, `usage` where several fit. */
export function findDevice(machine: Machine, name: string): Bdf {
  const found = findDevices(machine, name);
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  throw new PeerlaneError("usage", `'${name}' means ${found.length} devices of ${machine.source.name}`, {
    remedy: `name one of them: ${found.slice(0, 8).map(formatBdf).join(", ")}${found.length > 8 ? ", …" : ""}`,
  });
}

/**
 * The address of a device by any name. Throws `unknown-device` where the machine has none, `usage` where several fit or
 * it is neither an address nor a name.
 */
export function resolveDevice(machine: Machine, device: Device): Bdf {
  if (typeof device === "string") return findDevice(machine, device);
  if (!isBdf(device)) {
    throw new PeerlaneError("usage", `${String(device)} is neither an address nor a name of a device`, {
      remedy: "name it as 0000:03:00.0, 03:00.0, nvme0, 10de:2330, or by a class where it is the only one: gpu",
    });
  }
  if (machine.functions.some((fn) => fn.bdf === device)) return device;
  throw new PeerlaneError("unknown-device", `no function ${formatBdf(device)} in ${machine.source.name}`, {
    remedy: "machine.functions lists them; names serve as well: nvme0, 10de:2330",
  });
}

function matcher(name: string): (fn: PciFunction) => boolean {
  const bdf = parseBdf(name);
  if (bdf !== undefined) return (fn) => fn.bdf === bdf;
  const ids = idPattern.exec(name);
  if (ids !== null) {
    const vendorId = Number.parseInt(ids[1] ?? "", 16);
    const deviceId = Number.parseInt(ids[2] ?? "", 16);
    return (fn) => fn.vendorId === vendorId && fn.deviceId === deviceId;
  }
  if (KINDS_OF_INTEREST.includes(name as DeviceKind)) return (fn) => !isBridge(fn) && deviceKind(fn) === name;
  if (name === "all") return (fn) => !isBridge(fn);
  return (fn) => fn.names.includes(name);
}

function nearNames(machine: Machine, name: string): string[] {
  const names = machine.functions.flatMap((fn) => [formatBdf(fn.bdf), ...fn.names]);
  return names
    .map((candidate) => ({ candidate, steps: distance(name, candidate) }))
    .filter(({ steps }) => steps <= 2)
    .sort((a, b) => a.steps - b.steps)
    .slice(0, 3)
    .map(({ candidate }) => candidate);
}

/** The name that people use for a function: its class device, else its address. */
export function nameOf(fn: PciFunction): string {
  return fn.names[0] ?? formatBdf(fn.bdf);
}
