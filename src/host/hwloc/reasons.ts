import { type Unknown, unknown } from "../../pci/known.ts";

const wayOut = "give sudo lspci -vvvnn, or a capture";

/** Why a machine of hwloc's XML does not show something, and the way out. Shared by all functions. */
export const acsNotInXml: Unknown = unknown(`hwloc's XML has no ACS: ${wayOut}`);
export const portNotInXml: Unknown = unknown(`hwloc's XML has no PCI Express port types: ${wayOut}`);
export const registersNotInXml: Unknown = unknown(`hwloc's XML has no registers: ${wayOut}`);
export const notInXml: Unknown = unknown(`hwloc's XML does not show it: ${wayOut}`);
export const iommuNotInXml: Unknown = unknown("hwloc's XML does not show the IOMMU: give --iommu");
export const kernelNotInXml: Unknown = unknown("hwloc's XML does not show the kernel's command line and configuration");
export const windowsNotInXml: Unknown = unknown("hwloc's XML does not show the windows of bridges");
export const idsNotRead: Unknown = unknown("hwloc could not read the ids of this function");
export const zeroSubsystem: Unknown = unknown("hwloc writes zeros for no subsystem and for one that it did not read");
export const localityAmbiguous: Unknown = unknown("hwloc does not place the host bridge at one of several NUMA nodes");
export const bridgesLeftOut: Unknown = unknown(
  "the file has no bridges above it: give lstopo's XML without --no-bridges",
);
export const bridgeUnreadable: Unknown = unknown(
  "hwloc could not read the registers of a bridge of this domain, so it did not know what is below it: run lstopo as root",
);
export const bridgeMissing: Unknown = unknown(
  "hwloc hangs it below a bridge, on another bus than the one directly below that: what lies between is not in the file",
);
export const maybeVirtualBus: Unknown = unknown(
  "hwloc hangs virtual functions on a bus of their own like the devices of a root bus: its XML does not tell them apart",
);

/** Why functions may be missing. */
export const functionsLeftOut = "hwloc's XML leaves out what its filters do not keep: give lspci -nn, or a capture";
