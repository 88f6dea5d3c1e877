import { describe, expect, it } from "vitest";
import { PageMaps } from "../../src/memory/page-maps.ts";
import type { PagemapRequest } from "../../src/memory/pagemap.ts";
import type { Provider } from "../../src/memory/provider.ts";
import { type PhysRange, physAddr } from "../../src/pci/addresses.ts";
import { makeBdf } from "../../src/pci/bdf.ts";

const PAGE = 4096;
const provider: Provider = { owner: makeBdf(0, 3, 0, 0), bar: 0, busOffset: -0x1000, range: pages(0, 2 ** 40) };

function pages(first: number, count: number): PhysRange {
  return { start: physAddr(first * PAGE), sizeBytes: count * PAGE };
}

function request(range: PhysRange, parts: Partial<PagemapRequest> = {}): PagemapRequest {
  return { range, kind: "ram", provider: null, ...parts };
}

describe("Look-up", () => {
  it("Every kind of page lies beside the others, and only peer pages have a provider", () => {
    const maps = new PageMaps();
    const kinds = ["ram", "peer", "private", "coherent", "persistent"] as const;
    kinds.forEach((kind, index) => {
      maps.add(request(pages(index * 10, 5), { kind, provider: kind === "peer" ? provider : null }));
    });
    expect(kinds.map((_, index) => maps.kindAt(physAddr((index * 10 + 4) * PAGE + 4095)))).toEqual(kinds);
    expect(maps.providerAt(physAddr(10 * PAGE))).toBe(provider);
    expect(maps.providerAt(physAddr(20 * PAGE))).toBeNull();
  });

  it("A range without pages costs nothing and is no page", () => {
    const maps = new PageMaps();
    maps.add(request(pages(0, 512)));
    expect(maps.kindAt(physAddr(512 * PAGE))).toBeNull();
    expect(maps.providerAt(physAddr(2 ** 45))).toBeNull();
    expect(maps.structPageBytes).toBe(512 * 64);
  });

  it("A BAR of 128 GiB costs 2 GiB of struct pages, which the model does not take", () => {
    const maps = new PageMaps();
    const pagemap = maps.add(request(pages(2 ** 30, 2 ** 25), { kind: "peer", provider }));
    expect(pagemap.structPageBytes).toBe(2 ** 31);
    maps.handOut(pages(2 ** 30 + 2 ** 24, 1));
    expect(maps.referencesAt(physAddr((2 ** 30 + 2 ** 24) * PAGE))).toBe(1);
  });

  it("A range has pages once, whole ones, and the provider that its kind asks for", () => {
    const maps = new PageMaps();
    maps.add(request(pages(10, 10)));
    for (const [first, count] of [
      [5, 6],
      [19, 1],
      [12, 2],
      [0, 100],
    ] as const) {
      expect(() => maps.add(request(pages(first, count)))).toThrowError(/has pages already/);
    }
    expect(() => maps.add(request({ start: physAddr(100), sizeBytes: PAGE }))).toThrowError(/whole pages/);
    expect(() => maps.add(request(pages(50, 0)))).toThrowError(/whole pages/);
    expect(() => maps.add(request(pages(50, 1), { kind: "peer" }))).toThrowError(/have a provider/);
    expect(() => maps.add(request(pages(50, 1), { provider }))).toThrowError(/have a provider/);
    maps.add(request(pages(20, 1)));
  });
});

describe("References", () => {
  it("A page returns to its owner with its last reference, neighbours together", () => {
    const maps = new PageMaps();
    const returned: PhysRange[] = [];
    maps.add(request(pages(0, 10), { release: (range) => returned.push(range) }));
    maps.handOut(pages(0, 5));
    maps.getPage(physAddr(2 * PAGE + 100));
    maps.putPages(pages(0, 5));
    expect(returned).toEqual([pages(0, 2), pages(3, 2)]);
    maps.putPage(physAddr(2 * PAGE));
    expect(returned[2]).toEqual(pages(2, 1));
  });

  it("Nobody gets a page that its owner did not hand out, and nobody drops one twice", () => {
    const maps = new PageMaps();
    maps.add(request(pages(0, 4)));
    expect(() => maps.getPage(physAddr(0))).toThrowError(/without references/);
    expect(maps.tryGetPages(pages(0, 1))).toBe(false);
    maps.handOut(pages(0, 2));
    expect(() => maps.handOut(pages(1, 2))).toThrowError(/is in use/);
    expect(() => maps.putPages(pages(0, 3))).toThrowError(/no references/);
    expect(maps.referencesAt(physAddr(0))).toBe(1);
    expect(() => maps.getPages(pages(3, 2))).toThrowError(/leaves its pagemap/);
    expect(() => maps.putPage(physAddr(9 * PAGE))).toThrowError(/no page is there/);
  });

  it("A new user gets all pages or none, and none whose owner leaves", () => {
    const maps = new PageMaps();
    const pagemap = maps.add(request(pages(0, 4)));
    maps.handOut(pages(0, 2));
    expect(maps.tryGetPages(pages(0, 3))).toBe(false);
    expect(maps.referencesAt(physAddr(0))).toBe(1);
    expect(maps.tryGetPages(pages(0, 2))).toBe(true);
    pagemap.isDying = true;
    expect(maps.tryGetPages(pages(0, 2))).toBe(false);
    maps.getPages(pages(0, 2));
    expect(maps.referencesAt(physAddr(0))).toBe(3);
  });

  it("Struct pages stay while a page is in use", () => {
    const maps = new PageMaps();
    const pagemap = maps.add(request(pages(0, 4)));
    maps.handOut(pages(3, 1));
    expect(() => maps.remove(pagemap)).toThrowError(/1 pages are in use/);
    maps.putPages(pages(3, 1));
    maps.remove(pagemap);
    expect(maps.kindAt(physAddr(0))).toBeNull();
    expect(() => maps.remove(pagemap)).toThrowError(/not among them/);
  });
});
