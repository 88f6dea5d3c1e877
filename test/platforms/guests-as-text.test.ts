import { readFileSync } from "node:fs";
import { basename } from "node:path";
import { describe, expect, test } from "vitest";
import { decodersOfNode } from "../../src/cli/decoders-of-node.ts";
import type { Hypervisor } from "../../src/host/hypervisor.ts";
import { readMachine } from "../../src/host/read-machine.ts";
import { virtualMachineOf } from "../../src/platforms/virtual-machine.ts";
import { read } from "../host/lspci/support.ts";
import { sharedFiles } from "../shared-files.ts";

/** A GPU and a NIC as they look where they were passed through. */
const gpu = (address: string): string =>
  `${address} 3D controller [0302]: NVIDIA Corporation GH100 [10de:2330] (rev a1)
\tControl: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-
\tStatus: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-
\tRegion 2: Memory at 380000000000 (64-bit, prefetchable) [size=128G]
\tCapabilities: [60] Express (v2) Endpoint, MSI 00
`;
const nic = (address: string): string =>
  `${address} Infiniband controller [0207]: Mellanox Technologies MT2910 [15b3:1021]
\tCapabilities: [60] Express (v2) Endpoint, MSI 00
`;
const lscpu = (vendor: string): string =>
  `Architecture:  x86_64\nHypervisor vendor:  ${vendor}\nVirtualization type:  full\n\n`;

/** One text for each kind of guest, none of them of anybody's machine. */
const guests: readonly (readonly [name: string, hypervisor: Hypervisor, text: string])[] = [
  [
    "QEMU, q35, devices below its root ports",
    "QEMU",
    `00:00.0 Host bridge [0600]: Intel Corporation 82G33/G31/P35/P31 Express DRAM Controller [8086:29c0]
00:01.0 PCI bridge [0604]: Red Hat, Inc. QEMU PCIe Root port [1b36:000c]
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0

${gpu("01:00.0")}
${nic("00:05.0")}`,
  ],
  [
    "QEMU, q35, flat, by the subsystem of what it emulates",
    "QEMU",
    `00:00.0 Host bridge [0600]: Intel Corporation 82G33/G31/P35/P31 Express DRAM Controller [8086:29c0]
\tSubsystem: Red Hat, Inc. QEMU Virtual Machine [1af4:1100]

${gpu("00:02.0")}`,
  ],
  ["libvirt, by the processor", "KVM", `${lscpu("KVM")}${gpu("00:06.0")}`],
  [
    "Hyper-V, first generation",
    "Hyper-V",
    `0000:00:00.0 Host bridge [0600]: Intel Corporation 440BX/ZX/DX [8086:7192] (rev 03)
0000:00:08.0 VGA compatible controller [0300]: Microsoft Corporation Hyper-V virtual VGA [1414:5353]
${gpu("0001:00:00.0")}`,
  ],
  ["Hyper-V, second generation: a domain for each device", "Hyper-V", `${gpu("c05b:00:00.0")}\n${nic("8ffe:00:02.0")}`],
  [
    "the same as a list",
    "Hyper-V",
    "c05b:00:00.0 3D controller [0302]: NVIDIA Corporation GA100 [10de:20b0] (rev a1)\n",
  ],
  ["Azure, whose domains count from 1, by the processor", "Hyper-V", `${lscpu("Microsoft")}${gpu("0001:00:00.0")}`],
  [
    "VMware",
    "VMware",
    `00:00.0 Host bridge [0600]: Intel Corporation 440BX/ZX/DX [8086:7190] (rev 01)
00:0f.0 VGA compatible controller [0300]: VMware SVGA II Adapter [15ad:0405]
00:15.0 PCI bridge [0604]: VMware PCI Express Root Port [15ad:07a0] (rev 01)
\tBus: primary=00, secondary=03, subordinate=03, sec-latency=0

${gpu("03:00.0")}`,
  ],
  [
    "VMware by its names, without ids",
    "VMware",
    "00:0f.0 VGA compatible controller: VMware SVGA II Adapter\n03:00.0 3D controller: NVIDIA Corporation GH100\n",
  ],
  [
    "Xen",
    "Xen",
    `00:00.0 Host bridge [0600]: Intel Corporation 440FX - 82441FX PMC [Natoma] [8086:1237] (rev 02)
00:02.0 VGA compatible controller [0300]: Cirrus Logic GD 5446 [1013:00b8]
00:03.0 Unassigned class [ff80]: XenSource, Inc. Xen Platform Device [5853:0001] (rev 01)
${gpu("00:05.0")}`,
  ],
  [
    "Firecracker and Cloud Hypervisor, by their host bridge",
    "Cloud Hypervisor",
    `00:00.0 Host bridge [0600]: Intel Corporation Device [8086:0d57]
00:01.0 Mass storage controller [0180]: Red Hat, Inc. Virtio 1.0 block device [1af4:1042]
${gpu("00:05.0")}`,
  ],
  [
    "Firecracker by the kernel's log",
    "Firecracker",
    `[    0.000000] DMI: Firecracker Firecracker, BIOS 1.0 01/01/2024
[    0.000000] Hypervisor detected: Firecracker
${gpu("00:05.0")}`,
  ],
  [
    "EC2: flat, below a host bridge older than PCI Express",
    "unnamed",
    `00:00.0 Host bridge [0600]: Intel Corporation 440FX - 82441FX PMC [Natoma] [8086:1237] (rev 02)
00:01.0 ISA bridge [0601]: Intel Corporation 82371SB PIIX3 ISA [Natoma/Triton II] [8086:7000]
00:04.0 Non-Volatile memory controller [0108]: Amazon.com, Inc. NVMe EBS Controller [1d0f:8061]
00:05.0 Ethernet controller [0200]: Amazon.com, Inc. Elastic Network Adapter (ENA) [1d0f:ec20]
${gpu("00:1e.0")}`,
  ],
  [
    "EC2 by its firmware",
    "Amazon EC2",
    `[    0.000000] DMI: Amazon EC2 p5.48xlarge/, BIOS 1.0 10/16/2017\n${gpu("00:1e.0")}`,
  ],
  [
    "GCE: the PIIX4 of a 440FX, virtio, a GPU",
    "unnamed",
    `00:00.0 Host bridge [0600]: Intel Corporation 440FX - 82441FX PMC [Natoma] [8086:1237] (rev 02)
00:01.0 ISA bridge [0601]: Intel Corporation 82371AB/EB/MB PIIX4 ISA [8086:7110] (rev 03)
00:03.0 Non-VGA unclassified device [0000]: Red Hat, Inc. Virtio SCSI [1af4:1004]
${gpu("00:04.0")}`,
  ],
  [
    "GCE by the kernel's log",
    "KVM",
    `[    0.000000] DMI: Google Google Compute Engine/Google Compute Engine, BIOS Google 06/07/2024
[    0.000000] Hypervisor detected: KVM
${gpu("00:04.0")}`,
  ],
  [
    "VirtualBox",
    "VirtualBox",
    `00:02.0 VGA compatible controller [0300]: InnoTek Systemberatung GmbH VirtualBox Graphics Adapter [80ee:beef]\n${gpu("00:05.0")}`,
  ],
];

