import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { askWhatIf } from "../../src/advice/what-if/what-if.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { readSnapshot } from "../../src/host/snapshot/read-snapshot.ts";
import { pageMachines, pageWith } from "../../src/server/page.ts";

const isBuilt = existsSync(join(import.meta.dirname, "../../dist/page.html"));
const machine = scenarioMachine(
  parseScenario(
    "scenario: one\nhostBridges:\n  - id: 8086:29c0\n    below:\n      - rootPort: { at: 04.0 }\n        below:\n          - nvme: { cmb: 16M, name: nvme0 }\n",
    "one.yaml",
  ),
);

describe("The machines of a page", () => {
  test("are one as it is, and a second where something is asked", () => {
    expect(pageMachines(askWhatIf(machine, {})).map(({ name }) => name)).toEqual(["scenario"]);
    const asked = pageMachines(askWhatIf(machine, { append: "pci=nomsi" }, false));
    expect(asked.map(({ name }) => name)).toEqual(["scenario", expect.stringContaining("scenario, with ")]);
    for (const { name, text } of asked) expect(readSnapshot(text, name).functions.length).toBeGreaterThan(0);
  });

  test.skipIf(!isBuilt)("end no element of it, whatever their names hold", () => {
    const page = pageWith([{ name: "</script><script>alert(1)</script><!--", text: "</SCRIPT>" }]);
    const [, json = ""] = /<script type="application\/json" id="machines">([^<]*)<\/script>/.exec(page) ?? [];
    expect(JSON.parse(json)).toEqual([{ name: "</script><script>alert(1)</script><!--", text: "</SCRIPT>" }]);
    expect(page.match(/<\/script>/g)).toHaveLength(3);
  });
});
