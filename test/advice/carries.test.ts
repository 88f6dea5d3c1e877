import { describe, expect, it, test } from "vitest";
import { type Carried, carriedOf, carryChanges } from "../../src/advice/fix/carries.ts";
import type { Pair } from "../../src/advice/fix/idea.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { withHiddenLink } from "../predict/machines.ts";

const machine = afterBoot(
  readScenario(
    `
cpu: { vendor: AuthenticAMD, family: 25, model: 17 }
kernel: 7.2
iommu: off
hostBridges:
  - below:
      - rootPort: { at: 01.0 }
        below:
          - switch: { link: gen5 x16, acs: false }
            below:
              - gpu: { id: 10de:2330, bar: 1G, name: gpu0, link: gen5 x16 }
              - gpu: { id: 10de:2330, bar: 1G, name: gpu1, link: gen5 x16 }
              - nic: { name: mlx5_0, link: gen5 x16 }
        `,
    "switch.yaml",
  ),
);
const pair = (provider: string, client: string): Pair => ({
  provider: findDevice(machine, provider),
  client: findDevice(machine, client),
});
const PAIRS = [pair("gpu0", "mlx5_0"), pair("gpu1", "mlx5_0"), pair("gpu0", "gpu1")];
const of = (write: number | null, read: number | null): Carried => ({ write, read });

describe("what a pair carries", () => {
  it("has three digits", () => {
    expect(carriedOf(machine, [pair("gpu0", "mlx5_0")], undefined)).toEqual([{ write: 56.3, read: 57.1 }]);
  });

  it("has none where a link of the way is hidden: that is a bound", () => {
    const hidden = withHiddenLink(machine, "mlx5_0");
    expect(carriedOf(hidden, PAIRS, undefined)).toEqual([
      { write: null, read: null },
      { write: null, read: null },
      { write: 56.3, read: 57.1 },
    ]);
  });
});

describe("what pairs gain and lose", () => {
  const rows = [
    ["nothing where all is the same", [of(1, 2), of(1, 2), of(1, 2)], [of(1, 2), of(1, 2), of(1, 2)], []],
    [
      "nothing where a figure comes or goes",
      [of(null, 2), of(1, null), of(1, 2)],
      [of(1, null), of(null, 2), of(1, 2)],
      [],
    ],
    [
      "alike pairs of one class together",
      [of(1, 2), of(1, 2), of(1, 2)],
      [of(3, 2), of(3, 2), of(3, 2)],
      ["2 1>3", "1 1>3"],
    ],
    ["what differs apart", [of(1, 2), of(1, 2), of(1, 2)], [of(3, 2), of(4, 2), of(1, 2)], ["1 1>3", "1 1>4"]],
    [
      "less as well, and one of the two alone",
      [of(3, 2), of(3, 2), of(1, 2)],
      [of(1, 5), of(1, 5), of(1, 1)],
      ["2 3>1 2>5", "1 2>1"],
    ],
  ] as const;

  test.each(rows)("is %s", (_, before, after, told) => {
    const text = carryChanges(machine, PAIRS, before, after).map(({ pairs, write, read }) =>
      [pairs, ...[write, read].flatMap((each) => (each === null ? [] : [`${each.before}>${each.after}`]))].join(" "),
    );
    expect(text).toEqual(told);
  });
});
