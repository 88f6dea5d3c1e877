import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { directOps } from "../../src/dma/direct.ts";
import type { DmaDevice, PeerMapType } from "../../src/dma/dma-device.ts";
import type { DmaOps } from "../../src/dma/dma-ops.ts";
import { iommuOps } from "../../src/dma/iommu.ts";
import { dmaEntries, type Scatterlist, scatterlist } from "../../src/dma/scatterlist.ts";
import { swiotlbOps } from "../../src/dma/swiotlb.ts";
import type { IommuDomain } from "../../src/iommu/domain.ts";
import { iova, PAGE_BYTES, type PhysAddr, type PhysRange, physAddr } from "../../src/pci/addresses.ts";
import { device, domain, FakePages, type FakeRegion, provider, RESERVED, range, rules } from "../dma/fake-memory.ts";
import { expectSame } from "../expect-same.ts";

const MIB = 2 ** 20;
/** Bounce buffers enough for every list of a world. */
const POOL = { start: 64 * MIB, sizeBytes: 4 * MIB };
/** Where peers lie, as the CPU sees them, and where they may lie on the bus: never over each other. */
const PEER_PHYS = [0xc000_0000, 0xc100_0000, 0x38_0000_0000];
const BUS_STARTS = [0xc000_0000, 0x1000_0000, 0x38_0000_0000, 0x80_0000_0000, 0x2000_0000, 0x7000_0000_0000];
const PEER_BYTES = 4 * MIB;

/** What a run of a property is about: memory, rules, a device and the lists that it is given. */
interface World {
  readonly regions: readonly FakeRegion[];
  readonly mapTypes: readonly PeerMapType[];
  readonly busOffsets: readonly number[];
  readonly device: DmaDevice;
  readonly lists: readonly (readonly PhysRange[])[];
  /** Which list each step maps, or unmaps where it is mapped. */
  readonly steps: readonly number[];
}

const entry = fc.record({
  // RAM low, RAM high, coherent memory, three peers, a hole: the last two rarely, or no list would ever be mapped.
  region: fc.oneof({ weight: 40, arbitrary: fc.integer({ min: 0, max: 5 }) }, { weight: 1, arbitrary: fc.constant(6) }),
  page: fc.integer({ min: 0, max: 900 }),
  offset: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: PAGE_BYTES - 1 })),
  lengthBytes: fc.oneof(fc.constantFrom(PAGE_BYTES, 2 * PAGE_BYTES), fc.integer({ min: 1, max: 20000 })),
});
const REGION_STARTS = [MIB, 0x1_0000_0000, 0x90_0000_0000, ...PEER_PHYS, 0xb000_0000];

const mapType = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<PeerMapType>("bus-addr", "thru-host-bridge") },
  { weight: 1, arbitrary: fc.constant<PeerMapType>("not-supported") },
);

