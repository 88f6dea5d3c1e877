import { describe, expect, test } from "vitest";
import { mappedPages, placeList } from "../../src/dma/place-list.ts";
import { dmaEntries, type Scatterlist, scatterlist } from "../../src/dma/scatterlist.ts";
import type { IommuDomain } from "../../src/iommu/domain.ts";
import { noCost } from "../../src/memory/cost.ts";
import { physAddr } from "../../src/pci/addresses.ts";

/** An entry of physical memory, or of a peer at a bus address. */
type Entry = readonly ["phys" | "bus", address: number, lengthBytes: number];

const START = 0xf000_0000;

/** The list as the first pass leaves it: its bus addresses stand in the DMA side. */
function listOf(entries: readonly Entry[]): Scatterlist {
  const list = scatterlist(
    entries.map(([, address, lengthBytes]) => ({ start: physAddr(address), sizeBytes: lengthBytes })),
  );
  for (const [index, [kind, address]] of entries.entries()) {
    list.dmaIsBus[index] = kind === "bus" ? 1 : 0;
    // What stood there before means nothing for the others.
    list.dmaAddress[index] = kind === "bus" ? address : 0xbad;
  }
  return list;
}

/** Places a list and tells the calls of the IOMMU's map, each as IOVA, physical address, bytes and permission. */
function place(entries: readonly Entry[]) {
  const list = listOf(entries);
  const maps: (readonly number[])[] = [];
  const domain = { map: (...call: number[]) => maps.push(call) } as unknown as IommuDomain;
  list.dmaCount = placeList(domain, list, START, 3, noCost());
  const out = dmaEntries(list).map(({ address, lengthBytes, isBus }) => [isBus ? "bus" : "iova", address, lengthBytes]);
  return { maps, out, pages: mappedPages(list, noCost()) };
}

describe("where the entries of a list lie in IOVA space", () => {
  test.for<
    readonly [
      what: string,
      entries: readonly Entry[],
      maps: readonly (readonly [iova: number, phys: number, bytes: number])[],
      out: readonly (readonly ["iova" | "bus", address: number, lengthBytes: number])[],
      pages: readonly [start: number, bytes: number] | null,
    ]
  >([
    ["nothing", [], [], [], null],
    ["one page", [["phys", 0x1000, 4096]], [[START, 0x1000, 0x1000]], [["iova", START, 4096]], [START, 0x1000]],
    [
      "one byte inside a page",
      [["phys", 0x1234, 1]],
      [[START, 0x1000, 0x1000]],
      [["iova", START + 0x234, 1]],
      [START, 0x1000],
    ],
    [
      "a byte on each side of a page's end",
      [["phys", 0x1fff, 2]],
      [[START, 0x1000, 0x2000]],
      [["iova", START + 0xfff, 2]],
      [START, 0x2000],
    ],
    [
      "two pages that touch: one call, one entry",
      [
        ["phys", 0x1000, 4096],
        ["phys", 0x2000, 4096],
      ],
      [[START, 0x1000, 0x2000]],
      [["iova", START, 8192]],
      [START, 0x2000],
    ],
    [
      "two pages apart: two calls, one entry",
      [
        ["phys", 0x1000, 4096],
        ["phys", 0x9000, 4096],
      ],
      [
        [START, 0x1000, 0x1000],
        [START + 0x1000, 0x9000, 0x1000],
      ],
      [["iova", START, 8192]],
      [START, 0x2000],
    ],
    [
      "the page at zero first",
      [
        ["phys", 0, 4096],
        ["phys", 0x1000, 4096],
      ],
      [[START, 0, 0x2000]],
      [["iova", START, 8192]],
      [START, 0x2000],
    ],
    [
      "pages in falling order",
      [
        ["phys", 0x2000, 4096],
        ["phys", 0x1000, 4096],
      ],
      [
        [START, 0x2000, 0x1000],
        [START + 0x1000, 0x1000, 0x1000],
      ],
      [["iova", START, 8192]],
      [START, 0x2000],
    ],
    [
      "a gap inside a page keeps two entries",
      [
        ["phys", 0x1000, 100],
        ["phys", 0x5000, 4096],
      ],
      [
        [START, 0x1000, 0x1000],
        [START + 0x1000, 0x5000, 0x1000],
      ],
      [
        ["iova", START, 100],
        ["iova", START + 0x1000, 4096],
      ],
      [START, 0x2000],
    ],
    ["only a peer at its bus address", [["bus", 0x38_0000_0000, 512]], [], [["bus", 0x38_0000_0000, 512]], null],
    [
      "a peer between pages that would touch: one call, three entries",
      [
        ["phys", 0x1000, 4096],
        ["bus", 0x38_0000_0000, 512],
        ["phys", 0x2000, 4096],
      ],
      [[START, 0x1000, 0x2000]],
      [
        ["iova", START, 4096],
        ["bus", 0x38_0000_0000, 512],
        ["iova", START + 0x1000, 4096],
      ],
      [START, 0x2000],
    ],
    [
      "a peer whose bus address ends where the next IOVA begins stays apart",
      [
        ["bus", START - 0x1000, 4096],
        ["phys", 0x1000, 4096],
      ],
      [[START, 0x1000, 0x1000]],
      [
        ["bus", START - 0x1000, 4096],
        ["iova", START, 4096],
      ],
      [START, 0x1000],
    ],
    [
      "a peer first, then a byte of the second page",
      [
        ["bus", 0x38_0000_0000, 512],
        ["phys", 0x1800, 0x900],
      ],
      [[START, 0x1000, 0x2000]],
      [
        ["bus", 0x38_0000_0000, 512],
        ["iova", START + 0x800, 0x900],
      ],
      [START, 0x2000],
    ],
  ])("%s", ([, entries, maps, out, pages]) => {
    const placed = place(entries);
    expect(placed.maps).toEqual(maps.map((call) => [...call, 3]));
    expect(placed.out).toEqual(out);
    expect(placed.pages).toEqual(pages === null ? null : { start: pages[0], sizeBytes: pages[1] });
  });

  test("pages at IOVA 0 count as mapped", () => {
    const list = listOf([["phys", 0x1000, 4096]]);
    list.dmaCount = placeList({ map: () => {} } as unknown as IommuDomain, list, 0, 1, noCost());
    expect(mappedPages(list, noCost())).toEqual({ start: 0, sizeBytes: 4096 });
  });
});
