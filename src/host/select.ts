import { distance } from "fastest-levenshtein";
import { type Bdf, formatBdf, functionOf, isBdf } from "../pci/bdf.ts";
import { deviceKind, hasP2pmem, isBridge, isKindHidden, KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { PciFunction } from "../pci/function.ts";
import { hasMemory, mayBeClient, mayProvide } from "../pci/peer-roles.ts";
import { addressesOf, functionsNamed, functionsOfKind, isSlot, kindNamed } from "./device-name.ts";
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

/**
 * The functions that `name` means: an address (`0000:03:00.0`, `03:00.0`, `3:0.0`), a slot (`03:00`), a class device
 * (`nvme0`, `mlx5_0`), ids (`10de:2330`), a kind (`gpu`, `nic`, `nvme`, `accel`), one of a kind in enumeration order
 * (`gpu:0`), a pattern (`nvme*`, `nvme[0-3]`) or `all`; in any case where none is written just so. Throws
 * `unknown-device`, with what there is and near names, for none.
 */
export function findDevices(machine: Machine, name: string): readonly Bdf[] {
  const found = functionsNamed(machine.functions, name).map((fn) => fn.bdf);
  if (found.length > 0) return found;
  const { source, functions } = machine;
  const asked = kindNamed(name);
  const hidden = functions.filter(isKindHidden).length;
  if (asked?.index === null && hidden > 0) {
    throw new PeerlaneError("unknown-device", `no device is known to be '${name}' in ${source.name}`, {
      remedy: `${hidden} functions show no class: name it by address ('peerlane matrix --all' lists them)`,
    });
  }
  const what = whatThereIs(functions);
  throw new PeerlaneError(
    "unknown-device",
    asked?.index === null
      ? `${source.name} has no ${asked.kind}; ${what}`
      : `no device '${name}' in ${source.name}; ${what}`,
    { remedy: remedyFor(functions, name) },
  );
}

/** `it has 4 nvme, 2 nic`. */
function whatThereIs(functions: readonly PciFunction[]): string {
  const counts = KINDS_OF_INTEREST.map((kind) => ({ kind, count: functionsOfKind(functions, kind).length }));
  const there = counts.filter(({ count }) => count > 0).sort((a, b) => b.count - a.count);
  const others = functions.filter((fn) => !isBridge(fn)).length;
  if (there.length > 0) return `it has ${there.map(({ kind, count }) => `${count} ${kind}`).join(", ")}`;
  return others === 0 ? "it has no devices" : `it has ${others} devices, and none is a ${KINDS_OF_INTEREST.join(", ")}`;
}

/** The way out: what was probably meant, else how devices are named. */
function remedyFor(functions: readonly PciFunction[], name: string): string {
  const [, kind = "", index = ""] = /^([a-z]+):?(\d{1,4})$/i.exec(name) ?? [];
  const known = kindNamed(kind)?.kind;
  const ofKind = known === undefined ? [] : functionsOfKind(functions, known);
  const counted = ofKind[Number(index)];
  const near = nearNames(functions, name);
  if (counted !== undefined && near.length === 0) {
    return `did you mean ${known}:${Number(index)}, which is ${formatBdf(counted.bdf)}?`;
  }
  if (near.length > 0) return `did you mean ${near.join(" or ")}?`;
  if (ofKind.length > 0) return `${known}:0 is the first, ${known}:${ofKind.length - 1} the last`;
  return "name it as 0000:03:00.0, 03:00.0, nvme0, 10de:2330, or a class: gpu, nic, nvme, accel";
}

/**
 * The one function that `name` means, of a slot (`03:00`) its function 0; throws `unknown-device` for none, `usage` where
 * several fit.
 */
export function findDevice(machine: Machine, name: string): Bdf {
  const found = findDevices(machine, name);
  const [only] = found;
  if (found.length === 1 && only !== undefined) return only;
  const first = isSlot(name) ? found.filter((bdf) => functionOf(bdf) === 0) : [];
  if (first.length === 1 && first[0] !== undefined) return first[0];
  const shown = found.slice(0, MOST_NAMED).map((bdf) => {
    const called = machine.functions.find((fn) => fn.bdf === bdf)?.names[0];
    return called === undefined ? formatBdf(bdf) : `${formatBdf(bdf)} (${called})`;
  });
  throw new PeerlaneError("usage", `'${name}' means ${found.length} devices of ${machine.source.name}`, {
    remedy: `name one of them: ${shown.join(", ")}${found.length > MOST_NAMED ? ", …" : ""}`,
  });
}

/** More of several devices are not listed. */
const MOST_NAMED = 8;

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

function nearNames(functions: readonly PciFunction[], name: string): string[] {
  const lower = name.toLowerCase();
  return functions
    .flatMap((fn) => [
      ...fn.names.map((each) => ({ shown: each, candidates: [each], most: Math.min(2, name.length / 2) })),
      { shown: formatBdf(fn.bdf), candidates: addressesOf(fn.bdf), most: 1 },
    ])
    .map(({ shown, candidates, most }) => ({
      shown,
      most,
      steps: Math.min(...candidates.map((each) => distance(lower, each.toLowerCase()))),
    }))
    .filter(({ steps, most }) => steps <= most)
    .sort((a, b) => a.steps - b.steps)
    .slice(0, 3)
    .map(({ shown }) => shown);
}

/** The name that people use for a function: its class device, else its address. */
export function nameOf(fn: PciFunction): string {
  return fn.names[0] ?? formatBdf(fn.bdf);
}
