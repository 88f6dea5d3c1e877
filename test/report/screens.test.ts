import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { parseScenario } from "../../src/host/scenario/parse-scenario.ts";
import { scenarioMachine } from "../../src/host/scenario/scenario-machine.ts";
import { explainText } from "../../src/report/explain-text.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { treeText } from "../../src/report/tree-text.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../machines/captures.ts";

function example(name: string): Machine {
  const file = join(import.meta.dirname, "../../examples", `${name}.yaml`);
  return afterBoot(scenarioMachine(parseScenario(readFileSync(file, "utf8"), `${name}.yaml`)));
}

/** A scenario of `count` GPUs, eight below each switch. */
function manyGpus(count: number): Machine {
  const switches = Array.from({ length: count / 8 }, (_, index) => {
    const at = (index + 1).toString(16).padStart(2, "0");
    const gpus = Array.from({ length: 8 }, (__, gpu) => `              - gpu: { name: gpu${index * 8 + gpu} }\n`).join(
      "",
    );
    return `      - rootPort: { at: "${at}.0" }\n        below:\n          - switch: { acs: ${index % 2 === 0} }\n            below:\n${gpus}`;
  });
  const text = `scenario: many GPUs\ncpu: intel\nkernel: "7.2"\niommu: strict\nhostBridges:\n  - below:\n${switches.join("")}`;
  return afterBoot(scenarioMachine(parseScenario(text, "many.yaml")));
}

const machines: readonly (readonly [name: string, make: () => Machine])[] = [
  ["a captured machine with nested switches", () => readCapturedMachine("nested-switches.intel.strict")],
  ["a captured machine with two host bridges", () => readCapturedMachine("two-host-bridges.amd-zen.passthrough")],
  ["a server with eight GPUs and eight NICs", () => example("gpu-nic-server")],
  ["a GPU with a small BAR", () => example("small-bar-gpu")],
];

function widest(text: string): number {
  return Math.max(...text.split("\n").map((line) => [...line].length));
}

function tree(table: VerdictTable, width: number, color = false): string {
  return treeText({ table, expectedGroups: expectedIommuGroups(table.machine, table.topology) }, { width, color });
}

describe.each(machines)("%s", (_, make) => {
  const table = decideAll(make());

  test.for([60, 100, 200])("its matrix fits %i columns", (width) => {
    const text = matrixText(table, { width, color: false }, undefined, new PeerRoutes(table));
    expect(widest(text)).toBeLessThanOrEqual(width);
    expect(text).toMatchSnapshot();
  });

  test.for([60, 100, 200])("its tree fits %i columns", (width) => {
    const text = tree(table, width);
    expect(widest(text)).toBeLessThanOrEqual(width);
    expect(text).toMatchSnapshot();
  });

  test.for([60, 100])("its first pair is explained within %i columns", (width) => {
    const [a, b] = table.providers;
    if (a === undefined || b === undefined) throw new Error("fewer than two devices");
    const pair = decideAll(table.machine, { providers: [a, b], clients: [a, b] });
    const text = explainText(pair, a, b, { width, color: false }, new PeerRoutes(pair));
    expect(text).toMatchSnapshot();
  });
});

test("colour adds escape sequences and changes no character", () => {
  const table = decideAll(readCapturedMachine("mixed-acs.intel.strict"));
  const coloured = matrixText(table, { width: 100, color: true }) + tree(table, 100, true);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: the escape character is what this looks for
  const bare = coloured.replaceAll(/\u001b\[\d+m/g, "");
  expect(bare).toBe(matrixText(table, { width: 100, color: false }) + tree(table, 100));
  expect(coloured).not.toBe(bare);
});

test("a matrix of 64 devices fits 100 columns with every device and every pair in it", () => {
  const table = decideAll(manyGpus(64));
  const text = matrixText(table, { width: 100, color: false });
  expect(widest(text)).toBeLessThanOrEqual(100);
  for (const fn of table.machine.functions) for (const name of fn.names) expect(text).toContain(name);
  expect(text).toMatchSnapshot();
});

test("a machine without devices of interest says how to see the others", () => {
  const machine = { ...readCapturedMachine("one-switch.intel.off"), functions: [] };
  expect(matrixText(decideAll(machine), { width: 80, color: false })).toContain("--all");
});
