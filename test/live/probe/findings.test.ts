import { describe, expect, test } from "vitest";
import type { DirectionResult } from "../../../src/live/probe/direction.ts";
import { answerOf, classOf, inOrder, judge } from "../../../src/live/probe/findings.ts";
import type { MeasuredPair } from "../../../src/live/probe/result.ts";
import { type Bdf, parseBdf } from "../../../src/pci/bdf.ts";
import {
  failed,
  into,
  lost,
  machine,
  pairOf,
  provider,
  refused,
  right,
  routes,
  table,
  trial,
} from "./measured-pairs.ts";

const direct = "04:00.0";
const apart = "05:00.0";

describe("a pair", () => {
  test.each([
    ["fine", direct, right],
    ["loss", direct, lost],
    ["disagreement", direct, refused],
    ["failure", direct, failed],
    ["fine", apart, refused],
    ["disagreement", apart, right],
    ["disagreement", apart, lost],
    ["unknown", direct, into(trial({ kind: "changing" }))],
    ["unknown", direct, into()],
    ["failure", direct, into(trial({ kind: "control-failed", io: { bytes: 0, errno: "EIO" }, damage: null }, null))],
  ] as const)("is %s", (expected, client, result) => {
    expect(classOf(pairOf(client, { into: result }))).toBe(expected);
  });

  test("whose direct path loses data behind a translating IOMMU is told to boot with iommu=pt", () => {
    const { findings } = judge(pairOf(direct, { into: lost }), machine);
    const loss = findings.find(({ kind }) => kind === "loss");
    expect(loss?.text).toContain("every I/O reported success");
    expect(loss?.advice.join()).toContain("iommu=pt");
    expect(loss?.advice.join()).toContain("--fallback");
  });

  test("that loses data otherwise is not told so", () => {
    const off = { ...machine, iommu: { ...machine.iommu, mode: "off" as const, groupTypes: new Map() } };
    const { findings } = judge(pairOf(direct, { into: lost }), off);
    expect(findings.flatMap(({ advice }) => advice).join()).not.toContain("iommu=pt");
  });

  test("that rules and kernel refuse is sent to fix", () => {
    const { findings } = judge(pairOf(apart, { into: refused }), machine);
    expect(findings).toMatchObject([
      { kind: "unsupported", advice: ["peerlane fix 0000:03:00.0 0000:05:00.0 says what would change that"] },
    ]);
  });

  test("whose data proves the model wrong has that said", () => {
    const kinds = (pair: MeasuredPair): readonly string[] => judge(pair, machine).findings.map(({ kind }) => kind);
    const foretold = routes.at(table.providers.indexOf(provider), table.clients.indexOf(parseBdf(direct) as Bdf));
    expect(foretold).not.toBeNull();
    const [whenRight, whenLost] = [kinds(pairOf(direct)), kinds(pairOf(direct, { into: lost }))];
    // One of the two contradicts what is foretold.
    expect([whenRight, whenLost].filter((all) => all.includes("prediction-differs"))).toHaveLength(1);
  });

  test("never gets the advice to force an allow-list", () => {
    for (const result of [right, lost, refused, failed]) {
      for (const client of [direct, apart]) {
        const advice = judge(pairOf(client, { into: result }), machine).findings.flatMap((finding) => finding.advice);
        expect(advice.join()).not.toMatch(/allow-?list|whitelist/i);
      }
    }
  });
});

describe("the answer", () => {
  const judged = (client: string, result: DirectionResult, isNamed = false) =>
    judge(pairOf(client, { into: result, isNamed }), machine);

  test("is yes where every pair is as the rules say", () => {
    expect(answerOf([judged(direct, right), judged(apart, refused)])).toBe("yes");
  });

  test("is no where a named pair does not work", () => {
    expect(answerOf([judged(direct, right), judged(apart, refused, true)])).toBe("no");
  });

  test("is no for a loss, a disagreement or a failure", () => {
    for (const [client, result] of [
      [direct, lost],
      [direct, refused],
      [direct, failed],
      [apart, right],
    ] as const) {
      expect(answerOf([judged(direct, right), judged(client, result)])).toBe("no");
    }
  });

  test("is unknown where something could not be told and nothing is wrong", () => {
    const changing = judged(direct, into(trial({ kind: "changing" })));
    expect(answerOf([judged(direct, right), changing])).toBe("unknown");
    expect(answerOf([judged(direct, lost), changing])).toBe("no");
  });

  test("is nothing where nothing could be tested", () => {
    expect(answerOf([judged(direct, into())])).toBe("nothing");
  });
});

test("disagreements come first, then losses, then the rest", () => {
  const pairs = [right, lost, refused].map((result) => judge(pairOf(direct, { into: result }), machine));
  expect(inOrder(pairs).map((pair) => pair.class)).toEqual(["disagreement", "loss", "fine"]);
});
