/** What would give a machine, a part of it or its people away. */
export type MarkKind =
  | "serial number"
  | "MAC address"
  | "GUID"
  | "host name"
  | "user name"
  | "network address"
  | "password"
  | "device name";

/** Something planted, by the form that it has at its place: text, or raw bytes as registers hold them. */
export interface Mark {
  readonly kind: MarkKind;
  readonly place: string;
  readonly text: string;
}

/** Eight bytes as config space holds them, low byte first, and the number as people write it. */
export interface Serial {
  readonly mark: Mark;
  readonly words: readonly [number, number];
}

function mark(kind: MarkKind, text: string, place: string): Mark {
  return { kind, place, text };
}

/** Numbers in registers. */
export const SERIALS: Readonly<Record<"first" | "second" | "hierarchy", Serial>> = {
  first: { mark: mark("serial number", "0c42a1cadeadbeef", "Device Serial Number"), words: [0xdeadbeef, 0x0c42a1ca] },
  second: {
    mark: mark("serial number", "08c0eb77feedface", "a second Device Serial Number"),
    words: [0xfeedface, 0x08c0eb77],
  },
  hierarchy: { mark: mark("GUID", "5ca1ab1e0ddba115", "Hierarchy ID"), words: [0x0ddba115, 0x5ca1ab1e] },
};

/** Texts that capabilities hold, eight characters each. */
export const BODIES: Readonly<
  Record<
    | "productData"
    | "vendor"
    | "designated"
    | "exchange"
    | "unknown"
    | "standardVendor"
    | "headerLog"
    | "gap"
    | "reserved",
    Mark
  >
> = {
  productData: mark("serial number", "VPQ7K3M2", "Vital Product Data's registers"),
  vendor: mark("serial number", "GPUZ5XQ1", "a vendor-specific extended capability"),
  designated: mark("serial number", "DVZQ8WK4", "a designated vendor-specific capability"),
  exchange: mark("serial number", "DOEX6ZQ7", "Data Object Exchange"),
  unknown: mark("serial number", "UNKQ2ZW9", "an unknown capability"),
  standardVendor: mark("serial number", "VNDQ4ZX5", "a vendor-specific standard capability"),
  headerLog: mark("serial number", "AERQ3ZX8", "headers that error reporting logged"),
  gap: mark("serial number", "GAPQ9ZW1", "bytes between capabilities"),
  reserved: mark("serial number", "RSVQ", "reserved bytes of the header"),
};

