import { type Unknown, unknown } from "../../pci/known.ts";

const wayOut = "give sudo lspci -vvvnn, or a capture";

/** Why a machine of NCCL's XML does not show something, and the way out. Shared by all functions. */
export const acsNotInXml: Unknown = unknown(`NCCL's XML has no ACS: ${wayOut}`);
export const levelsLeftOut: Unknown = unknown(
  `NCCL's XML leaves out root ports and downstream ports, and may be drawn by hand: ${wayOut}`,
);
export const linkNotInXml: Unknown = unknown(
  `NCCL's XML has no port types, and gives links one speed, without saying whether it is what they can do or what they do: ${wayOut}`,
);
export const registersNotInXml: Unknown = unknown(`NCCL's XML has no registers: ${wayOut}`);
export const notInXml: Unknown = unknown(`NCCL's XML does not show it: ${wayOut}`);
export const notInThisFile: Unknown = unknown(`the file does not give it: ${wayOut}`);
export const placeholder: Unknown = unknown("the file has ffff here, which no device has");
export const iommuNotInXml: Unknown = unknown("NCCL's XML does not show the IOMMU: give --iommu");
export const kernelNotInXml: Unknown = unknown("NCCL's XML does not show the kernel: give --kernel");
export const numaNotInFile: Unknown = unknown("the file gives no NUMA node for it");

/** Why functions may be missing. */
export const functionsLeftOut =
  "NCCL's XML has GPUs and NICs and the switches above them only: give lspci -nn, or a capture";
