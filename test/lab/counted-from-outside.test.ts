import { afterAll, describe, expect, test, vi } from "vitest";
import type * as Rules from "../../src/devices/rules.ts";
import type * as IovaStates from "../../src/dma/iova-state.ts";
import type * as Scatterlists from "../../src/dma/scatterlist.ts";
import type { Scatterlist } from "../../src/dma/scatterlist.ts";
import { Iotlb } from "../../src/iommu/iotlb.ts";
import { IovaAllocator } from "../../src/iommu/iova-allocator.ts";
import { PageTable } from "../../src/iommu/page-table.ts";
import type * as Bridges from "../../src/lab/common-bridge.ts";
import type { MappingDesign } from "../../src/lab/design.ts";
import { MAPPING_DESIGNS } from "../../src/lab/designs/all-designs.ts";
import { HostMapping } from "../../src/lab/host-mapping.ts";
import { MACHINE_CLASSES } from "../../src/lab/machines/all-classes.ts";
import { DesignRunner } from "../../src/lab/run.ts";
import { parseRunId } from "../../src/lab/run-id.ts";
import { ByteStore } from "../../src/memory/bytes.ts";
import { type CostCounters, noCost } from "../../src/memory/cost.ts";
import { PageCounts } from "../../src/memory/page-counts.ts";
import { PageMaps } from "../../src/memory/page-maps.ts";

type Part = "prepare" | "map" | "unmap";

/** What was seen from outside, by part of a run. */
let seen: Record<Part, CostCounters>;
/** The part that is being carried out; `building` the list is part of preparing, and no walk. */
let part: Part | "building" | null = null;
/** Goes up with each call of a mapper: a walk does not go on from one to the next. */
let call = 0;

function count(name: keyof CostCounters, by = 1): void {
  if (part !== null) seen[part === "building" ? "prepare" : part][name] += by;
}

/** A side of a list whose entries are watched: to come to another entry is a visit, to come back is a pass. */
class WatchedSide {
  #last = -1;
  #call = -1;

