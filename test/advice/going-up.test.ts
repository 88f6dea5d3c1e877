import { describe, expect, test } from "vitest";
import { advise } from "../../src/advice/fix/advise.ts";
import type { Machine } from "../../src/host/machine.ts";
import { findDevices } from "../../src/host/select.ts";
import { documentText } from "../../src/report/document-text.ts";
import { fixBlocks } from "../../src/report/fix/blocks.ts";
import { bootScenario } from "../policy/machines.ts";

/** An AMD GPU, a NIC, and two drives with memory, each below a port of one switch. */
function machine(iommu: string, parameters = ""): Machine {
  return bootScenario(`
cpu: amd-zen
kernel: "6.12"
iommu: ${iommu}
cmdline: "${parameters}"
hostBridges:
  - id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: true }
            below:
              - gpu: { name: card0, id: 1002:74a1, bar: 64G, driver: amdgpu }
              - nic: { name: mlx5_0, id: 15b3:1021, bars: { 0: 32M }, driver: mlx5_core }
              - nvme: { name: nvme0, id: 144d:a80a, cmb: 64M, driver: nvme }
              - nvme: { name: nvme1, id: 144d:a80a, driver: nvme }
`);
}

const DIRECT = "pci=disable_acs_redir=pci:1000:c030";

function adviceFor(of: Machine, provider: string, client: string) {
  const [from, to] = [provider, client].map((name) => findDevices(of, name)[0]);
  if (from === undefined || to === undefined) throw new Error("no such device");
  return advise(of, [{ provider: from, client: to }]);
}

/** What stands above the proposals, in one line. */
const headOf = (advice: ReturnType<typeof adviceFor>): string =>
  documentText(fixBlocks(advice), { width: 1000, color: false }).split("\n")[2] ?? "";

describe("A pair that becomes direct by the verdict alone", () => {
  test.each<
    [name: string, provider: string, client: string, iommu: string, pairs: number, freed: number, head: string]
  >([
    [
      "a GPU whose driver maps its memory for the NIC",
      ...(["card0", "mlx5_0", "strict", 1, 1] as const),
      "becomes direct, 4 hops",
    ],
    ["the same where the IOMMU translates nothing", "card0", "mlx5_0", "passthrough", 0, 0, "becomes direct, 4 hops"],
    ["a drive whose driver takes the bus address", "nvme0", "nvme1", "strict", 0, 0, "becomes direct, 4 hops"],
  ])("%s", (_name, provider, client, iommu, pairs, freed, head) => {
    const advice = adviceFor(machine(iommu), provider, client);
    const [fix] = advice.fixes.filter(({ kinds }) => kinds.join() === "kernel-parameter");
    expect(fix?.verdicts[0]?.mapType).toBe("bus-addr");
    expect(fix?.goingUp).toEqual({ pairs, freed });
    expect(headOf(advice).endsWith(head)).toBe(true);
  });

  test("goes directly with both parameters, of which each is proposed with commands", () => {
    const titles = (parameters: string): readonly string[] =>
      adviceFor(machine("strict", parameters), "card0", "mlx5_0").fixes.map(
        ({ title, goingUp }) => `${title}: ${goingUp.pairs}`,
      );
    expect(titles("").slice(0, 2)).toEqual([
      "pci=disable_acs_redir=0000:02:00.0;0000:02:01.0, and boot with iommu=pt: 0",
      "pci=disable_acs_redir=0000:02:00.0;0000:02:01.0: 1",
    ]);
    expect(titles(DIRECT)).toEqual(["iommu=pt: 0"]);
  });

  test("is no pair with nothing to fix", () => {
    const head = (iommu: string, provider: string, client: string): string =>
      headOf(adviceFor(machine(iommu, DIRECT), provider, client)).replace(
        /^.*4 hops(?:, may be blocked by something else)?; /,
        "",
      );
    expect(head("strict", "card0", "mlx5_0")).toBe(
      "by the verdict alone: the requests go up to the root complex all the same; iommu=pt lets them go directly",
    );
    expect(head("passthrough", "card0", "mlx5_0")).toBe("nothing to fix on the path");
    expect(head("strict", "nvme0", "nvme1")).toBe("nothing to fix on the path");
  });
});

describe("Cards in other slots", () => {
  /** An AMD GPU on a root port and, below a switch, a NIC and a drive whose slot is narrower. */
  const apart = (iommu: string): Machine =>
    bootScenario(`
cpu: amd-zen
kernel: "6.12"
iommu: ${iommu}
hostBridges:
  - id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below: [{ gpu: { name: card0, id: 1002:74a1, bar: 64G, driver: amdgpu } }]
      - rootPort: { at: 02.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - nic: { name: mlx5_0, id: 15b3:1021, bars: { 0: 32M }, driver: mlx5_core }
              - nvme: { name: nvme0, id: 144d:a80a, driver: nvme }
`);

  test("are direct by the verdict alone too, where drivers take addresses of the IOMMU", () => {
    const moved = (iommu: string) =>
      adviceFor(apart(iommu), "card0", "mlx5_0").fixes.find(({ kinds }) => kinds.join() === "slot");
    expect(moved("strict")?.verdicts[0]?.mapType).toBe("bus-addr");
    expect(moved("strict")?.goingUp.pairs).toBe(1);
    expect(moved("passthrough")?.goingUp.pairs).toBe(0);
  });
});
