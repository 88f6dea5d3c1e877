import { isTranslating } from "../../../host/machine.ts";
import type { CopyResultView } from "../../../measured/copy.ts";
import { formatAddress } from "../../../pci/addresses.ts";
import { formatBdf } from "../../../pci/bdf.ts";
import { isUnknown } from "../../../pci/known.ts";

const OTHERS_HINT = [
  "a source that is written meanwhile differs too: unmount it, or copy a snapshot",
  "so does a target that others write to: fuser and lsof show who has it open",
];

/** What helps against data that did not arrive. */
export function lossRemedies({ plan, path, loss }: CopyResultView): readonly string[] {
  if (path.kind === "dram") {
    return [
      ...OTHERS_HINT,
      "it went through DRAM, so that no peer path is to blame; copy it once more: where it differs again and nobody else writes, look at the kernel's log, the disks (smartctl), their cables and the machine's memory",
    ];
  }
  const { mode } = plan.host.machine.iommu;
  const provider = formatBdf(path.choice.pool.provider);
  const iommu =
    !isUnknown(mode) && !isTranslating(mode)
      ? []
      : [
          `the IOMMU ${isUnknown(mode) ? "may translate" : "translates"}: where a switch sends peer traffic up to it, the address is unknown there; boot with iommu=pt`,
        ];
  return [
    ...iommu,
    `peerlane probe says which pairs of ${provider} carry data, and what the kernel's log has on them`,
    "--fallback copies through DRAM where peer memory loses data; --via names another provider",
    ...(loss?.foundBy === "first-chunk" ? [] : OTHERS_HINT),
  ];
}

const finders = {
  "first-chunk": "the first chunk was read back",
  sample: "a chunk was read back after the copy",
  verification: "all was read back",
} as const;

const looksWords = {
  zeros: "the target holds zeros there",
  ones: "the target holds all ones there: reads that nobody answered",
  "never-read": "the target holds what the memory held before: the source's data never arrived in it",
  "never-written": "the target holds what it held before: the write never arrived",
  other: "the target holds other data there",
} as const;

/** Where the data is wrong and how it looks, in a sentence. */
export function lossWords({ loss, plan }: CopyResultView): string {
  if (loss === null) return "none was found";
  const { offset, looks } = loss.difference;
  const { sourceStart, targetStart } = plan.ranges;
  const places = `byte ${formatAddress(sourceStart + offset)} of the source and ${formatAddress(targetStart + offset)} of the target`;
  return `${finders[loss.foundBy]}, and ${places} differ: ${looksWords[looks]}`;
}
