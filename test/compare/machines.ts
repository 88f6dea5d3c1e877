import { type Comparison, compareResults, type FigureVerdict } from "../../src/compare/compare.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { readResults } from "../../src/results/read-results.ts";

/** One switch of x16 at 32 GT/s with two GPUs and a NIC, and a disk on a root port; registers state what packets are. */
export interface Parts {
  readonly acs?: string;
  readonly cpu?: string;
  readonly iommu?: string;
  readonly gpu0?: string;
  readonly gpu1?: string;
  readonly gpuIds?: string;
  readonly port?: string;
  /** A device whose link the source hides. */
  readonly hidden?: string;
}

/** The machine of the tables: gpu0 03:00.0, gpu1 04:00.0 and mlx5_0 05:00.0 below one switch; nvme0 06:00.0 on a root port. */
export function machineText({
  acs = "false",
  cpu = "amd-zen",
  iommu = "off",
  gpu0 = "link: gen5 x16",
  gpu1 = "link: gen5 x16",
  gpuIds = "10de:2331",
  port = "maxPayload: 256",
}: Parts = {}): string {
  return `scenario: results
cpu: ${cpu}
kernel: 7.2
iommu: ${iommu}
hostBridges:
  - bus: 0x00
    below:
      - rootPort: { at: 01.0, acs: false, link: gen5 x16, ${port} }
        below:
          - switch: { acs: ${acs}, link: gen5 x16 }
            below:
              - gpu: { id: "${gpuIds}", name: gpu0, driver: nvidia, bar: 16G, ${gpu0}, maxReadRequest: 512 }
              - gpu: { id: "${gpuIds}", name: gpu1, driver: nvidia, bar: 16G, ${gpu1}, maxReadRequest: 512 }
              - nic: { id: "15b3:1021", name: mlx5_0, driver: mlx5_core, bars: { 0: 32M }, link: gen5 x16, maxReadRequest: 512 }
      - rootPort: { at: 02.0, acs: false, link: gen4 x4, maxPayload: 256 }
        below:
          - nvme: { name: nvme0, id: "144d:a80a", link: gen4 x4 }
`;
}

/** Such a machine. */
export function machineOf(parts: Parts = {}): Machine {
  const machine = readScenario(machineText(parts), "m.yaml");
  const isHidden = ({ names }: PciFunction): boolean => parts.hidden !== undefined && names.includes(parts.hidden);
  return {
    ...machine,
    functions: machine.functions.map((fn) => (isHidden(fn) ? { ...fn, express: unknown("not shown") } : fn)),
  };
}

/** Results of text on such a machine. */
export function compared(text: string, parts: Parts = {}): Comparison {
  return compareResults(machineOf(parts), readResults(text));
}

/** `low up-to-the-root-complex`: the verdict of each figure with the kinds of its causes. */
export function verdicts({ figures }: Comparison): readonly string[] {
  return figures.map(({ verdict, causes }): string => {
    const shown: FigureVerdict = verdict;
    return [shown, ...causes.map(({ kind }) => kind)].join(" ");
  });
}
