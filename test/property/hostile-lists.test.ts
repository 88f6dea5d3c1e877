import fc from "fast-check";
import { afterAll, test } from "vitest";
import type { DmaDirection } from "../../src/dma/dma-device.ts";
import type { DmaErrno } from "../../src/dma/dma-error.ts";
import type { DmaOps } from "../../src/dma/dma-ops.ts";
import { type DmaEntry, dmaEntries, scatterlist } from "../../src/dma/scatterlist.ts";
import type { RouteOutcome } from "../../src/fabric/route.ts";
import type { Provider } from "../../src/memory/provider.ts";
import { type DmaAddr, iova, PAGE_BYTES, type PhysAddr, type PhysRange } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { type MappedWorld, machineDrafts, mappedWorld } from "./mapped-machines.ts";

/** Lists of each property of this file. */
const CASES = Number(process.env["PEERLANE_LIST_RUNS"] ?? 4000);
/** Lists on each machine: building one costs as much as dozens of them. */
const CASES_EACH = 128;
const SEED = Number(process.env["PEERLANE_FUZZ_SEED"] ?? (Math.random() * 2 ** 31) | 0);

const settings: fc.Parameters<unknown> = {
  seed: SEED,
  numRuns: Math.ceil(CASES / CASES_EACH),
  interruptAfterTimeLimit: 3_600_000,
  markInterruptAsFailure: true,
};

const counts: Record<string, number> = {};
function count(what: string): void {
  counts[what] = (counts[what] ?? 0) + 1;
}

afterAll(() => {
  process.stdout.write(`hostile-lists: seed ${SEED}: ${JSON.stringify(counts)}\n`);
});

/** An entry by numbers that are taken modulo what there is. */
interface Entry {
  /** Where it begins: in a memory, before its start, close to its end, at a hole, or where an earlier entry does. */
  readonly at: "inside" | "start" | "end" | "anywhere" | "again" | "shifted";
  readonly memory: number;
  readonly offset: number;
  readonly sizeBytes: number;
}

interface Case {
  readonly client: number;
  readonly other: number;
  readonly call: "list" | "range" | "provider";
  readonly entries: readonly Entry[];
}

const sizeBytes = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom(1, 7, 512, PAGE_BYTES, 2 * PAGE_BYTES) },
  { weight: 3, arbitrary: fc.integer({ min: 1, max: 3 * PAGE_BYTES }) },
  { weight: 1, arbitrary: fc.constantFrom(2 ** 16, 2 ** 16 + 1, 2 ** 20, 2 ** 33, 2 ** 40) },
);
const entry: fc.Arbitrary<Entry> = fc.record({
  at: fc.constantFrom("inside", "inside", "inside", "inside", "again", "shifted", "start", "end", "anywhere"),
  memory: fc.nat(40),
  offset: fc.oneof(
    fc.nat(15).map((page) => page * PAGE_BYTES),
    fc.nat(2 ** 16),
  ),
  sizeBytes,
});
const tame: fc.Arbitrary<Entry> = fc.record({
  at: fc.constantFrom("inside", "inside", "again", "shifted"),
  memory: fc.nat(40),
  offset: fc.nat(15).map((page) => page * PAGE_BYTES),
  sizeBytes: fc.constantFrom(512, PAGE_BYTES, PAGE_BYTES),
});
const cases: fc.Arbitrary<Case[]> = fc.array(
  fc.record({
    client: fc.nat(),
    other: fc.nat(),
    call: fc.constantFrom("list", "list", "list", "range", "provider"),
    entries: fc.oneof(fc.array(entry, { minLength: 1, maxLength: 6 }), fc.array(tame, { minLength: 1, maxLength: 8 })),
  }),
  { minLength: CASES_EACH, maxLength: CASES_EACH },
);

