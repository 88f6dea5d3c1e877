import type { Machine } from "../host/machine.ts";
import { formatAddress, type PhysRange } from "../pci/addresses.ts";
import { formatBus } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";

/**
 * Throws `bad-input` where an offset puts RAM's bus addresses into a memory window of the same host bridge: the window
 * comes first, so that DMA to that RAM would reach a BAR. RAM without an offset lies beside all windows
 * (`physicalMapOf`); windows whose bus addresses are hidden are not looked at.
 */
export function requireRamBesideWindows(
  machine: Machine,
  ram: readonly PhysRange[],
  ramBusOffset: (rootBus: number) => number,
): void {
  for (const { rootBus, windows } of isUnknown(machine.hostBridges) ? [] : machine.hostBridges) {
    const offset = ramBusOffset(rootBus);
    for (const { kind, busStart, sizeBytes } of isUnknown(windows) ? [] : windows) {
      if (kind !== "memory" || isUnknown(busStart)) continue;
      const hit = ram.find(
        (range) => range.start + offset < busStart + sizeBytes && busStart < range.start + offset + range.sizeBytes,
      );
      if (hit === undefined) continue;
      throw new PeerlaneError(
        "bad-input",
        `an offset of ${offset} bytes puts RAM into a window of the host bridge of root bus ${formatBus(rootBus)}`,
        {
          place: { file: machine.source.name },
          facts: {
            ram: `${formatAddress(hit.start)} + ${formatAddress(hit.sizeBytes)}`,
            window: `${formatAddress(busStart)} + ${formatAddress(sizeBytes)} (bus addresses)`,
          },
          remedy: "give 'ramBusOffset' a number that puts all RAM beside the windows, or the model less RAM",
        },
      );
    }
  }
}
