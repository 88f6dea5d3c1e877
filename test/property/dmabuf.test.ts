import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { PeerMapType } from "../../src/dma/dma-device.ts";
import type { DmaOps } from "../../src/dma/dma-ops.ts";
import type { DmaEntry } from "../../src/dma/scatterlist.ts";
import type { Backing } from "../../src/dmabuf/dma-buf.ts";
import { MovableExporter } from "../../src/dmabuf/movable-exporter.ts";
import { type RdmaAccess, type RdmaMode, RdmaRegion } from "../../src/dmabuf/rdma-region.ts";
import type { IommuMode } from "../../src/host/machine.ts";
import { type DmaAddr, PAGE_BYTES, physAddr } from "../../src/pci/addresses.ts";
import { granted } from "../dmabuf/fakes.ts";
import { Run, STEPS } from "../dmabuf/revocation-model.ts";
import { Bed, bar, barBytes, noLeaks, provider } from "../dmabuf/test-bed.ts";

const PAGES = barBytes / PAGE_BYTES;
const translating = fc.constantFrom<IommuMode>("strict", "lazy");
const mapType = fc.constantFrom<PeerMapType>("bus-addr", "thru-host-bridge");
const rdmaMode = fc.constantFrom<RdmaMode>("on-demand", "pinned-revocable");

/** First page and number of pages, within the BAR. */
const pageRun = fc
  .tuple(fc.nat(PAGES - 1), fc.integer({ min: 1, max: 4 }))
  .map(([first, count]) => [first, Math.min(count, PAGES - first)] as const);

/** Offsets in the BAR at which spans begin and at which their pages begin, with the bytes there. */
function landings(bed: Bed, spans: readonly DmaEntry[]): { offset: number; lengthBytes: number }[] {
  return spans.flatMap(({ address, lengthBytes, isBus }) => {
    const parts: { offset: number; lengthBytes: number }[] = [];
    for (let done = 0; done < lengthBytes; ) {
      const at = address + done;
      const part = Math.min(lengthBytes - done, PAGE_BYTES - (at % PAGE_BYTES));
      const landing = bed.land({ address: at as DmaAddr, lengthBytes: part, isBus });
      if ("lost" in landing) throw new Error(landing.lost);
      parts.push({ offset: landing.offset, lengthBytes: part });
      done += part;
    }
    return parts;
  });
}

describe("an imported buffer", () => {
  it("reaches exactly the bytes of its ranges, in order, by every way of mapping", () => {
    fc.assert(
      fc.property(
        fc.array(pageRun, { minLength: 1, maxLength: 4 }),
        fc.constantFrom<IommuMode>("off", "passthrough", "strict", "lazy"),
        mapType,
        rdmaMode,
        fc.nat(),
        fc.nat(),
        (runs, mode, type, rdma, from, length) => {
          const bed = new Bed({ mode, mapType: type });
          const buffer = bed.openAndExport(...runs);
          const offset = from % buffer.sizeBytes;
          const lengthBytes = 1 + (length % (buffer.sizeBytes - offset));
          const options = { name: "NIC", buffer, device: bed.device, dma: bed.dma, mode: rdma };
          const region = granted(RdmaRegion.register(options));
          const access = granted(region.access(offset, lengthBytes));
          const pages = runs.flatMap(([first, count]) => Array.from({ length: count }, (_, index) => first + index));
          const expected: { offset: number; lengthBytes: number }[] = [];
          for (let at = offset; at < offset + lengthBytes; ) {
            const within = at % PAGE_BYTES;
            const part = Math.min(offset + lengthBytes - at, PAGE_BYTES - within);
            expected.push({
              offset: (pages[Math.floor(at / PAGE_BYTES)] ?? -1) * PAGE_BYTES + within,
              lengthBytes: part,
            });
            at += part;
          }
          expect(landings(bed, access.spans)).toEqual(expected);
          region.complete(access);
          region.deregister();
          expect(bed.leaks).toEqual(noLeaks);
        },
      ),
      { numRuns: 2000 },
    );
  });
});

