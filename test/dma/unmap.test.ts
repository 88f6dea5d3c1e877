import { describe, expect, test } from "vitest";
import { directOps } from "../../src/dma/direct.ts";
import type { DmaOps, StaleReach } from "../../src/dma/dma-ops.ts";
import { iommuOps } from "../../src/dma/iommu.ts";
import { refusingOps } from "../../src/dma/refusing.ts";
import { scatterlist } from "../../src/dma/scatterlist.ts";
import { FAULT_NOT_PRESENT, IommuDomain } from "../../src/iommu/domain.ts";
import { type Iova, iova, physAddr } from "../../src/pci/addresses.ts";
import { makeBdf } from "../../src/pci/bdf.ts";
import { device, domain, FakePages, provider, range, rules } from "./fake-memory.ts";

const near = provider(0, 0x10_0000_0000, range(0xc000_0000, 0x10000));
const far = provider(1, 0, range(0xd000_0000, 0x10000));
const pages = new FakePages([
  { start: 0, sizeBytes: 0x8000_0000, kind: "ram" },
  { start: 0xc000_0000, sizeBytes: 0x10000, kind: "peer", provider: near },
  { start: 0xd000_0000, sizeBytes: 0x10000, kind: "peer", provider: far },
]);
const { decide } = rules(
  new Map([
    [near, "bus-addr"],
    [far, "thru-host-bridge"],
  ]),
);
const other = device({ bdf: makeBdf(0, 6, 0, 0) });

const withIommu = (used: IommuDomain | null = domain()): DmaOps =>
  iommuOps({ pages, decide, domains: { dmaDomainOf: () => used } });

const BACK_ENDS: readonly (readonly [name: string, make: () => DmaOps])[] = [
  ["direct", () => directOps({ pages, decide })],
  ["iommu", withIommu],
  ["passthrough", () => withIommu(null)],
];

/** What was mapped, as the calls that undo it take it. */
type Undo = (ops: DmaOps, dev: typeof other, direction: "to-device" | "from-device") => void;

/** A list, a range, a resource and ranges of a provider, mapped for {@link device} to it, and how each is undone. */
function mapped(ops: DmaOps): readonly (readonly [what: string, undo: Undo])[] {
  const list = scatterlist([{ start: physAddr(0x1000), sizeBytes: 4096 }]);
  ops.mapList(device(), list, "to-device");
  const one = ops.mapRange(device(), range(0x2000, 64), "to-device");
  const resource = ops.mapResource(device(), range(0xc000_0000, 64), "to-device");
  const bus = ops.mapProviderRanges(device(), near, [range(0xc000_0000, 64)], "to-device");
  const through = ops.mapProviderRanges(device(), far, [range(0xd000_0000, 64)], "to-device");
  if (!one.ok || !resource.ok || !bus.ok || !through.ok) throw new Error("one was refused");
  return [
    ["a list", (back, dev, direction) => back.unmapList(dev, list, direction)],
    ["a range", (back, dev, direction) => back.unmapRange(dev, one.value, direction)],
    ["a resource", (back, dev, direction) => back.unmapRange(dev, resource.value, direction)],
    ["ranges at bus addresses", (back, dev, direction) => back.unmapProviderRanges(dev, bus.value, direction)],
    [
      "ranges through the host bridge",
      (back, dev, direction) => back.unlinkProviderRanges(dev, through.value, direction),
    ],
  ];
}

const error = (message: string, remedy: string): object =>
  expect.objectContaining({ code: "bad-input", message, remedy });
const OTHERWISE = "unmap with the device and the direction of the mapping call";
const ONCE = "unmap the object that the mapping call filled or returned, once";