/** Files of sysfs, procfs and etc below the root of a machine; `@` stands for the folder of an NVMe controller. */
export const FILES: readonly (readonly [path: string, content: string, ...marks: Mark[]])[] = [
  [
    "@/vpd",
    "\u0082\u0005\0Hello\u0090\u0010\0SN\u000bSNVPD123456PN\0",
    mark("serial number", "SNVPD123456", "vpd file"),
  ],
  ["sys/module/nvidia/version", "580.65.06-modulezx", mark("user name", "modulezx", "version of a module")],
  ["sys/module/amdgpu/parameters/pcie_p2p", "parameterzx", mark("user name", "parameterzx", "parameter of a module")],
  ["@/label", "LABEL-labelzx-server", mark("user name", "labelzx", "label file")],
  ["@/serial_number", "SN-FILE-998877", mark("serial number", "SN-FILE-998877", "serial_number file")],
  ["@/driver_override", "vfio-overridezx", mark("user name", "overridezx", "driver_override file")],
  ["@/nvme/nvme0/serial", "S4EVNF0M700777X", mark("serial number", "S4EVNF0M700777X", "NVMe serial file")],
  [
    "@/nvme/nvme0/subsysnqn",
    "nqn.2014-08.org.nvmexpress:uuid:11112222-3333-4444-5555-666677778888",
    mark("GUID", "11112222333344445555666677778888", "NVMe subsysnqn file"),
  ],
  ["@/nvme/nvme0/nvme0n1/wwid", "eui.0025385711b00abc", mark("serial number", "0025385711b00abc", "NVMe wwid file")],
  [
    "@/nvme/nvme0/nvme0n1/uuid",
    "aaaabbbb-cccc-dddd-eeee-ffff00001111",
    mark("GUID", "aaaabbbbccccddddeeeeffff00001111", "NVMe uuid file"),
  ],
  [
    "@/net/enx0c42a1deadb0/address",
    "0c:42:a1:de:ad:b0",
    mark("MAC address", "0c42a1deadb0", "interface named by its MAC"),
  ],
  [
    "@/net/quentinzx-uplink/address",
    "0c:42:a1:de:ad:b1",
    mark("MAC address", "0c42a1deadb1", "net address file"),
    mark("device name", "quentinzx-uplink", "interface name"),
  ],
  ["@/net/vaultzx01/address", "0c:42:a1:de:ad:b2", mark("host name", "vaultzx01", "interface named by a host")],
  ["@/infiniband/mlx5_0/node_guid", "0c42:a103:00de:adc1", mark("GUID", "0c42a10300deadc1", "node_guid file")],
  [
    "@/infiniband/ibp-quentinzx/sys_image_guid",
    "0c42:a103:00de:adc2",
    mark("GUID", "0c42a10300deadc2", "sys_image_guid file"),
    mark("device name", "ibp-quentinzx", "InfiniBand device name"),
  ],
  [
    "proc/cmdline",
    "BOOT_IMAGE=/vmlinuz root=UUID=12345678-1234-1234-1234-123456789abc ip=10.91.82.73::10.91.82.1:255.255.255.0:secrethostzx:eth0:off intel_iommu=on,valuezx iommu=pt pci=disable_acs_redir=0000:00:05.0,valuezx nfsroot=10.64.53.42:/srv/bobzxsroot password=hunter2zx vfio-pci.ids=10de:2330,15b3:1021 vfio-pci.owner=carolzx iscsi_initiator=iqn.2024-01.com.corp:secrethostzx systemd.hostname=secrethostzx luks.uuid=luks-9999zx rd.luks.key=/root/keyzx pcie_aspm=off iommu.passphrase=tops3cretzx vfio.secret=alicepwzx\n",
    mark("GUID", "12345678123412341234123456789abc", "root= on the command line"),
    mark("network address", "10.91.82.73", "ip= on the command line"),
    mark("network address", "10.64.53.42", "nfsroot= on the command line"),
    mark("host name", "secrethostzx", "ip=, systemd.hostname= on the command line"),
    mark("user name", "bobzxsroot", "nfsroot= on the command line"),
    mark("user name", "carolzx", "an unknown parameter of a known module"),
    mark("user name", "valuezx", "a value of intel_iommu= and pci="),
    mark("password", "hunter2zx", "password= on the command line"),
    mark("password", "tops3cretzx", "iommu.passphrase= on the command line"),
    mark("password", "alicepwzx", "vfio.secret= on the command line"),
    mark("password", "keyzx", "rd.luks.key= on the command line"),
  ],
  [
    "proc/version",
    "Linux version 7.2.12-builderzx-secrethostzx (builderzx@secrethostzx) (gcc) #1 SMP\n",
    mark("user name", "builderzx", "proc/version"),
  ],
  ["proc/sys/kernel/osrelease", "7.2.12-builderzx-secrethostzx\n", mark("host name", "secrethostzx", "kernel release")],
  ["proc/sys/kernel/hostname", "secrethostzx\n", mark("host name", "secrethostzx", "hostname file")],
  ["etc/hostname", "secrethostzx\n", mark("host name", "secrethostzx", "etc/hostname")],
  [
    "etc/machine-id",
    "feedfacefeedface0123456789abcdef\n",
    mark("GUID", "feedfacefeedface0123456789abcdef", "machine-id"),
  ],
  [
    "sys/class/dmi/id/product_serial",
    "PRODSER-445566\n",
    mark("serial number", "PRODSER-445566", "DMI product serial"),
  ],
  [
    "sys/class/dmi/id/product_uuid",
    "77778888-3333-4444-5555-666677778888\n",
    mark("GUID", "77778888333344445555666677778888", "DMI product uuid"),
  ],
  ["sys/class/dmi/id/chassis_asset_tag", "ASSET-zx-0099\n", mark("serial number", "ASSET-zx-0099", "DMI asset tag")],
];

