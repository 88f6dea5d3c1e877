import { expect, test } from "vitest";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { nameIn } from "../../src/report/device-names.ts";
import { islandLines, placeText } from "../../src/report/island-lines.ts";
import { plainText } from "../../src/report/rich.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { islandsOf } from "../../src/summary/islands.ts";

/** Islands as lines: place, node, devices, and how many pairs are direct, by the host bridge, refused and unknown. */
function islands(below: string, head = "iommu: off"): readonly string[] {
  const text = `cpu: amd-zen\nkernel: "7.2"\n${head}\nhostBridges:\n${below}`;
  const table = decideAll(afterBoot(scenarioMachine(parseScenario(text, "islands.yaml"))));
  return islandsOf(table).map(({ place, numaNode, devices, pairs }) => {
    const names = devices.map((bdf) => nameIn(table.topology, bdf)).join(" ");
    return `${placeText(table.topology, place)} | ${numaNode ?? "-"} | ${names} | ${Object.values(pairs).join(" ")}`;
  });
}

const TWO_SWITCHES = `
  - numaNode: 0
    below:
      - rootPort: { at: 01.0 }
        below:
          - switch: {}
            below: [gpu: { name: gpu0 }, nic: { name: mlx5_0 }]
      - rootPort: { at: 02.0 }
        below: [nvme: { name: nvme0 }]
      - rootPort: { at: 03.0 }
        below: [nvme: { name: nvme1 }]
  - numaNode: 1
    below:
      - rootPort: { at: 01.0 }
        below:
          - switch: {}
            below: [gpu: { name: gpu1 }, nic: { name: mlx5_1 }, nic: { name: mlx5_2 }]
`;

test("a switch is an island, and root ports of one host bridge are another", () => {
  expect(islands(TWO_SWITCHES)).toEqual([
    "switch 01:00.0 | 0 | gpu0 mlx5_0 | 2 0 0 0",
    "host bridge 00 | 0 | nvme0 nvme1 | 0 2 0 0",
    "switch 41:00.0 | 1 | gpu1 mlx5_1 mlx5_2 | 6 0 0 0",
  ]);
});

test("what redirects leaves its devices beside each other: none is direct, all are of one place", () => {
  expect(islands(TWO_SWITCHES, "iommu: strict").at(-1)).toBe("switch 41:00.0 | 1 | gpu1 mlx5_1 mlx5_2 | 0 6 0 0");
});

test("those of one place that are direct with each other are an island of their own, the others one together", () => {
  const below = `
  - below:
      - rootPort: { at: 01.0 }
        below:
          - switch: { acs: RR+ CR+ }
            below:
              - switch: { acs: SV- }
                below: [gpu: { name: gpu0 }, nic: { name: mlx5_0 }]
              - switch: { acs: SV- }
                below: [gpu: { name: gpu1 }, nic: { name: mlx5_1 }]
              - nvme: { name: nvme0 }
              - nvme: { name: nvme1 }
`;
  expect(islands(below)).toEqual([
    "switch 01:00.0 | - | gpu0 mlx5_0 | 2 0 0 0",
    "switch 01:00.0 | - | gpu1 mlx5_1 | 2 0 0 0",
    "switch 01:00.0 | - | nvme0 nvme1 | 0 2 0 0",
  ]);
});

test("functions of one device, and devices of a conventional bus, are where they are", () => {
  const below = `
  - below:
      - rootPort: { at: 01.0 }
        below:
          - functions: [gpu: { name: gpu0 }, nic: { name: eth0 }]
      - bridge: { at: 02.0 }
        below: [nic: { name: eth1 }, nic: { name: eth2 }]
`;
  expect(islands(below)).toEqual([
    "host bridge 00 | - | gpu0 eth0 | 2 0 0 0",
    "bridge 00:02.0 | - | eth1 eth2 | 2 0 0 0",
  ]);
});

test("islands of one place are told apart by their ports", () => {
  const below = `
  - below:
      - rootPort: { at: 01.0 }
        below: [functions: [nvme: { name: nvme0 }, nvme: { name: nvme1 }]]
      - rootPort: { at: 02.0 }
        below: [functions: [nvme: { name: nvme2 }, nvme: { name: nvme3 }]]
      - rootPort: { at: 03.0 }
        below: [gpu: { name: gpu0 }]
      - rootPort: { at: 04.0 }
        below: [gpu: { name: gpu1 }]
      - rootPort: { at: 05.0 }
        below: [gpu: { name: gpu2 }]
`;
  const text = `cpu: amd-zen\nkernel: "7.2"\niommu: off\nhostBridges:${below}`;
  const table = decideAll(afterBoot(scenarioMachine(parseScenario(text, "ports.yaml"))));
  expect(islandLines(table, islandsOf(table), 100).map((line) => plainText(line).trimEnd())).toEqual([
    "  host bridge 00, port 00:01.0                       nvme0 nvme1  direct",
    "  host bridge 00, port 00:02.0                       nvme2 nvme3  direct",
    "  host bridge 00, ports 00:03.0, 00:04.0 and 1 more  gpu0–2       through the host bridge",
  ]);
});
