import { InvalidArgumentError } from "commander";
import { CPU_NAMES, IOMMU_MODES } from "../host/override.ts";

/*
 * What people call the modes of the IOMMU and the CPUs that Peerlane has names for. Only what means one of them is here.
 */

/** As kernel parameters and `iommu_groups/N/type` have them. */
const MODE_WORDS: ReadonlyMap<string, string> = new Map([
  ["pt", "passthrough"],
  ["identity", "passthrough"],
  ["dma", "strict"],
  ["dma-fq", "lazy"],
]);

/** The IOMMU is used, and how is left open. */
const USED = ["on", "yes", "enabled", "force", "translated", "nopt"];

/** Product lines, code names and architectures of which each part is of one preset. */
const CPU_WORDS: Readonly<Record<string, readonly string[]>> = {
  "amd-zen": [
    ...["epyc", "ryzen", "threadripper", "zen", "zen1", "zen+", "zen2", "zen3", "zen4", "zen5"],
    ...["naples", "rome", "milan", "genoa", "bergamo", "siena", "turin"],
  ],
  "amd-pre-zen": ["bulldozer", "piledriver", "steamroller", "excavator", "k10"],
  intel: ["xeon", "genuineintel"],
  arm: ["arm64", "aarch64", "neoverse", "graviton", "altra"],
};

/** The mode that a word for it means; throws `InvalidArgumentError` for none, and for a word that leaves open which. */
export function iommuModeOf(word: string): string {
  const lower = word.toLowerCase();
  const mode = IOMMU_MODES.find((each) => each === lower) ?? MODE_WORDS.get(lower);
  if (mode !== undefined) return mode;
  throw new InvalidArgumentError(
    USED.includes(lower)
      ? "It does not say how the IOMMU is used: strict and lazy translate, passthrough does not."
      : `Allowed choices are ${IOMMU_MODES.join(", ")}.`,
  );
}

/** The preset that a word for a CPU means; throws `InvalidArgumentError` for none, and for a word that may mean two. */
export function cpuPresetOf(word: string): string {
  const lower = word.toLowerCase();
  const preset =
    CPU_NAMES.find((each) => each === lower) ?? CPU_NAMES.find((each) => CPU_WORDS[each]?.includes(lower) === true);
  if (preset !== undefined) return preset;
  const ofAmd = CPU_NAMES.filter((name) => name.startsWith("amd-")).join(" or ");
  throw new InvalidArgumentError(
    lower === "amd" || lower === "authenticamd"
      ? `AMD CPUs differ to the kernel: say ${ofAmd}.`
      : `Allowed choices are ${CPU_NAMES.join(", ")}.`,
  );
}
