import { describe, expect, it } from "vitest";
import { type RemovalOptions, type Step, search } from "./removal-model.ts";

const DEPTH = 6;
/** Where a drive has DMA under way to the page that it mapped: six steps from there lead to the next owner. */
const BUSY: readonly Step[] = ["allocate", "map", "begin DMA"];

const base = { mode: "strict", mapType: "thru-host-bridge", removal: "wait", unmapping: "destroyed" } as const;

const setups: readonly (readonly [string, RemovalOptions])[] = [
  ["strict IOMMU, waiting for users", base],
  ["strict IOMMU, revoking user mappings", { ...base, removal: "revoke" }],
  ["lazy IOMMU", { ...base, mode: "lazy" }],
  ["lazy IOMMU, unlinked", { ...base, mode: "lazy", unmapping: "unlinked" }],
  ["bus addresses", { ...base, mapType: "bus-addr" }],
  ["no IOMMU", { ...base, mode: "off" }],
];

describe(`all orders of up to ${DEPTH} of: allocate, map, DMA, unmap, free, mmap, removal, the next owner, flush`, () => {
  it.each(setups)(
    "leave the memory with its owner as long as somebody has it, and nothing behind: %s",
    (_, options) => {
      const found = search(options, DEPTH);
      expect(found.counterexample).toBeNull();
      expect(found.states).toBeGreaterThan(50);
      expect(found.deepest).toBe(DEPTH);
    },
  );

  it.each(setups)("and so from where DMA is under way: %s", (_, options) => {
    expect(search(options, DEPTH, BUSY)).toMatchObject({ counterexample: null, deepest: DEPTH });
  });
});

describe("a device that does not stop when its driver gives memory back", () => {
  it.each([
    ["strict IOMMU", base],
    ["lazy IOMMU, unlinked before the space is freed", { ...base, mode: "lazy", unmapping: "unlinked" }],
  ] as const)("is kept out in all orders: %s", (_, options) => {
    const found = search({ ...options, keepsOut: true }, DEPTH, BUSY);
    expect(found.counterexample).toBeNull();
    expect([found.strayed, found.deepest]).toEqual([0, DEPTH]);
  });

  it.each([
    ["lazy IOMMU", { ...base, mode: "lazy" }],
    ["bus addresses", { ...base, mapType: "bus-addr" }],
    ["no IOMMU", { ...base, mode: "off" }],
  ] as const)("reaches memory that was given back, and the next owner's: %s", (_, options) => {
    expect(search({ ...options, keepsOut: true }, DEPTH, BUSY).counterexample).toEqual({
      steps: [...BUSY, "complete DMA", "unmap", "a device does not stop"],
      violations: ["a device that does not stop reached the BAR"],
    });
    const gone: readonly Step[] = [
      ...BUSY,
      "complete DMA",
      "unmap",
      "free",
      "the device leaves",
      "the next owner comes",
    ];
    expect(search({ ...options, keepsOut: true }, 1, gone).counterexample).toEqual({
      steps: [...gone, "a device does not stop"],
      violations: ["a device that does not stop reached the next owner's BAR"],
    });
  });

  it("is closed out of a lazy IOMMU by the flush, and never of bus addresses", () => {
    const gone: readonly Step[] = [...BUSY, "complete DMA", "unmap", "flush"];
    expect(search({ ...base, mode: "lazy", keepsOut: true }, 4, gone).strayed).toBe(0);
    expect(search({ ...base, mapType: "bus-addr" }, 4, gone.slice(0, -1)).strayed).toBeGreaterThan(0);
  });
});
