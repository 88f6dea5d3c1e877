import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { advise } from "../../src/advice/fix/advise.ts";
import type { Kernel, Machine } from "../../src/host/machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { documentText } from "../../src/report/document-text.ts";
import { explainText } from "../../src/report/explain-text.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { qemuMachineOf } from "../qemu-scenario.ts";

const folder = join(import.meta.dirname, "__snapshots__/who-asks");
const screen = { width: 100, color: false };

/** Two devices, `a` and `b`, below one switch or two root ports of AMD's. */
function machine(
  place: "switch" | "root ports",
  devices: readonly [string, string],
  { kernel, iommu, config }: { readonly kernel: string; readonly iommu: string; readonly config?: Kernel["config"] },
): Machine {
  const [a, b] = devices;
  const below =
    place === "switch"
      ? `      - rootPort: { at: 01.0, id: 1022:1483, acs: "SV+" }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - ${a}
              - ${b}
`
      : `      - rootPort: { at: 01.0, id: 1022:1483 }
        below: [${a}]
      - rootPort: { at: 02.0, id: 1022:1483 }
        below: [${b}]
`;
  const text = `cpu: { vendor: AuthenticAMD, family: 0x19, model: 0x01 }
kernel: "${kernel}"
iommu: ${iommu}
hostBridges:
  - id: 1022:1480
    below:
${below}`;
  const made = afterBoot(qemuMachineOf(text, "drivers.yaml"));
  return config === undefined ? made : { ...made, kernel: { ...made.kernel, config } };
}

const translating = "{ mode: lazy, kind: amd }";
const nvidia = (name: string): string => `gpu: { id: 10de:2330, bar: 128G, name: ${name}, driver: nvidia }`;
const amdgpu = (name: string): string => `gpu: { id: 1002:74a1, bar: 64G, name: ${name}, driver: amdgpu }`;
const xe = (name: string): string => `gpu: { id: 8086:e20b, bar: 16G, name: ${name}, driver: xe }`;
const mlx5 = "nic: { id: 15b3:1021, bars: { 0: 32M }, name: b, driver: mlx5_core }";
const drive = "nvme: { cmb: 64M, name: b }";

/** Pairs of drivers, each on a machine that shows what hangs on it. */
const pairs: readonly (readonly [name: string, machine: Machine])[] = [
  ["nvme-nvme", machine("switch", ["nvme: { cmb: 64M, name: a }", drive], { kernel: "7.2", iommu: translating })],
  [
    "amdgpu-amdgpu",
    machine("switch", [amdgpu("a"), amdgpu("b")], {
      kernel: "7.2",
      iommu: translating,
      config: { CONFIG_PCI_P2PDMA: "y", CONFIG_HSA_AMD_P2P: "n" },
    }),
  ],
  [
    "amdgpu-mlx5",
    machine("root ports", [amdgpu("a"), mlx5], {
      kernel: "6.8",
      iommu: "passthrough",
      config: { CONFIG_PCI_P2PDMA: "y", CONFIG_INFINIBAND_ON_DEMAND_PAGING: "y" },
    }),
  ],
  [
    "xe-bnxt",
    machine("switch", [xe("a"), "nic: { id: 14e4:1751, bars: { 0: 32M }, name: b, driver: bnxt_en }"], {
      kernel: "6.12",
      iommu: "off",
      config: {},
    }),
  ],
  ["nvidia-nvidia", machine("root ports", [nvidia("a"), nvidia("b")], { kernel: "6.12", iommu: translating })],
  ["nvidia-mlx5", machine("root ports", [nvidia("a"), mlx5], { kernel: "5.8", iommu: "off" })],
  ["nvidia-nvme", machine("switch", [nvidia("a"), drive], { kernel: "6.11", iommu: translating })],
  [
    "habanalabs-mlx5",
    machine("root ports", ["accel: { id: 1da3:1020, name: a, driver: habanalabs }", mlx5], {
      kernel: "7.2",
      iommu: "passthrough",
      config: { CONFIG_PCI_P2PDMA: "y" },
    }),
  ],
  [
    "vfio-vfio",
    machine(
      "switch",
      [nvidia("a").replace("driver: nvidia", "driver: vfio-pci"), "nvme: { name: b, driver: vfio-pci }"],
      {
        kernel: "6.19",
        iommu: translating,
      },
    ),
  ],
];

describe("explain on pairs of drivers", () => {
  test.each(pairs)("%s", async (name, of) => {
    const [a, b] = [findDevice(of, "a"), findDevice(of, "b")];
    const table = decideAll(of, { providers: [a, b], clients: [a, b] });
    const text = explainText(table, a, b, screen, new PeerRoutes(table));
    await expect(text).toMatchFileSnapshot(`${folder}/${name}.txt`);
  });
});

test("a matrix has each way by what the verdict is worth for it, and how many pairs take it", () => {
  const of = pairs.find(([name]) => name === "amdgpu-amdgpu")?.[1] as Machine;
  const text = matrixText(decideAll(of), { width: 400, color: false });
  expect(text).toContain(
    "asks: the verdict binds as yes or no: AMD GPU and AMD GPU by PCIe (ROCm, graphics) (2 pairs; as CONFIG_HSA_AMD_P2P is not set: ROCm's peer access by PCIe is a constant no",
  );
  expect(text).not.toContain("XGMI hive");
});

describe("fix says whom its proposals bind", () => {
  /** Two root ports that no release before 6.19 has on its list, on an Intel CPU: a newer kernel is what is proposed. */
  const listed = (drivers: readonly [string, string]): Machine =>
    afterBoot(
      qemuMachineOf(
        `cpu: { vendor: GenuineIntel, family: 6, model: 143 }
kernel: "5.10"
iommu: off
hostBridges:
  - id: 8086:09a2
    below:
      - rootPort: { at: 01.0, id: 8086:352a }
        below: [${drivers[0]}]
      - rootPort: { at: 02.0, id: 8086:352a }
        below: [${drivers[1]}]
`,
        "listed.yaml",
      ),
    );
  const caution = "the drivers of these devices do not go by it";

  test.each<[name: string, drivers: readonly [string, string], isCautioned: boolean]>([
    ["drivers that do not ask", [nvidia("a"), nvidia("b")], true],
    ["a driver that asks", [amdgpu("a"), mlx5], false],
    ["pages, which the kernel maps", ["nvme: { cmb: 64M, name: a }", drive], false],
  ])("%s", (_name, drivers, isCautioned) => {
    const of = listed(drivers);
    const advice = advise(of, [{ provider: findDevice(of, "a"), client: findDevice(of, "b") }]);
    const newer = advice.fixes.filter(({ kinds }) => kinds.join() === "kernel");
    expect(newer).toHaveLength(1);
    expect(newer[0]?.cautions.some((text) => text.includes(caution))).toBe(isCautioned);
    expect(documentText(fixBlocks(advice), screen)).toContain("  asks: ");
  });
});
