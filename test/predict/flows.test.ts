import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isUnknown } from "../../src/pci/known.ts";
import { bothWaysOf, type FlowLoad, maxMinShares, sharesOf } from "../../src/predict/flows.ts";
import { predictionsOf } from "../../src/predict/predict.ts";
import { oneSwitch, pairOf, rootPorts, scenario, tableOf } from "./machines.ts";

/** `a:1 b:0.5`: what a flow takes of each thing for each GB/s. */
function loads(text: string): readonly FlowLoad[] {
  return text
    .split(" ")
    .filter((each) => each !== "")
    .map((each) => ({ on: each.split(":")[0] ?? "", part: Number(each.split(":")[1]) }));
}

describe("Max-min fair shares", () => {
  test.each([
    ["one flow alone", ["a:0.1"], [10]],
    ["two over one link halve it", ["a:0.1", "a:0.1"], [5, 5]],
    ["two over links of their own", ["a:0.1", "b:0.05"], [10, 20]],
    ["one that is held elsewhere leaves the rest to the other", ["a:0.1 b:0.5", "a:0.1"], [2, 8]],
    ["three, two of which share a second link", ["a:0.1", "a:0.1 b:0.25", "b:0.25"], [8, 2, 2]],
    ["one that takes twice of a link gets as much data as the other", ["a:0.2", "a:0.1"], [10 / 3, 10 / 3]],
    ["a link used both ways by acknowledgements", ["up:0.1 down:0.01", "down:0.1 up:0.01"], [1 / 0.11, 1 / 0.11]],
    ["a flow that passes a link twice", ["a:0.1 a:0.1"], [5]],
    ["a flow that uses nothing is not held", ["", "a:0.1"], [Number.POSITIVE_INFINITY, 10]],
    ["no flow", [], []],
  ])("%s", (_, flows, expected) => {
    const shares = maxMinShares(flows.map(loads));
    expect(shares).toHaveLength(expected.length);
    for (const [at, share] of shares.entries()) expect(share).toBeCloseTo(expected[at] ?? Number.NaN, 9);
  });

  test("fill something on every flow's way, exceed nothing, and give nobody less than another could spare", () => {
    const flow = fc.array(
      fc.record({ on: fc.constantFrom("a", "b", "c", "d"), part: fc.double({ min: 0.01, max: 1, noNaN: true }) }),
      { minLength: 1, maxLength: 4 },
    );
    fc.assert(
      fc.property(fc.array(flow, { minLength: 1, maxLength: 6 }), (flows) => {
        const shares = maxMinShares(flows);
        const used = new Map<string, number>();
        flows.forEach((each, at) => {
          for (const { on, part } of each) used.set(on, (used.get(on) ?? 0) + part * (shares[at] ?? 0));
        });
        for (const [, part] of used) expect(part).toBeLessThanOrEqual(1 + 1e-9);
        flows.forEach((each, at) => {
          // Something full on its way that nobody with more than this flow uses.
          const held = each.some(
            ({ on }) =>
              (used.get(on) ?? 0) >= 1 - 1e-9 &&
              flows.every(
                (other, i) =>
                  !other.some((load) => load.on === on) || (shares[i] ?? 0) <= (shares[at] ?? 0) * (1 + 1e-9),
              ),
          );
          expect(held).toBe(true);
        });
      }),
    );
  });
});

describe("Flows of a machine", () => {
  const names = ["gpu0", "gpu1", "nic0"];
  const of = (text: string, flows: readonly (readonly [number, number, "write" | "read"])[]): readonly number[] =>
    sharesOf(
      tableOf(text, names),
      flows.map(([provider, client, operation]) => ({ provider, client, operation })),
    ).map((share) => (isUnknown(share) ? Number.NaN : share.gbps));

  test("two writes into one GPU share its link; alone each has it", () => {
    const text = scenario(oneSwitch("false"));
    const [alone = 0] = of(text, [[0, 1, "write"]]);
    const [fast = 0, slow = 0] = of(text, [
      [0, 1, "write"],
      [0, 2, "write"],
    ]);
    const [nic = 0] = of(text, [[0, 2, "write"]]);
    expect(alone).toBeCloseTo(56.31, 1);
    expect(slow).toBeCloseTo(nic, 1);
    expect(fast + slow).toBeCloseTo(alone, 0);
  });

  test("flows that meet nowhere take nothing from each other but what acknowledges them", () => {
    const [there = 0, back = 0] = of(scenario(oneSwitch("false")), [
      [0, 1, "write"],
      [1, 0, "write"],
    ]);
    expect(there).toBeCloseTo(back, 6);
    expect(there).toBeLessThan(56.31);
    expect(there).toBeGreaterThan(56.31 * 0.99);
  });

  test("reads of one client share its reads in flight", () => {
    const small = scenario(oneSwitch("false")).replaceAll("maxReadRequest: 512", "maxReadRequest: 128");
    const [one = 0] = of(small, [[0, 2, "read"]]);
    const two = of(small, [
      [0, 2, "read"],
      [1, 2, "read"],
    ]);
    expect(two.reduce((sum, each) => sum + each, 0)).toBeCloseTo(one, 6);
  });

  test("a flow without a prediction is unknown and takes nothing", () => {
    const table = tableOf(scenario(oneSwitch("false")), names);
    const [self, other] = sharesOf(table, [
      { provider: 0, client: 0, operation: "write" },
      { provider: 0, client: 1, operation: "write" },
    ]);
    expect(self).toEqual({ unknown: "both are one function: nothing crosses a link" });
    expect(other).toMatchObject({ gbps: expect.closeTo(56.31, 1) });
  });

  test("alone, a flow gets what is predicted of it", () => {
    const table = tableOf(scenario(oneSwitch('"SV+ RR+ CR+ UF+"', "gen4 x8")), names);
    for (const operation of ["write", "read"] as const) {
      const prediction = predictionsOf(table).at(0, 1, operation);
      const [share] = sharesOf(table, [{ provider: 0, client: 1, operation }]);
      expect(!isUnknown(prediction) && share !== undefined && !isUnknown(share) && share.gbps).toBeCloseTo(
        isUnknown(prediction) ? 0 : prediction.value,
        9,
      );
    }
  });
});

describe("Both directions of a pair at once", () => {
  test.each([
    ["below one switch", oneSwitch("false"), 111.96, [], null],
    ["redirected, both share the uplink", oneSwitch('"SV+ RR+ CR+ UF+"'), 55.98, ["01:00.0"], 111.96],
    ["over a slow uplink", oneSwitch('"SV+ RR+ CR+ UF+"', "gen4 x16 of gen4 x16"), 27.99, ["01:00.0"], 111.96],
    ["on root ports of one host bridge", rootPorts("one-bridge"), 111.96, [], null],
  ])("%s", (_, hostBridges, total, shared, direct) => {
    const both = bothWaysOf(pairOf(scenario(hostBridges), "gpu0", "gpu1"), 0, 0);
    if (isUnknown(both)) throw new Error(both.unknown);
    expect(both.thereGBps + both.backGBps).toBeCloseTo(total, 1);
    expect(both.thereGBps).toBeCloseTo(both.backGBps, 6);
    expect(both.directGBps).toEqual(direct === null ? null : expect.closeTo(direct, 1));
    expect(both.shared.map((bdf) => (bdf >> 8).toString(16).padStart(2, "0").concat(":00.0"))).toEqual(shared);
  });

  test("of a pair of which nothing is known, nothing is known", () => {
    expect(bothWaysOf(pairOf(scenario(oneSwitch("false")), "gpu0", "gpu0"), 0, 0)).toHaveProperty("unknown");
  });
});
