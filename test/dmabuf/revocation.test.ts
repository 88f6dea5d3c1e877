import { describe, expect, it } from "vitest";
import { VFIO_6_19, VFIO_7_2 } from "../../src/dmabuf/vfio-rules.ts";
import { type ModelOptions, search } from "./revocation-model.ts";

const DEPTH = 6;

const setups: readonly (readonly [string, ModelOptions])[] = [
  ["an on-demand region, strict IOMMU", { rdma: "on-demand", mode: "strict" }],
  ["a pinned region that can be revoked, strict IOMMU", { rdma: "pinned-revocable", mode: "strict" }],
  ["an on-demand region, lazy IOMMU", { rdma: "on-demand", mode: "lazy" }],
  ["an on-demand region, bus addresses", { rdma: "on-demand", mapType: "bus-addr" }],
  ["a pinned region that can be revoked, bus addresses", { rdma: "pinned-revocable", mapType: "bus-addr" }],
];

describe(`all orders of up to ${DEPTH} of: DMA, unmap, revoke, reset, close, next owner, removal`, () => {
  it.each(setups)("reach the BAR only as long as its owner lets them, and leave nothing behind: %s", (_, options) => {
    const found = search({ ...options, rules: VFIO_7_2 }, DEPTH);
    expect(found.counterexample).toBeNull();
    // A search that takes no step would find nothing either.
    expect(found.states).toBeGreaterThan(500);
  });
});

describe("the VFIO exporter as it came with Linux 6.19", () => {
  it("is found to change the device while importers still use it", () => {
    const found = search({ rdma: "on-demand", rules: VFIO_6_19 }, DEPTH);
    expect(found.counterexample).toEqual({
      steps: ["close"],
      violations: expect.arrayContaining([expect.stringContaining("disable while NIC")]),
    });
  });

  it("is found to reset it under DMA, even where closing revokes first", () => {
    const rules = { ...VFIO_6_19, revokesBeforeDisable: true };
    const found = search({ rdma: "on-demand", rules }, DEPTH);
    expect(found.counterexample?.steps).toEqual(["begin DMA", "reset"]);
  });

  it("holds its promise only with all that later releases brought", () => {
    const rules = { ...VFIO_7_2, revokesBeforeDisable: false };
    expect(search({ rdma: "on-demand", rules }, DEPTH).counterexample?.steps).toEqual(["close"]);
  });
});
