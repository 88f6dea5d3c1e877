import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import type { DmaErrno } from "../../src/dma/dma-error.ts";
import type { DmaMapping } from "../../src/dma/dma-ops.ts";
import { dmaEntries, type Scatterlist, scatterlist } from "../../src/dma/scatterlist.ts";
import type { RouteOutcome } from "../../src/fabric/route.ts";
import { type DmaAddr, iova, PAGE_BYTES, type PhysAddr, type PhysRange } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { type MappedWorld, machineDrafts, mappedWorld } from "./mapped-machines.ts";

/** Mappings over all properties of this file. */
const CASES = Number(process.env["PEERLANE_FUZZ_RUNS"] ?? 100_000);
/** Mappings on each machine: building one costs as much as dozens of them. */
const CASES_EACH = 128;
const PROPERTIES = 2;
/** Of as many, one is repeated with the model's own defaults. */
const DEFAULTS_PART = 5;
const SEED = Number(process.env["PEERLANE_FUZZ_SEED"] ?? (Math.random() * 2 ** 31) | 0);

const settings: fc.Parameters<unknown> = {
  seed: SEED,
  numRuns: Math.ceil(CASES / CASES_EACH / PROPERTIES),
  interruptAfterTimeLimit: 600_000,
  markInterruptAsFailure: true,
};

const counts = { mapped: 0, refused: 0, bytes: 0, bus: 0, others: 0 };
/** With the model's own defaults: mappings by how the device's first request ended that was not delivered, if one was not. */
const byDefault: Partial<Record<RouteOutcome | "refused", number>> = {};

afterAll(() => {
  process.stdout.write(
    `mapped-dma: seed ${SEED}: ${JSON.stringify(counts)}; by default: ${JSON.stringify(byDefault)}\n`,
  );
});

/** A part of a memory, named by numbers that are taken modulo what there is. */
interface Piece {
  readonly memory: number;
  readonly page: number;
  readonly offset: number;
  readonly lengthBytes: number;
}

interface Case {
  readonly client: number;
  readonly pieces: readonly Piece[];
}

const piece: fc.Arbitrary<Piece> = fc.record({
  memory: fc.nat(40),
  page: fc.nat(15),
  offset: fc.oneof(fc.constant(0), fc.nat(PAGE_BYTES - 1)),
  lengthBytes: fc.oneof(fc.constant(PAGE_BYTES), fc.integer({ min: 1, max: 600 }), fc.integer({ min: 1, max: 9000 })),
});
const cases: fc.Arbitrary<Case[]> = fc.array(
  fc.record({ client: fc.nat(), pieces: fc.array(piece, { minLength: 1, maxLength: 5 }) }),
  { minLength: CASES_EACH, maxLength: CASES_EACH },
);

/** The ranges of a case: disjoint, inside of their memory. */
function rangesOf({ memory }: MappedWorld, pieces: readonly Piece[]): readonly PhysRange[] {
  const ranges: PhysRange[] = [];
  for (const one of pieces) {
    const { start, sizeBytes } = memory[one.memory % memory.length] as PhysRange;
    const offset = ((one.page * PAGE_BYTES) % sizeBytes) + one.offset;
    const range = { start: (start + offset) as PhysAddr, sizeBytes: Math.min(one.lengthBytes, sizeBytes - offset) };
    const isFree = ranges.every(
      (other) => other.start + other.sizeBytes <= range.start || range.start + range.sizeBytes <= other.start,
    );
    if (isFree) ranges.push(range);
  }
  return ranges;
}

/** What mapping for a client may change, once nothing waits for a flush: bytes mapped, ranges taken, ranges queued. */
function stateOf({ system }: MappedWorld, client: Bdf): readonly number[] {
  const domain = system.units.dmaDomainOf(client);
  domain?.flush();
  return domain === null ? [] : [domain.mappedBytes, domain.iovas.allocationCount, domain.queueLength];
}