describe.each(BACK_ENDS)("Unmapping, %s", (_name, make) => {
  test("for another device, in another direction or twice is refused, and nothing is undone by it", () => {
    const ops = make();
    for (const [what, undo] of mapped(ops)) {
      expect(() => undo(ops, other, "to-device"), what).toThrow(
        error("mapped for 0000:05:00.0, to-device, and unmapped for 0000:06:00.0, to-device", OTHERWISE),
      );
      expect(() => undo(ops, device(), "from-device"), what).toThrow(
        error("mapped for 0000:05:00.0, to-device, and unmapped for 0000:05:00.0, from-device", OTHERWISE),
      );
      expect(() => undo(ops, device(), "to-device"), what).not.toThrow();
      expect(() => undo(ops, device(), "to-device"), what).toThrow(
        error("no such mapping of 0000:05:00.0: unmapped twice, or never made", ONCE),
      );
    }
  });

  test("one of several ranges that is none refuses all", () => {
    const ops = make();
    const ranges = ops.mapProviderRanges(device(), near, [range(0xc000_0000, 64), range(0xc000_1000, 64)], "to-device");
    if (!ranges.ok) throw new Error(ranges.reason);
    const made = { ...ranges.value[0], isBus: true } as (typeof ranges.value)[number];
    for (const undo of [ops.unmapProviderRanges, ops.unlinkProviderRanges]) {
      expect(() => undo.call(ops, device(), [...ranges.value, made], "to-device")).toThrow("never made");
    }
    expect(() => ops.unmapProviderRanges(device(), ranges.value, "to-device")).not.toThrow();
  });
});

describe("What a device still reaches by addresses that were unmapped", () => {
  test.each<[name: string, ops: DmaOps, peer: typeof near, expected: StaleReach]>([
    ["without an IOMMU", directOps({ pages, decide }), far, "bus-address"],
    ["in passthrough", withIommu(null), far, "bus-address"],
    ["at a bus address", withIommu(), near, "bus-address"],
    ["in a strict domain", withIommu(), far, "nothing"],
    ["in a lazy domain", withIommu(domain("lazy")), far, "until-flush"],
    ["at a bus address, beside a lazy domain", withIommu(domain("lazy")), near, "bus-address"],
  ])("%s", (_name, ops, peer, expected) => {
    const ranges = ops.mapProviderRanges(device(), peer, [range(peer.range.start, 64)], "to-device");
    if (!ranges.ok) throw new Error(ranges.reason);
    ops.unmapProviderRanges(device(), ranges.value, "to-device");
    expect(ranges.value.map((mapping) => ops.staleReach(device(), mapping))).toEqual([expected]);
  });

  test("in a lazy domain only until the queue is flushed, and nothing once it was unlinked", () => {
    const lazy = domain("lazy");
    const ops = withIommu(lazy);
    const map = () => {
      const found = ops.mapProviderRanges(device(), far, [range(0xd000_0000, 64)], "to-device");
      if (!found.ok || found.value[0] === undefined) throw new Error("refused");
      return found.value[0];
    };
    const [unmapped, unlinked] = [map(), map()];
    for (const { address } of [unmapped, unlinked])
      expect(lazy.resolve(address as number as Iova, false)).toBe(0xd000_0000);
    ops.unmapProviderRanges(device(), [unmapped], "to-device");
    ops.unlinkProviderRanges(device(), [unlinked], "to-device");
    expect([unmapped, unlinked].map((one) => ops.staleReach(device(), one))).toEqual(["until-flush", "nothing"]);
    expect(lazy.resolve(iova(unmapped.address), false)).toBe(0xd000_0000);
    expect(lazy.resolve(iova(unlinked.address), false)).toBe(FAULT_NOT_PRESENT);
    lazy.flush();
    expect(ops.staleReach(device(), unmapped)).toBe("nothing");
    expect(lazy.resolve(iova(unmapped.address), false)).toBe(FAULT_NOT_PRESENT);
    expect([lazy.mappedBytes, lazy.iovas.allocationCount]).toEqual([0, 0]);
  });

  test("ranges in IOVA ranges of their own are unlinked one by one", () => {
    const twoPages = [
      { start: 0x2000, sizeBytes: 0x1000, what: "" },
      { start: 0x4000, sizeBytes: 0xc000, what: "" },
    ];
    const lazy = new IommuDomain({ space: { addressBits: 16, reserved: twoPages }, invalidation: "lazy" });
    const ops = withIommu(lazy);
    const found = ops.mapProviderRanges(device(), far, [range(0xd000_0000, 4096), range(0xd000_2000, 64)], "to-device");
    if (!found.ok) throw new Error(found.reason);
    expect(found.value).toHaveLength(2);
    ops.unlinkProviderRanges(device(), found.value, "to-device");
    expect([lazy.mappedBytes, lazy.iovas.allocationCount, lazy.queueLength]).toEqual([0, 0, 0]);
    expect(found.value.map((mapping) => ops.staleReach(device(), mapping))).toEqual(["nothing", "nothing"]);
  });
});

