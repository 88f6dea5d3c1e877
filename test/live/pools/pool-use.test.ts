import { describe, expect, test } from "vitest";
import type { MemoryPool } from "../../../src/live/pools/memory-pool.ts";
import { type PoolFacts, permitPool, poolUse } from "../../../src/live/pools/pool-use.ts";
import { parseBdf } from "../../../src/pci/bdf.ts";
import { unknown } from "../../../src/pci/known.ts";

const CMB: PoolFacts = { owner: "nvme", classCode: 0x010802, published: true, mapping: "possible" };
const hidden = unknown("the test hides it");

/** What is said of a pool, and with which consent it may be mapped. */
function decisionOn(facts: Partial<PoolFacts>): string {
  const pool = { ...CMB, ...facts, provider: parseBdf("03:00.0") } as MemoryPool;
  const { kind } = poolUse(pool);
  const permits = [false, true].map((allowUnpublished) => permitPool(pool, { allowUnpublished }) !== null);
  return `${kind}: ${permits[0] ? "taken" : permits[1] ? "taken if asked" : "never taken"}`;
}

describe("memory of a pool", () => {
  test.for<[string, Partial<PoolFacts>, string]>([
    ["published", {}, "usable: taken"],
    ["published, the driver's name hidden", { owner: hidden }, "usable: taken"],
    ["published, the class hidden", { classCode: hidden }, "usable: taken"],
    ["published by a driver nobody has heard of", { owner: "newcard", classCode: 0x058000 }, "usable: taken"],
    ["not published", { published: false }, "unpublished: taken if asked"],
    ["of which nobody knows whether it is published", { published: hidden }, "unpublished: taken if asked"],
    ["that this user may not map", { mapping: "no-permission" }, "no-permission: never taken"],
    ["of an old kernel", { mapping: "not-offered" }, "not-offered: never taken"],
    ["of a GPU, permitted or not", { owner: "amdgpu", mapping: "no-permission" }, "in-use: never taken"],
    ["of a display controller", { owner: "new", classCode: 0x030000 }, "in-use: never taken"],
    ["of a 3D controller", { owner: "new", classCode: 0x030200 }, "in-use: never taken"],
    ["of a processing accelerator", { owner: "new", classCode: 0x120000 }, "in-use: never taken"],
    ["of a co-processor", { owner: "new", classCode: 0x400000 }, "in-use: never taken"],
    ["of a co-processor, the older class", { owner: "new", classCode: 0x0b4000 }, "in-use: never taken"],
    ["of a GPU without a driver", { owner: null, classCode: 0x030000 }, "in-use: never taken"],
    ["of a GPU that vfio-pci holds", { owner: "vfio-pci", classCode: 0x030200 }, "in-use: never taken"],
    ["of a device of which all is hidden", { owner: hidden, classCode: hidden }, "in-use: never taken"],
    ["of an accelerator that is an NVMe controller", { classCode: 0x120000 }, "usable: taken"],
  ])("%s", ([, facts, decision]) => {
    expect(decisionOn(facts)).toBe(decision);
  });

  test.for([
    ...["nvidia", "nvidia-uvm", "nvidia_uvm", "nvidia_drm", "amdgpu", "amdkfd", "radeon", "habanalabs", "gaudi"],
    ...["i915", "xe", "nouveau", "NovaCore", "nova-core", "amdxdna", "intel_vpu", "qaic", "neuron", "xocl"],
  ])("that %s registers is never taken, whatever class and publication say", (owner) => {
    for (const published of [true, false, hidden])
      expect(decisionOn({ owner, published, classCode: 0x088000 })).toBe("in-use: never taken");
  });
});
