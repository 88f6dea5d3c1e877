import { busAddr } from "../../pci/addresses.ts";
import type { BridgeWindow } from "../../pci/bridge.ts";
import { type Line, word } from "./line.ts";
import type { FunctionRecord } from "./record.ts";

const MINUS = 0x2d;
const disabled = word("[disabled]");
const cardBusWindows = [word("Memory window "), word("I/O window ")];
const prefixes: readonly (readonly [prefix: Uint8Array, kind: BridgeWindow["kind"]])[] = [
  [word("I/O behind bridge:"), "io"],
  [word("Memory behind bridge:"), "memory"],
  [word("Prefetchable memory behind bridge:"), "prefetchable"],
];

/**
 * Reads `Memory behind bridge: f0000000-f1ffffff [size=32M] [32-bit]` (or `None`, or `[disabled]`) and the windows of
 * CardBus bridges; false for other lines.
 */
export function readWindowLine(line: Line, record: FunctionRecord): boolean {
  for (const [prefix, kind] of prefixes) {
    if (!line.has(prefix)) continue;
    readRange(line, line.start + prefix.length + 1, kind, record);
    return true;
  }
  if (!cardBusWindows.some((prefix) => line.has(prefix))) return false;
  record.isCardBus = true;
  return true;
}

function readRange(line: Line, at: number, kind: BridgeWindow["kind"], record: FunctionRecord): void {
  const start = line.hex(at);
  if (start < 0 || line.byte(line.next) !== MINUS) return;
  const last = line.hex(line.next + 1);
  if (line.find(disabled, at) >= 0 || last < start || record.windows.some((window) => window.kind === kind)) return;
  // Base and limit zero are what unset registers read as.
  if (kind !== "io" && start === 0 && last === 0xfffff) return;
  // Newer releases print the kernel's resource. Where that is no 32-bit address, the bus side has an offset to it, and
  // none of the bridge's windows can be told in bus addresses.
  if (kind !== "prefetchable" && last >= 2 ** 32) record.windowsUnreadable = true;
  record.windows.push({ kind, start: busAddr(start), size: last - start + 1 });
}
