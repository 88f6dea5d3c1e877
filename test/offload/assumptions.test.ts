import { describe, expect, test } from "vitest";
import { simulate } from "./workloads.ts";

/** A copy between two devices of a machine. */
function workload(below: string, model = "", cpu = "amd-zen"): string {
  return `machine:
  cpu: ${cpu}
  kernel: 7.2
  iommu: off
  hostBridges:
    - below:
${below
  .split("\n")
  .map((line) => `        ${line}`)
  .join("\n")}
${model === "" ? "" : `model: ${model}\n`}workload:
  - copy: { from: x, to: y, size: 64K }
`;
}

const inside = `- rootPort: { id: "1022:1483", acs: false }
  below:
    - functions: [ { gpu: { name: x, bar: 1M } }, { gpu: { name: y, bar: 1M } } ]`;
const ports = (id: string): string => `- rootPort: { id: "${id}" }
  below: [ gpu: { name: x, bar: 1M } ]
- rootPort: { id: "${id}" }
  below: [ gpu: { name: y, bar: 1M } ]`;
const below = (acs: string): string => `- rootPort: { id: "1022:1483", acs: false }
  below:
    - switch: { acs: ${acs} }
      below: [ gpu: { name: x, bar: 1M }, gpu: { name: y, bar: 1M } ]`;

describe("What a simulation rests on where explain says unknown", () => {
  test.each<[name: string, text: string, outcome: string, step: string, assumed: RegExp | null]>([
    ["a switch: nothing", workload(below("false")), "delivered", "done", null],
    ["a documented root complex: nothing", workload(ports("1022:1483")), "delivered", "done", null],
    [
      "a root complex of which nothing is documented",
      workload(ports("1234:0001")),
      "unknown",
      "done",
      /^writes of 0000:01:00\.0 reach 0000:02:00\.0: it reaches the root complex, and no documented fact/,
    ],
    [
      "what functions of one device do inside of it",
      workload(inside),
      "unknown",
      "done",
      /whether the functions of this device reach each other inside/,
    ],
    [
      "the same as the workload has it, delivered",
      workload(inside, "{ insideDevices: upstream, withoutUpstreamForwarding: forward }"),
      "unknown",
      "done",
      /whether the functions of this device reach each other inside/,
    ],
    [
      "the same, refused where the specification leaves it open",
      workload(inside, "{ insideDevices: upstream }"),
      "unknown",
      "silent-loss",
      /^PCIe leaves open what happens where the target is below this port again/,
    ],
    [
      "what is lost for another reason is lost",
      workload(ports("1022:1483"), "{ rootComplex: refuse }"),
      "failed",
      "silent-loss",
      null,
    ],
  ])("%s", (_, text, outcome, step, assumed) => {
    const simulation = simulate(text);
    const [run] = simulation.steps;
    expect([simulation.outcome, run?.outcome]).toEqual([outcome, step]);
    expect(run?.assumptions).toEqual(assumed === null ? [] : [expect.stringMatching(assumed)]);
  });

  test("a step through RAM rests on nothing", () => {
    const text = workload(ports("1234:0001"), "{ backend: refusing }").replace(
      "size: 64K",
      "size: 64K, fallBackToRam: true",
    );
    expect(simulate(text)).toMatchObject({ outcome: "delivered", steps: [{ outcome: "done", assumptions: [] }] });
  });
});