function rangesOf({ memory }: MappedWorld, entries: readonly Entry[]): readonly PhysRange[] {
  const ranges: PhysRange[] = [];
  for (const { at, memory: which, offset, sizeBytes: bytes } of entries) {
    const home = memory[which % memory.length] as PhysRange;
    const earlier = ranges[offset % Math.max(1, ranges.length)] ?? home;
    const start = {
      inside: home.start + (offset % home.sizeBytes),
      start: home.start - (offset % (2 * PAGE_BYTES)),
      end: home.start + home.sizeBytes - (offset % (2 * PAGE_BYTES)) - 1,
      anywhere: (offset + 1) * 0x9e37_79b1,
      again: earlier.start,
      shifted: earlier.start + (offset % PAGE_BYTES),
    }[at];
    const isWhole = at === "again" && ranges.length > 0;
    const inside = at === "inside" ? Math.min(bytes, home.sizeBytes - (offset % home.sizeBytes)) : bytes;
    ranges.push({ start: Math.max(0, start) as PhysAddr, sizeBytes: isWhole ? earlier.sizeBytes : inside });
  }
  return ranges;
}

function isWithin({ start, sizeBytes: bytes }: PhysRange, outer: PhysRange): boolean {
  return start >= outer.start && start + bytes <= outer.start + outer.sizeBytes;
}

/** What the call may say of ranges, worked out from where memory lies and nothing else. */
function expected(
  { system, memory }: MappedWorld,
  client: Bdf,
  ranges: readonly PhysRange[],
  provider: Provider | null,
): { readonly mayMap: boolean; readonly mustMap: boolean; readonly errnos: readonly DmaErrno[] } {
  const [, ...peers] = memory;
  const homes = provider === null ? [...system.physical.ram, ...peers] : [provider.range];
  const isOutside = ranges.some((range) => !homes.some((home) => isWithin(range, home)));
  const owners = ranges.map(({ start }) => provider ?? system.maps.providerAt(start));
  const isRefused = owners.some((owner) => owner !== null && system.decide(owner, client) === "not-supported");
  const isNarrow = system.deviceOf(client).maskBits < 64;
  const translates = system.units.dmaDomainOf(client) !== null;
  const isUnaligned = ranges.some(
    ({ start, sizeBytes: bytes }) => start % PAGE_BYTES !== 0 || bytes % PAGE_BYTES !== 0,
  );
  // Ranges without pages are linked into one space, where only the first may begin and the last may end inside a page.
  const mayNotLink = provider !== null && translates && isUnaligned;
  const errnos: DmaErrno[] = [];
  if (isOutside || (isRefused && provider !== null)) errnos.push("EINVAL");
  if (isRefused && provider === null) errnos.push("EREMOTEIO");
  if (isNarrow || mayNotLink) errnos.push("EIO");
  if (translates && isNarrow) errnos.push("ENOMEM");
  const mayMap = !isOutside && !isRefused;
  return { mayMap, mustMap: errnos.length === 0, errnos };
}

/** Bytes mapped and ranges taken for a client, once nothing waits for a flush. */
function stateOf({ system }: MappedWorld, client: Bdf): string {
  const domain = system.units.dmaDomainOf(client);
  domain?.flush();
  return domain === null ? "" : `${domain.mappedBytes} ${domain.iovas.allocationCount} ${domain.queueLength}`;
}

function fail(what: string): never {
  throw new Error(what);
}

/** What the CPU should find: the bytes of each page that somebody wrote, by where the page lies. */
class Reference {
  readonly #pages = new Map<number, Uint8Array>();

  #pageAt(phys: number): Uint8Array {
    const start = phys - (phys % PAGE_BYTES);
    let page = this.#pages.get(start);
    if (page === undefined) {
      page = new Uint8Array(PAGE_BYTES);
      this.#pages.set(start, page);
    }
    return page;
  }

  /** Within one page. */
  write(phys: number, bytes: Uint8Array): void {
    this.#pageAt(phys).set(bytes, phys % PAGE_BYTES);
  }

  slice(phys: number, lengthBytes: number): Uint8Array {
    const page = this.#pageAt(phys);
    return page.subarray(phys % PAGE_BYTES, (phys % PAGE_BYTES) + lengthBytes);
  }

  at(start: number): Uint8Array {
    return this.#pageAt(start);
  }
}

