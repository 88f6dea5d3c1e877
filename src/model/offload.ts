/** Transfers between devices of the model, with what each who saw a part of them says, and where the bytes went. */
export {
  type Bio,
  type BioSegment,
  type DmaSegment,
  mergeBios,
  type PageSegment,
  type QueueLimits,
  type SideObject,
  splitBio,
} from "../offload/block/bio.ts";
export {
  type BlockDevice,
  type BlockResult,
  type BlockStatus,
  MdDevice,
  MultipathDevice,
  NvmeBlockDevice,
  stackedLimits,
} from "../offload/block/block-device.ts";
export { type OrchestratedMemory, orchestrate } from "../offload/block/orchestrate.ts";
export { type CopyReport, type CopyRequest, copyBetweenDevices, type DevicePlace } from "../offload/copy.ts";
export { type GpuRead, type GpuReadReport, type GpuReadWay, readIntoGpu } from "../offload/gpu-read.ts";
export type { ChosenProvider, IoBuffer, PeerMemoryChoice, WhyRam } from "../offload/io-memory.ts";
export {
  type NvmeOfIo,
  type NvmeOfOptions,
  NvmeOfQueue,
  type NvmeOfReport,
  NvmeOfTarget,
  type NvmeOfWork,
} from "../offload/nvmeof-target.ts";
export type { TransferOutcome, TransferReport } from "../offload/outcome.ts";
export type { LinkTraffic, SwitchTraffic, TrafficReport } from "../offload/traffic-report.ts";
export { buildWorkload, parseWorkload } from "../offload/workload/parse-workload.ts";
export { type RunOptions, runWorkload } from "../offload/workload/run-workload.ts";
export type { Simulation, SimulationOutcome, StepOutcome, StepRun } from "../offload/workload/simulation.ts";
export type { Workload, WorkloadStep } from "../offload/workload/workload.ts";
export type { StepParts, WorkloadParts } from "../offload/workload/workload-parts.ts";
