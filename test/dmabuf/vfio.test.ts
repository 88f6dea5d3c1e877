import { describe, expect, it } from "vitest";
import { RdmaRegion } from "../../src/dmabuf/rdma-region.ts";
import { VFIO_6_19 } from "../../src/dmabuf/vfio-rules.ts";
import { errnoOf, failingDma, granted, importer } from "./fakes.ts";
import { Bed, barBytes, noLeaks } from "./test-bed.ts";

function region(
  bed: Bed,
  buffer: ReturnType<Bed["openAndExport"]>,
  mode: RdmaRegion["mode"] = "on-demand",
): RdmaRegion {
  return granted(RdmaRegion.register({ name: "NIC", buffer, device: bed.device, dma: bed.dma, mode }));
}

describe("exporting", () => {
  it.each([
    ["a BAR that there is not", 1, [{ start: 0, sizeBytes: 4096 }]],
    ["no range", 0, []],
    ["an empty range", 0, [{ start: 0, sizeBytes: 0 }]],
    ["half a page", 0, [{ start: 0, sizeBytes: 2048 }]],
    ["a range that begins within a page", 0, [{ start: 16, sizeBytes: 4096 }]],
    ["a range beyond the BAR", 0, [{ start: barBytes - 4096, sizeBytes: 8192 }]],
    ["a negative offset", 0, [{ start: -4096, sizeBytes: 4096 }]],
    ["what is no number", 0, [{ start: Number.NaN, sizeBytes: 4096 }]],
    ["an endless range", 0, [{ start: 0, sizeBytes: Number.POSITIVE_INFINITY }]],
  ])("refuses %s", (_, bar, ranges) => {
    const bed = new Bed();
    bed.vfio.open();
    expect(errnoOf(bed.vfio.exportRanges(bar, ranges))).toBe("EINVAL");
    expect(bed.vfio.buffers).toEqual([]);
  });

  it("needs an open device", () => {
    expect(() => new Bed().vfio.exportRanges(0, [{ start: 0, sizeBytes: 4096 }])).toThrow("is not open");
  });

  it("begins revoked while the device does not decode memory", () => {
    const bed = new Bed();
    bed.vfio.open();
    bed.vfio.setMemoryDecode(false);
    const buffer = granted(bed.vfio.exportRanges(0, [{ start: 0, sizeBytes: 4096 }]));
    expect(bed.vfio.isRevoked(buffer)).toBe(true);
    expect(errnoOf(buffer.attach(importer(bed, { invalidateMappings: () => {} })))).toBe("ENODEV");
    bed.vfio.setMemoryDecode(true);
    expect(bed.vfio.isRevoked(buffer)).toBe(false);
  });
});

describe("importers of a VFIO buffer", () => {
  it("must take peer memory, and must be able to stop", () => {
    const bed = new Bed();
    const buffer = bed.openAndExport([0, 1]);
    expect(errnoOf(buffer.attach(importer(bed, { allowsPeers: false, invalidateMappings: () => {} })))).toBe(
      "EOPNOTSUPP",
    );
    expect(errnoOf(buffer.attach(importer(bed)))).toBe("EOPNOTSUPP");
    const options = { name: "NIC", buffer, device: bed.device, dma: bed.dma, mode: "pinned" } as const;
    expect(errnoOf(RdmaRegion.register(options))).toBe("EOPNOTSUPP");
    expect([buffer.references, buffer.attachments]).toEqual([1, []]);
  });

  it("may pin since Linux 7.1, not in 6.19", () => {
    for (const [rules, errno] of [
      [undefined, "no error"],
      [VFIO_6_19, "EOPNOTSUPP"],
    ] as const) {
      const bed = new Bed(rules === undefined ? {} : { rules });
      const buffer = bed.openAndExport([0, 1]);
      const options = { name: "NIC", buffer, device: bed.device, dma: bed.dma, mode: "pinned-revocable" } as const;
      const registered = RdmaRegion.register(options);
      expect(errnoOf(registered)).toBe(errno);
      if (registered.ok) registered.value.deregister();
      expect([buffer.references, buffer.pinnedBy, bed.leaks]).toEqual([1, [], noLeaks]);
    }
  });

  it("leave nothing behind where the mapping is refused", () => {
    const bed = new Bed();
    const buffer = bed.openAndExport([0, 1]);
    const options = {
      name: "NIC",
      buffer,
      device: bed.device,
      dma: failingDma(bed),
      mode: "pinned-revocable",
    } as const;
    expect(errnoOf(RdmaRegion.register(options))).toBe("EINVAL");
    expect([buffer.references, buffer.pinnedBy, buffer.attachments]).toEqual([1, [], []]);
  });

  it("are refused where the rules support no peer-to-peer between the two", () => {
    const bed = new Bed({ mapType: "not-supported" });
    const buffer = bed.openAndExport([0, 1]);
    const options = { name: "NIC", buffer, device: bed.device, dma: bed.dma, mode: "on-demand" } as const;
    expect(errnoOf(RdmaRegion.register(options))).toBe("EINVAL");
    expect([buffer.references, bed.leaks]).toEqual([1, noLeaks]);
  });
});

