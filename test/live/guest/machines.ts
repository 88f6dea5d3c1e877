/**
 * The machines of the live tests, as scenarios. The driver keeps its queues out of the pools (use_cmb_sqes=0), so that what
 * is available is the whole size when nobody has any, and reports a failed command at once (max_retries=0).
 */

function machine(name: string, cpu: string, iommu: string, hostBridges: string): string {
  return `scenario: ${name}
cpu: ${cpu}
kernel: 7.2
cmdline: nvme.use_cmb_sqes=0 nvme_core.max_retries=0
iommu: ${iommu}
hostBridges:
${hostBridges}`;
}

/** nvme0 (with memory) and nvme1 below one switch, nvme2 (with memory) beside them, nvme3 below another root port. */
const oneSwitch = (iommu: string): string =>
  machine(
    "one switch",
    "amd-zen",
    iommu,
    `  - below:
      - rootPort: { at: 04.0 }
        below:
          - switch: { acs: false }
            below:
              - nvme: { cmb: 16M, name: nvme0 }
              - nvme: { name: nvme1 }
              - nvme: { cmb: 16M, name: nvme2 }
      - rootPort: { at: 05.0 }
        below:
          - nvme: { name: nvme3 }
`,
  );

const rootPorts = (iommu: string, cpu = "amd-zen"): string =>
  machine(
    "two root ports",
    cpu,
    iommu,
    `  - below:
      - rootPort: { at: 04.0 }
        below:
          - nvme: { cmb: 16M, name: nvme0 }
      - rootPort: { at: 05.0 }
        below:
          - nvme: { name: nvme1 }
`,
  );

const twoHostBridges = machine(
  "two host bridges",
  "amd-zen",
  "off",
  `  - below:
      - rootPort: { at: 04.0 }
        below:
          - nvme: { cmb: 16M, name: nvme0 }
  - bus: 0x40
    id: none
    below:
      - rootPort: { at: 00.0 }
        below:
          - nvme: { name: nvme1 }
`,
);

/** One switch, no IOMMU: peer requests turn around in the switch. */
export const ONE_SWITCH: string = oneSwitch("off");
/** One switch that sends peer requests up to an IOMMU that translates: the silent loss. */
export const SILENT_LOSS: string = oneSwitch("strict");

/** Two root ports of a host bridge that the kernel does not trust: it maps no peer memory between them. */
export const REFUSED: string = rootPorts("off", "intel");

/** Machines on which a copy through peer memory works. */
export const WORKING_MACHINES: Readonly<Record<string, string>> = {
  "one switch": ONE_SWITCH,
  "one switch, IOMMU in passthrough": oneSwitch("passthrough"),
  "two root ports": rootPorts("off"),
  "two root ports, IOMMU strict": rootPorts("strict"),
  "two host bridges": twoHostBridges,
};
