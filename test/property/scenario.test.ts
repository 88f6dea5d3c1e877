import fc from "fast-check";
import { expect, it } from "vitest";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { buildTopology } from "../../src/pci/build-topology.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { isUnknown } from "../../src/pci/known.ts";

/** Reads a text; a refusal has to be a PeerlaneError with file, line and column inside the text. */
function readOrRefuse(text: string): ReturnType<typeof readScenario> | undefined {
  try {
    return readScenario(text, "f.yaml");
  } catch (error) {
    if (!(error instanceof PeerlaneError)) throw error;
    const { place } = error;
    const lines = text.split("\n");
    expect(place?.file).toBe("f.yaml");
    expect(place?.line).toBeGreaterThanOrEqual(1);
    expect(place?.line).toBeLessThanOrEqual(lines.length);
    expect(place?.column).toBeGreaterThanOrEqual(1);
    expect(place?.column).toBeLessThanOrEqual((lines[(place?.line ?? 1) - 1]?.length ?? 0) + 1);
    return undefined;
  }
}

const words = [
  ...["hostBridges", "below", "rootPort", "switch", "port", "bridge", "functions", "nvme", "nic", "gpu", "device"],
  ...["at", "acs", "id", "cmb", "bars", "sriov", "total", "vfs", "name", "bus", "segment", "iommu", "cpu", "kernel"],
  ...["04.0", "true", "false", "16M", "8086:29c0", "off", "SV+", "0x40", "none", "0", "&a", "*a", "!!x", "~", "|", ">"],
];
const marks = ["- ", ": ", "[", "]", "{", "}", ", ", "\n", "  ", "    ", '"', "'", "#", "? ", "---\n", "\t", "\r\n"];

it("Any text is a machine or an error with its place", () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 200, unit: "binary" }), (text) => void readOrRefuse(text)),
    {
      numRuns: 2000,
    },
  );
});

it("Any heap of the format's words is a machine or an error with its place", () => {
  const text = fc.array(fc.constantFrom(...words, ...marks), { maxLength: 60 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(text, (rest) => void readOrRefuse(`hostBridges:\n  - below:\n    - ${rest}`)),
    { numRuns: 3000 },
  );
});

it("Any value of the wrong type in any place is an error with its place", () => {
  const value = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 5 },
      fc.constantFrom(...words),
      fc.array(tie("value"), { maxLength: 4 }),
      fc.dictionary(fc.constantFrom(...words), tie("value"), { maxKeys: 4 }),
    ),
  })).value;
  fc.assert(
    fc.property(value, (below) => void readOrRefuse(JSON.stringify({ hostBridges: [{ below }] }))),
    { numRuns: 3000 },
  );
});

type Tree = string | Record<string, unknown>;

/** Trees that the format allows, as JSON, which is YAML. */
const endpoint = fc.constantFrom<Tree>(
  "nvme",
  "nic",
  { nvme: { cmb: "16M" } },
  { gpu: { bar: "1G" } },
  { device: null },
);
const linkChild = fc.letrec<{ child: Tree[] }>((tie) => ({
  child: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.constant<Tree[]>([]),
    endpoint.map((one): Tree[] => [one]),
    fc.array(endpoint, { minLength: 1, maxLength: 8 }).map((functions): Tree[] => [{ functions }]),
    fc
      .array(tie("child"), { maxLength: 4 })
      .map((ports): Tree[] => [{ switch: {}, below: ports.map((below) => ({ port: {}, below })) }]),
  ),
})).child;
const hostBridge = fc
  .array(
    linkChild.map((below): Tree => ({ rootPort: {}, below })),
    { maxLength: 4 },
  )
  .map((below) => ({ below }));

it("Every tree that the format allows becomes a machine whose bus numbers are those of a tree", () => {
  fc.assert(
    fc.property(fc.array(hostBridge, { minLength: 1, maxLength: 3 }), (bridges) => {
      const hostBridges = bridges.map((one, segment) => ({ segment: String(segment), ...one }));
      const machine = readOrRefuse(JSON.stringify({ hostBridges }));
      if (machine === undefined) return;
      const addresses = machine.functions.map(({ bdf }) => bdf);
      expect(addresses).toEqual([...new Set(addresses)].sort((a, b) => a - b));
      const roots = isUnknown(machine.hostBridges) ? [] : machine.hostBridges.map(({ rootBus }) => rootBus);
      const stated = buildTopology(machine.functions, roots);
      const fromBuses = buildTopology(
        machine.functions.map((fn) => ({ ...fn, attachment: { unknown: "left out" } })),
        roots,
      );
      expect([...fromBuses.parent]).toEqual([...stated.parent]);
      expect(stated.oddities).toEqual([]);
      for (const fn of machine.functions) expectNested(fn.bridge);
    }),
    { numRuns: 300 },
  );
});

function expectNested(bridge: ReturnType<typeof readScenario>["functions"][number]["bridge"]): void {
  if (isUnknown(bridge) || bridge === null) return;
  expect(bridge.primary).toBeLessThan(bridge.secondary);
  expect(bridge.secondary).toBeLessThanOrEqual(bridge.subordinate);
}
