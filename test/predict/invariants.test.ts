import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { GENERATIONS, packetGBps } from "../../src/link/rate.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { bothWaysOf } from "../../src/predict/flows.ts";
import { type Prediction, predictionsOf } from "../../src/predict/predict.ts";
import { pairOf, scenario } from "./machines.ts";

/** What decides a path: two GPUs, below one switch or on root ports, with links and packets of any kind. */
interface Shape {
  readonly where: "switch" | "redirected" | "root ports" | "sockets";
  readonly generation: number;
  readonly lanes: number;
  readonly uplinkGeneration: number;
  readonly payload: number;
  readonly request: number;
  readonly cpu: string;
  readonly operation: "write" | "read";
  readonly size: number;
  readonly iommu: "off" | "strict";
  readonly window: number | null;
}

const WIDTHS = [1, 2, 4, 8, 16];
const PACKETS = [128, 256, 512, 1024, 2048, 4096];
const CPUS = [
  "{ vendor: AuthenticAMD, family: 25, model: 17 }",
  "{ vendor: AuthenticAMD, family: 26, model: 2 }",
  "{ vendor: GenuineIntel, family: 6, model: 143 }",
  "amd-zen",
];

const shapes: fc.Arbitrary<Shape> = fc.record({
  where: fc.constantFrom("switch" as const, "redirected" as const, "root ports" as const, "sockets" as const),
  generation: fc.integer({ min: 1, max: 6 }),
  lanes: fc.constantFrom(...WIDTHS),
  uplinkGeneration: fc.integer({ min: 1, max: 6 }),
  payload: fc.constantFrom(...PACKETS),
  request: fc.constantFrom(...PACKETS),
  cpu: fc.constantFrom(...CPUS),
  operation: fc.constantFrom("write" as const, "read" as const),
  size: fc.integer({ min: 0, max: 24 }).map((power) => 2 ** power),
  iommu: fc.constantFrom("off" as const, "strict" as const),
  window: fc.option(fc.integer({ min: 12, max: 40 }).map((power) => 2 ** power)),
});

function machineOf({ where, generation, lanes, uplinkGeneration, payload, request, cpu, iommu }: Shape): string {
  const link = `gen${generation} x${lanes}`;
  const gpu = (name: string): string => `- gpu: { name: ${name}, bar: 16G, link: ${link}, maxReadRequest: ${request} }`;
  const bridge = "id: 8086:09a2";
  const more = `cpu: ${cpu}\niommu: ${iommu}`;
  if (where === "switch" || where === "redirected") {
    const acs = where === "redirected" ? '"SV+ RR+ CR+ UF+"' : "false";
    const uplink = `gen${uplinkGeneration} x16`;
    return scenario(
      `
- ${bridge}
  below:
    - rootPort: { at: 01.0, acs: false, link: ${uplink}, maxPayload: ${payload} }
      below:
        - switch: { acs: ${acs}, link: ${uplink} }
          below:
            ${gpu("gpu0")}
            ${gpu("gpu1")}`,
      more,
    );
  }
  const port = (bus: string, node: number, name: string): string => `
- bus: ${bus}
  ${bridge}
  numaNode: ${node}
  below:
    - rootPort: { at: 01.0, acs: false, link: ${link}, maxPayload: ${payload} }
      below:
        ${gpu(name)}`;
  return scenario(port("0x00", 0, "gpu0") + port("0x40", where === "sockets" ? 1 : 0, "gpu1"), more);
}

function predicted(shape: Shape): Prediction {
  const table = pairOf(machineOf(shape), "gpu0", "gpu1");
  const prediction = predictionsOf(table).at(0, 0, shape.operation, shape.size, shape.window);
  if (isUnknown(prediction)) throw new Error(prediction.unknown);
  return prediction;
}

/** The next larger of some values; `null` where there is none. */
function next(values: readonly number[], value: number): number | null {
  return values[values.indexOf(value) + 1] ?? null;
}

const runs = { numRuns: 60 };

describe("A prediction", () => {
  test("grows with width, generation, MaxPayload, MaxReadReq and twice the size, or stays", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { value } = predicted(shape);
        const lanes = next(WIDTHS, shape.lanes);
        const payload = next(PACKETS, shape.payload);
        const request = next(PACKETS, shape.request);
        const larger: readonly (readonly [what: string, shape: Shape])[] = [
          ...(lanes === null ? [] : [["lanes", { ...shape, lanes }] as const]),
          ...(shape.generation === 6 ? [] : [["generation", { ...shape, generation: shape.generation + 1 }] as const]),
          ...(shape.uplinkGeneration === 6
            ? []
            : [["uplink", { ...shape, uplinkGeneration: shape.uplinkGeneration + 1 }] as const]),
          ...(payload === null ? [] : [["payload", { ...shape, payload }] as const]),
          ...(request === null ? [] : [["request", { ...shape, request }] as const]),
          ["size", { ...shape, size: shape.size * 2 }],
        ];
        for (const [what, more] of larger) {
          expect(predicted(more).value, what).toBeGreaterThanOrEqual(value * (1 - 1e-12));
        }
      }),
      runs,
    );
  });

  test("is never above what any hop carries, nor a hop above its link's rate", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const { value, hops, bottleneck } = predicted(shape);
        for (const hop of hops) {
          expect(value).toBeLessThanOrEqual(hop.value);
          if (hop.taken !== null) expect(hop.high).toBeLessThan(packetGBps(hop.taken));
        }
        expect(bottleneck.value).toBe(value);
      }),
      runs,
    );
  });

  test("lies in its range, and each hop in its own", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const prediction = predicted(shape);
        for (const { low, value, high } of [prediction, ...prediction.hops, prediction.latencyNs]) {
          expect(low).toBeLessThanOrEqual(value);
          expect(value).toBeLessThanOrEqual(high);
          expect(low).toBeGreaterThanOrEqual(0);
        }
      }),
      runs,
    );
  });

  test("of both directions at once is no more than each alone, and no less than half", () => {
    fc.assert(
      fc.property(shapes, (shape) => {
        const table = pairOf(machineOf(shape), "gpu0", "gpu1");
        const both = bothWaysOf(table, 0, 0, shape.size);
        const alone = predictionsOf(table).at(0, 0, "write", shape.size);
        if (isUnknown(both) || isUnknown(alone)) throw new Error("no prediction");
        for (const each of [both.thereGBps, both.backGBps]) {
          expect(each).toBeLessThanOrEqual(alone.value * (1 + 1e-9));
          expect(each).toBeGreaterThan(alone.value * 0.45);
        }
        expect(both.shared.length > 0).toBe(shape.where === "redirected");
      }),
      runs,
    );
  });
});

test("Every generation of the specification can be asked about", () => {
  expect(GENERATIONS.map(({ generation }) => generation)).toEqual([1, 2, 3, 4, 5, 6]);
});
