import { describe, expect, test } from "vitest";
import { compareAll } from "../../../src/advice/difference/compare-all.ts";
import { countAnswers, gotWorse } from "../../../src/advice/difference/judge.ts";
import { askWhatIf, type WhatIfRequest } from "../../../src/advice/what-if/what-if.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { nameIn } from "../../../src/report/device-names.ts";
import { bootScenario } from "../../policy/machines.ts";
import { rows } from "../../rows.ts";

/** A GPU, a NIC and a drive without memory below one switch, whose ports redirect where an IOMMU is in use. */
function machine(iommu: string): Machine {
  return bootScenario(`
cpu: amd-zen
kernel: "7.2"
iommu: ${iommu}
hostBridges:
  - id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030 }
            below:
              - gpu: { name: gpu0, id: 10de:2330, bar: 64G, driver: nvidia }
              - nic: { name: mlx5_0, id: 15b3:1021, bar: 1M, driver: mlx5_core }
              - nvme: { name: nvme0, id: 144d:a80a, driver: nvme }
`);
}

const CLEARED: WhatIfRequest = { append: "pci=disable_acs_redir=pci:1000:c030" };

describe("Functions that the IOMMU kept apart", () => {
  test.each(
    rows(`
      // iommu     | asked   | reach each other past it now
      passthrough  | cleared | gpu0 mlx5_0, gpu0 nvme0, mlx5_0 nvme0
      strict       | cleared | gpu0 mlx5_0, gpu0 nvme0, mlx5_0 nvme0
      off          | cleared |                                        // nothing kept them apart
      strict       | iommu   |                                        // what is gone are the groups
    `),
  )("with the IOMMU %s, %s: %s", (iommu, asked, expected) => {
    const { before, after } = askWhatIf(machine(iommu as string), asked === "cleared" ? CLEARED : { iommu: "off" });
    const whole = compareAll([before, after]);
    const names = whole.answers.pastIommu.map((ends) => ends.map((bdf) => nameIn(whole.after.topology, bdf)).join(" "));
    expect(names.join(", ")).toBe(expected);
    const counts = countAnswers(whole.answers, whole.difference.groups);
    expect(counts.pastIommu).toBe(names.length);
    if (names.length > 0) expect(gotWorse(counts)).toBe(true);
    expect(compareAll([after, before]).answers.pastIommu).toEqual([]);
  });
});
