/** Sharing a device's memory with other devices, and taking it back: dma-buf, VFIO's exporter, importers, guests. */
export type { Backing } from "../dmabuf/dma-buf.ts";
export { type Attachment, DmaBuf, type ExporterOps, type Importer, isRevocable } from "../dmabuf/dma-buf.ts";
export { type GuestArea, GuestMemoryMap, type MappableDomain } from "../dmabuf/guest-memory-map.ts";
export { type GuestBar, type GuestPromise, guestPromise, INSIDE_A_GUEST } from "../dmabuf/guest-promise.ts";
export { type GuestLayout, type GuestOptions, type GuestView, guestView } from "../dmabuf/guest-view.ts";
export { MovableExporter } from "../dmabuf/movable-exporter.ts";
export {
  type RdmaAccess,
  type RdmaMode,
  type RdmaOptions,
  RdmaRegion,
  type RdmaState,
} from "../dmabuf/rdma-region.ts";
export { type Fence, Reservation } from "../dmabuf/reservation.ts";
export { type VfioBar, VfioDevice, type VfioDeviceOptions } from "../dmabuf/vfio-device.ts";
export type { VfioChange, VfioHardware, VfioOperation } from "../dmabuf/vfio-operation.ts";
export { VFIO_6_19, VFIO_7_2, VFIO_UNLINKED, type VfioRules } from "../dmabuf/vfio-rules.ts";
