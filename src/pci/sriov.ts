import type { Known } from "./known.ts";

/** The SR-IOV capability of a physical function (PCIe 6.0 sec 9.3.3). */
export interface Sriov {
  readonly totalVfs: number;
  readonly numVfs: number;
  /** Routing id of the first VF, relative to the PF's. */
  readonly firstVfOffset: number;
  readonly vfStride: number;
  readonly vfDeviceId: Known<number>;
  /** VF Memory Space Enable: memory decode of all of its VFs. Absent where the source does not show it. */
  readonly vfMemoryEnable?: boolean;
}
