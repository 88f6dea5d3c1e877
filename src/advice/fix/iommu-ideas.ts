import type { Machine } from "../../host/machine.ts";
import { isTranslating } from "../../host/machine.ts";
import { isUnknown } from "../../pci/known.ts";
import { editWord } from "./command-line-edit.ts";
import type { Idea } from "./idea.ts";
import { parameterSteps } from "./steps.ts";

/** Passthrough instead of translation, where the machine translates. */
export function passthroughIdea({ iommu, kernel }: Machine): readonly Idea[] {
  if (isUnknown(iommu.mode) || !isTranslating(iommu.mode)) return [];
  const edit = editWord(kernel.commandLine, "iommu=pt", (word) => /^iommu(?:\.passthrough)?=/.test(word));
  return [
    {
      kinds: ["iommu"],
      title: edit.sets,
      changes: [
        { kind: "parameters", text: "iommu=pt" },
        { kind: "iommu", mode: "passthrough" },
      ],
      lasting: "from-next-boot",
      steps: parameterSteps(edit),
      cautions: ["devices of the host itself are no longer kept from memory that is not theirs; guests still are"],
    },
  ];
}

/** No IOMMU at all: then nothing asks the kernel for ACS. */
export function withoutIommuIdea({ iommu, kernel }: Machine): readonly Idea[] {
  if (isUnknown(iommu.mode) || iommu.mode === "off") return [];
  const parameter = isUnknown(iommu.kind) ? null : offParameters[iommu.kind];
  if (parameter === undefined || parameter === null) return [];
  const edit = editWord(kernel.commandLine, parameter, (word) => word.startsWith(parameter.replace(/=.*/, "=")));
  return [
    {
      kinds: ["iommu"],
      title: edit.sets,
      changes: [
        { kind: "parameters", text: parameter },
        { kind: "iommu", mode: "off" },
      ],
      lasting: "from-next-boot",
      steps: parameterSteps(edit),
      cautions: ["no device can be passed to a guest without an IOMMU, and every device reaches all memory"],
    },
  ];
}

/** `amd_iommu=off` is no answer: that driver asks for ACS before it reads the parameter. */
const offParameters: Readonly<Record<string, string>> = { intel: "intel_iommu=off" };
