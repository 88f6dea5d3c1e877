/** Public addresses of the threads, each used by several designs. */
export const LINKS = {
  rfc2017: "http://mail.spinics.net/lists/linux-rdma/msg48060.html",
  stacking2017: "https://lkml.iu.edu/hypermail/linux/kernel/1704.2/01616.html",
  offset2017: "http://mail.spinics.net/lists/linux-scsi/msg107527.html",
  shim2017: "http://lists.infradead.org/pipermail/linux-nvme/2017-April/009425.html",
  rfc2019: "http://mail.spinics.net/lists/linux-pci/msg84266.html",
  reply2019: "https://lore.kernel.org/r/91eba9a0-27b4-08b4-7c12-86e24e1bfe85@deltatee.com",
  vfio2022: "http://mail.spinics.net/lists/kvm/msg289026.html",
  vfio2025: "https://lore.kernel.org/all/cover.1753274085.git.leonro@nvidia.com",
  pfnT: "https://git.kernel.org/linus/34c0fd540e79fb49ef9ce864dae1058cca265780",
  p2pdma2018: "https://lwn.net/Articles/767281/",
  amdgpuDmaBuf:
    "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git/tree/drivers/gpu/drm/amd/amdgpu/amdgpu_dma_buf.c",
  nvidiaRaw: "https://github.com/NVIDIA/open-gpu-kernel-modules/issues/1324",
} as const;
