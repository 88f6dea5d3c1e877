import { describe, expect, it, test } from "vitest";
import type { GroupChange } from "../../src/advice/difference/groups.ts";
import { askWhatIf, type WhatIfRequest } from "../../src/advice/what-if/what-if.ts";
import { type Machine, topologyOf } from "../../src/host/machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { groupTexts } from "../../src/report/difference.ts";
import { documentText } from "../../src/report/document-text.ts";
import { plainText } from "../../src/report/rich.ts";
import { whatIfBlocks, whatIfView } from "../../src/report/what-if.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { machineOf } from "../policy/machines.ts";

const server = machineOf("gpu-nic-server.yaml");
const mixed = readCapturedMachine("mixed-acs.intel.strict");

/** What differs after a what-if, in lines that are not broken. */
function linesOf(machine: Machine, request: WhatIfRequest): readonly string[] {
  const { before, after, changes } = askWhatIf(machine, request);
  const view = whatIfView(changes, decideAll(before), decideAll(after));
  if (view === undefined) throw new Error("nothing was asked");
  return documentText(whatIfBlocks(view), { width: 10_000, color: false }).split("\n");
}

describe("IOMMU groups that merge", () => {
  const names = [
    ["gpu0", "mlx5_0"],
    ["gpu2", "mlx5_2"],
    ["gpu4", "gpu5", "mlx5_4"],
  ] as const;
  const merges = names.map((set): GroupChange => {
    const devices = set.map((name) => findDevice(server, name));
    return { before: devices.map((bdf) => [bdf]), after: [devices], joined: [devices] };
  });
  const texts = (changes: readonly GroupChange[]) => groupTexts(changes, topologyOf(server)).map(plainText);

  test("are told at once where they are many, by the names of who comes together", () => {
    expect(texts(merges)).toEqual([
      "IOMMU groups merge: 7 become 3; devices that two guests could have had are now one guest's: {gpu0 mlx5_0} {gpu2 mlx5_2} {gpu4 gpu5 mlx5_4}",
    ]);
  });

  test("and one by one, with all members, where they are few", () => {
    expect(texts(merges.slice(0, 2))).toEqual([
      expect.stringMatching(/^IOMMU groups merge: \{0000:18:00\.0\} \{0000:19:00\.0\} → /),
      expect.stringMatching(/^IOMMU groups merge: \{0000:3/),
    ]);
  });
});

describe("ACS that differs is told in its letters", () => {
  it.each<[line: string, machine: Machine, request: WhatIfRequest]>([
    [
      "ACS: SV RR CR UF cleared on 16 ports of 1000:c030: they redirect no more",
      server,
      { append: "pci=disable_acs_redir=pci:1000:c030" },
    ],
    ["ACS: RR CR cleared on 0000:17:00.0: it redirects no more", server, { set: ["17:00.0.acs=-RR-CR"] }],
    ["ACS: CR cleared on 0000:17:00.0", server, { set: ["17:00.0.acs=-CR"] }],
    ["ACS: TB set, SV cleared on 0000:17:00.0", server, { set: ["17:00.0.acs=-SV+TB"] }],
    [
      "ACS: RR CR cleared on 0000:17:00.0 and 0000:17:01.0: they redirect no more",
      server,
      { set: ["17:00.0.acs=-RR-CR", "17:01.0.acs=-RR-CR"] },
    ],
    [
      "ACS: RR CR cleared, SV UF not known on 0000:00:04.0: it redirects no more",
      mixed,
      { append: "pci=disable_acs_redir=0000:00:04.0" },
    ],
  ])("%s", (line, machine, request) => {
    expect(linesOf(machine, request)).toContain(`  ${line}`);
  });
});

test("many pairs of which the same becomes are one line, as are groups that change alike", () => {
  const lines = linesOf(server, { append: "pci=disable_acs_redir=pci:1000:c030" });
  expect(lines).toContain(
    "  48 pairs: through the host bridge, 4 hops → direct, 4 hops: gpu0 ↔ mlx5_0, gpu0 ↔ gpu1, gpu0 ↔ mlx5_1 and 21 more",
  );
  expect(lines.filter((line) => line.includes("IOMMU groups change"))).toEqual([
    "  IOMMU groups change: {0000:17:00.0} {0000:18:00.0} → {0000:17:00.0 0000:18:00.0}; no two devices that were apart come together; and 15 more like this",
  ]);
});

test("of a command line the words that came and went are told", () => {
  expect(linesOf(server, { append: "pci=noaer" })).toContain("  command line: now pci=noaer");
});