describe("Ranges that are not within the provider's BAR", () => {
  test.each<[name: string, start: number, sizeBytes: number, isWithin: boolean]>([
    ["the whole BAR", 0xd000_0000, 0x10000, true],
    ["its last page", 0xd000_f000, 0x1000, true],
    ["a byte more", 0xd000_0000, 0x10001, false],
    ["over its end", 0xd000_f000, 0x1001, false],
    ["before it", 0xcfff_f000, 0x1000, false],
    ["behind it", 0xd001_0000, 0x1000, false],
  ])("%s", (_name, start, sizeBytes, isWithin) => {
    for (const ops of [directOps({ pages, decide }), withIommu()]) {
      const found = ops.mapProviderRanges(
        device(),
        far,
        [range(0xd000_0000, 4096), range(start, sizeBytes)],
        "to-device",
      );
      if (isWithin) expect(found.ok).toBe(true);
      else {
        const reason = `0x${start.toString(16)} + ${sizeBytes} is not within BAR 0 of 0000:03:00.1`;
        expect(found).toEqual({ ok: false, errno: "EINVAL", reason });
      }
    }
  });

  test("nor is a list's entry, nor a range, that leaves its memory", () => {
    const leaves = { ok: false, errno: "EINVAL", reason: "what begins at 0xd000f000 leaves its provider, or RAM" };
    const entry = { start: physAddr(0xd000_f000), sizeBytes: 0x1001 };
    for (const ops of [directOps({ pages, decide }), withIommu()]) {
      expect(ops.mapList(device(), scatterlist([entry]), "to-device")).toEqual(leaves);
      expect(ops.mapRange(device(), entry, "to-device")).toEqual(leaves);
    }
    expect(() => scatterlist([{ start: physAddr(0x1000), sizeBytes: 1 }, entry], pages)).toThrow(
      error(
        "entry 1 of the scatterlist, 0xd000f000 + 4097, leaves its provider, or RAM",
        "split it where the provider's memory, or the RAM, ends",
      ),
    );
    expect(() => scatterlist([{ ...entry, sizeBytes: 0x1000 }], pages)).not.toThrow();
  });
});

describe("Whose fault it is", () => {
  const reason = (found: object): unknown => (found as { reason?: string }).reason;

  test("is said with the place", () => {
    for (const ops of [directOps({ pages, decide }), withIommu()]) {
      expect(reason(ops.mapRange(device(), range(0x9000_0000, 1), "to-device"))).toBe(
        "no page that a device can reach is at physical address 0x90000000",
      );
    }
    const small = device({ maskBits: 12 });
    expect(reason(withIommu().mapRange(small, range(0x1000, 1), "to-device"))).toBe(
      "no 4096 bytes of IOVA space are free below 0x1000 for 0000:05:00.0",
    );
  });

  test("of a back end that takes no peer memory", () => {
    const beneath = directOps({ pages, decide });
    const ops = refusingOps({ pages, beneath });
    expect(ops.name).toBe("refusing");
    expect(reason(ops.mapRange(device(), range(0xd000_0010, 8), "to-device"))).toBe(
      "what maps for 0000:05:00.0 takes no peer page: 0xd0000010",
    );
    expect(reason(ops.mapProviderRanges(device(), far, [range(0xd000_0000, 8)], "to-device"))).toBe(
      "what maps for 0000:05:00.0 does not take memory of 0000:03:00.1, or any peer's",
    );
    expect(ops.mapList(device(), scatterlist([]), "to-device")).toMatchObject({ errno: "EINVAL" });

    const found = ops.mapRange(device(), range(0x1000, 8), "to-device");
    if (!found.ok) throw new Error(found.reason);
    expect(ops.staleReach(device(), found.value)).toBe("bus-address");
    ops.unmapRange(device(), found.value, "to-device");
    expect(() => ops.unmapRange(device(), found.value, "to-device")).toThrow("unmapped twice");
    expect(() => ops.unmapProviderRanges(device(), [found.value], "to-device")).toThrow("unmapped twice");
    expect(() => ops.unlinkProviderRanges(device(), [found.value], "to-device")).toThrow("unmapped twice");
  });
});
