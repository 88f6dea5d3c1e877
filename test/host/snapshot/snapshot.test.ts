import { readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { gunzipSync } from "node:zlib";
import { describe, expect, it, test } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { topologyOf } from "../../../src/host/machine.ts";
import { readMachine } from "../../../src/host/read-machine.ts";
import { redact } from "../../../src/host/redaction/redact.ts";
import { selectDevices } from "../../../src/host/select.ts";
import { looksLikeSnapshot } from "../../../src/host/snapshot/quick-snapshot.ts";
import { readSnapshot, snapshotJsonSchema } from "../../../src/host/snapshot/read-snapshot.ts";
import { compressSnapshot, writeSnapshot } from "../../../src/host/snapshot/write-snapshot.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { treeText } from "../../../src/report/tree-text.ts";
import { afterBoot } from "../../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../../src/rules/iommu-groups.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { captureNames, readCapturedMachine } from "../../machines/captures.ts";
import { sharedFiles } from "../../shared-files.ts";

/** Everything that the rules say of a machine, whole. */
function answers(machine: Machine, isWhole: boolean): unknown {
  const table = decideAll(machine, selectDevices(machine, { all: isWhole }));
  const pairs = table.providers.flatMap((_, i) => table.clients.map((__, j) => table.at(i, j)));
  const groups = expectedIommuGroups(machine, topologyOf(machine));
  return { pairs, groups: isUnknown(groups) ? groups : [...groups] };
}

/** Reasons quote the source's name, which a capture leaves out. */
function unnamed(value: unknown, name: string): unknown {
  return JSON.parse(JSON.stringify(value).replaceAll(JSON.stringify(name).slice(1, -1), "the source")) as unknown;
}

function expectSameAnswers(machine: Machine, isWhole: boolean): void {
  const back = readSnapshot(writeSnapshot(machine), "there.json");
  expect(unnamed(answers(back, isWhole), "there.json")).toEqual(
    unnamed(answers(machine, isWhole), machine.source.name),
  );
  const draw = (one: Machine): string => {
    const table = decideAll({ ...one, source: { ...one.source, name: "here" } }, { providers: [], clients: [] });
    return treeText({ table, expectedGroups: expectedIommuGroups(one, table.topology) }, { width: 300, color: false });
  };
  expect(draw(back)).toBe(draw(redact(machine)));
}

describe("A capture gives, elsewhere, the same answers as the machine itself", () => {
  test.for(captureNames)("%s", (name) => {
    expectSameAnswers(readCapturedMachine(name), true);
  });

  const files = ["lspci", "hwloc", "nccl"].flatMap((folder) => sharedFiles(`machines/${folder}`));
  // A tree without PCI devices is no machine.
  const machines = files.filter((path) => !path.includes("gb10.tar")).map((path) => [basename(path), path] as const);
  test.for(machines)("shared machine %s", async ([file, path]) => {
    const { machine, isBooted } = await readMachine([readFileSync(path)], { name: file });
    expectSameAnswers(isBooted ? machine : afterBoot(machine), machine.functions.length < 40);
  });

  it("of a scenario, with what firmware left", async () => {
    const file = join(import.meta.dirname, "../../../examples/one-switch.yaml");
    const { machine } = await readMachine([readFileSync(file)], { name: file });
    expectSameAnswers(afterBoot(machine), true);
  });
});

describe("A snapshot", () => {
  const machine = readCapturedMachine("mixed-acs.intel.strict");
  const text = writeSnapshot(machine);

  it("is the whole machine but for what is left out", () => {
    const back = readSnapshot(text, "back");
    const whole = redact(machine);
    expect(back).toEqual({ ...whole, source: { format: "snapshot", name: "back", madeOf: "archive" } });
  });

  it("written of a snapshot is the same again", () => {
    expect(writeSnapshot(readSnapshot(text, "back"))).toBe(text);
  });

  it("is found by its content, and packs well", async () => {
    expect(looksLikeSnapshot(text)).toBe(true);
    expect(looksLikeSnapshot('{"schema":"peerlane.matrix/1"}')).toBe(false);
    const packed = await compressSnapshot(text);
    expect(gunzipSync(packed).toString("utf8")).toBe(text);
    expect(packed.length).toBeLessThan(text.length / 4);
    const { machine: back } = await readMachine([packed], { name: "back" });
    expect(back).toEqual(readSnapshot(text, "back"));
  });

  it("has one function on a line, and each reason once", () => {
    expect(text.split("\n").filter((line) => line.startsWith('  {"bdf"'))).toHaveLength(machine.functions.length);
    const { reasons } = JSON.parse(text) as { reasons: string[] };
    expect(new Set(reasons).size).toBe(reasons.length);
  });

  it("has a published schema", () => {
    expect(snapshotJsonSchema()).toMatchObject({ $id: "peerlane.snapshot/1", type: "object" });
    expect(JSON.stringify(snapshotJsonSchema())).toContain("functionsMayBeMissing");
  });

  const broken = (change: (json: Record<string, never> & { functions: Record<string, unknown>[] }) => void): string => {
    const json = JSON.parse(text) as Parameters<typeof change>[0];
    change(json);
    return JSON.stringify(json);
  };
  test.for<[string, string, RegExp]>([
    ["another version", text.replace("snapshot/1", "snapshot/2"), /peerlane\.snapshot\/2.*peerlane\.snapshot\/1/],
    ["half a file", text.slice(0, text.length / 2), /no JSON/],
    ["a function twice", broken(({ functions }) => functions.push(functions[0] ?? {})), /there twice/],
    ["a reason that is not there", broken((json) => Object.assign(json, { reasons: [] })), /there is no reason 0/],
    ["a key that means nothing", broken((json) => Object.assign(json, { more: 1 })), /[Uu]nrecognized key/],
    ["a number that JSON cannot keep", text.replace(/"index":\d+/, '"index":1e30'), /int|number|small/i],
    ["a prototype", text.replace('"source"', '"__proto__"'), /not a snapshot/],
    ["deep nesting", `{"schema":"peerlane.snapshot/1","reasons":${"[".repeat(200_000)}`, /no JSON|not a snapshot/],
  ])("with %s is refused", ([, damaged, message]) => {
    let error: unknown;
    try {
      readSnapshot(damaged, "damaged.json");
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(PeerlaneError);
    expect((error as PeerlaneError).message).toMatch(message);
    expect((error as PeerlaneError).place?.file).toBe("damaged.json");
  });

  it("names the place of what is wrong", () => {
    const damaged = broken(({ functions }) => Object.assign(functions[2] ?? {}, { numaNode: "zero" }));
    expect(() => readSnapshot(damaged, "damaged.json")).toThrow(
      expect.objectContaining({ facts: { at: expect.stringContaining("functions[2].numaNode") as string } }),
    );
  });
});
