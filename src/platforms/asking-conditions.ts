import { kernelParameters, parameterName } from "../host/command-line.ts";
import type { Kernel, Machine } from "../host/machine.ts";
import { configSymbol } from "../host/system-files.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { inferCpu } from "../rules/inferred-cpu.ts";
import { hasP2pdma } from "../rules/kernels/build-option.ts";
import { numberOfOurs, parseKernelRelease } from "../rules/kernels/kernel-release.ts";
import { vendorOf } from "../rules/kernels/vendor-kernel.ts";
import { VENDOR_KERNELS } from "../rules/kernels/vendors.ts";
import type { Condition } from "./asking.ts";
import { all, any, isInSet, isOtherKind } from "./match.ts";

const noModules = unknown("the source does not show the modules that are loaded");

/** Whether a condition holds on a machine; unknown where the source hides one of its parts and no other decides. */
export function holdsOn(machine: Machine, condition: Condition): Known<boolean> {
  const { kernelFrom, kernelBefore, configOff, parameter, moduleFrom, moduleBefore, chipset } = condition;
  const { kernel } = machine;
  const release = (test: (number: number) => boolean): Known<boolean> => {
    const number = mainlineNumber(kernel);
    return isUnknown(number) ? number : test(number);
  };
  return all([
    kernelFrom === undefined || release((number) => number >= numberOfOurs(kernelFrom)),
    kernelBefore === undefined || release((number) => number < numberOfOurs(kernelBefore)),
    configOff === undefined || isOff(machine, configOff),
    parameter === undefined || parameterIs(kernel, parameter),
    moduleFrom === undefined || moduleVersion(kernel, moduleFrom.module, (at) => at >= 0, moduleFrom.version),
    moduleBefore === undefined || moduleVersion(kernel, moduleBefore.module, (at) => at < 0, moduleBefore.version),
    chipset === undefined || hasChipset(machine, chipset),
  ]);
}

function hasChipset(machine: Machine, { functions, partOf }: NonNullable<Condition["chipset"]>): Known<boolean> {
  const seen = any(machine.functions.map((fn) => isInSet(fn, functions)));
  return isUnknown(seen) && isOtherKind(machine.cpu, inferCpu(machine), partOf) ? false : seen;
}

/** A condition as it stands in a sentence: `Linux is older than 6.15`. */
export function conditionWords(condition: Condition): string {
  const { kernelFrom, kernelBefore, configOff, parameter, moduleFrom, moduleBefore, chipset } = condition;
  const release =
    kernelFrom !== undefined && kernelBefore !== undefined
      ? `Linux is ${kernelFrom} or newer and older than ${kernelBefore}`
      : kernelFrom !== undefined
        ? `Linux is ${kernelFrom} or newer`
        : kernelBefore !== undefined
          ? `Linux is older than ${kernelBefore}`
          : "";
  return [
    chipset === undefined ? "" : `this is ${chipset.name}`,
    release,
    configOff === undefined ? "" : `${configOff} is not set`,
    parameter === undefined ? "" : `${parameter.module}.${parameter.name} is ${parameter.values[0] ?? ""}`,
    moduleFrom === undefined ? "" : `the ${moduleFrom.module} driver is ${moduleFrom.version} or newer`,
    moduleBefore === undefined ? "" : `the ${moduleBefore.module} driver is older than ${moduleBefore.version}`,
  ]
    .filter((part) => part !== "")
    .join(" and ");
}

/** Kernels whose makers carry back-ports of drivers and of the DMA API: their number tells nothing of what they hold. */
const CARRIES_BACKPORTS = /\.el\d|el\d+uek|uek|-default\b|\.oe\d|\.an\d|\.al\d|\.tl\d|\.ky\d|-nvidia\b/i;

/** Number of the release where it is one of kernel.org's, as far as its name says. */
export function mainlineNumber({ release }: Kernel): Known<number> {
  if (isUnknown(release)) return release;
  const parsed = parseKernelRelease(release);
  if (parsed === undefined) return unknown(`the kernel's release '${release}' has no number`);
  const kind = vendorOf(parsed, VENDOR_KERNELS)?.rules.kind;
  if (kind === "read" || kind === "none" || CARRIES_BACKPORTS.test(release)) {
    return unknown(`${release} carries back-ports that its number does not tell`);
  }
  return parsed.number;
}

function isOff(machine: Machine, symbol: string): Known<boolean> {
  if (symbol === "CONFIG_PCI_P2PDMA") {
    const has = hasP2pdma(machine);
    return isUnknown(has) ? has : !has;
  }
  const value = configSymbol(machine.kernel, symbol);
  return isUnknown(value) ? value : value !== "y" && value !== "m";
}

function parameterIs(kernel: Kernel, { module, name, values }: NonNullable<Condition["parameter"]>): Known<boolean> {
  const shown = kernel.modules?.[module]?.parameters[name];
  if (shown !== undefined) return values.includes(shown);
  // modprobe.d may say more than the command line, but what stands there is meant.
  if (isUnknown(kernel.commandLine)) return kernel.commandLine;
  const wanted = parameterName(`${module}.${name}`);
  const given = kernelParameters(kernel.commandLine).findLast((one) => one.name === wanted && one.value !== null);
  if (given !== undefined) return values.includes(given.value ?? "");
  return noModules;
}

function moduleVersion(
  { modules }: Kernel,
  name: string,
  test: (order: number) => boolean,
  than: string,
): Known<boolean> {
  const version = modules?.[name]?.version ?? null;
  if (version === null) return modules === undefined ? noModules : unknown(`the version of ${name} is not shown`);
  const order = compareVersions(version, than);
  return order === undefined ? unknown(`'${version}' is no version`) : test(order);
}

/** Below 0 where `a` is older than `b`, 0 where they are the same; `undefined` where one is no list of numbers. */
export function compareVersions(a: string, b: string): number | undefined {
  const [left, right] = [a, b].map((text) => (/^\d+(?:\.\d+)*$/.test(text) ? text.split(".").map(Number) : undefined));
  if (left === undefined || right === undefined) return undefined;
  for (let at = 0; at < Math.max(left.length, right.length); at++) {
    const difference = (left[at] ?? 0) - (right[at] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}
