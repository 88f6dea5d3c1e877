import { expect, it, test } from "vitest";
import { keptParameters } from "../../../src/host/redaction/command-line.ts";
import { parsePciParameters, readEntries } from "../../../src/rules/kernel-parameters.ts";

test.for([
  "intel_iommu=on,sm_on iommu=pt",
  "amd_iommu=fullflush iommu.passthrough=1 iommu.strict=0",
  "pci=realloc,hpmmioprefsize=512M,disable_acs_redir=0000:00:04.0/00.0;pci:10de:2330",
  "pci=config_acs=xx110x1@00:04.0;1@pci:10de:0:0:0",
  "pci=resource_alignment=20@00:04.0;00:05.0 pci=nommconf",
  "pcie_acs_override=downstream,multifunction,id:1022:1453",
  "vfio-pci.ids=10de:2330,15b3:1021 vfio_iommu_type1.allow_unsafe_interrupts=1",
  "arm-smmu-v3.disable_bypass=y pcie_aspm=off pcie_aspm.policy=performance swiotlb=65536,force",
  "nvme.use_cmb_sqes=1 amdgpu.pcie_p2p=1",
  '"pci=disable_acs_redir=00:04.0;00:05.0"',
])("%s matters and stays", (commandLine) => {
  expect(keptParameters(commandLine)).toBe(commandLine);
});

test.for([
  ["root=UUID=12345678-1234-1234-1234-123456789abc ro quiet intel_iommu=on", "intel_iommu=on"],
  ["ip=10.1.2.3::10.1.2.1:255.255.255.0:web01:eth0:off nfsroot=10.9.8.7:/srv/bob iommu=pt", "iommu=pt"],
  ["password=hunter2 systemd.hostname=web01 rd.luks.key=/root/key iscsi_initiator=iqn.2024-01.com.corp:web01", ""],
  ["iommu.passphrase=tops3cret vfio.secret=alicepw vfio-pci.owner=alice", ""],
  [
    "iommu=alice intel_iommu=on,web01 vfio-pci.ids=alice,10de:2330",
    "iommu=… intel_iommu=on,… vfio-pci.ids=…,10de:2330",
  ],
  ["pci=alice,realloc,disable_acs_redir=web01;00:04.0", "pci=…,realloc,disable_acs_redir=…;00:04.0"],
  ["pci=disable_acs_redir=0c:42:a1:2b:3c:4d", "pci=disable_acs_redir=…"],
  ["pci=resource_alignment=alice@00:04.0 pci=hpiosize=web01", "pci=resource_alignment=… pci=hpiosize=…"],
  ['"iommu=a b" pcie_aspm=alice', "iommu=… pcie_aspm=…"],
] as const)("of %s stays: %s", ([commandLine, kept]) => {
  expect(keptParameters(commandLine)).toBe(kept);
});

it("the kernel's parser finds the same devices and the same number of mistakes", () => {
  for (const commandLine of [
    "pci=disable_acs_redir=00:04.0,00:05.0 quiet",
    "pci=disable_acs_redir=00:04.0,00:05.0alice",
    "pci=disable_acs_redir=00:04.0;alice;00:05.0",
    "pci=config_acs=@00:04.0;xx@00:05.0",
    "pci=config_acs=xx110x1x1x1x@00:04.0",
    "a=b disable_acs_redir=alice",
    'x="a disable_acs_redir=00:04.0"',
    `pci=disable_acs_redir=00:04.0${"/00.0".repeat(30)}`,
  ]) {
    const kept = keptParameters(commandLine);
    const [before, after] = [parsePciParameters(commandLine), parsePciParameters(kept)];
    expect({ ...after, misread: after.misread.length }).toEqual({ ...before, misread: before.misread.length });
    for (const name of ["disable_acs_redir", "config_acs"] as const) {
      expect(readEntries(kept, name)).toEqual(readEntries(commandLine, name));
    }
  }
});
