import type { DirectionOutcome } from "../../src/platforms/fact.ts";

/** A machine made for a fact, and one that differs in one thing and is another machine's. */
export interface RowCase {
  readonly id: string;
  /** A scenario with one NVMe with a CMB (the provider) and one NIC (the client). */
  readonly machine: string;
  readonly write: DirectionOutcome;
  readonly read: DirectionOutcome;
  /** What is replaced by what to leave the fact. */
  readonly neighbour: readonly [from: string, to: string];
}

const intelCpu = (model: number): string => `{ vendor: GenuineIntel, family: 6, model: ${model} }`;

/** Both below one switch below one root port. */
function oneSwitch(cpu: string, port: string, ids: string, iommu = "off"): string {
  return `cpu: ${cpu}
kernel: 7.2
iommu: ${iommu}
hostBridges:
  - below:
      - rootPort: { id: ${port} }
        below:
          - switch: { acs: false, ${ids} }
            below: [nvme: { cmb: 16M }, nic]
`;
}

/** Below two root ports of one root bus. */
function onePair(cpu: string, port: string, host = "8086:29c0"): string {
  return `cpu: ${cpu}
kernel: 7.2
iommu: off
hostBridges:
  - id: ${host}
    below:
      - rootPort: { at: 02.0, id: ${port} }
        below: [nvme: { cmb: 16M }]
      - rootPort: { at: 03.0, id: ${port} }
        below: [nic]
`;
}

/** Below two root buses. */
function twoBridges(cpu: string, port: string, host = "8086:29c0"): string {
  return `cpu: ${cpu}
kernel: 7.2
iommu: off
hostBridges:
  - id: ${host}
    below:
      - rootPort: { at: 02.0, id: ${port} }
        below: [nvme: { cmb: 16M }]
  - bus: 0x80
    id: ${host}
    below:
      - rootPort: { at: 02.0, id: ${port} }
        below: [nic]
`;
}

const zen = "amd-zen";
const qemuSwitch = "id: 104c:8232, portId: 104c:8233";
const toUnlisted = (id: string): readonly [string, string] => [id, "1234:5678"];

/** Every fact, each on a machine of its own. */
export const rowCases: readonly RowCase[] = [
  {
    id: "pcie-switch",
    machine: oneSwitch(zen, "1022:1483", "id: 1000:c030, portId: 1000:c030"),
    write: "works",
    read: "works",
    neighbour: ["portId: 1000:c030", "portId: 104c:8233"],
  },
  {
    id: "qemu-switch-translated",
    machine: oneSwitch(zen, "1b36:000c", qemuSwitch, "{ mode: strict, kind: intel }"),
    write: "fails",
    read: "fails",
    neighbour: ["id: 1b36:000c", "id: 1022:1483"],
  },
  {
    id: "qemu-switch",
    machine: oneSwitch(zen, "1b36:000c", qemuSwitch),
    write: "works",
    read: "works",
    neighbour: ["id: 1b36:000c", "id: 1022:1483"],
  },
  {
    id: "qemu-root-complex",
    machine: twoBridges("intel", "1b36:000c"),
    write: "works",
    read: "works",
    neighbour: toUnlisted("1b36:000c"),
  },
  {
    id: "amd-zen",
    machine: twoBridges(zen, "1022:1483"),
    write: "works",
    read: "works",
    neighbour: ["id: 1022:1483", "id: 1b36:000d"],
  },
  {
    id: "amd-before-zen",
    machine: onePair("amd-pre-zen", "1002:5a16"),
    write: "works",
    read: "fails",
    neighbour: ["amd-pre-zen", "{ vendor: AuthenticAMD, family: 15, model: 2 }"],
  },
  {
    id: "intel-client",
    machine: onePair(intelCpu(0xc6), "8086:7ecc"),
    write: "works",
    read: "fails",
    neighbour: ["model: 198", "model: 85"],
  },
  {
    id: "intel-ivy-bridge-client",
    machine: onePair(intelCpu(0x3a), "8086:0151"),
    write: "limited",
    read: "fails",
    neighbour: ["model: 58", "model: 62"],
  },
  {
    id: "intel-xeon-e5",
    machine: onePair(intelCpu(45), "1234:0001", "8086:3c00"),
    write: "works",
    read: "works",
    neighbour: ["8086:3c00", "8086:3c28"],
  },
  {
    id: "intel-xeon-e5-sockets",
    machine: twoBridges(intelCpu(63), "1234:0001", "8086:2f00"),
    write: "limited",
    read: "limited",
    neighbour: ["8086:2f00", "8086:2f28"],
  },
  {
    id: "intel-io-hub",
    machine: onePair(intelCpu(62), "8086:0e04", "8086:0e00"),
    write: "works",
    read: "works",
    neighbour: ["id: 8086:0e04", "id: 8086:0e0c"],
  },
  {
    id: "intel-io-hubs",
    machine: twoBridges(intelCpu(62), "8086:0e04", "8086:0e00"),
    write: "fails",
    read: "fails",
    neighbour: ["id: 8086:0e04", "id: 8086:0e0c"],
  },
  {
    id: "intel-skylake-xeon",
    machine: twoBridges("intel", "8086:2031"),
    write: "works",
    read: "works",
    neighbour: ["id: 8086:2031", "id: 8086:2034"],
  },
  {
    id: "intel-xeon-ice-lake",
    machine: twoBridges(intelCpu(143), "8086:352a", "8086:09a2"),
    write: "works",
    read: "works",
    neighbour: ["id: 8086:09a2", "id: 8086:09a3"],
  },
  {
    id: "power9",
    machine: twoBridges("{ architecture: ppc64le }", "1014:04c1", "none"),
    write: "limited",
    read: "fails",
    neighbour: toUnlisted("1014:04c1"),
  },
  {
    id: "power8",
    machine: twoBridges("{ architecture: ppc64le }", "1014:03dc", "none"),
    write: "limited",
    read: "fails",
    neighbour: toUnlisted("1014:03dc"),
  },
  {
    id: "nvidia-grace",
    machine: twoBridges("arm", "10de:22b8", "none"),
    write: "fails",
    read: "fails",
    neighbour: ["id: 10de:22b8", "id: 10de:22ba"],
  },
  {
    id: "ampere-altra",
    machine: twoBridges("arm", "1234:0001", "1def:e110"),
    write: "fails",
    read: "fails",
    neighbour: ["id: 1def:e110", "id: 1def:e111"],
  },
  {
    id: "ampere-one",
    machine: twoBridges("arm", "1234:0001", "1def:e207"),
    write: "fails",
    read: "fails",
    neighbour: ["id: 1def:e207", "id: 1def:e208"],
  },
  ...(
    [
      ["annapurna-root-ports", "1c36:0031", "1c36:0032"],
      ["qualcomm-root-ports", "17cb:0401", "17cb:0402"],
      ["ampere-emag-root-ports", "1def:e00c", "1def:e00f"],
      ["nxp-lx2-root-ports", "1957:8d91", "1957:8d95"],
      ["loongson-root-ports", "0014:7a39", "0014:7a38"],
    ] as const
  ).map(
    ([id, port, other]): RowCase => ({
      id,
      machine: twoBridges("arm", port, "none"),
      write: "fails",
      read: "fails",
      neighbour: [`id: ${port}`, `id: ${other}`],
    }),
  ),
];
