/**
 * The model as a library: memory, the DMA API, the IOMMU, dma-buf and VFIO, the fabric, devices and the copy offload of
 * one machine, room by room. Nothing here needs Node. It changes faster than the entry `peerlane`.
 *
 * @packageDocumentation
 */
export * as devices from "./devices/index.ts";
export * as dma from "./dma/index.ts";
export * as dmabuf from "./dmabuf/index.ts";
export * as fabric from "./fabric/index.ts";
export * as iommu from "./iommu/index.ts";
export * as lab from "./lab/index.ts";
export * as memory from "./memory/index.ts";
export * as offload from "./offload/index.ts";
