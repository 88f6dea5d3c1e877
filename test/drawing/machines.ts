import { readFileSync } from "node:fs";
import { join } from "node:path";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import type { TreeInput } from "../../src/report/tree-text.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../machines/captures.ts";

const root = join(import.meta.dirname, "../..");

/** The machine of a scenario or text of this repository, as it is after its boot. */
export function machineOf(file: string): Machine {
  const bytes = readFileSync(join(root, file));
  return file.endsWith(".txt") ? readLspci(bytes, file) : afterBoot(readScenario(bytes.toString(), file));
}

/** What is drawn of a machine. */
export function inputOf(machine: Machine, all = false): TreeInput {
  const table = decideAll(machine, selectDevices(machine, { all }));
  return { table, expectedGroups: expectedIommuGroups(machine, table.topology) };
}

/** Machines that pictures are held to. */
export const MACHINES: readonly (readonly [name: string, machine: Machine])[] = [
  ["a server with eight GPUs", machineOf("examples/gpu-nic-server.yaml")],
  ["a server with sixteen GPUs", machineOf("test/report/machines/sixteen-gpus.yaml")],
  ["a server with 24 SSDs", machineOf("test/report/machines/ssd-server.yaml")],
  ["a desktop", machineOf("test/report/machines/desktop.yaml")],
  ["a text of a guest", machineOf("test/cases/texts/guest-passthrough.txt")],
  ["a recorded machine", readCapturedMachine("nested-switches.intel.strict")],
];

/** Below each host bridge a switch with eight devices of three kinds. */
export function largeServer(devices: number): Machine {
  const kinds = [
    "gpu: { id: 10de:2330, bar: 128G, name: gpuN, driver: nvidia, link: gen5 x16 }",
    "nic: { id: 15b3:1021, bars: { 0: 32M }, name: mlx5_N, driver: mlx5_core, link: gen5 x16 }",
    "nvme: { id: 1344:51c3, cmb: 64M, name: nvmeN, driver: nvme, link: gen4 x4 }",
    "nvme: { id: 1344:51c3, name: ssdN, driver: nvme, link: gen4 x4 }",
  ];
  const lines = Array.from({ length: devices }, (_, at) =>
    `              - ${kinds[at % 4]}`.replace("N", String(Math.floor(at / 4))),
  );
  const bridges = Array.from({ length: Math.ceil(devices / 8) }, (_, bridge) => [
    `  - bus: 0x${(32 * (bridge % 8)).toString(16)}`,
    `    segment: ${Math.floor(bridge / 8)}`,
    "    id: 1022:14a4",
    `    numaNode: ${bridge % 2}`,
    "    below:",
    "      - rootPort: { at: 01.0, id: 1022:14ab }",
    "        below:",
    "          - switch: { id: 1000:c030, portId: 1000:c030 }",
    "            below:",
    ...lines.slice(8 * bridge, 8 * bridge + 8),
  ]);
  const head = [`scenario: ${devices} devices`, "cpu: amd-zen", 'kernel: "7.2"', "iommu: passthrough", "hostBridges:"];
  return afterBoot(readScenario([...head, ...bridges.flat()].join("\n"), "large.yaml"));
}

/** Switches below each other, as deep as bus numbers go. */
export function deepChain(levels: number): Machine {
  const lines = ["scenario: deep", "hostBridges:", "  - below:", "      - rootPort: { at: 01.0 }"];
  let pad = "        ";
  for (let level = 0; level < levels; level++) {
    lines.push(`${pad}below:`, `${pad}  - switch: {}`);
    pad += "    ";
  }
  lines.push(`${pad}below:`, `${pad}  - nvme: { cmb: 16M, name: nvme0 }`);
  return readScenario(lines.join("\n"), "deep.yaml");
}

/** Links of all kinds, virtual functions, and a device that is not on a port of its own. */
export const LINKS: Machine = readScenario(
  `scenario: links
kernel: 7.2
hostBridges:
  - id: 8086:09a2
    numaNode: 0
    below:
      - rootPort: { at: 01.0, link: gen5 x16 }
        below:
          - switch: { link: gen3 x8 of gen5 x16 }
            below:
              - gpu: { name: gpu0, link: gen1 x16 of gen5 x16 }
              - nic: { name: mlx5_0, sriov: { total: 16, vfs: 8 } }
              - nvme: { name: nvme0, link: gen3 x2 of gen4 x4 }
      - rootPort: { at: 02.0, link: gen3 x4 }
        below:
          - nic: { name: mlx5_1, link: gen3 x4 of gen5 x16 }
`,
  "links.yaml",
);
