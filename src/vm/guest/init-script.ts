import { SCRIPT_START, WAIT_FOR_NVME } from "./common-script.ts";

/** Marks of the guest's report on its second serial port; see `measured.ts` for the reading side. */
export const REPORT_VERSION = 1;

/** Files of a device's folder that readers of sysfs look at; others are left out to keep captures small. */
const deviceFiles = [
  "config",
  "resource",
  "class",
  "vendor",
  "device",
  "subsystem_vendor",
  "subsystem_device",
  "revision",
  "irq",
  "enable",
  "modalias",
  "numa_node",
  "local_cpus",
  "local_cpulist",
  "dma_mask_bits",
  "current_link_speed",
  "current_link_width",
  "max_link_speed",
  "max_link_width",
  "sriov_totalvfs",
  "sriov_numvfs",
  "size",
  "available",
  "published",
  "address",
];
const deviceLinks = ["driver", "subsystem", "iommu_group", "physfn"];

/**
 * The guest's `/init`: tries every provider with every client and reports what the kernel decided, then copies what
 * readers need of sysfs and procfs. Touches only the guest's own throw-away disks.
 */
export const INIT_SCRIPT: string = `${SCRIPT_START}mount -t tracefs tracefs /sys/kernel/tracing
stty -F /dev/ttyS1 raw -echo
exec 3>/dev/ttyS1
echo "@peerlane ${REPORT_VERSION}" >&3
echo "@kernel $(uname -r)" >&3

${WAIT_FOR_NVME}
# The kernel's own answer: what its decision returned, and the distance that it stored.
cd /sys/kernel/tracing
echo 'r:peerlane calc_map_type_and_dist map=$retval dist=+0($arg3):s32' > kprobe_events && echo 1 > events/kprobes/peerlane/enable
cd /
dmesg -n 1
dmesg -c > /tmp/boot.log

for provider in /sys/bus/pci/devices/*; do
  [ -e $provider/p2pmem/allocate ] || continue
  for block in /sys/class/block/nvme*n1; do
    client=$(readlink -f $block | grep -oE '[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\\.[0-7]' | tail -n 1)
    echo > /sys/kernel/tracing/trace
    echo "@pair \${provider##*/} $client" >&3
    echo "@io $(/bin/probe $provider/p2pmem/allocate /dev/\${block##*/} 2>&1)" >&3
    grep -o 'map=.*' /sys/kernel/tracing/trace | sed 's/^/@decision /' >&3
    dmesg -c | sed 's/^/@log /' >&3
  done
done
echo 0 > /sys/kernel/tracing/events/kprobes/peerlane/enable

tree=/tmp/tree
folders="$(find /sys/devices/pci* -type d ! -path '*/power*' ! -path '*/msi_irqs*' ! -path '*/hwmon*' ! -path '*/mq*' ! -path '*/queue*' ! -path '*/trace*' ! -path '*/integrity*' ! -path '*:pcie*' ! -path '*/statistics*' ! -path '*/queues*' ! -path '*/i2c*' ! -path '*/ata*' ! -path '*/pnp*' ! -path '*/tty*')"
for folder in $folders; do echo $tree$folder; done | xargs mkdir -p
for folder in $folders; do
  cd $folder
  cp ${deviceFiles.join(" ")} $tree$folder 2>/dev/null
  cp -P ${deviceLinks.join(" ")} $tree$folder 2>/dev/null
done
cd /
mkdir -p $tree/sys/bus/pci/devices $tree/sys/class/iommu $tree/sys/class/nvme $tree/sys/class/net $tree/sys/kernel/iommu_groups $tree/proc/sys/kernel
cp -P /sys/bus/pci/devices/* $tree/sys/bus/pci/devices
cp -P /sys/class/iommu/* $tree/sys/class/iommu 2>/dev/null
cp -P /sys/class/nvme/* $tree/sys/class/nvme 2>/dev/null
for group in /sys/kernel/iommu_groups/*; do
  [ -d $group ] || continue
  mkdir -p $tree$group/devices
  cp $group/type $tree$group
  cp -P $group/devices/* $tree$group/devices
done
for file in cmdline version cpuinfo iomem sys/kernel/osrelease; do cat /proc/$file > $tree/proc/$file; done
echo "@tree" >&3
tar cz -C $tree sys proc | base64 >&3
echo "@end" >&3
exec 3>&-
sync
poweroff -f
`;
