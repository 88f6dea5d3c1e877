import { describe, expect, test } from "vitest";
import { whyByAddress } from "../../src/advice/fix/by-ids.ts";
import type { Machine } from "../../src/host/machine.ts";
import { type Bdf, parseBdf } from "../../src/pci/bdf.ts";
import { bootScenario } from "../policy/machines.ts";

const bdf = (text: string): Bdf => parseBdf(`0000:${text}`) ?? (-1 as Bdf);

/** Three ports of one switch at 02:00.0 to 02:02.0, of which the last may have ids of its own; the switch has no ACS. */
const machine = (lastPort: string): Machine =>
  bootScenario(`
cpu: intel
kernel: "6.12"
iommu: passthrough
hostBridges:
  - below:
      - rootPort: { at: 01.0 }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: true }
            below:
              - gpu: { name: a, bar: 1G }
              - gpu: { name: b, bar: 1G }
              - port: { id: "${lastPort}", acs: "RR+" }
                below: [{ nic: { name: c } }]
`);

describe("Why functions are named by address", () => {
  const pasted = (of: Machine): Machine => ({ ...of, functionsMayBeMissing: "a paste" });
  test.each<[name: string, of: Machine, devices: readonly string[], why: string | null]>([
    ["all with the ids are meant", machine("1000:c031"), ["02:00.0", "02:01.0"], null],
    ["one is not", machine("1000:c031"), ["02:00.0"], "0000:02:01.0 with the same ids is not meant"],
    ["two are not", machine("1000:c030"), ["02:00.0"], "0000:02:01.0 and 1 more with the same ids are not meant"],
    ["one has other ids", machine("1000:c031"), ["02:02.0"], null],
  ])("%s", (_name, of, devices, why) => {
    expect(whyByAddress(of, devices.map(bdf))).toBe(why);
  });

  test("the source may leave functions out", () => {
    expect(whyByAddress(pasted(machine("1000:c030")), [bdf("02:00.0")])).toBe(
      "the source may leave functions with the same ids out",
    );
  });
});
