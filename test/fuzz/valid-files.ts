import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { ArchiveTree } from "../../src/host/archive.ts";
import { writeRdmaTopo } from "../../src/host/rdma-topo/write-dump.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { readCapture, readCapturedMachine } from "../machines/captures.ts";

/** A topology as hwloc 2 writes it: two domains, a bridge, a GPU and a NIC. */
export const hwlocXml = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" complete_nodeset="0x00000003">
    <info name="OSRelease" value="6.12.1"/><info name="Architecture" value="x86_64"/>
    <object type="Package" complete_nodeset="0x00000001">
      <info name="CPUVendor" value="GenuineIntel"/><info name="CPUFamilyNumber" value="6"/>
      <object type="Bridge" bridge_type="0-1" depth="0" bridge_pci="0000:[00-02]">
        <object type="PCIDev" pci_busid="0000:00:00.0" pci_type="0600 [8086:2020] [0000:0000] 04"/>
        <object type="Bridge" bridge_type="1-1" bridge_pci="0000:[01-02]" pci_busid="0000:00:01.0" pci_type="0604 [8086:2030] [0000:0000] 04">
          <object type="PCIDev" pci_busid="0000:01:00.0" pci_type="0302 [10de:2330] [10de:16c1] a1"/>
          <object type="PCIDev" pci_busid="0000:02:00.0" pci_type="0207 [15b3:1021] [15b3:0041] 00">
            <object type="OSDev" name="mlx5_0" osdev_type="3"/>
          </object>
        </object>
      </object>
    </object>
    <object type="Bridge" bridge_type="0-1" bridge_pci="10000:[e0-e1]">
      <object type="PCIDev" pci_busid="10000:e0:00.0" pci_type="0108 [144d:a80a] [144d:a801] 00"/>
    </object>
  </object>
</topology>
`;

/** A topology as NCCL writes it. */
export const ncclXml = `<system version="1">
  <cpu numaid="0" affinity="0000ffff" arch="x86_64" vendor="AuthenticAMD" familyid="143" modelid="49">
    <pci busid="0000:21:00.0" class="0x060400" vendor="0x1000" device="0xc030" link_speed="16.0 GT/s PCIe" link_width="16">
      <pci busid="0000:24:00.0" class="0x030200" vendor="0x10de" device="0x20b0"><gpu dev="0" sm="80" rank="0" gdr="1"/></pci>
      <pci busid="0000:25:00.0" class="0x020700" vendor="0x15b3" device="0x101b">
        <nic><net name="mlx5_0" dev="0" speed="200000" port="1" guid="0xe4a6c30003f6ceb8" gdr="1"/></nic>
      </pci>
    </pci>
  </cpu>
  <cpu numaid="1" arch="x86_64" vendor="AuthenticAMD" familyid="143" modelid="49">
    <pci busid="0002:00:00.0" class="0x030200"/>
  </cpu>
</system>
`;

/** A policy with a rule of each kind. */
export const policyYaml = `policy: fuzz
require:
  - name: gpus reach nics
    provider: gpu
    client: nic
    path: direct
    maxHops: 4
forbid:
  - provider: "nvme"
    client: [gpu, nic]
separate:
  - devices: "0000:01:00.0"
machine:
  kernel: ">=6.2"
  iommu: [strict, off]
  p2pdma: true
`;

/** The first functions of a recorded machine as a snapshot. */
export function snapshotText(): string {
  const machine = readCapturedMachine("one-switch.intel.strict");
  return writeSnapshot({ ...machine, functions: machine.functions.slice(0, 4) });
}

/** The first functions of a recorded machine as a dump of rdma_topo. */
export async function rdmaTopoText(): Promise<string> {
  const capture = readCapture("one-switch.intel.strict");
  const tree = new ArchiveTree(new Uint8Array(gunzipSync(readFileSync(capture.archive))), capture.name);
  return JSON.stringify((JSON.parse(await writeRdmaTopo(tree)) as unknown[]).slice(0, 4));
}
