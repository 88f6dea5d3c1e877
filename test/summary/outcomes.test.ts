import { expect, test } from "vitest";
import { Answers } from "../../src/answers/answer.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { nameIn } from "../../src/report/device-names.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { outcomeGroups, rankOf } from "../../src/summary/outcomes.ts";

/** Two NUMA nodes: below the one a switch that redirects with two GPUs, below the other a GPU at a root port. */
const text = `cpu: amd-zen
kernel: "7.2"
iommu: strict
hostBridges:
  - numaNode: 0
    below:
      - rootPort: { at: 01.0 }
        below:
          - switch: {}
            below: [gpu: { name: a }, gpu: { name: b }]
  - numaNode: 1
    below:
      - rootPort: { at: 01.0 }
        below: [gpu: { name: c }]
`;
const table = decideAll(afterBoot(scenarioMachine(parseScenario(text, "outcomes.yaml"))));
const answers = new Answers(table);
const before = table.providers.flatMap((provider, i) =>
  table.clients.flatMap((client, j) => (provider === client ? [] : [answers.at(i, j)])),
);
const direct = before.map((answer) => ({
  mapType: answer.acsRedirect.length > 0 ? ("bus-addr" as const) : answer.mapType,
}));

test("pairs are grouped by why they are what they are and what becomes of them, those that change first", () => {
  const groups = outcomeGroups(before, direct).map(({ before: was, after, pairs, crossing }) => {
    const names = pairs.map((pair) => nameIn(table.topology, pair.provider) + nameIn(table.topology, pair.client));
    return `${was} ${after} ${names.join(" ")} ${crossing}`;
  });
  expect(groups).toEqual(["thru-host-bridge bus-addr ab ba 0", "thru-host-bridge thru-host-bridge ac bc ca cb 4"]);
});

test("where nothing becomes of them, those that are most are first", () => {
  expect(outcomeGroups(before).map(({ pairs }) => pairs.length)).toEqual([4, 2]);
});

test("a rank counts a direct pair twice as much as one through the host bridge", () => {
  expect([rankOf(before), rankOf(direct), rankOf([{ mapType: "unknown" }, { mapType: "not-supported" }])]).toEqual([
    6, 8, 0,
  ]);
});
