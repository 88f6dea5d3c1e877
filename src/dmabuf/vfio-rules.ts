/** In what releases of the kernel differ when a VFIO device takes its exported memory back. */
export interface VfioRules {
  readonly release: string;
  /** Revoking waits until importers have signalled their fences and unmapped (Linux 7.1). */
  readonly waitsForImporters: boolean;
  /** Importers may pin, if they can be told to stop (Linux 7.1); before, every pin was refused. */
  readonly takesPins: boolean;
  /** Closing the device revokes before it disables the function (Linux 7.1, and 7.0 later); before, after that. */
  readonly revokesBeforeDisable: boolean;
  /**
   * How an importer's mapping is undone: `destroyed` in one go, which in a lazy domain leaves the IOTLB as it is until the
   * flush (`dma_buf_free_sgt`, all releases up to 7.3), or `unlinked` first, which waits for the IOTLB (`dma_iova_unlink`).
   */
  readonly unmapping: "destroyed" | "unlinked";
}

/** `vfio_pci_dmabuf.c` as it came, Linux 6.19. */
export const VFIO_6_19: VfioRules = {
  release: "6.19",
  waitsForImporters: false,
  takesPins: false,
  revokesBeforeDisable: false,
  unmapping: "destroyed",
};

/** The same in Linux 7.1 and newer ("vfio: Wait for dma-buf invalidation to complete" and its neighbours). */
export const VFIO_7_2: VfioRules = {
  release: "7.2",
  waitsForImporters: true,
  takesPins: true,
  revokesBeforeDisable: true,
  unmapping: "destroyed",
};

/**
 * Those of 7.2 with mappings that are unlinked before their space is freed: what closes a revocation in lazy domains. A
 * design of ours, made of what Linux 7.2 has; no release does it.
 */
export const VFIO_UNLINKED: VfioRules = { ...VFIO_7_2, release: "7.2, unlinked", unmapping: "unlinked" };
