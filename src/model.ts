/**
 * The model as a library: memory, the DMA API, the IOMMU, dma-buf and VFIO, the fabric, devices and the copy offload of
 * one machine, room by room. Nothing here needs Node. It changes faster than the entry `peerlane`.
 *
 * @packageDocumentation
 */
export * as addresses from "./model/addresses.ts";
export * as devices from "./model/devices.ts";
export * as dma from "./model/dma.ts";
export * as dmabuf from "./model/dmabuf.ts";
export * as fabric from "./model/fabric.ts";
export * as iommu from "./model/iommu.ts";
export * as lab from "./model/lab.ts";
export * as memory from "./model/memory.ts";
export * as offload from "./model/offload.ts";
export * as routes from "./model/routes.ts";
export * as timed from "./model/timed.ts";
