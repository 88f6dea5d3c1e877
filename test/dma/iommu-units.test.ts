import { describe, expect, it } from "vitest";
import { directOps } from "../../src/dma/direct.ts";
import { iommuOps } from "../../src/dma/iommu.ts";
import { dmaEntries, scatterlist } from "../../src/dma/scatterlist.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { IommuUnits } from "../../src/iommu/units.ts";
import { iova, physAddr } from "../../src/pci/addresses.ts";
import { makeBdf } from "../../src/pci/bdf.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { device, FakePages, rules } from "./fake-memory.ts";

const pages = new FakePages([{ start: 0, sizeBytes: 0x8000_0000, kind: "ram" }]);
const { decide } = rules(new Map());
const bdf = makeBdf(0, 1, 0, 0);

function unitsOf(mode: string): IommuUnits {
  const text = `kernel: 7.2
cpu: amd-zen
iommu: ${mode}
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below: [nvme: { cmb: 16M }]
`;
  return new IommuUnits(afterBoot(readScenario(text, "units.yaml")));
}

describe("Mapping for a device of a machine", () => {
  it("ends in addresses that its IOMMU translates to the list's bytes", () => {
    const units = unitsOf("strict");
    const ops = iommuOps({ pages, decide, domains: units });
    const list = scatterlist([{ start: physAddr(0x5010), sizeBytes: 64 }]);
    expect(ops.mapList(device({ bdf }), list, "from-device").ok).toBe(true);
    const address = iova(dmaEntries(list)[0]?.address ?? 0);
    expect(units.translate(bdf, address, true)).toEqual({ ok: true, phys: 0x5010, contiguousBytes: 0xff0 });
    expect(units.translate(bdf, address, false)).toEqual({ ok: false, reason: "no-read" });
    ops.unmapList(device({ bdf }), list, "from-device");
    expect(units.translate(bdf, address, true)).toEqual({ ok: false, reason: "not-present" });
  });

  it("is direct in passthrough, by the back end beneath", () => {
    const beneath = directOps({ pages, decide });
    const ops = iommuOps({ pages, decide, domains: unitsOf("passthrough"), beneath });
    const list = scatterlist([{ start: physAddr(0x5010), sizeBytes: 64 }]);
    expect(ops.mapList(device({ bdf }), list, "from-device").ok).toBe(true);
    expect(dmaEntries(list)[0]?.address).toBe(0x5010);
    expect(beneath.cost.listPasses).toBe(1);
  });
});
