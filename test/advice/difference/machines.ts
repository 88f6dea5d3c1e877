import { compareAll, type WholeDifference } from "../../../src/advice/difference/compare-all.ts";
import { countAnswers, gotWorse } from "../../../src/advice/difference/judge.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { differenceBlocks } from "../../../src/report/difference.ts";
import { documentText } from "../../../src/report/document-text.ts";
import { type DecideOptions, decideAll, type VerdictTable } from "../../../src/rules/verdict-table.ts";

/** A switch with a GPU, a NIC and a drive with memory; a drive at another root port; a GPU at another host bridge. */
export const BASE = `
scenario: base
cpu: intel
kernel: 7.2
iommu: strict
cmdline: "quiet iommu=strict pci=disable_acs_redir=pci:1000:c030"
hostBridges:
  - id: "8086:09a2"
    numaNode: 0
    below:
      - rootPort: { at: 01.0, name: rp1 }
        below:
          - switch: { acs: "SV+", id: "1000:c030", portId: "1000:c030", name: up }
            below:
              - gpu: { name: gpu0, bar: 16G, rebar: full, link: gen5 x16, driver: amdgpu }
              - nic: { name: nic0, id: "15b3:1021", link: gen5 x16, driver: mlx5_core, dmaMaskBits: 64, sriov: { total: 4, vfs: 0 } }
              - nvme: { name: nvme0, cmb: 16M }
      - rootPort: { at: 02.0, name: rp2 }
        below: [nvme: { name: nvme1, iommuGroup: 7 }]
  - bus: 0x40
    id: "8086:09a2"
    numaNode: 1
    below:
      - rootPort: { at: 01.0, name: rp3 }
        below: [gpu: { name: gpu1, bar: 16G, rebar: full }]
`;

const kept = new WeakMap<Machine, Map<string, VerdictTable>>();

/** A machine is decided once for each selection: some are compared with many, and most both ways. */
function decided(machine: Machine, options: DecideOptions): VerdictTable {
  const tables = kept.get(machine) ?? new Map<string, VerdictTable>();
  kept.set(machine, tables);
  const key = JSON.stringify(options);
  const table = tables.get(key) ?? decideAll(machine, options);
  tables.set(key, table);
  return table;
}

/** All that differs between two machines, as the verb compares them. */
export function diff(before: Machine, after: Machine): WholeDifference {
  return compareAll([before, after], [before, after], {}, after, decided);
}

/** What the verb prints, on a screen of 80 columns. */
export function shown({ difference, verdicts, answers, before, after }: WholeDifference): string {
  const view = { difference, verdicts, answers, before: before.topology, after: after.topology };
  return documentText(differenceBlocks(view), { width: 80, color: false });
}

/** What the verb ends with. */
export function exitOf({ answers, difference }: Pick<WholeDifference, "answers" | "difference">): 0 | 1 | 3 {
  const isWorse = gotWorse(countAnswers(answers, difference.groups));
  if (isWorse === null) return 3;
  return isWorse ? 1 : 0;
}