/** Where sources lie: people name folders and files by people and hosts. */
export const SOURCE_FOLDER = "home/dorazx";
export const SOURCE_FILE = "racknode77zx.example.com";
export const SOURCE_MARKS: readonly Mark[] = [
  mark("user name", "dorazx", "the source's path"),
  mark("host name", "racknode77zx", "the source's file name"),
];

/** What tar's headers say of who packed an archive. */
export const ARCHIVE_MARKS: readonly Mark[] = [
  mark("user name", "ownerzx", "owner in a tar header"),
  mark("host name", "sosreport-hostzx", "folder in an archive"),
];

/** Text of `lspci -vvvnn` as people paste it, with prompts and lines of the kernel's log. */
export const LSPCI_TEXT = `erinzx@pastehostzx:~# uname -a
Linux pastehostzx 6.8.0-51-generic-erinzx #1 SMP x86_64 GNU/Linux
erinzx@pastehostzx:~# cat /proc/cmdline
BOOT_IMAGE=/vmlinuz root=UUID=99998888-7777-6666-5555-444433332222 ip=10.55.44.33::::pastehostzx intel_iommu=on token=pastepwzx
[    0.000000] DMI: Example Inc. Server/Board, BIOS 1.0, S/N DMISER7788ZX
[    3.141592] mlx5_core 0000:01:00.0: Port module event, MAC 0c:42:a1:de:ad:d0
erinzx@pastehostzx:~# lspci -vvvnn
00:00.0 Host bridge [0600]: Intel Corporation Device [8086:29c0]
	Subsystem: erinzx's board [1af4:1100]

00:01.0 PCI bridge [0604]: Intel Corporation Device [8086:3420] (prog-if 00 [Normal decode])
	DeviceName: slot of erinzx S/N SLOTSN445ZX
	Bus: primary=00, secondary=01, subordinate=01, sec-latency=0
	Capabilities: [40] Express (v2) Root Port (Slot+), IntMsgNum 0
	Capabilities: [100 v1] Advanced Error Reporting
	Kernel driver in use: pcieport

01:00.0 Ethernet controller [0200]: Mellanox Technologies MT2910 [ConnectX-7] [15b3:1021]
	Subsystem: card of erinzx, serial number SUBSN778899ZX [15b3:0001]
	Region 0: Memory at 380000000000 (64-bit, prefetchable) [size=32M]
	Capabilities: [48] Vital Product Data
		Product Name: ConnectX-7 of erinzx
		Read-only fields:
			[PN] Part number: PNZX4455
			[SN] Serial number: MT2217LSPZX
			[V3] Vendor specific: 0123456789abcdef0123456789abcdef
		End
	Capabilities: [60] Express (v2) Endpoint, IntMsgNum 0
	Capabilities: [100 v1] Device Serial Number 0c-42-a1-ff-fe-de-ad-d1
	Capabilities: [110 v1] Secret Capability of erinzx MT9988SECZX
	Capabilities: [150 v1] Vendor Specific Information: ID=0001 Rev=1 Len=018 MT7766VSZX <?>
	Kernel driver in use: mlx5_core
	Kernel modules: mlx5_core

`;