describe("A guest of each kind is recognised by its text", () => {
  test.each(guests)("%s", (_, hypervisor, text) => {
    expect(virtualMachineOf(read(text))?.hypervisor).toBe(hypervisor);
  });
});

/** Real machines that have something of a guest about them. */
const real: readonly (readonly [name: string, text: string])[] = [
  [
    "virtualization extensions of the processor",
    `Architecture:  x86_64\nVirtualization:  AMD-V\nFlags:  fpu svm\n\n00:00.0 Host bridge [0600]: Advanced Micro Devices [1022:1480]\n${gpu("01:00.0")}`,
  ],
  [
    "a smart NIC that shows virtio",
    `00:00.0 Host bridge [0600]: Intel Corporation Device [8086:09a2]
3b:00.0 Ethernet controller [0200]: Red Hat, Inc. Virtio 1.0 network device [1af4:1041]
`,
  ],
  [
    "EC2, bare metal",
    `[    0.000000] DMI: Amazon EC2 m5.metal/Not Specified, BIOS 1.0 10/16/2017
00:00.0 Host bridge [0600]: Intel Corporation Device [8086:2020]
27:00.0 Ethernet controller [0200]: Amazon.com, Inc. Elastic Network Adapter (ENA) [1d0f:ec20]
`,
  ],
  [
    "a 440FX of its own time",
    "00:00.0 Host bridge [0600]: Intel Corporation 440FX [8086:1237] (rev 02)\n00:0f.0 Ethernet controller [0200]: Intel Corporation 82557 [8086:1229]\n",
  ],
  [
    "drives behind VMD, in a domain of their own",
    `00:00.0 Host bridge [0600]: Intel Corporation Device [8086:09a2]
10000:80:02.0 PCI bridge [0604]: Intel Corporation Device [8086:347a]
\tBus: primary=80, secondary=81, subordinate=81, sec-latency=0
10000:81:00.0 Non-Volatile memory controller [0108]: Samsung [144d:a80a]
`,
  ],
  [
    "many segments, each with its root port",
    `0000:00:00.0 PCI bridge [0604]: NVIDIA Corporation Device [10de:22b2]
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
0009:00:00.0 PCI bridge [0604]: NVIDIA Corporation Device [10de:22b1]
\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
${gpu("0009:01:00.0")}`,
  ],
];

describe("A machine that is no guest is called none", () => {
  test.each(real)("%s", (_, text) => {
    expect(virtualMachineOf(read(text))).toBeNull();
  });

  /** Clouds' topologies are of guests, whether they show it or not; the other was taken in QEMU (its host bridge is 1af4:1100). */
  const ofGuests = /^(?:aws|azure)-|^2pa-pcidomain32bits/;
  const shared = ["lspci", "writeups", "hwloc", "nccl", "rccl"]
    .flatMap((folder) => sharedFiles(`machines/${folder}`))
    .filter((path) => !ofGuests.test(basename(path)));

  test.skipIf(shared.length === 0).each(shared.map((path) => [basename(path), path]))("shared: %s", async (_, path) => {
    const { machine } = await readMachine([readFileSync(path)], { name: path, decoders: decodersOfNode });
    expect(virtualMachineOf(machine)).toBeNull();
  });
});
