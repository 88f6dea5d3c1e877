import type { Machine } from "../host/machine.ts";
import { isUnknown } from "../pci/known.ts";
import type { MeasuredDevice, MeasuredEntry } from "../results/results.ts";
import { type HeldFigure, mayHaveOtherLink } from "./causes.ts";

const NVIDIA = 0x10de;

/** `Bridge: NVIDIA Corporation GH100 [H100 NVSwitch]`: a class of its own among what NVIDIA makes. */
const OTHER_BRIDGE = 0x0680;

/** Modules with NVLink, by the names that NVIDIA gives them: `A100-SXM4-80GB`. */
const MODULE = /\bSXM\d?\b/;

/**
 * Why a figure between GPUs says nothing of PCIe, though PCIe could carry it: the GPUs are joined by NVLink, as an NVSwitch
 * of the machine or their own names say. `null` where nothing says so.
 */
export function joinedOf(figure: HeldFigure, machine: Machine): string | null {
  if (!mayHaveOtherLink(figure)) return null;
  const gpus = figure.asked.measured.flatMap(({ from, to }) => [from, to]).flatMap((bdf) => bdf ?? []);
  const functions = gpus.map((bdf) => figure.topology.functionOf(bdf));
  if (!functions.every(({ vendorId }) => vendorId === NVIDIA)) return null;
  const hasSwitch = machine.functions.some(
    ({ vendorId, classCode }) => vendorId === NVIDIA && !isUnknown(classCode) && classCode >>> 8 === OTHER_BRIDGE,
  );
  const named = functions.every(({ label }) => MODULE.test(label ?? "")) || saidOf(figure.entry).some(isModule);
  if (!hasSwitch && !named) return null;
  const sign = hasSwitch ? "there is an NVSwitch" : "by their name (SXM)";
  return `these GPUs have NVLink (${sign}), whose rate is not predicted: no more than PCIe carries may mean that it is down (nvidia-smi nvlink --status)`;
}

/** True of a slice of a GPU, which has a part of what moves data. */
export function isSliceOfGpu(entry: MeasuredEntry): boolean {
  return saidOf(entry).some((device) => device.kind === "gpu" && /\bMIG\b/.test(device.name ?? ""));
}

function isModule(device: MeasuredDevice): boolean {
  return device.kind === "gpu" && MODULE.test(device.name ?? "");
}

function saidOf({ from, to }: MeasuredEntry): readonly MeasuredDevice[] {
  return [from, to].flatMap((device) => (device.kind === "group" ? device.members.slice(0, 1) : [device]));
}