  touch(index: number): void {
    if (part === null || part === "building") return;
    const isNewCall = this.#call !== call;
    if (!isNewCall && index === this.#last) return;
    if (isNewCall || index < this.#last) count("listPasses");
    count("segmentVisits");
    this.#last = index;
    this.#call = call;
  }
}

function watched(array: Float64Array | Uint8Array, touch: (index: number) => void): typeof array {
  return new Proxy(array, {
    get: (target, key) => {
      if (typeof key === "string" && /^\d+$/.test(key)) touch(Number(key));
      const value = Reflect.get(target, key, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
    set: (target, key, value) => {
      if (typeof key === "string" && /^\d+$/.test(key)) touch(Number(key));
      return Reflect.set(target, key, value, target);
    },
  });
}

function watchedList(list: Scatterlist): Scatterlist {
  const cpu = new WatchedSide();
  const dma = new WatchedSide();
  const inner = { ...list };
  const touchCpu = (index: number): void => cpu.touch(index);
  // Before it is mapped the DMA side is written along with a walk over the CPU side.
  const touchDma = (index: number): void => {
    if (inner.dmaCount > 0) dma.touch(index);
  };
  return Object.assign(inner, {
    phys: watched(list.phys, touchCpu),
    lengths: watched(list.lengths, touchCpu),
    dmaAddress: watched(list.dmaAddress, touchDma),
    dmaLengths: watched(list.dmaLengths, touchDma),
    dmaIsBus: watched(list.dmaIsBus, touchDma),
  });
}

// Modules of its own: what is counted from outside is not what other tests of this worker have.
vi.hoisted(() => vi.resetModules());

afterAll(() => {
  for (const path of ["dma/scatterlist", "dma/iova-state", "devices/rules", "lab/common-bridge"]) {
    vi.doUnmock(`../../src/${path}.ts`);
  }
  vi.resetModules();
});

vi.mock("../../src/dma/scatterlist.ts", async (original) => {
  const real = await original<typeof Scatterlists>();
  const scatterlist: typeof real.scatterlist = (...given) => {
    count("allocations");
    return watchedList(real.scatterlist(...given));
  };
  return { ...real, scatterlist };
});

vi.mock("../../src/dma/iova-state.ts", async (original) => {
  const real = await original<typeof IovaStates>();
  const tryAllocIova: typeof real.tryAllocIova = (...given) => {
    const state = real.tryAllocIova(...given);
    if (state !== null) count("allocations");
    return state;
  };
  return { ...real, tryAllocIova };
});

vi.mock("../../src/devices/rules.ts", async (original) => {
  const real = await original<typeof Rules>();
  const rulesOf: typeof real.rulesOf = (...given) => {
    const rules = real.rulesOf(...given);
    const decide: typeof rules.decide = (...pair) => {
      count("mapTypeDecisions");
      return rules.decide(...pair);
    };
    return { ...rules, decide };
  };
  return { ...real, rulesOf };
});

vi.mock("../../src/lab/common-bridge.ts", async (original) => {
  const real = await original<typeof Bridges>();
  const commonBridgeIn: typeof real.commonBridgeIn = (machine) => {
    const hasCommonBridge = real.commonBridgeIn(machine);
    return (...pair) => {
      count("mapTypeDecisions");
      return hasCommonBridge(...pair);
    };
  };
  return { commonBridgeIn };
});

/** Puts a count before a method of all objects of a class. */
function counted<T extends object, K extends keyof T>(
  prototype: T,
  name: K,
  say: (given: readonly unknown[], result: unknown) => void,
): void {
  const original = prototype[name] as (...given: readonly unknown[]) => unknown;
  prototype[name] = function (this: T, ...given: readonly unknown[]) {
    const result = original.apply(this, given as never);
    say(given, result);
    return result;
  } as T[K];
}

counted(PageMaps.prototype, "kindAt", () => count("pageTouches"));
counted(PageMaps.prototype, "providerAt", () => count("pagemapLookups"));
counted(PageCounts.prototype, "add", () => count("pageReferences"));
counted(PageTable.prototype, "map", () => count("iommuMapCalls"));
counted(PageTable.prototype, "unmap", () => count("iommuUnmapCalls"));
counted(Iotlb.prototype, "invalidate", () => count("iommuFlushes"));
counted(Iotlb.prototype, "invalidateAll", () => count("iommuFlushes"));
counted(IovaAllocator.prototype, "allocate", (_, range) => count("iovaAllocations", range === null ? 0 : 1));
counted(IovaAllocator.prototype, "free", () => count("iovaAllocations"));
counted(ByteStore.prototype, "copy", ([, , bytes]) => count("bouncedBytes", bytes as number));

// A list of one entry shows no second walk: an unmap is one always.
const { unmapList } = HostMapping.prototype;
HostMapping.prototype.unmapList = function (...given) {
  call++;
  unmapList.apply(this, given);
};

/** The same design, with its calls marked, its world's look-ups and what its back ends hand out counted. */
function fromOutside(design: MappingDesign): MappingDesign {
  const during = <T>(next: typeof part, work: () => T): T => {
    part = next;
    call++;
    try {
      return work();
    } finally {
      part = null;
    }
  };
  return {
    ...design,
    id: `seen-${design.id}`,
    open: (world) => {
      const opsOf: typeof world.opsOf = (device) => {
        const ops = world.opsOf(device);
        return new Proxy(ops, {
          get: (target, key) => {
            const value = Reflect.get(target, key, target);
            if (typeof value !== "function") return value;
            return (...given: readonly unknown[]) => {
              const result = value.apply(target, given);
              if (key === "mapResource" && result.ok) count("allocations");
              if (key === "mapProviderRanges" && result.ok) count("allocations", result.value.length);
              return result;
            };
          },
        });
      };
      const providerOf: typeof world.providerOf = (phys) => {
        count("ownerLookups");
        return world.providerOf(phys);
      };
      const sideObject: typeof world.sideObject = (made) => {
        count("allocations");
        return world.sideObject(made);
      };
      const mapper = design.open({ ...world, opsOf, providerOf, sideObject });
      const { build } = mapper;
      let isRefused = false;
      return {
        ...(build === undefined ? {} : { build: (...given) => during("building", () => build(...given)) }),
        prepare: (list) => {
          const refusal = during("prepare", () => mapper.prepare(list));
          isRefused = refusal !== null;
          return refusal;
        },
        map: (...given) => {
          const result = during("map", () => mapper.map(...given));
          isRefused = !result.ok;
          return result;
        },
        unmap: (...given) => during("unmap", () => mapper.unmap(...given)),
        release: () => during(isRefused ? null : "unmap", () => mapper.release()),
      };
    },
  };
}

const LISTS = ["r2a2r2b2r2", "ab2a2", "r4"].map((list) => parseRunId(`pfn-t:guest:1:${list}`).segments);

describe("what the lab counts is what was done: the same figures from outside", () => {
  test.for(MAPPING_DESIGNS)("$id, on every machine", (design) => {
    for (const kind of MACHINE_CLASSES) {
      const runner = new DesignRunner(fromOutside(design), kind);
      for (const segments of LISTS) {
        seen = { prepare: noCost(), map: noCost(), unmap: noCost() };
        const { cost } = runner.run(segments, 1);
        expect(cost, `${design.id} on ${kind.id}, ${segments.join("")}`).toEqual(seen);
      }
    }
  });
});
