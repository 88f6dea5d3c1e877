import type { GuestOf, Hypervisor } from "../host/hypervisor.ts";
import type { Machine } from "../host/machine.ts";
import { isScenario } from "../host/machine.ts";
import { type Bdf, busKeyOf, busOf, domainOf, formatBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Unknown } from "../pci/known.ts";
import { isEndpoint } from "../pci/peer-roles.ts";

/** A machine that is a guest: whose, and how its source shows it, in words. */
export interface VirtualMachine {
  readonly hypervisor: Hypervisor;
  readonly shownBy: string;
}

const signs: Readonly<Record<GuestOf["shownBy"], string>> = {
  cpuinfo: "the hypervisor flag of /proc/cpuinfo",
  lscpu: "lscpu",
  dmesg: "the kernel's log",
  dmi: "its firmware's DMI",
  "sys/hypervisor": "/sys/hypervisor",
  vmbus: "its VMBus",
  user: "--host",
};

/**
 * Devices that exist in guests only. Red Hat's 1b36 is QEMU's, VMware's 15ad and VirtualBox's 80ee are of no hardware;
 * virtio's 1af4 is not here, as smart NICs show it to real machines, nor are the clouds' own NICs and disks, which their
 * bare-metal machines have too.
 */
const guestDevices: readonly (readonly [vendorId: number, devices: readonly number[] | "any", name: Hypervisor])[] = [
  [0x1b36, "any", "QEMU"],
  [0x15ad, "any", "VMware"],
  [0x80ee, "any", "VirtualBox"],
  [0x5853, [0x0001, 0x0002, 0xc000], "Xen"],
  [0x1414, [0x5353], "Hyper-V"],
  [0x1ab8, "any", "Parallels"],
  [0x1275, [0x1275], "bhyve"],
];

/** The same by the names that `lspci` prints without ids. */
const guestNames: readonly (readonly [start: string, name: Hypervisor])[] = [
  ["Red Hat, Inc. QEMU", "QEMU"],
  ["VMware ", "VMware"],
  ["InnoTek Systemberatung GmbH VirtualBox", "VirtualBox"],
  ["XenSource, Inc. Xen Platform", "Xen"],
  ["Microsoft Corporation Hyper-V", "Hyper-V"],
];

/** Host bridges of the nineties, older than PCI Express, which emulators still show: 440FX and 440BX. */
const OLD_HOST_BRIDGES: readonly number[] = [0x1237, 0x7190, 0x7192];
const FOUR_GIB = 2 ** 32;

/**
 * The virtual machine that a machine is, or `null` where nothing shows that it is one. A scenario is what its author says,
 * whatever its ids.
 */
export function virtualMachineOf(machine: Machine): VirtualMachine | null {
  if (isScenario(machine)) return null;
  const { guestOf } = machine;
  const byDevices = ofDevices(machine);
  if (guestOf === undefined) return byDevices;
  if (guestOf.hypervisor === "unnamed" && byDevices !== null) return byDevices;
  return { hypervisor: guestOf.hypervisor, shownBy: signs[guestOf.shownBy] };
}

/**
 * Why a machine of which nothing shows that it is a guest may be one all the same: its source hides ids that would show
 * it; `null` where it does not.
 */
export function whyMaybeVirtual(machine: Machine): Unknown | null {
  if (isScenario(machine) || virtualMachineOf(machine) !== null) return null;
  const ids = machine.functions.flatMap(({ vendorId, deviceId, subsystem }) => [vendorId, deviceId, subsystem]);
  return ids.find(isUnknown) ?? null;
}

/** `this is a virtual machine (VMware; shown by lscpu)`. */
export function virtualMachineWords({ hypervisor, shownBy }: VirtualMachine): string {
  return `this is a virtual machine (${hypervisor === "unnamed" ? "" : `${hypervisor}; `}shown by ${shownBy})`;
}

function ofDevices(machine: Machine): VirtualMachine | null {
  let first: VirtualMachine | undefined;
  for (const fn of machine.functions) {
    const hypervisor = ofDevice(fn);
    if (hypervisor === undefined) continue;
    const found = { hypervisor, shownBy: `${formatBdf(fn.bdf)}, a device that only guests have` };
    // Xen has QEMU emulate the rest of its guests' devices, with QEMU's subsystem.
    if (hypervisor === "Xen") return found;
    first ??= found;
  }
  return first ?? ofOldBridge(machine.functions) ?? ofDomains(machine);
}

