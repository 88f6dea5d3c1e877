import type { Machine } from "../../host/machine.ts";
import { isTranslating } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Idea } from "./idea.ts";
import { parameterSteps } from "./steps.ts";

/** Passthrough instead of translation, where the machine translates. */
export function passthroughIdea({ iommu }: Machine): readonly Idea[] {
  if (isUnknown(iommu.mode) || !isTranslating(iommu.mode)) return [];
  return [
    {
      kind: "iommu",
      title: "iommu=pt",
      changes: [
        { kind: "parameters", text: "iommu=pt" },
        { kind: "iommu", mode: "passthrough" },
      ],
      lasting: "from-next-boot",
      steps: parameterSteps({ add: "iommu=pt", replaces: null }),
      cautions: ["devices of the host itself are no longer kept from memory that is not theirs; guests still are"],
    },
  ];
}

/** No IOMMU at all: then nothing asks the kernel for ACS. */
export function withoutIommuIdea({ iommu }: Machine): readonly Idea[] {
  if (isUnknown(iommu.mode) || iommu.mode === "off") return [];
  const parameter = isUnknown(iommu.kind) ? null : offParameters[iommu.kind];
  if (parameter === undefined || parameter === null) return [];
  return [
    {
      kind: "iommu",
      title: parameter,
      changes: [
        { kind: "parameters", text: parameter },
        { kind: "iommu", mode: "off" },
      ],
      lasting: "from-next-boot",
      steps: parameterSteps({ add: parameter, replaces: null }),
      cautions: ["no device can be passed to a guest without an IOMMU, and every device reaches all memory"],
    },
  ];
}

/** `amd_iommu=off` is no answer: that driver asks for ACS before it reads the parameter. */
const offParameters: Readonly<Record<string, string>> = { intel: "intel_iommu=off" };