describe("a change of the device", () => {
  it.each(["reset", "memory decode off", "close"] as const)(
    "%s waits for DMA under way, and for nobody without",
    (what) => {
      const bed = new Bed();
      const buffer = bed.openAndExport([0, 2]);
      const nic = region(bed, buffer);
      const access = granted(nic.access(0, 8192));
      const change = () =>
        what === "reset" ? bed.vfio.reset() : what === "close" ? bed.vfio.close() : bed.vfio.setMemoryDecode(false);
      const operation = change();
      expect([operation.isDone, bed.log]).toEqual([false, ["memory decode on"]]);
      expect(operation.waitsFor).toEqual([
        "NIC has DMA to BAR 0 of 0000:03:00.0 under way",
        "NIC has BAR 0 of 0000:03:00.0 mapped",
      ]);
      expect(access.spans.map((span) => bed.land(span))).toEqual([{ offset: 0 }]);
      expect(errnoOf(nic.access(0, 1))).toBe("EIO");
      nic.complete(access);
      expect([operation.isDone, operation.waitsFor, bed.log.length]).toEqual([true, [], 2]);
      expect([bed.violations, bed.leaks]).toEqual([[], noLeaks]);
    },
  );

  it("lets an on-demand region fault and map again after a reset, at once", () => {
    const bed = new Bed();
    const nic = region(bed, bed.openAndExport([3, 1]));
    expect(bed.vfio.reset().isDone).toBe(true);
    expect(nic.state).toBe("unmapped");
    const access = granted(nic.access(16, 16));
    expect(access.spans.map((span) => bed.land(span))).toEqual([{ offset: 3 * 4096 + 16 }]);
  });

  it("ends a pinned region for ever, even where the memory comes back", () => {
    const bed = new Bed();
    const nic = region(bed, bed.openAndExport([0, 1]), "pinned-revocable");
    bed.vfio.reset();
    expect([nic.state, errnoOf(nic.access(0, 1))]).toEqual(["revoked", "ENODEV"]);
    nic.deregister();
    expect(nic.state).toBe("deregistered");
  });

  it("leaves the buffers revoked for as long as the device decodes no memory", () => {
    const bed = new Bed();
    const buffer = bed.openAndExport([0, 1]);
    const nic = region(bed, buffer);
    bed.vfio.setMemoryDecode(false);
    bed.vfio.reset();
    expect([bed.vfio.isRevoked(buffer), errnoOf(nic.access(0, 1))]).toEqual([true, "ENODEV"]);
    bed.vfio.setMemoryDecode(true);
    expect([bed.vfio.isRevoked(buffer), errnoOf(nic.access(0, 1))]).toEqual([false, "no error"]);
  });

  it("refuses pins, mappings and the backing to importers that are attached already", () => {
    const bed = new Bed();
    const buffer = bed.openAndExport([0, 1]);
    const attachment = granted(buffer.attach(importer(bed, { invalidateMappings: () => {} })));
    bed.vfio.setMemoryDecode(false);
    buffer.reservation.withLock("test", () => {
      expect(errnoOf(buffer.pin(attachment))).toBe("ENODEV");
      expect(errnoOf(buffer.map(attachment, "bidirectional"))).toBe("ENODEV");
      expect(errnoOf(buffer.backing(attachment))).toBe("ENODEV");
    });
  });

  it("comes after the one before it", () => {
    const bed = new Bed();
    const nic = region(bed, bed.openAndExport([0, 1]));
    const access = granted(nic.access(0, 1));
    const operations = [
      bed.vfio.setMemoryDecode(false),
      bed.vfio.reset(),
      bed.vfio.setMemoryDecode(true),
      bed.vfio.close(),
    ];
    expect(operations.map(({ isDone }) => isDone)).toEqual([false, false, false, false]);
    expect(() => bed.vfio.reset()).toThrow("is not open");
    nic.complete(access);
    expect(operations.map(({ isDone }) => isDone)).toEqual([true, true, true, true]);
    expect(bed.log).toEqual(["memory decode on", "memory decode off", "reset", "memory decode on", "disable"]);
  });

  it("revokes a buffer exported while it waits only until it is done", () => {
    const bed = new Bed();
    const nic = region(bed, bed.openAndExport([0, 1]));
    const access = granted(nic.access(0, 1));
    bed.vfio.reset();
    const second = granted(bed.vfio.exportRanges(0, [{ start: 4096, sizeBytes: 4096 }]));
    expect(bed.vfio.isRevoked(second)).toBe(true);
    nic.complete(access);
    expect(bed.vfio.isRevoked(second)).toBe(false);
  });

  it("waits for ever for an importer that says it can stop and does not, and names it", () => {
    const bed = new Bed();
    const buffer = bed.openAndExport([0, 1]);
    const liar = importer(bed, { name: "liar", invalidateMappings: () => {} });
    const attachment = granted(buffer.attach(liar));
    buffer.reservation.withLock("liar", () => buffer.map(attachment, "bidirectional"));
    const operation = bed.vfio.reset();
    expect([operation.isDone, operation.waitsFor]).toEqual([false, ["liar has BAR 0 of 0000:03:00.0 mapped"]]);
    buffer.reservation.withLock("liar", () => buffer.unmap(attachment));
    expect(operation.isDone).toBe(true);
  });

  it("takes the device from the next owner's view: buffers of the last one stay revoked", () => {
    const bed = new Bed();
    const first = bed.openAndExport([0, 1]);
    const nic = region(bed, first);
    bed.vfio.close();
    const second = bed.openAndExport([0, 1]);
    expect([bed.vfio.isRevoked(first), bed.vfio.isRevoked(second)]).toEqual([true, false]);
    expect(errnoOf(nic.access(0, 1))).toBe("ENODEV");
  });
});

