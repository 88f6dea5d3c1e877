import { expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { findDevice, selectDevices } from "../../src/host/select.ts";
import { explainText } from "../../src/report/explain-text.ts";
import { matrixCsv } from "../../src/report/matrix-csv.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { belowOneSwitch, bootScenario } from "../policy/machines.ts";

/** A drive with a buffer beside one, a NIC whose driver takes host memory alone, and a drive of VFIO, below one switch. */
const machine = belowOneSwitch(
  [
    "nvme: { name: nvme0, cmb: 16M }",
    "nvme: { name: nvme1 }",
    "nic: { name: nic0, driver: e1000e }",
    "nvme: { name: nvme2, driver: vfio-pci }",
  ],
  { iommu: "passthrough" },
);

const screen = { width: 100, color: false };

function linesOf(of: Machine): readonly string[] {
  return matrixText(decideAll(of, selectDevices(of, { all: false })), screen).split("\n");
}

test("the matrix counts pairs that are blocked apart, and marks them", () => {
  const lines = linesOf(machine);
  expect(lines).toContain("of 3 pairs: 3 direct; 1 of these is blocked all the same, and 1 may be (below)");
  expect(lines).toContain("nvme0        ·     4    4!   4!?");
  expect(lines.join(" ")).toContain("!: blocked, whatever the verdict · !?: may be blocked");
});

test("CSV has a column for it", () => {
  const rows = matrixCsv(decideAll(machine, selectDevices(machine, { all: false })))
    .trim()
    .split("\r\n");
  const at = rows[0]?.split(",").indexOf("blocked") ?? -1;
  expect(rows.slice(1).map((row) => row.split(",")[at])).toEqual(["no", "yes", "perhaps"]);
});

test("explain shows neither address nor route where no address of the memory is given", () => {
  const [provider, client] = [findDevice(machine, "nvme0"), findDevice(machine, "nic0")];
  const table = decideAll(machine, { providers: [provider, client], clients: [provider, client] });
  const text = explainText(table, provider, client, screen, new PeerRoutes(table));
  expect(text).toContain("into nvme0: The client's driver takes host memory alone");
  expect(text).not.toMatch(/^ +(?:address|route) +into nvme0|arrives in BAR \d of nvme0/m);
});

test.each([
  ["7.2", "1 NIC (registers only, which drivers share: uverbs-dmabuf)"],
  ["6.12", "1 NIC (registers only)"],
])("what has no row and is shared all the same on Linux %s: %s", (kernel, text) => {
  const lines = linesOf(
    bootScenario(`
kernel: ${kernel}
iommu: off
hostBridges:
  - id: 8086:09a2
    below:
      - rootPort: {}
        below: [gpu: { name: gpu0, bar: 16G, driver: amdgpu }]
      - rootPort: {}
        below: [nic: { name: nic0, id: 15b3:1021, driver: mlx5_core }]
`),
  );
  expect(lines.join(" ")).toContain(`without a row: ${text}`);
});

/** NVIDIA GPUs, a NIC of RDMA, one of which nobody read, and a drive, where the kernel sends all through the host bridge. */
const blocked = bootScenario(`
cpu: amd-zen
kernel: 7.2
iommu: strict
hostBridges:
  - id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: "SV+ RR+ CR+ UF+" }
            below:
              - gpu: { name: gpu0, id: 10de:2330, bar: 64G, driver: nvidia }
              - gpu: { name: gpu1, id: 10de:2330, bar: 64G, driver: nvidia }
              - nic: { name: mlx5_0, id: 15b3:1021, bar: 1M, driver: mlx5_core }
              - nic: { name: eno1, id: 8086:1521, bar: 1M, driver: igb }
              - nvme: { name: nvme0, id: 144d:a80a, driver: nvme }
`);

test("the first lines say which pairs are blocked and why, and of how many others nothing is known", () => {
  const first = linesOf(blocked).slice(0, 12).join(" ").replace(/ +/g, " ");
  expect(first).toContain(
    "8 through the host bridge (2 of them work, slower; of 2 nothing was read of the drivers); 4 of these are blocked",
  );
  expect(first).toContain(
    "blocked (4 pairs: 2 GPU → GPU, 2 GPU → NIC): the IOMMU translates (strict): the NVIDIA driver",
  );
});

test("what only spoils one way of a pair says which is not touched, and is not the sentence of what blocks", () => {
  const text = linesOf(blocked).join(" ").replace(/ +/g, " ");
  expect(text).toMatch(
    /mind \(2 pairs\): the IOMMU .*'NVIDIA GPU and NVMe: GPUDirect Storage in P2PDMA mode' takes other/,
  );
});

test("a path that turns at the switch is not said to meet the IOMMU", () => {
  const direct = bootScenario(`
cpu: amd-zen
kernel: 7.2
iommu: strict
hostBridges:
  - id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - gpu: { name: gpu0, id: 10de:2330, bar: 64G, driver: nvidia }
              - nic: { name: mlx5_0, id: 15b3:1021, bar: 1M, driver: mlx5_core }
`);
  const pair = [findDevice(direct, "gpu0"), findDevice(direct, "mlx5_0")] as const;
  const table = decideAll(direct, { providers: pair, clients: pair });
  const text = explainText(table, ...pair, screen, new PeerRoutes(table)).replace(/\s+/g, " ");
  expect(text).toContain("on this path they turn at the switch and do not meet the IOMMU");
  expect(text).not.toContain("on every path");
});
