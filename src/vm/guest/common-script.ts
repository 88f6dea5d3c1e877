/** How every `/init` starts: busybox's names and the kernel's file systems. */
export const SCRIPT_START = `#!/bin/busybox sh
/bin/busybox --install -s /bin
mkdir -p /sys /proc /dev /tmp
mount -t sysfs sysfs /sys
mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
`;

/** The NVMe driver probes in the background: waits until the number of namespaces is the number of controllers. */
export const WAIT_FOR_NVME = `controllers=0
for class in /sys/bus/pci/devices/*/class; do
  [ "$(cat $class)" = 0x010802 ] && controllers=$((controllers + 1))
done
tries=0
while [ "$(ls /sys/class/block | grep -c '^nvme[0-9]*n1$')" -lt $controllers ] && [ $tries -lt 300 ]; do
  sleep 0.1
  tries=$((tries + 1))
done
`;