export const LSPCI_MARKS: readonly Mark[] = [
  mark("user name", "erinzx", "prompt, subsystem, device name in lspci"),
  mark("host name", "pastehostzx", "prompt and uname beside lspci"),
  mark("network address", "10.55.44.33", "command line beside lspci"),
  mark("GUID", "99998888777766665555444433332222", "command line beside lspci"),
  mark("password", "pastepwzx", "command line beside lspci"),
  mark("serial number", "DMISER7788ZX", "kernel log beside lspci"),
  mark("MAC address", "0c42a1deadd0", "kernel log beside lspci"),
  mark("serial number", "SLOTSN445ZX", "DeviceName in lspci"),
  mark("serial number", "SUBSN778899ZX", "Subsystem in lspci"),
  mark("serial number", "MT2217LSPZX", "[SN] in lspci"),
  mark("GUID", "0123456789abcdef0123456789abcdef", "[V3] in lspci"),
  mark("serial number", "0c42a1fffedeadd1", "Device Serial Number in lspci"),
  mark("serial number", "MT9988SECZX", "an unknown capability in lspci"),
  mark("serial number", "MT7766VSZX", "Vendor Specific Information in lspci"),
];

export const HWLOC_TEXT = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" cpuset="0x1" complete_cpuset="0x1" nodeset="0x1" complete_nodeset="0x1" gp_index="1">
    <info name="HostName" value="hwhostzx"/>
    <info name="DMIChassisSerial" value="CHASSIS77ZX"/>
    <info name="DMIProductUUID" value="12121212-3434-5656-7878-909090909090"/>
    <info name="OSName" value="Linux"/>
    <info name="OSRelease" value="6.6.1-frankzx"/>
    <info name="OSVersion" value="#1 SMP frankzx@hwhostzx"/>
    <info name="LinuxCgroup" value="/user/frankzx"/>
    <object type="Bridge" gp_index="2" bridge_type="0-1" depth="0" bridge_pci="0000:[00-01]">
      <object type="PCIDev" gp_index="3" name="card of frankzx S/N HWCARD55ZX" pci_busid="0000:00:02.0" pci_type="0200 [15b3:1021] [15b3:0001] 00" pci_link_speed="0.000000">
        <info name="PCISlot" value="slot-frankzx"/>
        <info name="PCIVendor" value="Mellanox Technologies"/>
        <info name="PCIDevice" value="device 0c:42:a1:de:ad:e0"/>
        <object type="OSDev" gp_index="4" name="enx0c42a1deade1" osdev_type="2">
          <info name="Address" value="0c:42:a1:de:ad:e2"/>
        </object>
        <object type="OSDev" gp_index="5" name="mlx5_frankzx" osdev_type="3">
          <info name="NodeGUID" value="0c42:a103:00de:ade3"/>
          <info name="SysImageGUID" value="0c42:a103:00de:ade4"/>
          <info name="Port1GID0" value="fe80:0000:0000:0000:0c42:a103:00de:ade5"/>
        </object>
      </object>
      <object type="PCIDev" gp_index="6" pci_busid="0000:00:03.0" pci_type="0108 [1b36:0010] [1b36:0010] 00" pci_link_speed="0.000000">
        <object type="OSDev" gp_index="7" name="nvme0n1" osdev_type="0">
          <info name="SerialNumber" value="HWNVME66ZX"/>
          <info name="Model" value="model of frankzx"/>
        </object>
      </object>
    </object>
  </object>
