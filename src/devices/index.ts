/** Devices that issue DMA, and the machine put together for them. */
export { BusMaster, type TransferFailure } from "./bus-master.ts";
export { DmaEngine, type EngineStatus } from "./dma-engine.ts";
export { type DmaSpan, partOf, spanBytes } from "./dma-spans.ts";
export { Gpu, type GpuOptions } from "./gpu.ts";
export { type MappedMemory, mapMemory } from "./mapped-memory.ts";
export { NvmeController, type NvmeOptions } from "./nvme/controller.ts";
export { NvmeDriver, type NvmeDriverOptions } from "./nvme/driver.ts";
export type { NvmeStatus } from "./nvme/protocol.ts";
export type { MemoryRegion, RdmaPort, RdmaStatus, RegionAccess } from "./rdma/memory-region.ts";
export { type LocalBuffer, RdmaNic, type RemoteBuffer } from "./rdma/rdma-nic.ts";
export { RemoteHost } from "./rdma/remote-host.ts";
export { buildSystem, functionIn, poolOf, type System } from "./system.ts";
export type { Backend, FailedReads, PeerMemoryRequest, SystemChoice, SystemOptions } from "./system-options.ts";
export type { SplitTraffic, Traffic } from "./traffic.ts";
