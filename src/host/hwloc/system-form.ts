import { type Known, unknown } from "../../pci/known.ts";
import { cpuVendorOf } from "../cpu-vendor.ts";
import type { Cpu, Kernel } from "../machine.ts";
import { agreedValue } from "../xml/agreed-value.ts";
import type { HwlocObjects } from "./objects.ts";
import * as why from "./reasons.ts";

/** The infos of a file that tell what the CPUs are. */
type Infos = Pick<HwlocObjects, "system" | "packages">;

const isX86 = (architecture: string): boolean => /^(?:x86|i[3-6]86|amd64)/.test(architecture);

/** The CPU, where all packages of the file agree. Only x86 has a vendor, family and model of the kernel's kind. */
export function cpuOf({ system, packages }: Infos): Cpu {
  const name = agreedValue(infosOf(packages, "CPUModel"), "CPU models", "the file names no CPU model");
  const architecture = system.get("Architecture");
  const isArm = packages.some((infos) => infos.has("CPUImplementer"));
  const known: Known<string> =
    architecture ?? (isArm ? "aarch64" : unknown("the file names no architecture: give --cpu"));
  const isForeign = architecture === undefined ? isArm : !isX86(architecture);
  if (isForeign) return { architecture: known, vendor: null, family: null, model: null, name };
  const missing = (what: string): string => `the file names no ${what} of the CPU: give --cpu`;
  return {
    architecture: known,
    vendor: agreedValue(infosOf(packages, "CPUVendor").map(cpuVendorOf), "CPU vendors", missing("vendor")),
    // No x86 CPU is of family 0: it was not read.
    family: agreedValue(
      numbersOf(packages, "CPUFamilyNumber").map((family) => family || undefined),
      "CPU families",
      missing("family"),
    ),
    model: agreedValue(numbersOf(packages, "CPUModelNumber"), "CPU models", missing("model")),
    name,
  };
}

function infosOf(packages: Infos["packages"], name: string): (string | undefined)[] {
  return packages.map((infos) => {
    const value = infos.get(name)?.trim();
    return value === "" ? undefined : value;
  });
}

function numbersOf(packages: Infos["packages"], name: string): (number | undefined)[] {
  return infosOf(packages, name).map((text) =>
    text !== undefined && /^\d{1,9}$/.test(text) ? Number.parseInt(text, 10) : undefined,
  );
}

/** The system that the file was written on, where it is not Linux. */
export function foreignSystem({ system }: Pick<HwlocObjects, "system">): string | undefined {
  const name = system.get("OSName");
  return name === undefined || name === "Linux" ? undefined : name;
}

/** The kernel's release, where the file says that it was written on Linux and names it. */
export function kernelOf({ system }: Pick<HwlocObjects, "system">): Kernel {
  const name = system.get("OSName");
  const release = system.get("OSRelease");
  return {
    release:
      name === undefined || release === undefined
        ? unknown("the file names no kernel release: give --kernel")
        : name === "Linux"
          ? release
          : unknown(`the file is of ${name}, and the rules are those of Linux: give --kernel`),
    commandLine: why.kernelNotInXml,
    config: why.kernelNotInXml,
  };
}