const world: fc.Arbitrary<World> = fc
  .record({
    busStarts: fc.shuffledSubarray(BUS_STARTS, { minLength: 3, maxLength: 3 }),
    mapTypes: fc.tuple(mapType, mapType, mapType),
    maskBits: fc.oneof({ weight: 4, arbitrary: fc.constantFrom(48, 64) }, fc.constantFrom(30, 32, 36, 40)),
    ramBusOffset: fc.constantFrom(0, 0, 0x8000_0000, 0x1000_0000_0000, -0x10000),
    lists: fc.array(fc.array(entry, { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 4 }),
    steps: fc.array(fc.nat(), { minLength: 1, maxLength: 12 }),
  })
  .map(({ busStarts, mapTypes, maskBits, ramBusOffset, lists, steps }) => {
    const busOffsets = busStarts.map((busStart, index) => busStart - (PEER_PHYS[index] ?? 0));
    const peers = busOffsets.map((busOffset, index): FakeRegion => {
      return {
        start: PEER_PHYS[index] ?? 0,
        sizeBytes: PEER_BYTES,
        kind: "peer",
        provider: provider(index, busOffset),
      };
    });
    const regions: FakeRegion[] = [
      { start: 0, sizeBytes: 128 * MIB, kind: "ram" },
      { start: 0x1_0000_0000, sizeBytes: 64 * MIB, kind: "ram" },
      { start: 0x90_0000_0000, sizeBytes: 64 * MIB, kind: "coherent" },
      ...peers,
    ];
    return {
      regions,
      mapTypes,
      busOffsets,
      device: device({ maskBits, ramBusOffset }),
      lists: lists.map((entries) =>
        entries.map(({ region, page, offset, lengthBytes }) => ({
          start: physAddr((REGION_STARTS[region] ?? 0) + page * PAGE_BYTES + offset),
          sizeBytes: lengthBytes,
        })),
      ),
      steps: steps.map((step) => step % lists.length),
    };
  });

function peerOf({ regions }: World, phys: number): number {
  return regions
    .filter(({ kind }) => kind === "peer")
    .findIndex(({ start, sizeBytes }) => phys >= start && phys < start + sizeBytes);
}

/** Runs of physical bytes in order, joined where they go on. */
type Runs = { phys: number; bytes: number }[];

function append(runs: Runs, phys: number, bytes: number): void {
  const last = runs.at(-1);
  if (last !== undefined && last.phys + last.bytes === phys) last.bytes += bytes;
  else runs.push({ phys, bytes });
}

/** What the list says. */
function listed(list: Scatterlist): Runs {
  const runs: Runs = [];
  for (let index = 0; index < list.count; index++) append(runs, list.phys[index] ?? 0, list.lengths[index] ?? 0);
  return runs;
}

/** What the device reaches with the DMA side, by what stands for one address that is not a bus address. */
function reached(of: World, list: Scatterlist, resolve: (address: number) => number): Runs {
  const runs: Runs = [];
  for (const { address, lengthBytes, isBus } of dmaEntries(list)) {
    expect(address + lengthBytes).toBeLessThanOrEqual(2 ** of.device.maskBits);
    for (let done = 0; done < lengthBytes; ) {
      const at = address + done;
      const bytes = Math.min(lengthBytes - done, PAGE_BYTES - (at % PAGE_BYTES));
      append(runs, isBus ? physOfBus(of, at) : resolve(at), bytes);
      done += bytes;
    }
  }
  return runs;
}

function physOfBus(of: World, bus: number): number {
  const phys = of.busOffsets.map((offset) => bus - offset).find((at, index) => peerOf(of, at) === index);
  if (phys === undefined) throw new Error(`no peer at bus address ${bus}`);
  return phys;
}

/** What becomes of memory that is not at a bus address: it is where it is, can be copied, or gets an IOVA. */
type Way = "as-it-is" | "bounced" | "iova";

/** The errno of the first segment that cannot be mapped; `null` where all can. */
function refusal(of: World, list: Scatterlist, way: Way): string | null {
  const reach = 2 ** of.device.maskBits;
  const canBounce = way === "bounced" && POOL.start + POOL.sizeBytes + of.device.ramBusOffset <= reach;
  for (let index = 0; index < list.count; index++) {
    const phys = list.phys[index] ?? 0;
    if (phys >= 0xb000_0000 && phys < 0xc000_0000) return "EINVAL";
    const peer = peerOf(of, phys);
    const type = peer < 0 ? "memory" : of.mapTypes[peer];
    if (type === "not-supported") return "EREMOTEIO";
    if (way === "iova" && type !== "bus-addr") continue;
    if (canBounce && type === "memory") continue;
    const address = phys + (type === "bus-addr" ? (of.busOffsets[peer] ?? 0) : of.device.ramBusOffset);
    if (address < 0 || address + (list.lengths[index] ?? 0) > reach) return "EIO";
  }
  return null;
}

function contextOf(of: World) {
  const peers = of.regions.flatMap((region) => region.provider ?? []);
  const types = new Map(peers.map((peer, index) => [peer, of.mapTypes[index] ?? "not-supported"]));
  return { pages: new FakePages(of.regions), decide: rules(types).decide };
}

/** Maps and unmaps the lists as the steps say; all that are mapped are looked at after each step, at the end none is. */
function exercise(
  of: World,
  ops: DmaOps,
  look: (list: Scatterlist) => void,
  failed: (list: Scatterlist, errno: string) => void,
) {
  const lists = of.lists.map((entries) => scatterlist(entries));
  const unmap = (list: Scatterlist): void => ops.unmapList(of.device, list, "bidirectional");
  for (const step of of.steps) {
    const list = lists[step] as Scatterlist;
    if (list.dmaCount > 0) unmap(list);
    else {
      const result = ops.mapList(of.device, list, "bidirectional");
      if (!result.ok) failed(list, result.errno);
      expectSame(list.dmaCount, result.ok ? result.value : 0);
      expectSame(result.ok, list.dmaCount > 0);
    }
    for (const mapped of lists) if (mapped.dmaCount > 0) look(mapped);
  }
  for (const mapped of lists) if (mapped.dmaCount > 0) unmap(mapped);
}

function expectOutsideOfWindows(list: Scatterlist): void {
  for (const { address, lengthBytes, isBus } of dmaEntries(list)) {
    if (isBus) continue;
    for (const { start, sizeBytes } of RESERVED) {
      expectSame(address + lengthBytes <= start || address >= start + sizeBytes, true);
    }
  }
}

const RUNS = { numRuns: 2000 };

describe("A list that is mapped", () => {
  it("directly: gives the device exactly its bytes, in order, or fails as its first bad segment does", () => {
    fc.assert(
      fc.property(world, (of) => {
        const ops = directOps(contextOf(of));
        exercise(
          of,
          ops,
          (list) => expect(reached(of, list, (address) => address - of.device.ramBusOffset)).toEqual(listed(list)),
          (list, errno) => expectSame(errno, refusal(of, list, "as-it-is")),
        );
        expect(ops.cost.mapTypeDecisions).toBeLessThanOrEqual(3);
      }),
      RUNS,
    );
  });

  it("with bounce buffers: the same, of RAM or of what was copied from it, and all buffers are given back", () => {
    fc.assert(
      fc.property(world, (of) => {
        const copies = new Map<number, number>();
        const memory = {
          copy: (from: PhysAddr, to: PhysAddr, lengthBytes: number): void => {
            for (let done = 0; done < lengthBytes; done += 512) copies.set(to + done, from + done);
          },
        };
        const ops = swiotlbOps({ ...contextOf(of), memory, pool: range(POOL.start, POOL.sizeBytes) });
        const resolve = (address: number): number => {
          const phys = address - of.device.ramBusOffset;
          return ops.pool.owns(phys) ? (copies.get(phys) ?? -1) : phys;
        };
        exercise(
          of,
          ops,
          (list) => expect(reached(of, list, resolve)).toEqual(listed(list)),
          (list, errno) => expectSame(errno, refusal(of, list, "bounced")),
        );
        expectSame(ops.pool.usedBytes, 0);
      }),
      RUNS,
    );
  });

  for (const invalidation of ["strict", "lazy"] as const) {
    it(`with a ${invalidation} IOMMU: the same, never at an address of a window, and all IOVA space is given back`, () => {
      fc.assert(
        fc.property(world, (of) => {
          const used: IommuDomain = domain(invalidation, 4);
          const before = used.iovas.freeRanges();
          const ops = iommuOps({ ...contextOf(of), domains: { dmaDomainOf: () => used } });
          exercise(
            of,
            ops,
            (list) => {
              expect(reached(of, list, (address) => used.resolve(iova(address), true))).toEqual(listed(list));
              expectOutsideOfWindows(list);
            },
            (list, errno) => expectSame(errno, refusal(of, list, "iova")),
          );
          expectSame(used.mappedBytes, 0);
          used.flush();
          expect(used.iovas.freeRanges()).toEqual(before);
        }),
        RUNS,
      );
    });
  }

  it("leaves the domain exactly as it was when it fails", () => {
    fc.assert(
      fc.property(world, (of) => {
        const used = domain();
        const ops = iommuOps({ ...contextOf(of), domains: { dmaDomainOf: () => used } });
        for (const list of of.lists.map((entries) => scatterlist(entries))) {
          const before = { free: used.iovas.freeRanges(), mapped: used.mappedBytes };
          const result = ops.mapList(of.device, list, "to-device");
          if (!result.ok) expect({ free: used.iovas.freeRanges(), mapped: used.mappedBytes }).toEqual(before);
        }
      }),
      RUNS,
    );
  });
});

describe("Page-less ranges of a provider", () => {
  it("give the device exactly their bytes with every back end, and leave nothing behind", () => {
    const ranges = fc.array(fc.record({ page: fc.nat(900), pages: fc.integer({ min: 1, max: 20 }) }), {
      minLength: 1,
      maxLength: 6,
    });
    fc.assert(
      fc.property(world, ranges, fc.nat(2), fc.boolean(), (of, picked, peer, hasIommu) => {
        const used = domain();
        const before = used.iovas.freeRanges();
        const ops = iommuOps({ ...contextOf(of), domains: { dmaDomainOf: () => (hasIommu ? used : null) } });
        const region = of.regions[3 + peer] as FakeRegion;
        const wanted = picked.map(({ page, pages }) => range(region.start + page * PAGE_BYTES, pages * PAGE_BYTES));
        const owner = region.provider;
        if (owner === undefined) throw new Error("a peer has a provider");
        const result = ops.mapProviderRanges(of.device, owner, wanted, "bidirectional");
        if (result.ok) {
          const runs: Runs = [];
          for (const { address, lengthBytes, isBus } of result.value) {
            for (let at: number = address; at < address + lengthBytes; at += PAGE_BYTES) {
              const plain = hasIommu ? used.resolve(iova(at), true) : at - of.device.ramBusOffset;
              append(runs, isBus ? physOfBus(of, at) : plain, PAGE_BYTES);
            }
          }
          const expected: Runs = [];
          for (const { start, sizeBytes } of wanted) append(expected, start, sizeBytes);
          expect(runs).toEqual(expected);
          ops.unmapProviderRanges(of.device, result.value, "bidirectional");
        } else if (of.mapTypes[peer] === "not-supported") expectSame(result.errno, "EINVAL");
        else expectSame(result.errno, "EIO");
        expectSame(used.mappedBytes, 0);
        expect(used.iovas.freeRanges()).toEqual(before);
      }),
      RUNS,
    );
  });
});
