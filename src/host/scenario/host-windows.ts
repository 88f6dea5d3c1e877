import { type BusAddr, busToPhys, type PhysAddr } from "../../pci/addresses.ts";
import type { BridgeWindow } from "../../pci/bridge.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { HostBridgeWindow } from "../machine.ts";
import type { ScenarioHostBridge } from "./scenario.ts";

/**
 * CPU physical address of a bus address in a window. The offset holds for the memory windows; a positive one leaves out
 * the 32-bit window, whose bus addresses lie below 4 GiB and would be below physical address 0.
 */
export function physOf(hostBridge: ScenarioHostBridge, kind: BridgeWindow["kind"], address: BusAddr): PhysAddr {
  const isShifted = kind === "prefetchable" || (kind === "memory" && hostBridge.busOffset < 0);
  return busToPhys(address, isShifted ? hostBridge.busOffset : 0);
}

/** The windows of each host bridge; throws `bad-input` where offsets put two of them over each other. */
export function hostBridgeWindows(
  hostBridges: readonly ScenarioHostBridge[],
  spaces: readonly (readonly BridgeWindow[])[],
): readonly (readonly HostBridgeWindow[])[] {
  const windows = hostBridges.map((hostBridge, index) =>
    (spaces[index] ?? []).map(
      ({ kind, start, size }): HostBridgeWindow => ({
        kind: kind === "io" ? "io" : "memory",
        physStart: physOf(hostBridge, kind, start),
        busStart: start,
        sizeBytes: size,
      }),
    ),
  );
  refuseOverlap(hostBridges, windows);
  return windows;
}

function refuseOverlap(
  hostBridges: readonly ScenarioHostBridge[],
  windows: readonly (readonly HostBridgeWindow[])[],
): void {
  const memory = windows
    .flatMap((list, index) => list.filter(({ kind }) => kind === "memory").map((window) => ({ ...window, index })))
    .sort((a, b) => a.physStart - b.physStart);
  memory.forEach((window, position) => {
    const next = memory[position + 1];
    if (next === undefined || window.physStart + window.sizeBytes <= next.physStart) return;
    const place = hostBridges[Math.max(window.index, next.index)]?.place;
    throw new PeerlaneError(
      "bad-input",
      "with this busOffset the windows of two host bridges share physical addresses",
      {
        ...(place === undefined ? {} : { place }),
        remedy: "choose offsets that lie further apart, such as -1T and -2T",
      },
    );
  });
}
