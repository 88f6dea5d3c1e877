import { describe, expect, it } from "vitest";
import { VFIO_6_19, VFIO_7_2, VFIO_UNLINKED } from "../../src/dmabuf/vfio-rules.ts";
import { type ModelOptions, search } from "./revocation-model.ts";

const DEPTH = 6;

const setups: readonly (readonly [string, ModelOptions])[] = [
  ["an on-demand region, strict IOMMU", { rdma: "on-demand", mode: "strict" }],
  ["a pinned region that can be revoked, strict IOMMU", { rdma: "pinned-revocable", mode: "strict" }],
  ["an on-demand region, lazy IOMMU", { rdma: "on-demand", mode: "lazy" }],
  ["a pinned region that can be revoked, lazy IOMMU", { rdma: "pinned-revocable", mode: "lazy" }],
  ["an on-demand region, bus addresses", { rdma: "on-demand", mapType: "bus-addr" }],
  ["a pinned region that can be revoked, bus addresses", { rdma: "pinned-revocable", mapType: "bus-addr" }],
];

describe(`all orders of up to ${DEPTH} of: DMA, unmap, revoke, reset, close, next owner, removal`, () => {
  it.each(setups)("reach the BAR only as long as its owner lets them, and leave nothing behind: %s", (_, options) => {
    const found = search({ ...options, rules: VFIO_7_2 }, DEPTH);
    expect(found.counterexample).toBeNull();
    // A search that takes no step would find nothing either.
    expect(found.states).toBeGreaterThan(500);
    expect(found.deepest).toBe(DEPTH);
  });
});

describe("a device that does not stop when it is told to", () => {
  const kept: readonly (readonly [string, ModelOptions])[] = [
    ["7.2, strict IOMMU", { rdma: "on-demand", mode: "strict", rules: VFIO_7_2 }],
    ["7.2, a pinned region, strict IOMMU", { rdma: "pinned-revocable", mode: "strict", rules: VFIO_7_2 }],
    ["unlinked before the space is freed, lazy IOMMU", { rdma: "on-demand", mode: "lazy", rules: VFIO_UNLINKED }],
    ["the same, a pinned region", { rdma: "pinned-revocable", mode: "lazy", rules: VFIO_UNLINKED }],
  ];
  it.each(kept)("is kept out in all orders: %s", (_, options) => {
    const found = search({ ...options, keepsOut: true }, DEPTH);
    expect(found.counterexample).toBeNull();
    expect([found.strayed, found.deepest]).toEqual([0, DEPTH]);
  });

  const reached: readonly (readonly [string, ModelOptions])[] = [
    ["7.2, lazy IOMMU: until the flush", { rdma: "on-demand", mode: "lazy", rules: VFIO_7_2 }],
    ["7.2, bus addresses: for good", { rdma: "on-demand", mapType: "bus-addr", rules: VFIO_7_2 }],
    ["7.2, no IOMMU: for good", { rdma: "on-demand", mode: "off", rules: VFIO_7_2 }],
    [
      "unlinked, bus addresses: no unmap closes those",
      { rdma: "on-demand", mapType: "bus-addr", rules: VFIO_UNLINKED },
    ],
  ];
  it.each(reached)("reaches the BAR after a reset that is done: %s", (_, options) => {
    const found = search({ ...options, keepsOut: true }, DEPTH);
    // The shortest way there; any change of the device that revokes would do.
    expect(found.counterexample?.steps).toEqual([
      "begin DMA",
      "complete the oldest DMA",
      expect.stringMatching(/^(?:deregister|reset)$/),
      "a device does not stop",
    ]);
  });

  it.each(reached)("and in all orders what is left open was said before: %s", (_, options) => {
    const found = search(options, DEPTH);
    expect(found.counterexample).toBeNull();
    expect(found.strayed).toBeGreaterThan(0);
    expect(found.deepest).toBe(DEPTH);
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
