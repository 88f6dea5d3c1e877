import type { Machine } from "../../host/machine.ts";
import { configSymbol } from "../../host/system-files.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { type KernelRelease, parseKernelRelease } from "./kernel-release.ts";
import { vendorOf } from "./vendor-kernel.ts";
import { VENDOR_KERNELS } from "./vendors.ts";

/** Whether a vendor builds a kernel with CONFIG_PCI_P2PDMA, and where that was read. */
export interface ReadOption {
  readonly state: "on" | "off";
  readonly vendor: string;
  readonly readIn: string;
}

/**
 * What was read of a vendor's builds for an architecture (as `uname -m` says it; the release string, where it names one,
 * counts more); `undefined` where nothing was.
 */
export function readOption(release: KernelRelease, architecture: string | undefined): ReadOption | undefined {
  const vendor = vendorOf(release, VENDOR_KERNELS);
  if (vendor === undefined) return undefined;
  const { x86, arm } = vendor.option;
  const family = familyOf(release.suffix) ?? familyOf(architecture ?? "");
  const state = family === undefined ? (x86 === arm ? x86 : undefined) : vendor.option[family];
  return state === undefined ? undefined : { state, vendor: vendor.name, readIn: vendor.readIn };
}

function familyOf(text: string): "x86" | "arm" | undefined {
  if (/x86[_-]64|amd64|i[3-6]86|^x86/.test(text)) return "x86";
  return /aarch64|arm/.test(text) ? "arm" : undefined;
}

/**
 * Whether a machine's kernel is built with CONFIG_PCI_P2PDMA: by its own configuration, else by what was read of its
 * vendor's; the source's reason where neither says.
 */
export function hasP2pdma(machine: Pick<Machine, "kernel" | "cpu">): Known<boolean> {
  const own = configSymbol(machine.kernel, "CONFIG_PCI_P2PDMA");
  if (!isUnknown(own)) return own === "y";
  const option = optionOf(machine);
  return option === undefined ? own : option.state === "on";
}

/** That a machine's kernel is built without P2PDMA, and who says so; `undefined` where it may have it. */
export function withoutP2pdma(machine: Pick<Machine, "kernel" | "cpu">): string | undefined {
  const { release, config } = machine.kernel;
  if (hasP2pdma(machine) !== false) return undefined;
  const option = isUnknown(config) ? optionOf(machine) : undefined;
  const name = isUnknown(release) ? "this kernel" : release;
  return option === undefined
    ? `${name} is built without CONFIG_PCI_P2PDMA`
    : `${name} (${option.vendor}) is built without CONFIG_PCI_P2PDMA, by what was read of ${option.readIn}`;
}

function optionOf({ kernel: { release }, cpu }: Pick<Machine, "kernel" | "cpu">): ReadOption | undefined {
  const parsed = isUnknown(release) ? undefined : parseKernelRelease(release);
  if (parsed === undefined) return undefined;
  return readOption(parsed, isUnknown(cpu.architecture) ? undefined : cpu.architecture);
}
