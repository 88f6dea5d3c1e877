import { describe, expect, it } from "vitest";
import type { Backing } from "../../src/dmabuf/dma-buf.ts";
import { MovableExporter } from "../../src/dmabuf/movable-exporter.ts";
import { type RdmaMode, RdmaRegion } from "../../src/dmabuf/rdma-region.ts";
import type { Fence } from "../../src/dmabuf/reservation.ts";
import { physAddr } from "../../src/pci/addresses.ts";
import { errnoOf, granted, importer } from "./fakes.ts";
import { Bed, bar, noLeaks, provider } from "./test-bed.ts";

function pages(first: number, count: number): Backing {
  return { provider, ranges: [{ start: physAddr(bar.start + first * 4096), sizeBytes: count * 4096 }] };
}

function imported(mode: RdmaMode): { bed: Bed; exporter: MovableExporter; nic: RdmaRegion } {
  const bed = new Bed();
  const exporter = new MovableExporter("video memory", pages(0, 2));
  const options = { name: "NIC", buffer: exporter.buffer, device: bed.device, dma: bed.dma, mode };
  return { bed, exporter, nic: granted(RdmaRegion.register(options)) };
}

describe("a buffer that its exporter moves", () => {
  it("is found by an on-demand importer at its new place", () => {
    const { bed, exporter, nic } = imported("on-demand");
    let left = 0;
    expect(errnoOf(exporter.move(pages(8, 2), () => left++))).toBe("no error");
    expect([left, exporter.isMoving, nic.state]).toEqual([1, false, "unmapped"]);
    const [span] = granted(nic.access(4096, 64)).spans;
    expect(span === undefined ? null : bed.land(span)).toEqual({ offset: 9 * 4096 });
  });

  it("leaves its old place only when DMA to it is through", () => {
    const { bed, exporter, nic } = imported("on-demand");
    const access = granted(nic.access(0, 64));
    let left = 0;
    exporter.move(pages(8, 2), () => left++);
    expect([left, exporter.isMoving]).toEqual([0, true]);
    expect(errnoOf(exporter.move(pages(4, 2), () => {}))).toBe("EINVAL");
    expect(access.spans.map((span) => bed.land(span))).toEqual([{ offset: 0 }]);
    nic.complete(access);
    expect([left, exporter.isMoving]).toEqual([1, false]);
  });

  it("waits for importers that unmap late, and for DMA that is not through though they unmapped", () => {
    const { bed, exporter, nic } = imported("pinned");
    nic.deregister();
    const { buffer } = exporter;
    const { reservation } = buffer;
    let fence: Fence | undefined;
    const options = { invalidateMappings: () => (fence = reservation.addFence("late")) };
    const attachment = granted(buffer.attach(importer(bed, options)));
    for (const order of ["unmap first", "signal first"]) {
      reservation.withLock("late", () => granted(buffer.map(attachment, "bidirectional")));
      granted(exporter.move(pages(8, 2), () => {}));
      const unmap = (): void => reservation.withLock("late", () => buffer.unmap(attachment));
      const signal = (): void => fence?.signal();
      const [first, second] = order === "unmap first" ? [unmap, signal] : [signal, unmap];
      first();
      expect(exporter.isMoving).toBe(true);
      second();
      expect(exporter.isMoving).toBe(false);
    }
    expect(bed.leaks).toEqual(noLeaks);
  });

  it("may be mapped at its new place while another importer leaves the old one", () => {
    const { bed, exporter, nic } = imported("on-demand");
    const access = granted(nic.access(0, 64));
    exporter.move(pages(8, 2), () => {});
    const options = { name: "second NIC", buffer: exporter.buffer, device: bed.device, dma: bed.dma } as const;
    const second = granted(RdmaRegion.register({ ...options, mode: "on-demand" }));
    expect(granted(second.access(0, 64)).spans.map((span) => bed.land(span))).toEqual([{ offset: 8 * 4096 }]);
    nic.complete(access);
    expect(exporter.isMoving).toBe(false);
  });

  it.each(["pinned", "pinned-revocable"] as const)("stays where it is for an importer that is %s", (mode) => {
    const { exporter, nic } = imported(mode);
    expect(errnoOf(exporter.move(pages(8, 2), () => {}))).toBe("EINVAL");
    nic.deregister();
    expect(errnoOf(exporter.move(pages(8, 2), () => {}))).toBe("no error");
  });

  it("keeps its size", () => {
    const { exporter } = imported("on-demand");
    expect(() => exporter.move(pages(8, 1), () => {})).toThrow("its new place has 4096");
  });

  it("is given to nobody who takes no peer memory", () => {
    const { bed, exporter } = imported("on-demand");
    expect(errnoOf(exporter.buffer.attach(importer(bed, { allowsPeers: false })))).toBe("EOPNOTSUPP");
  });

  it("leaves nothing mapped when its importers are gone", () => {
    const { bed, exporter, nic } = imported("on-demand");
    exporter.move(pages(8, 2), () => {});
    nic.access(0, 1);
    for (const access of nic.accesses) nic.complete(access);
    nic.deregister();
    expect([bed.leaks, exporter.buffer.references]).toEqual([noLeaks, 1]);
    expect(() => nic.deregister()).toThrow("twice");
  });
});

describe("an RDMA region", () => {
  it("refuses what lies beyond it", () => {
    const { nic } = imported("on-demand");
    for (const [offset, length] of [
      [0, 8193],
      [8192, 1],
      [-1, 2],
      [0, 0],
      [Number.NaN, 1],
    ] as const) {
      expect(errnoOf(nic.access(offset, length))).toBe("EINVAL");
    }
  });

  it("that is told to stop twice is waited for once", () => {
    const { exporter, nic } = imported("on-demand");
    const { buffer } = exporter;
    const access = granted(nic.access(0, 1));
    for (const _ of [1, 2]) buffer.reservation.withLock("exporter", () => buffer.invalidateMappings());
    expect(buffer.reservation.pending).toEqual(["NIC"]);
    nic.complete(access);
    expect([buffer.isQuiet, nic.state]).toEqual([true, "unmapped"]);
  });

  it("completes only what it began", () => {
    const { nic } = imported("on-demand");
    const access = granted(nic.access(0, 1));
    nic.complete(access);
    expect(() => nic.complete(access)).toThrow("has not begun");
  });

  it("that is given up under DMA is gone when the DMA is through", () => {
    const { bed, nic, exporter } = imported("pinned");
    const access = granted(nic.access(0, 1));
    nic.deregister();
    expect([nic.state, errnoOf(nic.access(0, 1))]).toEqual(["draining", "ENODEV"]);
    nic.complete(access);
    expect([nic.state, exporter.buffer.references, bed.leaks]).toEqual(["deregistered", 1, noLeaks]);
  });
});