/** Bytes that differ from those at other places, none of them 0; its period divides no page. */
const PATTERN = Uint8Array.from({ length: 2 ** 14 }, (_, index) => ((index * 13) % 251) + 1);
/** What is moved of one entry: a list may name gigabytes. */
const MOVED_BYTES = 3 * PAGE_BYTES;

/**
 * The device writes and reads every entry in order, piece by piece within pages of both sides; what arrives is where the
 * entry lies, and what does not arrive has a name.
 */
function expectReached(
  { system: { fabric } }: MappedWorld,
  client: Bdf,
  spans: readonly DmaEntry[],
  ranges: readonly PhysRange[],
  mayMiss: boolean,
): Reference {
  const reference = new Reference();
  const total = ranges.reduce((sum, { sizeBytes: bytes }) => sum + bytes, 0);
  if (spans.reduce((sum, { lengthBytes }) => sum + lengthBytes, 0) !== total)
    fail("the spans are not as long as the list");
  let span = 0;
  let used = 0;
  const delivered = (outcome: RouteOutcome): boolean => {
    if (outcome === "delivered") return true;
    count(outcome);
    return mayMiss ? false : fail(JSON.stringify(fabric.lastRoute()));
  };
  ranges.forEach(({ start, sizeBytes: bytes }, index) => {
    for (let done = 0; done < bytes; ) {
      const { address, lengthBytes } = spans[span] ?? fail("the spans end early");
      const [phys, at] = [start + done, (address + used) as DmaAddr];
      const toPageEnd = Math.min(PAGE_BYTES - (phys % PAGE_BYTES), PAGE_BYTES - (at % PAGE_BYTES));
      const isMoved = done < MOVED_BYTES;
      const length = Math.min(bytes - done, lengthBytes - used, isMoved ? toPageEnd : Number.POSITIVE_INFINITY);
      if (isMoved) {
        const piece = PATTERN.subarray((index * 83 + done) % 4096, ((index * 83 + done) % 4096) + length);
        if (delivered(fabric.write(client, at, piece))) reference.write(phys, piece);
        const back = new Uint8Array(length);
        if (delivered(fabric.read(client, at, back)) && Buffer.compare(back, reference.slice(phys, length)) !== 0) {
          fail(`the device reads other bytes than are at ${phys}`);
        }
      }
      done += length;
      used += length;
      if (used === lengthBytes) {
        span++;
        used = 0;
      }
    }
  });
  return reference;
}

/** Every byte of the machine is what the reference has; then all are 0 again. */
function expectNothingElse({ system }: MappedWorld, reference: Reference): void {
  const { fabric, providers, physical } = system;
  const stores = [
    { store: fabric.dram, base: 0 },
    ...providers.map(({ owner, bar, range }) => ({ store: fabric.barBytes(owner, bar), base: range.start })),
  ];
  for (const { store, base } of stores) {
    for (const page of store.storedPages()) {
      if (Buffer.compare(store.slice(page, PAGE_BYTES), reference.at(base + page)) !== 0) {
        fail(`other bytes than were written at ${base + page} (${physical.regionAt((base + page) as PhysAddr)?.kind})`);
      }
    }
    store.fill(0, Number.MAX_SAFE_INTEGER - PAGE_BYTES, 0);
  }
}

interface Mapped {
  readonly spans: readonly DmaEntry[];
  unmap(by: Bdf, direction: DmaDirection): void;
}

type Answer = { readonly ok: true; readonly value: Mapped } | { readonly ok: false; readonly errno: DmaErrno };

