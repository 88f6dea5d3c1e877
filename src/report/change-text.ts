import type { Change } from "../advice/what-if/change.ts";
import { ACS_LETTERS } from "../pci/acs.ts";
import { formatBdf } from "../pci/bdf.ts";

/** A change in a few words. */
export function changeText(change: Change): string {
  switch (change.kind) {
    case "acs": {
      const bits = ACS_LETTERS.flatMap((letters, position) => {
        const bit = 1 << position;
        return (change.set & bit) !== 0 ? [`+${letters}`] : (change.clear & bit) !== 0 ? [`-${letters}`] : [];
      });
      return `ACS of ${formatBdf(change.device)}: ${bits.join(" ")}`;
    }
    case "parameters":
      return `kernel parameters ${change.text}`;
    case "kernel":
      return `Linux ${change.release}`;
    case "cpu":
      return `CPU ${change.name}`;
    case "iommu":
      return `IOMMU ${change.mode}`;
    case "move":
      return `${formatBdf(change.device)} below ${formatBdf(change.under)}`;
    case "switch-card":
      return `a switch card below ${formatBdf(change.under)}`;
  }
}

/** The names of bits of an ACS register: `RR, CR`. */
export function lettersOf(bits: number): string {
  return ACS_LETTERS.filter((_, position) => (bits >> position) & 1).join(", ");
}
