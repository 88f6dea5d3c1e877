import { VfioDevice } from "../dmabuf/vfio-device.ts";
import type { VfioHardware } from "../dmabuf/vfio-operation.ts";
import type { VfioRules } from "../dmabuf/vfio-rules.ts";
import type { Device } from "../host/select.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { functionIn, type System } from "./system.ts";

/** How a function is given to a user. */
export interface OpenVfioOptions {
  /** Those of Linux 7.2 unless told. */
  readonly rules?: VfioRules;
}

/** Bits of the command register. */
const MEMORY = 0x2;
const BUS_MASTER = 0x4;

/**
 * Gives a function to a user (vfio-pci) and opens it: its memory BARs can be exported, memory decode and bus mastering are
 * on. Until the device is removed nobody makes pages of its BARs or hands them out. A reset, or closing the device, sets
 * the memory behind its BARs to 0.
 *
 * Throws `unsupported` where no memory BAR has an address that is shown, `operation-failed` (EBUSY) where a driver has
 * handed out a part of one, or a pool has its pages.
 *
 * MODEL: the other functions of its IOMMU group are taken to be in the same hands, and which address space the function's
 * own DMA has is not looked at: `GuestMemoryMap` and `IommuUnits.attach` give it one.
 */
export function openVfio(system: System, device: Device, options: OpenVfioOptions = {}): VfioDevice {
  const fn = functionIn(system, device, "openVfio");
  const bars = system.providers.filter(({ owner }) => owner === fn);
  if (bars.length === 0) {
    throw new PeerlaneError("unsupported", `${formatBdf(fn)} has no memory BAR with an address`, {
      place: { file: system.machine.source.name },
      remedy: "'peerlane explain' says which BARs a function has",
    });
  }
  const taken = bars.filter(({ range }) => !system.maps.hold(range));
  if (taken.length > 0) {
    for (const bar of bars) if (!taken.includes(bar)) system.maps.letGo(bar.range);
    throw new PeerlaneError("operation-failed", `BAR ${taken[0]?.bar} of ${formatBdf(fn)} is in its driver's hands`, {
      facts: { errno: "EBUSY" },
      remedy: "remove its pool, and give back what its driver has handed out",
    });
  }
  const vfio = new VfioDevice({
    bdf: fn,
    bars: bars.map((provider) => ({ provider, range: provider.range })),
    hardware: hardwareOf(system, fn),
    ...options,
  });
  vfio.open();
  return vfio;
}

function hardwareOf(system: System, fn: Bdf): VfioHardware {
  const { fabric, maps } = system;
  const bars = system.providers.filter(({ owner }) => owner === fn);
  const clear = (): void => {
    for (const { bar, range } of bars) fabric.barBytes(fn, bar).fill(0, range.sizeBytes, 0);
  };
  return {
    reset: clear,
    setMemoryDecode: (isOn) => fabric.setCommand(fn, isOn ? MEMORY | BUS_MASTER : BUS_MASTER),
    disable: () => {
      clear();
      fabric.setCommand(fn, 0);
    },
    remove: () => {
      for (const { range } of bars) maps.letGo(range);
    },
  };
}
