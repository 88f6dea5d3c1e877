import { expect, it } from "vitest";
import { scenarioJsonSchema } from "../../../src/host/scenario/json-schema.ts";

const schema = scenarioJsonSchema();

function find(path: string): unknown {
  return path.split("/").reduce<unknown>((value, key) => (value as Record<string, unknown>)[key], schema);
}

it("Every reference of the JSON Schema leads somewhere", () => {
  const references = [...JSON.stringify(schema).matchAll(/"\$ref":"#\/([^"]+)"/g)].map(([, path = ""]) => path);
  expect(new Set(references)).toEqual(new Set(["$defs/hostBridge", "$defs/device"]));
  for (const path of references) expect(find(path)).toBeTypeOf("object");
});

it("The JSON Schema has the keys of the format and no others", () => {
  expect(Object.keys(find("properties") as object)).toEqual([
    "scenario",
    "cpu",
    "kernel",
    "iommu",
    "cmdline",
    "hostBridges",
  ]);
  expect(find("additionalProperties")).toBe(false);
  expect(find("required")).toEqual(["hostBridges"]);
});

it("A device is a bare word or a mapping, and its list holds devices again", () => {
  const [word, mapping] = find("$defs/device/anyOf") as { enum?: string[]; properties?: Record<string, unknown> }[];
  expect(word?.enum).toContain("rootPort");
  expect(JSON.stringify(mapping?.properties?.["below"])).toContain('"$ref":"#/$defs/device"');
});

it("Scalars that an editor reads as numbers may be numbers", () => {
  expect(JSON.stringify(find("properties/kernel"))).toContain('"type":["string","number"]');
});
