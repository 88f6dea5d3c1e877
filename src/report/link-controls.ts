import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { packetControlOf } from "../pci/packet-control.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";

/** Heads of {@link controlCells}. */
export const CONTROL_HEADS: readonly string[] = ["MaxPayload", "MaxReadReq", "RelaxedOrd", "ExtTag"];

/**
 * What Device Control sets of a function's requests (PCIe 6.0 sec 7.5.3.4), as lspci names it: MaxPayload in bytes with
 * what it could be, MaxReadReq in bytes, whether Relaxed Ordering and Extended Tags may be used. Empty where the source shows
 * none of it, and of virtual functions, in which those of their physical one count.
 */
export function controlCells(fn: PciFunction): readonly string[] {
  const { express } = fn;
  if (physicalOf(fn) !== undefined || isUnknown(express) || express === null) return CONTROL_HEADS.map(() => "");
  const controls = packetControlOf(express);
  const isDecoded = !isUnknown(express.registers);
  const bytes = (size: Known<number>): string => (isUnknown(size) ? (isDecoded ? "reserved" : "") : String(size));
  const flag = (isOn: Known<boolean>): string => (isUnknown(isOn) ? "" : isOn ? "on" : "off");
  const [payload, possible] = [bytes(controls.maxPayloadBytes), bytes(controls.possiblePayloadBytes)];
  return [
    payload === possible || payload === "" || possible === "" ? payload : `${payload} of ${possible}`,
    bytes(controls.maxReadRequestBytes),
    flag(controls.relaxedOrdering),
    flag(controls.extendedTags),
  ];
}

/** Whether {@link controlCells} has anything to say of a machine. */
export function hasControls(topology: Topology): boolean {
  return topology.functions.some((fn) => controlCells(fn).some((cell) => cell !== ""));
}
