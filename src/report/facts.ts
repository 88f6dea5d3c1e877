import type { Machine, SourceFormat } from "../host/machine.ts";
import { originOf } from "../host/machine.ts";
import { ACS_LETTERS, redirects } from "../pci/acs.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import { mayBeClient } from "../pci/peer-roles.ts";
import { formatSize } from "../pci/size.ts";
import { isEmulated } from "../platforms/emulated.ts";
import { virtualMachineOf } from "../platforms/virtual-machine.ts";
import { OLDEST_MAINTAINED } from "../rules/by-release.ts";
import { inferCpu } from "../rules/inferred-cpu.ts";
import { isOwnRow, newestRead, type RulesChoice } from "../rules/kernels/choose-rules.ts";
import { inferredCpuText } from "./reasons.ts";
import { plainText } from "./rich.ts";
import { textWidth, truncate, wrap } from "./width.ts";

/**
 * What the machine is, on as many lines as `width` asks for: source, kernel and rules, CPU, IOMMU; what is claimed of it
 * where its source names no kernel; and that it is a guest, whose paths are the host's.
 */
export function machineLines(machine: Machine, rules: RulesChoice, width: number): string[] {
  const lines = machineFacts(machine, rules, width);
  const guest = guestText(machine);
  return [
    ...lines,
    ...(rules.chosenBy === "nothing" ? [truncate(KERNEL_OPEN, width)] : []),
    ...(guest === null ? [] : [truncate(guest, width)]),
  ];
}

/** Of a guest with devices of its host, which is not given: a guest's bus is not their path. */
function guestText(machine: Machine): string | null {
  const virtual = virtualMachineOf(machine);
  const isPassed = (fn: PciFunction): boolean => mayBeClient(fn) !== false && isEmulated(fn) !== true;
  if (virtual === null || machine.host !== undefined || !machine.functions.some(isPassed)) return null;
  return `guest${virtual.hypervisor === "unnamed" ? "" : ` of ${virtual.hypervisor}`}: the real path is the host's`;
}

const KERNEL_OPEN = `kernel not named: what holds on ${OLDEST_MAINTAINED} and newer`;

/** {@link machineLines} without what is claimed of its pairs. */
export function machineFacts(machine: Machine, rules: RulesChoice, width: number): string[] {
  const facts = [kernelText(machine, rules), cpuText(machine), iommuText(machine)].filter((text) => text !== null);
  const text = facts.join(" · ");
  const name = machine.source.name;
  const isOneLine = textWidth(name) + 3 + textWidth(text) <= width;
  const inferred = inferCpu(machine);
  const lines = isOneLine ? [`${name} · ${text}`] : [name, ...packed(facts, width)];
  if (inferred !== null) lines.push(`CPU ${inferredCpuText(inferred)}`);
  return lines.map((line) => truncate(line, width));
}

/** Facts on as few lines as hold them, none of them cut: at 80 columns the IOMMU often has one of its own. */
function packed(facts: readonly string[], width: number): readonly string[] {
  const lines: string[] = [];
  for (const fact of facts) {
    const last = lines.at(-1);
    if (last !== undefined && textWidth(last) + 3 + textWidth(fact) <= width)
      lines[lines.length - 1] = `${last} · ${fact}`;
    else lines.push(...wrap([fact], width).map((line) => plainText(line)));
  }
  return lines;
}

function kernelText(machine: Machine, rules: RulesChoice): string | null {
  const { release } = machine.kernel;
  if (rules.release === null) return null;
  const name = isUnknown(release) || rules.chosenBy === "flag" ? `rules of Linux ${rules.release}` : `Linux ${release}`;
  const [oldest, ...others] = rules.candidates;
  const latest = others.at(-1);
  const newest = newestRead(rules);
  if (newest !== null) return `${name} (rules of ${newest}, the newest read)`;
  if (latest === undefined) return isOwnRow(oldest) ? `${name} (rules of ${oldest.release})` : name;
  const vendor = rules.vendor === null ? "" : `${rules.vendor}: `;
  return `${name} (${vendor}rules of ${oldest?.release} ${others.length === 1 ? "or" : "to"} ${latest.release})`;
}

function cpuText(machine: Machine): string {
  const { cpu } = machine;
  const inferred = inferCpu(machine);
  if (inferred !== null) return `CPU ${inferred.make.name}, inferred`;
  if (isUnknown(cpu.architecture)) return "CPU unknown";
  if (isUnknown(cpu.name) || cpu.name === null || cpu.name === "") {
    return isUnknown(cpu.vendor) || cpu.vendor === null ? cpu.architecture : cpu.vendor;
  }
  // A preset of no model has the least family that the kernel asks for, which is none of the machine's.
  const isGiven = !(isUnknown(cpu.model) || cpu.model === null || isUnknown(cpu.family) || cpu.family === null);
  const family = isGiven ? ` (family ${cpu.family.toString(16)}h)` : "";
  return `${cpu.name.replaceAll(/\((?:R|TM)\)/g, "").replaceAll(/ +/g, " ")}${family}`;
}

function iommuText({ iommu }: Machine): string {
  if (isUnknown(iommu.mode)) return "IOMMU unknown";
  if (iommu.mode === "off") return "IOMMU off";
  return isUnknown(iommu.kind) ? `IOMMU ${iommu.mode}` : `IOMMU ${iommu.kind} ${iommu.mode}`;
}

/** The ACS control register in a few letters: `ACS SV+ RR+ CR+ UF+ (redirects)`, `ACS off`, `no ACS`, `ACS hidden`. */
export function acsText(fn: PciFunction): string {
  if (isUnknown(fn.acs)) return "ACS hidden";
  if (fn.acs === null) return "no ACS";
  const set = acsBits(fn);
  if (set === "") return "ACS off";
  return `ACS ${set}${redirects(fn.acs) ? " (redirects)" : ""}`;
}

/** The bits that are on in the ACS control register, and with `?` those that may be: `SV+ RR+ CR+ UF+`. */
export function acsBits({ acs }: PciFunction): string {
  if (isUnknown(acs) || acs === null) return "";
  const { control, uncertain = 0 } = acs;
  const bits = ACS_LETTERS.flatMap((letters, position) => {
    const bit = 1 << position;
    return (control & bit) !== 0 ? [`${letters}+`] : (uncertain & bit) !== 0 ? [`${letters}?`] : [];
  });
  return bits.join(" ");
}

/** `p2pmem 16 MiB`, with what is free where that is less, or that it is not published; empty where there is none. */
export function p2pmemText(fn: PciFunction): string {
  if (isUnknown(fn.p2pmem) || fn.p2pmem === null) return "";
  const { sizeBytes, availableBytes, published } = fn.p2pmem;
  const free = isUnknown(availableBytes) || availableBytes === sizeBytes ? "" : ` (${formatSize(availableBytes)} free)`;
  return `p2pmem ${formatSize(sizeBytes)}${free}${published === false ? " not published" : ""}`;
}

/** Formats that hold what somebody printed of a machine, and not the machine's own files. */
const PRINTED: ReadonlySet<SourceFormat> = new Set(["lspci", "hwloc", "nccl", "rdma-topo"]);

/** How to learn what a source hides that somebody printed; `null` for others, whose readers say what would show more. */
export function wayToKnow(machine: Machine): string | null {
  if (!PRINTED.has(originOf(machine))) return null;
  return "to know: peerlane collect | ssh SERVER sudo sh > server.txt gathers there all that the rules need; then give server.txt";
}
