import { describe, expect, it, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { Finding } from "../../src/policy/result.ts";
import { predictionsOf } from "../../src/predict/predict.ts";
import { checkJson } from "../../src/report/check/json.ts";
import { checkJunit } from "../../src/report/check/junit.ts";
import { checkSarif } from "../../src/report/check/sarif.ts";
import { checkText } from "../../src/report/check/text.ts";
import { oneSwitch, pairOf, scenario, withHiddenLink } from "../predict/machines.ts";
import { bootScenario, check, outcomeOf } from "./machines.ts";

const CPU = "cpu: { vendor: AuthenticAMD, family: 25, model: 17 }\niommu: off";
/** Below one switch: redirecting, so that the data goes up and down again; not; and with half of the lanes. */
const REDIRECTED = bootScenario(scenario(oneSwitch("SV+ RR+ CR+ UF+"), CPU));
const DIRECT = bootScenario(scenario(oneSwitch("false"), CPU));
const NARROW = bootScenario(
  scenario(
    oneSwitch("false").replace(
      "name: gpu0, bar: 16G, link: gen5 x16",
      "name: gpu0, bar: 16G, link: gen5 x4 of gen5 x16",
    ),
    CPU,
  ),
);

const rule = (bandwidth: string, rest = "provider: gpu0, client: gpu1, path: supported"): string =>
  `require: [{ ${rest}, bandwidth: '${bandwidth}' }]`;

function whyOf(machine: Machine, policy: string): string {
  const result = check(machine, policy);
  return JSON.stringify(checkJson(result).rules[0]?.findings.map(({ message }) => message));
}

describe("a rule of what a pair is to carry", () => {
  const rows = [
    ["GB/s that it has", DIRECT, rule(">= 50 GB/s"), "pass"],
    ["GB/s that it has not", DIRECT, rule(">= 60 GB/s"), "fail"],
    ["all that is possible, where nothing holds it", DIRECT, rule(">= 1 of possible"), "pass"],
    ["all that is possible, where a link is narrow", NARROW, rule(">= 1 of possible"), "fail"],
    ["a part of that which it has", NARROW, rule(">= 0.2 of possible"), "pass"],
    ["a part of that which it has not", NARROW, rule(">= 0.3 of possible"), "fail"],
    ["GB/s where the data goes up and down", REDIRECTED, rule(">= 1 of possible"), "fail"],
    ["a bound that is less than what is wanted", withHiddenLink(DIRECT, "gpu0"), rule(">= 100 GB/s"), "fail"],
    ["a bound that is more", withHiddenLink(DIRECT, "gpu0"), rule(">= 1 GB/s"), "unknown"],
    ["a part of a bound", withHiddenLink(DIRECT, "gpu0"), rule(">= 0.1 of possible"), "unknown"],
    [
      "a class, of which one is less",
      NARROW,
      rule(">= 50 GB/s", "provider: gpu, client: gpu, path: supported"),
      "fail",
    ],
    ["each has one that carries it", DIRECT, rule(">= 50 GB/s", "provider: gpu, client: gpu, each: provider"), "pass"],
    ["a path that is not there, too", REDIRECTED, rule(">= 1 GB/s", "provider: gpu0, client: gpu1"), "fail"],
  ] as const;

  test.each(rows)("judges %s", (_, machine, policy, outcome) => {
    expect(outcomeOf(machine, policy)).toBe(outcome);
  });

  it("fails what is blocked, whatever gates it ignores: nothing is sent", () => {
    const functions = DIRECT.functions.map((fn) => (fn.names.includes("gpu0") ? { ...fn, command: 0 } : fn));
    const asked = rule(">= 1 GB/s", "provider: gpu0, client: gpu1, gates: ignore");
    expect(outcomeOf({ ...DIRECT, functions }, asked)).toBe("fail");
  });

  it("takes a forecast for granted, and says so with what is assumed", () => {
    const { assumed } = check(DIRECT, rule(">= 50 GB/s"));
    expect(assumed.filter((text) => text.includes("predicted"))).toEqual([
      expect.stringMatching(/^pairs carry what is predicted of them \(nothing was measured; /),
    ]);
    expect(check(DIRECT, rule(">= 60 GB/s")).assumed.join()).not.toContain("predicted");
  });
});

describe("what a broken one says", () => {
  it("names each loss with what it would be without", () => {
    expect(whyOf(NARROW, rule(">= 0.9 of possible"))).toMatch(
      /gpu0 → gpu1: writes 14\.1 GB\/s of 56\.3 possible, as predicted, where 0\.9 of that or more is wanted: the link of 0000:\w\w:00\.0 is x4 32 GT\/s, and both ends can x16 32 GT\/s; without that 56\.3 GB\/s/,
    );
  });

  it("is the same in every form", () => {
    const result = check(NARROW, rule(">= 50 GB/s"));
    const forms = [
      JSON.stringify(checkSarif(result)),
      checkJunit(result),
      JSON.stringify(checkJson(result)),
      checkText(result, { width: 2000, color: false }),
    ];
    for (const form of forms)
      expect(form).toMatch(/writes 14\.1 GB\/s, as predicted, where 50 GB\/s or more is wanted/);
    expect(checkJson(result).rules[0]?.findings[0]?.problems[0]?.kind).toBe("bandwidth");
  });

  it("says of a bound that it is one", () => {
    expect(whyOf(withHiddenLink(DIRECT, "gpu0"), rule(">= 100 GB/s"))).toContain("writes at most ");
  });

  it("has a problem for each kind of requests", () => {
    const [finding] = check(NARROW, rule(">= 50 GB/s")).results[0]?.findings ?? [];
    const problems = (of: Finding | undefined): readonly string[] =>
      of?.kind === "pair"
        ? of.problems.flatMap((problem) => (problem.kind === "bandwidth" ? [problem.operation] : []))
        : [];
    expect(problems(finding)).toEqual(["write", "read"]);
  });
});

describe("what is possible", () => {
  const text = scenario(
    oneSwitch("SV+ RR+ CR+ UF+").replace(
      "name: gpu0, bar: 16G, link: gen5 x16",
      "name: gpu0, bar: 16G, link: gen5 x4 of gen5 x16",
    ),
    CPU,
  );

  it.each(["write", "read"] as const)(
    "is more than without any one loss, where several hold a pair: of %ss",
    (operation) => {
      const table = pairOf(text, "gpu0", "gpu1");
      const [predictions, at] = [predictionsOf(table), [0, 0] as const];
      const prediction = predictions.at(...at, operation);
      const possible = predictions.possibleAt(...at, operation);
      if ("unknown" in prediction || typeof possible !== "number") throw new Error("no figure");
      expect(prediction.losses.length).toBeGreaterThan(0);
      for (const { gbpsWithout } of prediction.losses) expect(possible).toBeGreaterThanOrEqual(gbpsWithout);
    },
  );
});

describe("a hostile value", () => {
  const values = [
    ...["", "20", "20 GB/s", "> 20 GB/s", "<= 20 GB/s", ">= 0 GB/s", ">= -1 GB/s", ">= 1e9 GB/s", ">= 100000 GB/s"],
    ...[">= NaN GB/s", ">= Infinity GB/s", ">= 0x10 GB/s", ">= 20 Gb/s", ">= 20 GB/s GB/s", ">= 1.01 of possible"],
    ...[">= 0 of possible", ">= .9 of possible", ">= 0.9", ">= 0.9 of", ">= 0,9 of possible", ">= ٢٠ GB/s"],
    ...[">= 1.0000 GB/s", `>= ${"9".repeat(100_000)} GB/s`, ">= 20 GB/s\u0000", "__proto__"],
  ];

  test.each(values.map((value) => [value.slice(0, 40), value]))("is refused with its place: %j", (_, value) => {
    const text = `require: [{ provider: gpu, client: nic, bandwidth: ${JSON.stringify(value)} }]`;
    expect(() => parsePolicy(text, "p.yaml")).toThrow(/is not understood|may not hold|control|expected/);
  });

  test.each([">= 20 GB/s", ">=20GB/s", ">= 0.5 GB/s", ">= 99999.999 GB/s", ">= 1 of possible", ">=0.9 of possible"])(
    "and one that is meant is taken: %s",
    (value) => {
      expect(parsePolicy(rule(value), "p.yaml").rules).toHaveLength(1);
    },
  );
});
