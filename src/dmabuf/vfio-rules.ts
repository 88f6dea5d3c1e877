/** In what releases of the kernel differ when a VFIO device takes its exported memory back. */
export interface VfioRules {
  readonly release: string;
  /** Revoking waits until importers have signalled their fences and unmapped (Linux 7.1). */
  readonly waitsForImporters: boolean;
  /** Importers may pin, if they can be told to stop (Linux 7.1); before, every pin was refused. */
  readonly takesPins: boolean;
  /** Closing the device revokes before it disables the function (Linux 7.1, and 7.0 later); before, after that. */
  readonly revokesBeforeDisable: boolean;
}

/** `vfio_pci_dmabuf.c` as it came, Linux 6.19. */
export const VFIO_6_19: VfioRules = {
  release: "6.19",
  waitsForImporters: false,
  takesPins: false,
  revokesBeforeDisable: false,
};

/** The same in Linux 7.1 and newer ("vfio: Wait for dma-buf invalidation to complete" and its neighbours). */
export const VFIO_7_2: VfioRules = {
  release: "7.2",
  waitsForImporters: true,
  takesPins: true,
  revokesBeforeDisable: true,
};
