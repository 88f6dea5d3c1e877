import { describe, expect, test } from "vitest";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { rootComplexLimit } from "../../src/predict/platform-limits.ts";
import { rows } from "../rows.ts";
import { rootPorts, scenario } from "./machines.ts";

describe("What a root complex does to a flow of 56 GB/s of the links", () => {
  test.each(
    rows(`
      // vendor    | family | model | within a socket | sure       | across: GB/s | from | to | sure
      AuthenticAMD | 25     | 15    | ? 14 to 56      | assumption | 56           | 14   | 56 | assumption // Zen 3
      AuthenticAMD | 25     | 16    | as it comes     | measured   | 41.5         | 38   | 45 | measured
      AuthenticAMD | 25     | 17    | as it comes     | measured   | 41.5         | 38   | 45 | measured // Genoa
      AuthenticAMD | 25     | 24    | as it comes     | measured   | 41.5         | 38   | 45 | measured // Storm Peak
      AuthenticAMD | 25     | 31    | as it comes     | measured   | 41.5         | 38   | 45 | measured
      AuthenticAMD | 25     | 32    | ? 14 to 56      | assumption | 56           | 14   | 56 | assumption // Zen 3, desktop
      AuthenticAMD | 25     | 159   | ? 14 to 56      | assumption | 56           | 14   | 56 | assumption
      AuthenticAMD | 25     | 160   | as it comes     | measured   | 41.5         | 38   | 45 | measured // Bergamo
      AuthenticAMD | 25     | 175   | as it comes     | measured   | 41.5         | 38   | 45 | measured
      AuthenticAMD | 25     | 176   | ? 14 to 56      | assumption | 56           | 14   | 56 | assumption
      AuthenticAMD | 26     | 0     | as it comes     | measured   | 51           | 48   | 54 | measured
      AuthenticAMD | 26     | 2     | as it comes     | measured   | 51           | 48   | 54 | measured // Turin
      AuthenticAMD | 26     | 17    | as it comes     | measured   | 51           | 48   | 54 | measured // Turin Dense
      AuthenticAMD | 26     | 31    | as it comes     | measured   | 51           | 48   | 54 | measured
      AuthenticAMD | 26     | 32    | ? 14 to 56      | assumption | 56           | 14   | 56 | assumption // Zen 5, mobile
      AuthenticAMD | 26     | 68    | ? 14 to 56      | assumption | 56           | 14   | 56 | assumption // Zen 5, desktop
      AuthenticAMD | 23     | 49    | ? 14 to 56      | assumption | 56           | 14   | 56 | assumption // Zen 2
      GenuineIntel | 6      | 143   | 64-byte packets | assumption | 56           | 14   | 56 | assumption
      GenuineIntel | 6      | 17    | 64-byte packets | assumption | 56           | 14   | 56 | assumption
    `),
  )("%s %s %s: %s", (vendor, family, model, within, withinSure, value, low, high, sure) => {
    const cpu = `cpu: { vendor: ${vendor}, family: ${family}, model: ${model} }`;
    const machine = readScenario(scenario(rootPorts([0, 1]), cpu), "cpu.yaml");
    for (const distance of ["one-host-bridge", "one-socket"] as const) {
      const limit = rootComplexLimit(machine, distance, 56);
      const { payload, gbps } = limit;
      const packets = payload === null ? "as it comes" : `${payload.value}-byte packets`;
      expect(gbps === null ? packets : `? ${gbps.low} to ${gbps.high}`).toBe(within);
      expect(limit.sure).toBe(withinSure);
    }
    const across = rootComplexLimit(machine, "two-sockets", 56);
    expect(across.gbps).toMatchObject({ value: Number(value), low: Number(low), high: Number(high), sure });
    expect(across.payload?.value ?? null).toBe(vendor === "GenuineIntel" ? 64 : null);
    expect(across.sure).toBe(sure);
  });

  test("between nodes that are not shown it is not known, whatever the processor", () => {
    const cpu = "cpu: { vendor: AuthenticAMD, family: 26, model: 2 }";
    const machine = readScenario(scenario(rootPorts([null, null]), cpu), "cpu.yaml");
    expect(rootComplexLimit(machine, "hidden", 56).gbps).toMatchObject({ low: 14, high: 56, sure: "assumption" });
  });

  test("of a processor that is not named nothing is known", () => {
    for (const cpu of ["cpu: amd-zen", "cpu: arm", ""]) {
      const machine = readScenario(scenario(rootPorts("one-bridge"), cpu), "cpu.yaml");
      expect(rootComplexLimit(machine, "one-socket", 56), cpu).toMatchObject({
        payload: null,
        gbps: { value: 56, low: 14, high: 56 },
        sure: "assumption",
      });
    }
  });
});
