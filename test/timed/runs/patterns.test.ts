import { describe, expect, test } from "vitest";
import { readScenario } from "../../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../../src/host/select.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { predictionsOf } from "../../../src/predict/predict.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import type { Pattern } from "../../../src/timed/runs/pattern-names.ts";
import { partsOf, runPattern } from "../../../src/timed/runs/patterns.ts";
import { oneSwitch, scenario } from "../../predict/machines.ts";
import { rows } from "../../rows.ts";

describe("The parts of each pattern over three devices, as `who<memory`", () => {
  test.each(
    rows(`
      sequential    | a with b: a<b; a with c: a<c; b with a: b<a; b with c: b<c; c with a: c<a; c with b: c<b
      stagger       | each with the one 1 further on: a<b b<c c<a; each with the one 2 further on: a<c b<a c<b
      single-reader | a with all others: a<b a<c; b with all others: b<a b<c; c with all others: c<a c<b
      all-at-once   | all with all: a<b a<c b<a b<c c<a c<b
    `),
  )("%s", (pattern, expected) => {
    const names = ["a", "b", "c"];
    const text = partsOf(pattern as Pattern, names)
      .map(({ name, pairs }) => `${name}: ${pairs.map(([memory, who]) => `${names[who]}<${names[memory]}`).join(" ")}`)
      .join("; ");
    expect(text).toBe(expected);
  });
});

describe("Patterns below one switch", () => {
  const machine = readScenario(scenario(oneSwitch("false")), "switch.yaml");
  const names = ["gpu0", "gpu1"];
  const devices = names.map((name) => findDevice(machine, name));

  test("each pair alone has what is predicted of it", () => {
    const runs = runPattern(machine, "sequential", devices, names, { operation: "write", lengthNs: 200_000 });
    const predictions = predictionsOf(decideAll(machine, { providers: devices, clients: devices }));
    const predicted = predictions.at(0, 1, "write");
    if (isUnknown(predicted)) throw new Error(predicted.unknown);
    expect(runs.map(({ run }) => Math.abs((run?.gbps ?? 0) / predicted.value - 1) < 0.02)).toEqual([true, true]);
  });

  test("all at once: both directions of a link are used, and no lane of a CPU", () => {
    const [whole] = runPattern(machine, "all-at-once", devices, names, { operation: "read", lengthNs: 50_000 });
    expect(whole?.run?.rootLanes).toEqual({ lanes: 0, bytes: 0 });
    expect(whole?.run?.flows.length).toBe(2);
    expect(
      whole?.run?.result?.links
        .filter(({ bytes }) => bytes > 0)
        .map(({ towards }) => towards)
        .sort(),
    ).toEqual(["down", "down", "up", "up"]);
  });

  test("redirected: the lanes of the root port are used", () => {
    const redirected = readScenario(scenario(oneSwitch('"SV+ RR+ CR+ UF+"')), "switch.yaml");
    const [whole] = runPattern(redirected, "all-at-once", devices, names, { operation: "write", lengthNs: 50_000 });
    expect(whole?.run?.rootLanes.lanes).toBe(16);
  });
});