function expectSame(now: readonly number[], before: readonly number[]): void {
  if (now.join() !== before.join()) throw new Error(`left behind: ${now.join()} instead of ${before.join()}`);
}

/** A run of bytes as the device has it. */
interface Span {
  readonly address: DmaAddr;
  readonly lengthBytes: number;
  readonly isBus: boolean;
}

/** Bytes that differ from those at other places, none of them 0; its period divides no page. */
const PATTERN = Uint8Array.from({ length: 2 ** 17 }, (_, index) => ((index * 13) % 251) + 1);
let uses = 0;

/** Bytes for one use: they begin elsewhere in the pattern each time. */
function freshBytes(length: number): Uint8Array {
  uses = (uses + 83) % 251;
  return PATTERN.subarray(uses, uses + length);
}

/** The device writes and reads through the spans; the CPU finds exactly that in the ranges, in their order. */
function expectReached(
  { system: { fabric } }: MappedWorld,
  client: Bdf,
  spans: readonly Span[],
  ranges: readonly PhysRange[],
): void {
  const total = ranges.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
  const mapped = spans.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0);
  demand(mapped === total, `${mapped} of ${total} bytes are mapped`);
  const bytes = freshBytes(total);
  const back = new Uint8Array(total);
  let done = 0;
  for (const { address, lengthBytes } of spans) {
    const part = bytes.subarray(done, done + lengthBytes);
    if (fabric.write(client, address, part) !== "delivered") throw new Error(routeText(fabric.lastRoute()));
    done += lengthBytes;
  }
  done = 0;
  for (const { start, sizeBytes } of ranges) {
    const found = new Uint8Array(sizeBytes);
    fabric.cpuRead(start, found);
    if (!isSame(found, bytes.subarray(done, done + sizeBytes))) throw new Error(`wrong bytes at ${start}`);
    done += sizeBytes;
  }
  done = 0;
  for (const { address, lengthBytes } of spans) {
    if (fabric.read(client, address, back.subarray(done, done + lengthBytes)) !== "delivered") {
      throw new Error(routeText(fabric.lastRoute()));
    }
    done += lengthBytes;
  }
  if (!isSame(back, bytes)) throw new Error("the device reads other bytes than it wrote");
  for (const { start, sizeBytes } of ranges) fabric.cpuWrite(start, new Uint8Array(sizeBytes));
  counts.bytes += total;
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return Buffer.compare(a, b) === 0;
}

function routeText(route: object): string {
  return JSON.stringify(route);
}

const PAGE = new Uint8Array(PAGE_BYTES);
const NOTHING = new Uint8Array(PAGE_BYTES);

/** As an expectation of vitest's, which costs more than what is tried here a hundred thousand times. */
function demand(isSo: boolean, otherwise: string): void {
  if (!isSo) throw new Error(otherwise);
}

/** Every list's bytes were put back to 0: what is left was written somewhere else. */
function expectNothingElse({ system }: MappedWorld): void {
  const { fabric, providers } = system;
  const stores = [fabric.dram, ...providers.map(({ owner, bar }) => fabric.barBytes(owner, bar))];
  for (const store of stores) {
    for (const page of store.storedPages()) {
      store.read(page, PAGE);
      demand(isSame(PAGE, NOTHING), `bytes are left at ${page}`);
    }
  }
}

/** After unmap, addresses of the IOMMU lead nowhere. */
function expectGone({ system }: MappedWorld, client: Bdf, spans: readonly Span[]): void {
  const domain = system.units.dmaDomainOf(client);
  if (domain === null) return;
  for (const { address, isBus } of spans)
    if (!isBus && domain.resolve(iova(address), true) >= 0) throw new Error("still mapped");
}

/** True where the rules say no to one of the ranges. */
function isRefused({ system }: MappedWorld, client: Bdf, ranges: readonly PhysRange[]): boolean {
  return ranges.some(({ start }) => {
    const provider = system.maps.providerAt(start);
    return provider !== null && system.decide(provider, client) === "not-supported";
  });
}

