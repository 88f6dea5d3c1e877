/** What a port adds to the name of its device (`phys_port_name`): `np0`, `npf0vf3`, `nc1pf0sf12`, `d1`, `v2`. */
const PORT = String.raw`(?:n(?:c\d{1,3})?(?:pf\d{1,3})?(?:hpf|(?:p|vf|sf|s)?\d{1,5})?|[dvrs]\d{1,5})`;
/** A place by which udev names a device: onboard index, slot, or bus and slot, with the domain and the function. */
const PLACE = String.raw`(?:P\d{1,5})?(?:o\d{1,5}|s\d{1,5}|p\d{1,5}s\d{1,5})(?:f\d{1,3})?`;

/** Names by number or place, with few enough digits that none of them can be an address. */
export const KERNEL_NAME_FORMS: readonly RegExp[] = [
  // Block devices, GPUs and what hwloc calls them.
  /^(?:nvme\d{1,5}(?:c\d{1,5})?(?:n\d{1,5})?|[sv]d[a-z]{1,3}|dax\d{1,5}\.\d{1,5}|opencl\d{1,3}d\d{1,3})$/,
  /^(?:card|renderD|controlD|accel|fb|nvidia|cuda|nvml|rsmi|pmem|dsa|iax|vdpa)\d{1,5}$/,
  // Network interfaces of the kernel.
  /^(?:eth|ib|wlan|wwan|usb|hsn|rename)\d{1,5}$/,
  // InfiniBand devices: the driver and a number.
  /^(?:mlx[45]_|mlx5_bond_|mthca|qib|ipath|hfi1_|bnxt_re|irdma|i40iw|qedr|ocrdma|efa_|erdma_|mana_|ionic_|hns_|cxgb[34]_|usnic_|vmw_pvrdma|rxe|siw|cxi|uverbs|umad|issm)\d{1,5}$/,
  // udev's names for both.
  new RegExp(`^(?:en|wl|ww|ib|roce|iw|opa|rdma)${PLACE}${PORT}{0,2}$`),
  // Plain words of what a device is for, by number.
  /^(?:accel|backend|compute|data|fabric|frontend|gpu|ib|lan|mgmt|net|nic|npu|port|rail|rdma|roce|san|slot|ssd|storage|tpu|wan)[-_]?\d{1,3}$/,
];

/** True for a name that the kernel or udev gave by number or place; others may hold a host, a person or a MAC address. */
export function isKernelName(name: string): boolean {
  return name.length <= 40 && KERNEL_NAME_FORMS.some((form) => form.test(name));
}
