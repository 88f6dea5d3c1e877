import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { JSON_TYPES, jsonTypes } from "../../scripts/json-types.ts";
import { unknown } from "../../src/pci/known.ts";
import { explainJson, treeJson } from "../../src/report/json.ts";
import { matrixJson } from "../../src/report/matrix-json.ts";
import { vmJson } from "../../src/report/measured.ts";
import { OUTPUT_SCHEMAS, outputJsonSchema } from "../../src/report/schemas.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { captureNames, readCapture, readCapturedMachine } from "../machines/captures.ts";

describe("every JSON output is what its schema says", () => {
  test.for(captureNames.filter((_, index) => index % 8 === 0))("%s", (name) => {
    const machine = readCapturedMachine(name);
    const table = decideAll(machine);
    const input = { table, expectedGroups: expectedIommuGroups(machine, table.topology) };
    OUTPUT_SCHEMAS.matrix.parse(JSON.parse(JSON.stringify(matrixJson(input, new PeerRoutes(table)))));
    OUTPUT_SCHEMAS.tree.parse(JSON.parse(JSON.stringify(treeJson(input))));
    const [a, b] = table.providers;
    if (a !== undefined)
      OUTPUT_SCHEMAS.explain.parse(JSON.parse(JSON.stringify(explainJson(table, a, b ?? a, new PeerRoutes(table)))));
    const measured = readCapture(name);
    const measuredTable = decideAll(machine, {
      providers: [...new Set(measured.pairs.map((pair) => pair.provider))],
      clients: [...new Set(measured.pairs.map((pair) => pair.client))],
    });
    OUTPUT_SCHEMAS.vm.parse(JSON.parse(JSON.stringify(vmJson(measuredTable, measured))));
  });

  test("what a source hides is an object with its reason", () => {
    const why = unknown("hidden by the test");
    const whole = readCapturedMachine("one-switch.intel.strict");
    const machine = {
      ...whole,
      iommu: { kind: why, mode: why, groupTypes: why },
      functions: whole.functions.map((fn) => ({
        ...fn,
        acs: why,
        express: why,
        iommuGroup: why,
        numaNode: why,
        p2pmem: why,
      })),
    };
    const table = decideAll(machine);
    const json = matrixJson(
      { table, expectedGroups: expectedIommuGroups(machine, table.topology) },
      new PeerRoutes(table),
    );
    OUTPUT_SCHEMAS.matrix.parse(JSON.parse(JSON.stringify(json)));
    expect(JSON.stringify(json)).toContain('{"unknown":"hidden by the test"}');
  });
});

const NAMES = Object.keys(OUTPUT_SCHEMAS) as (keyof typeof OUTPUT_SCHEMAS)[];

test.each(NAMES)("the JSON Schema of %s is made of its validator, with the id that the output has", (name) => {
  const schema = outputJsonSchema(name) as { readonly properties: { readonly schema: { readonly const: string } } };
  expect(schema.properties.schema.const).toMatch(new RegExp(`^peerlane\\.${name}/\\d+$`));
  expect(schema).toMatchObject({ $id: schema.properties.schema.const, type: "object" });
});

test("the types of the outputs are those of their validators (npm run json-types)", () => {
  expect(readFileSync(JSON_TYPES, "utf8")).toBe(jsonTypes());
});
