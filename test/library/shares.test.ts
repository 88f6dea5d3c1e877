import { describe, expect, test } from "vitest";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { LARGE_BYTES } from "../../src/predict/predict.ts";
import { oneSwitch, rootPorts, scenario } from "../predict/machines.ts";
import { rows } from "../rows.ts";
import { isUnknown, sharesOf } from "./entries.ts";

const GENOA = "cpu: { vendor: AuthenticAMD, family: 25, model: 17 }";
const MACHINES: Readonly<Record<string, string>> = { switch: oneSwitch("false"), ports: rootPorts([0, 0]) };

describe("What each of several flows gets, in GB/s, asked by names", () => {
  test.each(
    rows(`
      // below | flows                            | bytes | over     | each // two writes into gpu0 share its link, each half of 56.3
      switch   | gpu1 writes gpu0                 | -     | -        | 56.3
      switch   | gpu1 writes gpu0                 | 64    | -        | 44.8 // 24 bytes around 64 of data: 62.85 × 0.98 × 64 / 88
      switch   | gpu1 writes gpu0, nic0 writes gpu0 | -   | -        | 28.2, 28.2
      switch   | gpu1 reads gpu0, gpu0 writes gpu0 | -    | -        | 57.1, both are one function: nothing crosses a link
      ports    | gpu1 reads gpu0                  | 64    | -        | 46.9 // 20 bytes around 64: 62.85 × 0.98 × 64 / 84
      ports    | gpu1 reads gpu0                  | 64    | 67108864 | 1.3 // the IOMMU walks its tables
    `),
  )("%s: %s, %s bytes each over %s", (below, asked, bytes, over, expected) => {
    const machine = readScenario(scenario(MACHINES[below ?? ""] ?? "", `${GENOA}\niommu: strict`), "shares.yaml");
    const of = (asked ?? "").split(", ").map((flow) => {
      const [client = "", operation, provider = ""] = flow.split(" ");
      return { provider, client, operation: operation === "reads" ? "read" : "write" } as const;
    });
    const found = sharesOf(machine, of, {
      ...(bytes === "-" ? {} : { sizeBytes: Number(bytes) }),
      ...(over === "-" ? {} : { windowBytes: Number(over) }),
    });
    expect(found.map((each) => (isUnknown(each) ? each.unknown : each.gbps.toFixed(1))).join(", ")).toBe(expected);
    for (const each of found) {
      if (!isUnknown(each)) expect(each.alone.sizeBytes).toBe(bytes === "-" ? LARGE_BYTES : Number(bytes));
    }
  });

  test("no flow has no share, and a name that is nowhere is an error", () => {
    const machine = readScenario(scenario(oneSwitch("false")), "shares.yaml");
    expect(sharesOf(machine, [])).toEqual([]);
    expect(() => sharesOf(machine, [{ provider: "gpu7", client: "gpu0", operation: "write" }])).toThrow("gpu7");
  });
});
