/** Devices that issue DMA, and the machine put together for them. */
export { buildMachine } from "../devices/build-machine.ts";
export { BusMaster, type RequestWatcher, type TransferFailure } from "../devices/bus-master.ts";
export { DmaEngine, type EngineStatus } from "../devices/dma-engine.ts";
export { partOf, spanBytes } from "../devices/dma-spans.ts";
export { Gpu, type GpuOptions } from "../devices/gpu.ts";
export { type MappedMemory, mapMemory } from "../devices/mapped-memory.ts";
export { NvmeController, type NvmeOptions } from "../devices/nvme/controller.ts";
export { NvmeDriver, type NvmeDriverOptions } from "../devices/nvme/driver.ts";
export type { NvmeStatus } from "../devices/nvme/protocol.ts";
export type {
  MemoryRegion,
  RdmaPort,
  RdmaStatus,
  RegionAccess,
  RegionUse,
  RemoteBuffer,
} from "../devices/rdma/memory-region.ts";
export {
  type BufferOptions,
  type LocalBuffer,
  type Packet,
  type PacketWatcher,
  RdmaNic,
} from "../devices/rdma/rdma-nic.ts";
export { RemoteHost } from "../devices/rdma/remote-host.ts";
export { buildSystem, functionIn, poolOf, type System } from "../devices/system.ts";
export type {
  Backend,
  BackendName,
  BackendParts,
  FailedReads,
  OwnBackend,
  PeerMemoryRequest,
  SystemChoice,
  SystemOptions,
} from "../devices/system-options.ts";
export type { SplitTraffic, Traffic } from "../devices/traffic.ts";
export { type OpenVfioOptions, openVfio } from "../devices/vfio.ts";
export type {
  DeviceParts,
  EndpointParts,
  HostBridgeParts,
  MachineParts,
  NodeParts,
  PortParts,
} from "../host/scenario/machine-parts.ts";