/** Refusals that are right: the rules say no, or the device's mask cannot reach. */
function expectRefusal(
  world: MappedWorld,
  client: Bdf,
  ranges: readonly PhysRange[],
  errno: DmaErrno,
  ofRules: DmaErrno = "EREMOTEIO",
): void {
  demand(errno === ofRules || errno === "EIO", `refused by ${errno}`);
  if (errno === ofRules) demand(isRefused(world, client, ranges), `${errno} though the rules say yes`);
  else demand(world.system.deviceOf(client).maskBits < 64, "EIO though the mask reaches everything");
  counts.refused++;
}

function count(spans: readonly Span[]): void {
  counts.mapped++;
  for (const { isBus } of spans) counts[isBus ? "bus" : "others"]++;
}

test("A list that is mapped leads the device to exactly its bytes; one that is not leaves nothing; unmap restores all", () => {
  fc.assert(
    fc.property(machineDrafts, cases, (draft, list) => {
      const world = mappedWorld(draft);
      const { system, clients } = world;
      if (clients.length === 0) return;
      for (const { client: which, pieces } of list) {
        const client = clients[which % clients.length] as Bdf;
        const ranges = rangesOf(world, pieces);
        const device = system.deviceOf(client);
        const ops = system.opsOf(client);
        const before = stateOf(world, client);
        const entries: Scatterlist = scatterlist(
          ranges.map(({ start, sizeBytes }) => ({ start: start, sizeBytes: sizeBytes })),
        );
        const mapped = ops.mapList(device, entries, "bidirectional");
        if (!mapped.ok) {
          expectRefusal(world, client, ranges, mapped.errno);
          demand(entries.dmaCount === 0, `${entries.dmaCount} entries are left`);
        } else {
          if (isRefused(world, client, ranges)) throw new Error("mapped though the rules say no");
          const spans = dmaEntries(entries);
          count(spans);
          // The DMA side has the bytes in the order of the list, bus addresses among them.
          expectReached(world, client, spans, ranges);
          ops.unmapList(device, entries, "bidirectional");
          demand(entries.dmaCount === 0, `${entries.dmaCount} entries are left`);
          expectSame(stateOf(world, client), before);
          expectGone(world, client, spans);
        }
        expectSame(stateOf(world, client), before);
      }
      expectNothingElse(world);
      expect(system.units.faults).toEqual([]);
    }),
    settings,
  );
}, 600_000);

/** Where a byte of ranges lies, and how many there are from it to the end of its range. */
function placeOf(ranges: readonly PhysRange[], offset: number): { readonly phys: PhysAddr; readonly left: number } {
  let before = 0;
  for (const { start, sizeBytes } of ranges) {
    if (offset < before + sizeBytes)
      return { phys: (start + offset - before) as PhysAddr, left: before + sizeBytes - offset };
    before += sizeBytes;
  }
  throw new Error("the spans are longer than the list");
}

/**
 * As {@link expectReached} with hardware that need not carry what the kernel maps: each request arrives at its bytes or ends
 * by name, and then has written nothing. How the first ended that did not arrive.
 */
function reachOf(
  { system: { fabric } }: MappedWorld,
  client: Bdf,
  spans: readonly Span[],
  ranges: readonly PhysRange[],
): RouteOutcome {
  let ended: RouteOutcome = "delivered";
  let done = 0;
  for (const { address, lengthBytes } of spans) {
    for (let at = 0; at < lengthBytes; ) {
      const { phys, left } = placeOf(ranges, done + at);
      const toPageEnd = Math.min(PAGE_BYTES - (phys % PAGE_BYTES), PAGE_BYTES - ((address + at) % PAGE_BYTES));
      const length = Math.min(lengthBytes - at, left, toPageEnd);
      const piece = freshBytes(length);
      const written = fabric.write(client, (address + at) as DmaAddr, piece);
      const found = new Uint8Array(length);
      fabric.cpuRead(phys, found);
      const right = written === "delivered" ? piece : new Uint8Array(length);
      if (!isSame(found, right)) throw new Error(`wrong bytes at ${phys}`);
      const back = new Uint8Array(length);
      const read = fabric.read(client, (address + at) as DmaAddr, back);
      if (read === "delivered" && !isSame(back, found)) throw new Error("the device reads other bytes than are there");
      if (ended === "delivered") ended = written === "delivered" ? read : written;
      fabric.cpuWrite(phys, new Uint8Array(length));
      at += length;
    }
    done += lengthBytes;
  }
  return ended;
}

