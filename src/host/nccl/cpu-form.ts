import { isUnknown } from "../../pci/known.ts";
import { cpuVendorOf } from "../cpu-vendor.ts";
import type { Cpu } from "../machine.ts";
import { agreedValue } from "../xml/agreed-value.ts";
import type { CpuObject } from "./objects.ts";
import * as why from "./reasons.ts";

/** NCCL's names of architectures where the system's own is another. */
const systemNames: ReadonlyMap<string, string> = new Map([["arm64", "aarch64"]]);

/** The CPU, where all NUMA nodes of the file agree. Only x86 has a vendor, family and model of the kernel's kind. */
export function cpuOf(cpus: readonly CpuObject[]): Cpu {
  const texts = (attribute: string): (string | undefined)[] =>
    cpus.map(({ attributes }) => {
      const text = attributes[attribute]?.trim();
      return text === "" ? undefined : text;
    });
  const numbers = (attribute: string): (number | undefined)[] =>
    texts(attribute).map((text) =>
      text !== undefined && /^\d{1,9}$/.test(text) ? Number.parseInt(text, 10) : undefined,
    );
  const missing = (what: string): string => `the file gives no ${what} of the CPU: give --cpu`;
  const architecture = agreedValue(
    texts("arch").map((name) => (name === undefined ? undefined : (systemNames.get(name) ?? name))),
    "CPU architectures",
    missing("architecture"),
  );
  if (!isUnknown(architecture) && architecture !== "x86_64") {
    return { architecture, vendor: null, family: null, model: null, name: why.notInXml };
  }
  return {
    architecture,
    vendor: agreedValue(texts("vendor").map(cpuVendorOf), "CPU vendors", missing("vendor")),
    family: agreedValue(numbers("familyid").map(familyOf), "CPU families", missing("family")),
    model: agreedValue(numbers("modelid"), "CPU models", missing("model")),
    name: why.notInXml,
  };
}

/**
 * The family as the kernel counts it. NCCL writes base family + 16 × extended family of CPUID leaf 1, while the family
 * is the base plus the extended one, which counts where the base is 15: AMD's Zen is 23, and 143 in NCCL's form. Files
 * written by hand have the family itself; no CPU has one of 31, 47, 63 …, where the two could be mistaken.
 */
function familyOf(familyId: number | undefined): number | undefined {
  // No x86 CPU is of family 0: it was not read.
  if (familyId === undefined || familyId === 0) return undefined;
  if (familyId % 16 !== 15) return familyId;
  return 15 + Math.floor(familyId / 16);
}