describe("a VFIO device with its importers", () => {
  it("keeps its promise in runs of any length: no use after revoke, no leak, nobody waits for ever", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom(...STEPS), { maxLength: 60 }),
        translating,
        mapType,
        rdmaMode,
        (steps, mode, type, rdma) => {
          const run = new Run({ mode, mapType: type, rdma });
          for (const step of steps) run.take(step);
          run.finish();
          expect(run.violations).toEqual([]);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

/** Mapping that fails as told, one word for each attempt. */
function flaky(dma: DmaOps, fails: readonly boolean[]): DmaOps {
  let attempts = 0;
  const refused = { ok: false, errno: "ENOMEM", reason: "no IOVA space" } as const;
  return {
    name: dma.name,
    takesPeers: dma.takesPeers,
    cost: dma.cost,
    mapList: dma.mapList.bind(dma),
    unmapList: dma.unmapList.bind(dma),
    mapRange: dma.mapRange.bind(dma),
    mapResource: dma.mapResource.bind(dma),
    unmapRange: dma.unmapRange.bind(dma),
    mapProviderRanges: (...args) =>
      fails[attempts++ % Math.max(fails.length, 1)] === true ? refused : dma.mapProviderRanges(...args),
    unmapProviderRanges: dma.unmapProviderRanges.bind(dma),
    unlinkProviderRanges: dma.unlinkProviderRanges.bind(dma),
    staleReach: dma.staleReach.bind(dma),
  };
}

type Act =
  | { readonly act: "register"; readonly mode: RdmaMode }
  | { readonly act: "deregister" | "access" | "complete"; readonly which: number }
  | { readonly act: "move"; readonly to: number };

const act: fc.Arbitrary<Act> = fc.oneof(
  fc.record({
    act: fc.constant("register" as const),
    mode: fc.constantFrom<RdmaMode>("on-demand", "pinned", "pinned-revocable"),
  }),
  fc.record({ act: fc.constantFrom("deregister" as const, "access" as const, "complete" as const), which: fc.nat(7) }),
  fc.record({ act: fc.constant("move" as const), to: fc.nat(PAGES - 2) }),
);

function place(first: number): Backing {
  return { provider, ranges: [{ start: physAddr(bar.start + first * PAGE_BYTES), sizeBytes: 2 * PAGE_BYTES }] };
}

describe("a buffer that moves under its importers", () => {
  it("is used where it was when DMA began until that completes, and nowhere after the move is done", () => {
    fc.assert(
      fc.property(
        fc.array(act, { maxLength: 40 }),
        fc.array(fc.boolean()),
        translating,
        mapType,
        (acts, fails, mode, type) => {
          const bed = new Bed({ mode, mapType: type });
          const dma = flaky(bed.dma, fails);
          const exporter = new MovableExporter("video memory", place(0));
          const regions: RdmaRegion[] = [];
          const inFlight: { region: RdmaRegion; access: RdmaAccess; generation: number; offset: number }[] = [];
          let generation = 0;
          let first = 0;
          const complete = (index: number): void => {
            const [done] = inFlight.splice(index, 1);
            if (done === undefined) return;
            expect(landings(bed, done.access.spans)).toEqual([{ offset: done.offset, lengthBytes: 16 }]);
            done.region.complete(done.access);
          };
          for (const step of acts) {
            if (step.act === "register") {
              const options = { name: "NIC", buffer: exporter.buffer, device: bed.device, dma, mode: step.mode };
              const answer = RdmaRegion.register(options);
              if (answer.ok) regions.push(answer.value);
            } else if (step.act === "move") {
              const at = generation;
              const moved = exporter.move(place(step.to), () => {
                expect(inFlight.filter((each) => each.generation === at)).toEqual([]);
              });
              if (moved.ok) {
                generation++;
                first = step.to;
              }
            } else if (step.act === "complete") {
              if (inFlight.length > 0) complete(step.which % inFlight.length);
            } else {
              const region = regions[step.which % Math.max(regions.length, 1)];
              if (region === undefined) continue;
              if (step.act === "deregister") {
                region.deregister();
                regions.splice(regions.indexOf(region), 1);
              } else {
                const answer = region.access(64, 16);
                const offset = first * PAGE_BYTES + 64;
                if (answer.ok) inFlight.push({ region, access: answer.value, generation, offset });
              }
            }
          }
          while (inFlight.length > 0) complete(0);
          for (const region of regions) region.deregister();
          expect([exporter.isMoving, exporter.buffer.references, exporter.buffer.attachments, bed.leaks]).toEqual([
            false,
            1,
            [],
            noLeaks,
          ]);
        },
      ),
      { numRuns: 3000 },
    );
  });
});