describe("removal", () => {
  it("waits for the user to close the device, and lets nobody open it again", () => {
    const bed = new Bed();
    const nic = region(bed, bed.openAndExport([0, 1]));
    const access = granted(nic.access(0, 1));
    const removal = bed.vfio.remove();
    const close = bed.vfio.close();
    expect([removal.isDone, close.isDone]).toEqual([false, false]);
    nic.complete(access);
    expect([removal.isDone, close.isDone, bed.vfio.state]).toEqual([true, true, "removed"]);
    expect(errnoOf(bed.vfio.open())).toBe("ENODEV");
    expect(bed.log.slice(-2)).toEqual(["disable", "remove"]);
  });
});

describe("a device that goes on with addresses after it was told to stop", () => {
  it("faults where a strict IOMMU translates them", () => {
    const bed = new Bed();
    const nic = region(bed, bed.openAndExport([0, 1]));
    const access = granted(nic.access(0, 1));
    bed.land(access.spans[0] ?? never());
    nic.complete(access);
    bed.vfio.reset();
    expect(access.spans.map((span) => bed.land(span))).toEqual([{ lost: "not-present" }]);
    expect(bed.vfio.leftOpen).toEqual([]);
  });

  it("still reaches the BAR through a lazy IOMMU that translated them before, until the flush", () => {
    const bed = new Bed({ mode: "lazy" });
    const nic = region(bed, bed.openAndExport([0, 1]));
    const access = granted(nic.access(0, 1));
    bed.land(access.spans[0] ?? never());
    nic.complete(access);
    const reset = bed.vfio.reset();
    expect(access.spans.map((span) => bed.land(span))).toEqual([{ offset: 0 }]);
    expect([reset.isDone, reset.leftOpen]).toEqual([
      true,
      ["NIC may reach BAR 0 of 0000:03:00.0 until the IOMMU flushes its queue"],
    ]);
    bed.units.flush();
    expect(reset.leftOpen).toEqual([]);
    expect(access.spans.map((span) => bed.land(span))).toEqual([{ lost: "not-present" }]);
  });

  it("reaches the next owner's BAR where the addresses are bus addresses: only its own driver can stop it", () => {
    const bed = new Bed({ mapType: "bus-addr" });
    const nic = region(bed, bed.openAndExport([0, 1]));
    const access = granted(nic.access(0, 1));
    nic.complete(access);
    const close = bed.vfio.close();
    expect([close.isDone, close.leftOpen]).toEqual([
      true,
      ["NIC may reach BAR 0 of 0000:03:00.0, and what is there after it: no IOMMU looks at bus addresses"],
    ]);
    bed.vfio.open();
    expect(access.spans.map((span) => bed.land(span))).toEqual([{ offset: 0 }]);
  });
});

function never(): never {
  throw new Error("no span");
}
