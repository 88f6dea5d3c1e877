import type { Bdf } from "../../pci/bdf.ts";
import type { SwitchCard } from "./switch-card.ts";

/** One thing that is different from the machine as it is. */
export type Change =
  /** Bits of an ACS control register, written to the running machine as `setpci` does. */
  | { readonly kind: "acs"; readonly device: Bdf; readonly set: number; readonly clear: number }
  /** Kernel parameters, at the next boot: they come behind those that are there. */
  | { readonly kind: "parameters"; readonly text: string }
  /** Another kernel, at the next boot. */
  | { readonly kind: "kernel"; readonly release: string }
  | { readonly kind: "cpu"; readonly name: string }
  /** `byParameters`: by parameters that are changes of their own, and not by those that stand for the mode. */
  | { readonly kind: "iommu"; readonly mode: string; readonly byParameters?: true }
  /** A device with all its functions and what is below it, put below another bridge, with a boot after it. */
  | { readonly kind: "move"; readonly device: Bdf; readonly under: Bdf }
  /** A card with a switch, put below a port, with a boot after it: devices may be moved below its ports. */
  | ({ readonly kind: "switch-card" } & SwitchCard);

/** True for what takes hold at a boot only. */
export function needsReboot(change: Change): boolean {
  return change.kind !== "acs" && change.kind !== "cpu";
}