test("With the model's own defaults what is mapped arrives at its bytes, or ends by a name; nothing is left or elsewhere", () => {
  fc.assert(
    fc.property(machineDrafts, cases, (draft, list) => {
      const world = mappedWorld(draft, "defaults");
      const { system, clients } = world;
      for (const { client: which, pieces } of clients.length === 0 ? [] : list) {
        const client = clients[which % clients.length] as Bdf;
        const ranges = rangesOf(world, pieces);
        const [ops, device] = [system.opsOf(client), system.deviceOf(client)];
        const before = stateOf(world, client);
        const entries: Scatterlist = scatterlist(ranges);
        const mapped = ops.mapList(device, entries, "bidirectional");
        if (mapped.ok) {
          const spans = dmaEntries(entries);
          const ended = reachOf(world, client, spans, ranges);
          byDefault[ended] = (byDefault[ended] ?? 0) + 1;
          ops.unmapList(device, entries, "bidirectional");
          expectSame(stateOf(world, client), before);
          expectGone(world, client, spans);
        } else {
          expectRefusal(world, client, ranges, mapped.errno);
          byDefault.refused = (byDefault.refused ?? 0) + 1;
        }
        expectSame(stateOf(world, client), before);
      }
      expectNothingElse(world);
    }),
    { ...settings, numRuns: Math.ceil(CASES / CASES_EACH / DEFAULTS_PART) },
  );
}, 600_000);

test("Ranges of a provider without pages are mapped, refused and unmapped likewise", () => {
  fc.assert(
    fc.property(machineDrafts, cases, (draft, list) => {
      const world = mappedWorld(draft);
      const { system, clients } = world;
      if (clients.length === 0) return;
      for (const { client: which, pieces } of list) {
        const client = clients[which % clients.length] as Bdf;
        // All pieces in the memory of the first one's provider, in whole pages.
        const [first] = pieces;
        const peer = 1 + ((first?.memory ?? 0) % (world.memory.length - 1));
        const whole = pieces.map((one) => ({ ...one, memory: peer, offset: 0, lengthBytes: PAGE_BYTES }));
        const ranges = rangesOf(world, whole);
        const provider = system.maps.providerAt((ranges[0] as PhysRange).start);
        if (provider === null) throw new Error("peer memory without a provider");
        const device = system.deviceOf(client);
        const ops = system.opsOf(client);
        const before = stateOf(world, client);
        const mapped = ops.mapProviderRanges(device, provider, ranges, "bidirectional");
        if (!mapped.ok) expectRefusal(world, client, ranges, mapped.errno, "EINVAL");
        else {
          if (isRefused(world, client, ranges)) throw new Error("mapped though the rules say no");
          const spans = mapped.value.map(spanOf);
          count(spans);
          expectReached(world, client, spans, ranges);
          ops.unmapProviderRanges(device, mapped.value, "bidirectional");
          expectSame(stateOf(world, client), before);
          expectGone(world, client, spans);
        }
        expectSame(stateOf(world, client), before);
      }
      expectNothingElse(world);
      expect(system.units.faults).toEqual([]);
    }),
    settings,
  );
}, 600_000);

function spanOf({ address, lengthBytes, isBus }: DmaMapping): Span {
  return { address, lengthBytes, isBus };
}
