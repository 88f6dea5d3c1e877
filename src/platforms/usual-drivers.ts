import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { NumberRange } from "./fact.ts";

/** Devices by vendor, base class (and subclass), and ids; `drivers`: what binds to them, each of which may. */
interface UsualDriver {
  readonly vendorId?: number;
  /** The upper bytes of the class code: 0x03 for every display controller, 0x0108 for NVMe. */
  readonly classes: readonly number[];
  readonly devices?: readonly NumberRange[];
  readonly drivers: readonly string[];
}

const DISPLAY = 0x03;
const ACCELERATOR = 0x12;
const NETWORK = 0x02;

/** Drivers that are looked at here, by the devices that they bind to; one vendor's GPU may have one of several. */
const usual: readonly UsualDriver[] = [
  { vendorId: 0x10de, classes: [DISPLAY], drivers: ["nvidia"] },
  { vendorId: 0x1002, classes: [DISPLAY, ACCELERATOR], drivers: ["amdgpu"] },
  { vendorId: 0x8086, classes: [DISPLAY], drivers: ["xe", "i915"] },
  { vendorId: 0x1da3, classes: [ACCELERATOR], drivers: ["habanalabs"] },
  // From Connect-IB on; what is older is mlx4's.
  {
    vendorId: 0x15b3,
    classes: [NETWORK],
    devices: [
      [0x1011, 0x10ff],
      [0xa2d2, 0xa2ff],
    ],
    drivers: ["mlx5_core"],
  },
  { vendorId: 0x1d0f, classes: [NETWORK], devices: [[0xefa0, 0xefaf]], drivers: ["efa"] },
  { vendorId: 0x1414, classes: [NETWORK], devices: [[0x00ba, 0x00ba]], drivers: ["mana"] },
  { classes: [0x0108], drivers: ["nvme"] },
];

/** Drivers that would be bound to a function of which the source shows none, by its ids; empty where nobody read of one. */
export function usualDrivers({ vendorId, deviceId, classCode }: PciFunction): readonly string[] {
  if (isUnknown(classCode)) return [];
  const found = usual.find(({ vendorId: vendor, classes, devices }) => {
    if (vendor !== undefined && vendor !== vendorId) return false;
    if (!classes.includes(classCode >>> 16) && !classes.includes(classCode >>> 8)) return false;
    if (devices === undefined) return true;
    return !isUnknown(deviceId) && devices.some(([first, last]) => first <= deviceId && deviceId <= last);
  });
  return found?.drivers ?? [];
}
