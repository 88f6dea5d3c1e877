import { z } from "zod";

/** A function as a dump has it. */
export interface DumpEntry {
  readonly realpath: string;
  readonly config: string;
  readonly modalias: string;
  readonly iommu_group?: number | null | undefined;
  readonly numa_node?: number | null | undefined;
  readonly subsystems?: Readonly<Record<string, readonly string[]>> | null | undefined;
}

/** One function of a dump, with the keys of `rdma_topo` (rdma-core 62, `SysfsDevice`). */
export const dumpEntry: z.ZodType<DumpEntry> = z.object({
  /** Absolute path below `/sys/devices`, whose folders are the bridges above. */
  realpath: z.string().max(4096),
  /** Config space, zlib in base64. */
  config: z.string().max(64 * 1024),
  modalias: z.string().max(4096),
  iommu_group: z.int().min(0).nullish(),
  numa_node: z.int().nullish(),
  /** Class devices by class folder: `drm`, `infiniband`, `net`, `nvme`. */
  subsystems: z.record(z.string(), z.array(z.string())).nullish(),
});

/** The class folders that a dump keeps. */
export const SUBSYSTEMS = ["drm", "infiniband", "net", "nvme"] as const;
/** PCIe config space. */
export const CONFIG_BYTES = 4096;
