import type { Cpu, Iommu } from "../host/machine.ts";
import { isTranslating } from "../host/machine.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, type Unknown, unknown } from "../pci/known.ts";
import { isOfNoVendor } from "../pci/no-vendor.ts";
import type { CpuMake, InferredCpu } from "../rules/inferred-cpu.ts";
import type { CpuPattern, FactMatch, IdPattern, IdSet, NumberRange, ProcessorKind } from "./fact.ts";

/** All of the answers: one `false` decides, whatever the hidden ones turn out to be. */
export function all(answers: readonly Known<boolean>[]): Known<boolean> {
  if (answers.includes(false)) return false;
  return answers.find(isUnknown) ?? true;
}

/** Any of the answers: one `true` decides. */
export function any(answers: readonly Known<boolean>[]): Known<boolean> {
  if (answers.includes(true)) return true;
  return answers.find(isUnknown) ?? false;
}

function isIn(value: number, [first, last]: NumberRange): boolean {
  return first <= value && value <= last;
}

function holds<T>(value: Known<T>, test: (value: T) => boolean): Known<boolean> {
  return isUnknown(value) ? value : test(value);
}

type Ids = Pick<PciFunction, "vendorId" | "deviceId">;

function matchesPattern({ vendorId, deviceId }: Ids, { vendorId: vendor, devices }: IdPattern): Known<boolean> {
  return all([
    holds(vendorId, (id) => id === vendor),
    devices === "any" || holds(deviceId, (id) => devices.some((range) => isIn(id, range))),
  ]);
}

/** Whether a function's ids are in a set; where several share its name, what holds for all of them. */
export function isInSet(fn: PciFunction, set: IdSet): Known<boolean> {
  if (isOfNoVendor(fn)) return false;
  const [first, ...others] = (fn.idsAmong ?? []).map((ids) => areInSet(ids, set));
  if (first !== undefined && others.every((other) => other === first)) return first;
  return areInSet(fn, set);
}

function areInSet(ids: Ids, set: IdSet): Known<boolean> {
  if ("only" in set) return any(set.only.map((pattern) => matchesPattern(ids, pattern)));
  return holds(any(set.allBut.map((pattern) => matchesPattern(ids, pattern))), (excluded) => !excluded);
}

/** Whether a function is a port of the given kind, by its PCI Express capability. */
export function isPort(fn: PciFunction, kind: "root-port" | "switch"): Known<boolean> {
  if (isUnknown(fn.express) || fn.express === null) return fn.express ?? false;
  return holds(fn.express.type, (type) =>
    kind === "root-port" ? type === kind : type === "upstream-port" || type === "downstream-port",
  );
}

function matchesCpu(cpu: Cpu, pattern: CpuPattern, inferred: InferredCpu | null): Known<boolean> {
  const { vendor, families, models } = pattern;
  if (isOtherKind(cpu, inferred, { architecture: "x86_64", vendor })) return false;
  if (inferred !== null && isOtherMake(pattern, inferred.make)) return false;
  return all([
    holds(cpu.vendor, (name) => name === vendor),
    holds(cpu.family, (family) => family !== null && isIn(family, families)),
    models === "any" || holds(cpu.model, (model) => model !== null && models.includes(model)),
  ]);
}

/** Whether a machine's processor is known to be of another kind. */
export function isOtherKind(cpu: Cpu, inferred: InferredCpu | null, kind: ProcessorKind): boolean {
  const vendors = [isUnknown(cpu.vendor) ? null : cpu.vendor, inferred?.make.vendor ?? null];
  const architectures = [isUnknown(cpu.architecture) ? null : cpu.architecture, inferred?.make.architecture ?? null];
  if (kind.vendor !== undefined && vendors.some((vendor) => vendor !== null && vendor !== kind.vendor)) return true;
  if (architectures.some((name) => name !== null && !ARCHITECTURES[kind.architecture].test(name))) return true;
  return kind.architecture !== "x86_64" && vendors.some((vendor) => vendor !== null && X86_VENDORS.includes(vendor));
}

/** The names that `uname -m` has for an architecture. */
const ARCHITECTURES: Readonly<Record<ProcessorKind["architecture"], RegExp>> = {
  x86_64: /^(x86|i[3-6]86|amd64)/,
  aarch64: /^(aarch64|arm)/,
  ppc64: /^(ppc|power)/,
  // Its bridges were on MIPS first.
  loongarch64: /^(loongarch|mips)/,
};

const X86_VENDORS: readonly string[] = ["GenuineIntel", "AuthenticAMD", "HygonGenuine"];

function isOtherMake({ vendor, families }: CpuPattern, make: CpuMake): boolean {
  if (make.vendor !== vendor) return true;
  return make.families !== null && (make.families[1] < families[0] || families[1] < make.families[0]);
}

function matchesIommu(iommu: Iommu, wanted: NonNullable<FactMatch["iommu"]>): Known<boolean> {
  return holds(iommu.mode, (mode) => isTranslating(mode) === (wanted === "translates"));
}

/** Whether the parts of a match hold that are about the whole machine. */
export function matchesMachine(
  { cpu, iommu }: FactMatch,
  machine: { readonly cpu: Cpu; readonly iommu: Iommu; readonly inferredCpu: InferredCpu | null },
): Known<boolean> {
  return all([
    cpu === undefined || matchesCpu(machine.cpu, cpu, machine.inferredCpu),
    iommu === undefined || matchesIommu(machine.iommu, iommu),
  ]);
}

/** The answer to a question about a function that the source does not show. */
export function hiddenFunction(what: string): Unknown {
  return unknown(`the source does not show ${what}`);
}
