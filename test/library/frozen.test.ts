import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { frozen } from "../../src/library/frozen.ts";
import { captureNames, readCapture } from "../machines/captures.ts";
import * as peerlane from "./entries.ts";

const root = join(import.meta.dirname, "../..");
const name = "wide-switch.amd-zen.strict";
const capture = readFileSync(readCapture(captureNames.includes(name) ? name : "mixed-acs.intel.strict").archive);
const machine = await peerlane.readMachine(new Uint8Array(capture), "capture");

/** Paths below a value that can still be changed. */
function openPaths(value: unknown, path = "machine", seen = new Set<unknown>()): readonly string[] {
  if (typeof value !== "object" || value === null || seen.has(value)) return [];
  seen.add(value);
  const own = Object.isFrozen(value) && !ArrayBuffer.isView(value) ? [] : [path];
  const entries = value instanceof Map ? [...value] : Object.entries(value);
  return [...own, ...entries.flatMap(([key, entry]) => openPaths(entry, `${path}.${String(key)}`, seen))];
}

describe("a machine is frozen, all the way down", () => {
  const scenario = peerlane.parseScenario(
    readFileSync(join(root, "examples/one-switch.yaml"), "utf8"),
    "one-switch.yaml",
  );
  const snapshot = peerlane.writeSnapshot(machine);
  const lspci = new TextEncoder().encode("00:1c.0 PCI bridge [0604]: Intel Corporation Device [8086:9d10] (rev f1)\n");

  test.for<[string, () => unknown]>([
    ["readMachine", () => machine],
    ["scenarioMachine", () => peerlane.scenarioMachine(scenario)],
    ["readSnapshot", () => peerlane.readSnapshot(snapshot, "snapshot")],
    ["readLspci", () => peerlane.readLspci(lspci, "text")],
    [
      "createLspciReader",
      () => {
        const reader = peerlane.createLspciReader("text");
        reader.push(lspci);
        return reader.finish();
      },
    ],
    ["redact", () => peerlane.redact(machine)],
    ["withOverrides", () => peerlane.withOverrides(machine, { kernel: "6.12" })],
    ["afterBoot", () => peerlane.afterBoot(peerlane.scenarioMachine(scenario))],
    ["applyChanges", () => peerlane.applyChanges(machine, [{ kind: "kernel", release: "7.3" }])],
    ["askWhatIf", () => peerlane.askWhatIf(machine, { append: "pci=noacs" })],
  ])("from %s", ([, make]) => {
    expect(openPaths(make())).toEqual([]);
  });

  test("and says so to who would write: fields, lists, maps", () => {
    expect(() => Object.assign(machine.kernel, { release: "9.9" })).toThrow(TypeError);
    expect(() => (machine.functions as unknown[]).push({})).toThrow(TypeError);
    const types = machine.iommu.groupTypes as Map<number, string>;
    expect(types).toBeInstanceOf(Map);
    const before = [...types];
    for (const write of [() => types.set(0, "identity"), () => types.delete(0), () => types.clear()])
      expect(write).toThrow(/a Machine cannot be changed/);
    expect([...types]).toEqual(before);
  });

  test("and all that takes a machine works on it", () => {
    const table = peerlane.verdicts(machine, { all: true });
    expect(table.machine).toBe(machine);
    expect(peerlane.isUnknown(peerlane.expectedIommuGroups(machine, table.topology))).toBe(false);
    expect(peerlane.documentText(peerlane.matrixBlocks(table), { width: 100, color: false })).not.toBe("");
    expect(structuredClone(machine)).toEqual(machine);
  });

  test("sets and what goes in circles are frozen too", () => {
    const circle: Record<string, unknown> = { set: new Set([{ a: 1 }]), bytes: new Uint8Array(2) };
    circle["self"] = circle;
    frozen(circle);
    expect(() => (circle["set"] as Set<unknown>).add(1)).toThrow(TypeError);
    expect(Object.isFrozen(circle)).toBe(true);
  });
});
