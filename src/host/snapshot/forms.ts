import type { SourceFormat } from "../machine.ts";

/** What this program writes and reads. */
export const SNAPSHOT_SCHEMA = "peerlane.snapshot/1";

/** What a snapshot may have been made of. */
export const SOURCE_FORMATS: readonly SourceFormat[] = [
  "sysfs",
  "archive",
  "collected",
  "lspci",
  "scenario",
  "snapshot",
  "rdma-topo",
  "hwloc",
  "nccl",
];
