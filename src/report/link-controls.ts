import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";

/** Heads of {@link controlCells}. */
export const CONTROL_HEADS: readonly string[] = ["MaxPayload", "MaxReadReq", "RelaxedOrd", "ExtTag"];

/**
 * What Device Control sets of a function's requests (PCIe 6.0 sec 7.5.3.4), as lspci names it: MaxPayload in bytes with
 * what it could be, MaxReadReq in bytes, whether Relaxed Ordering and Extended Tags may be used. Empty where the source holds
 * no such registers, and of virtual functions, in which those of their physical one count.
 */
export function controlCells(fn: PciFunction): readonly string[] {
  const { express } = fn;
  if (physicalOf(fn) !== undefined || isUnknown(express) || express === null || isUnknown(express.registers)) {
    return CONTROL_HEADS.map(() => "");
  }
  const { deviceControl: control, deviceCapabilities: capabilities } = express.registers;
  const [payload, possible] = [bytes(control >>> 5), bytes(capabilities)];
  return [
    payload === possible ? payload : `${payload} of ${possible}`,
    bytes(control >>> 12),
    (control & 0x10) === 0 ? "off" : "on",
    (control & 0x100) === 0 ? "off" : "on",
  ];
}

/** Whether {@link controlCells} has anything to say of a machine. */
export function hasControls(topology: Topology): boolean {
  return topology.functions.some((fn) => controlCells(fn).some((cell) => cell !== ""));
}

/** 128 to 4096 bytes by three bits; two encodings are reserved. */
function bytes(field: number): string {
  const encoding = field & 7;
  return encoding > 5 ? "reserved" : String(128 << encoding);
}
