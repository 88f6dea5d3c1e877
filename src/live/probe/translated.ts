import type { Machine } from "../../host/machine.ts";
import { isTranslating } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
import type { MeasuredPair } from "./result.ts";

/** True where the IOMMU is known to translate what the pair's clients send. */
export function isTranslated({ clients }: Pick<MeasuredPair, "clients">, machine: Machine): boolean {
  const { mode, groupTypes } = machine.iommu;
  return clients.some(({ client }) => {
    const group = machine.functions.find(({ bdf }) => bdf === client)?.iommuGroup;
    const isHidden = group === undefined || group === null || isUnknown(group) || isUnknown(groupTypes);
    const type = isHidden ? undefined : groupTypes.get(group);
    if (type !== undefined) return type.startsWith("DMA");
    return !isUnknown(mode) && isTranslating(mode);
  });
}
