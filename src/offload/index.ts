/** Transfers between devices of the model, with what each who saw a part of them says, and where the bytes went. */
export { type CopyReport, type CopyRequest, copyBetweenDevices, type DevicePlace } from "./copy.ts";
export { type GpuRead, type GpuReadReport, type GpuReadWay, readIntoGpu } from "./gpu-read.ts";
export type { ChosenProvider, IoBuffer, PeerMemoryChoice, WhyRam } from "./io-memory.ts";
export { type NvmeOfIo, type NvmeOfOptions, NvmeOfQueue, type NvmeOfReport, NvmeOfTarget } from "./nvmeof-target.ts";
export type { TransferOutcome, TransferReport } from "./outcome.ts";
export type { LinkTraffic, SwitchTraffic, TrafficReport } from "./traffic-report.ts";