function ofDevice({ bdf, vendorId, deviceId, subsystem, label }: PciFunction): Hypervisor | undefined {
  if (!isUnknown(subsystem) && subsystem?.vendorId === 0x1af4 && subsystem.deviceId === 0x1100) return "QEMU";
  if (isUnknown(vendorId))
    return label === null ? undefined : guestNames.find(([start]) => label.startsWith(start))?.[1];
  // The host bridge of Cloud Hypervisor and Firecracker; elsewhere the id may be a device of Intel's.
  if (vendorId === 0x8086 && deviceId === 0x0d57 && bdf % 0x10000 === 0) return "Cloud Hypervisor";
  return guestDevices.find(
    ([vendor, devices]) =>
      vendor === vendorId && (devices === "any" || (!isUnknown(deviceId) && devices.includes(deviceId))),
  )?.[2];
}

/** An old host bridge above what it cannot have had: PCI Express, or a BAR beyond 4 GiB. */
function ofOldBridge(functions: readonly PciFunction[]): VirtualMachine | null {
  const bridge = functions.find(
    ({ bdf, vendorId, deviceId }) =>
      busOf(bdf) === 0 && vendorId === 0x8086 && !isUnknown(deviceId) && OLD_HOST_BRIDGES.includes(deviceId),
  );
  if (bridge === undefined || !functions.some(isNewerThanIts)) return null;
  const shownBy = `${formatBdf(bridge.bdf)}, a host bridge older than PCI Express`;
  return { hypervisor: "unnamed", shownBy };
}

function isNewerThanIts({ express, bars }: PciFunction): boolean {
  if (!isUnknown(express) && express !== null) return true;
  if (isUnknown(bars)) return false;
  return bars.some(
    ({ sizeBytes, physAddress }) =>
      (!isUnknown(sizeBytes) && sizeBytes >= FOUR_GIB) ||
      (physAddress !== null && !isUnknown(physAddress) && physAddress >= FOUR_GIB),
  );
}

/**
 * Hyper-V gives each device that it passes through a domain of its own, made of a random number, in which there is no
 * bridge. No firmware counts its segments that far; Intel's VMD takes domains from 0x10000.
 */
function ofDomains(machine: Machine): VirtualMachine | null {
  const { functions } = machine;
  const isFar = (bdf: Bdf): boolean => domainOf(bdf) >= 0x1000 && domainOf(bdf) < 0x10000;
  const far = functions.filter(({ bdf }) => isFar(bdf));
  const alone = far.find(
    (fn) =>
      busOf(fn.bdf) === 0 &&
      isEndpoint(fn) === true &&
      far.every((other) => domainOf(other.bdf) !== domainOf(fn.bdf) || busKeyOf(other.bdf) === busKeyOf(fn.bdf)) &&
      !far.some((other) => domainOf(other.bdf) === domainOf(fn.bdf) && isEndpoint(other) !== true),
  );
  const shown = alone ?? ofNearDomains(machine);
  if (shown === undefined) return null;
  return { hypervisor: "Hyper-V", shownBy: `${formatBdf(shown.bdf)}, alone in a domain of its own` };
}

const DISPLAY = 0x03;
const ACCELERATOR = 0x12;

/**
 * Azure counts the domains of its GPUs from 1 on, where the segments of a real machine's firmware may be as well. There
 * a GPU is behind a port: several that are the whole of a domain, at 00.0 of its bus 0, hang on no board with x86
 * processors. Other architectures hide ports in some of their segments.
 */
function ofNearDomains({ cpu, functions }: Machine): PciFunction | undefined {
  if (isUnknown(cpu.architecture) || cpu.architecture !== "x86_64") return undefined;
  const counts = new Map<number, number>();
  for (const { bdf } of functions) counts.set(domainOf(bdf), (counts.get(domainOf(bdf)) ?? 0) + 1);
  const alone = functions.filter((fn) => {
    const domain = domainOf(fn.bdf);
    const base = isUnknown(fn.classCode) ? -1 : fn.classCode >>> 16;
    const isFirst = domain > 0 && domain < 0x1000 && fn.bdf % 0x10000 === 0;
    return isFirst && counts.get(domain) === 1 && (base === DISPLAY || base === ACCELERATOR) && isEndpoint(fn) === true;
  });
  return alone.length > 1 ? alone[0] : undefined;
}
