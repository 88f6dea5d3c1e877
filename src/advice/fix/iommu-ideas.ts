import { IOMMU_PARAMETERS } from "../../host/iommu-mode.ts";
import type { Machine } from "../../host/machine.ts";
import { isTranslating } from "../../host/machine.ts";
import { usualIommu } from "../../host/scenario/system.ts";
import { isUnknown } from "../../pci/known.ts";
import { editWord, editWords } from "./command-line-edit.ts";
import type { Idea } from "./idea.ts";

/** Passthrough instead of translation, where the machine translates. */
export function passthroughIdea({ iommu, kernel }: Machine): readonly Idea[] {
  if (isUnknown(iommu.mode) || !isTranslating(iommu.mode)) return [];
  const edit = editWord(kernel.commandLine, "iommu=pt", (name) => name === "iommu" || name === "iommu.passthrough");
  return [
    {
      kinds: ["iommu"],
      title: edit.sets,
      changes: [
        { kind: "parameters", text: "iommu=pt" },
        { kind: "iommu", mode: "passthrough" },
      ],
      lasting: "from-next-boot",
      steps: [edit],
      cautions: ["devices of the host itself are no longer kept from memory that is not theirs; guests still are"],
    },
  ];
}

/** No IOMMU at all: then nothing asks the kernel for ACS. */
export function withoutIommuIdea({ iommu, kernel }: Machine): readonly Idea[] {
  if (isUnknown(iommu.mode) || iommu.mode === "off") return [];
  const parameter = isUnknown(iommu.kind) ? null : offParameters[iommu.kind];
  if (parameter === undefined || parameter === null) return [];
  const edit = editWord(kernel.commandLine, parameter, (name) => name === parameter.replace(/=.*/, ""));
  return [
    {
      kinds: ["iommu"],
      title: edit.sets,
      changes: [
        { kind: "parameters", text: parameter },
        { kind: "iommu", mode: "off" },
      ],
      lasting: "from-next-boot",
      steps: [edit],
      cautions: ["no device can be passed to a guest, and every device reaches all memory: there is no IOMMU"],
    },
  ];
}

/**
 * Translation where there is none: a device whose addresses are too short for a BAR reaches it by an IOVA. Not where the
 * kernel has no say in whether there is an IOMMU: on Arm firmware alone decides.
 */
export function translationIdea({ iommu, kernel, cpu }: Machine): readonly Idea[] {
  const { mode } = iommu;
  if (mode !== "passthrough" && mode !== "off") return [];
  const kind = isUnknown(iommu.kind) || iommu.kind === "none" ? usualIommu(cpu) : iommu.kind;
  if (mode === "off" && kind !== "intel" && kind !== "amd") return [];
  const words = [...(mode === "off" && kind === "intel" ? ["intel_iommu=on"] : []), ...TRANSLATES];
  const edit = editWords(kernel.commandLine, words, (name) => IN_PLACE_OF[mode].has(name));
  return [
    {
      kinds: ["iommu"],
      title: edit.sets,
      changes: [
        { kind: "parameters", text: edit.sets },
        { kind: "iommu", mode: "strict" },
      ],
      lasting: "from-next-boot",
      steps: [edit],
      cautions: [
        ...(mode === "off" ? [firmwareWords[kind === "amd" ? "amd" : "intel"]] : []),
        "every DMA of the host's devices is then translated, and each mapping that is undone is flushed from the IOMMU: that costs time",
        "requests between devices go up to the root complex, which has to carry them",
      ],
    },
  ];
}

/** Linux 5.3 and newer, on every architecture; `iommu.strict` counts on x86 from 5.15 on. */
const TRANSLATES = ["iommu.passthrough=0", "iommu.strict=1"] as const;

const IN_PLACE_OF = {
  passthrough: new Set(["iommu", "iommu.passthrough", "iommu.strict"]),
  off: IOMMU_PARAMETERS,
} as const satisfies Record<string, ReadonlySet<string>>;

const firmwareWords = {
  intel: "the firmware has to offer it: 'VT-d' ('Intel VT for Directed I/O') on in its setup",
  amd: "the firmware has to offer it: 'IOMMU' ('AMD-Vi') on in its setup; the kernel then uses it unless a parameter says off",
} as const;

/** `amd_iommu=off` is no answer: that driver asks for ACS before it reads the parameter. */
const offParameters: Readonly<Record<string, string>> = { intel: "intel_iommu=off" };