function map(
  { system }: MappedWorld,
  client: Bdf,
  call: Case["call"],
  ranges: readonly PhysRange[],
  provider: Provider | null,
): Answer {
  const opsOf = (bdf: Bdf): DmaOps => system.opsOf(bdf);
  const device = system.deviceOf(client);
  if (provider !== null) {
    const mapped = opsOf(client).mapProviderRanges(device, provider, ranges, "bidirectional");
    if (!mapped.ok) return mapped;
    const unmap: Mapped["unmap"] = (by, direction) =>
      opsOf(by).unmapProviderRanges(system.deviceOf(by), mapped.value, direction);
    return { ok: true, value: { spans: mapped.value, unmap } };
  }
  if (call === "range") {
    const mapped = opsOf(client).mapRange(device, ranges[0] as PhysRange, "bidirectional");
    if (!mapped.ok) return mapped;
    const unmap: Mapped["unmap"] = (by, direction) =>
      opsOf(by).unmapRange(system.deviceOf(by), mapped.value, direction);
    return { ok: true, value: { spans: [mapped.value], unmap } };
  }
  const list = scatterlist(ranges);
  const mapped = opsOf(client).mapList(device, list, "bidirectional");
  if (!mapped.ok) return list.dmaCount === 0 ? mapped : fail("a refused list has DMA entries");
  const unmap: Mapped["unmap"] = (by, direction) => opsOf(by).unmapList(system.deviceOf(by), list, direction);
  return { ok: true, value: { spans: dmaEntries(list), unmap } };
}

/** Throws unless the call does, as misuse. */
function expectThrow(what: string, work: () => void): void {
  let isThrown = false;
  try {
    work();
  } catch {
    isThrown = true;
  }
  if (!isThrown) fail(what);
}

function carryOut(world: MappedWorld, one: Case, hardware: "permissive" | "defaults"): void {
  const { system, clients } = world;
  const client = clients[one.client % clients.length] as Bdf;
  const other = clients[one.other % clients.length] as Bdf;
  const provider = one.call === "provider" ? (system.providers[one.other % system.providers.length] ?? null) : null;
  const all = rangesOf(world, one.entries);
  const ranges = one.call === "range" ? all.slice(0, 1) : all;
  const right = expected(world, client, ranges, provider);
  const before = stateOf(world, client);
  const answer = map(world, client, one.call, ranges, provider);
  if (!answer.ok) {
    count(answer.errno);
    if (!right.errnos.includes(answer.errno)) fail(`${answer.errno} where ${right.errnos.join(", ")} may be`);
    if (right.mustMap) fail(`refused by ${answer.errno}`);
  } else {
    if (!right.mayMap) fail("mapped what must not be");
    count("mapped");
    const { spans, unmap } = answer.value;
    const reference = expectReached(world, client, spans, ranges, hardware === "defaults");
    expectNothingElse(world, reference);
    const held = stateOf(world, client);
    if (other !== client) expectThrow("unmapped for another device", () => unmap(other, "bidirectional"));
    expectThrow("unmapped in another direction", () => unmap(client, "to-device"));
    if (stateOf(world, client) !== held) fail("a refused unmap changed something");
    unmap(client, "bidirectional");
    expectThrow("unmapped twice", () => unmap(client, "bidirectional"));
    const domain = system.units.dmaDomainOf(client);
    domain?.flush();
    for (const { address, isBus } of spans) {
      if (domain !== null && !isBus && domain.resolve(iova(address), true) >= 0) fail("still mapped");
    }
  }
  if (stateOf(world, client) !== before) fail(`left behind: ${stateOf(world, client)} instead of ${before}`);
  if (hardware === "permissive" && system.units.faults.length > 0) fail("the IOMMU logged a fault");
  system.units.clearFaults();
}

for (const hardware of ["permissive", "defaults"] as const) {
  test(`Whatever list, range or provider the raw operations get: the right bytes or a named error, nothing outside, nothing left (${hardware})`, () => {
    fc.assert(
      fc.property(machineDrafts, cases, (draft, list) => {
        const world = mappedWorld(draft, hardware);
        if (world.clients.length === 0) return;
        for (const one of list) carryOut(world, one, hardware);
      }),
      settings,
    );
  }, 3_600_000);
}