</topology>
`;

export const HWLOC_MARKS: readonly Mark[] = [
  mark("host name", "hwhostzx", "HostName in hwloc's XML"),
  mark("user name", "frankzx", "names and infos in hwloc's XML"),
  mark("serial number", "CHASSIS77ZX", "DMIChassisSerial in hwloc's XML"),
  mark("GUID", "12121212343456567878909090909090", "DMIProductUUID in hwloc's XML"),
  mark("serial number", "HWCARD55ZX", "name of a device in hwloc's XML"),
  mark("MAC address", "0c42a1deade0", "PCIDevice in hwloc's XML"),
  mark("MAC address", "0c42a1deade1", "interface name in hwloc's XML"),
  mark("MAC address", "0c42a1deade2", "Address in hwloc's XML"),
  mark("GUID", "0c42a10300deade3", "NodeGUID in hwloc's XML"),
  mark("GUID", "0c42a10300deade4", "SysImageGUID in hwloc's XML"),
  mark("network address", "fe800000000000000c42a10300deade5", "GID in hwloc's XML"),
  mark("serial number", "HWNVME66ZX", "SerialNumber in hwloc's XML"),
  mark("device name", "mlx5_frankzx", "InfiniBand name in hwloc's XML"),
];

export const NCCL_TEXT = `<system version="1">
  <cpu host_hash="0x7c1f0ddb7a11zx" numaid="0" affinity="ffff" arch="x86_64" vendor="GenuineIntel" familyid="6" modelid="85">
    <pci busid="0000:3f:00.0" class="0x060400" vendor="0x1000" device="0xc030" subsystem_vendor="0x1000" subsystem_device="0x0001" link_speed="16 GT/s" link_width="16">
      <pci busid="0000:41:00.0" class="0x020000" vendor="0x15b3" device="0x1021" subsystem_vendor="0x15b3" subsystem_device="0x0001" link_speed="16 GT/s" link_width="16">
        <nic>
          <net name="mlx5_gregzx" dev="0" latency="0" speed="200000" port="1" guid="0x0c42a10300deadf3" maxconn="131072" gdr="1"/>
        </nic>
      </pci>
      <pci busid="gregzx-0c:42:a1:de:ad:f1" class="0x030200" vendor="0x10de" device="0x2330" link_speed="16 GT/s" link_width="16"/>
      <pci busid="0000:42:00.0" class="0x030200" vendor="0x10de" device="0x2330" subsystem_vendor="0x10de" subsystem_device="0x0001" link_speed="16 GT/s" link_width="16">
        <gpu dev="0" sm="90" rank="0" gdr="1" serial="GPUSER88ZX"/>
      </pci>
    </pci>
  </cpu>
</system>
`;

export const NCCL_MARKS: readonly Mark[] = [
  mark("host name", "7c1f0ddb7a11zx", "host_hash in NCCL's XML"),
  mark("user name", "gregzx", "names in NCCL's XML"),
  mark("GUID", "0c42a10300deadf3", "guid in NCCL's XML"),
  mark("MAC address", "0c42a1deadf1", "a bus id in NCCL's XML"),
  mark("serial number", "GPUSER88ZX", "an attribute in NCCL's XML"),
];

export const DUMP_MARKS: readonly Mark[] = [
  mark("user name", "irenezx", "paths and modalias in rdma_topo's dump"),
  mark("MAC address", "0c42a1deadb0", "interface name in rdma_topo's dump"),
  mark("device name", "quentinzx-uplink", "interface name in rdma_topo's dump"),
  mark("device name", "ibp-quentinzx", "InfiniBand name in rdma_topo's dump"),
];

export const SNAPSHOT_MARKS: readonly Mark[] = [
  mark("user name", "henryzx", "names, paths and texts in a snapshot"),
  mark("password", "snappwzx", "command line in a snapshot"),
  mark("host name", "snaphostzx", "CPU name and notes in a snapshot"),
  mark("serial number", "LABEL5544ZX", "label in a snapshot"),
  mark("serial number", "REASON5544ZX", "reason in a snapshot"),
  mark("serial number", "NOTE5544ZX", "note in a snapshot"),
  mark("MAC address", "0c42a1deae01", "label in a snapshot"),
  mark("MAC address", "0c42a1deae02", "interface name in a snapshot"),
  mark("serial number", "0c42a1fffedeae03", "capability in a snapshot"),
];

/** Scenarios are written for others to read: names of devices in them are meant to be seen. */
export const SCENARIO_TEXT = `# by julezx
kernel: 7.2.12-julezx-test
commandLine: root=UUID=julezx password=scenpwzx
cpu: intel
iommu: off
hostBridges:
  - below:
      - rootPort: {}
        below:
          - switch: {}
            below:
              - nvme: { name: nvme0, cmb: 16M }
              - nvme: { name: nvme1 }
`;

export const SCENARIO_MARKS: readonly Mark[] = [
  mark("user name", "julezx", "kernel, command line and comment in a scenario"),
  mark("password", "scenpwzx", "command line in a scenario"),
];
