import { describe, expect, it } from "vitest";
import { BusMaster } from "../../src/devices/bus-master.ts";
import { mapMemory } from "../../src/devices/mapped-memory.ts";
import type { MemoryRegion } from "../../src/devices/rdma/memory-region.ts";
import { RdmaNic } from "../../src/devices/rdma/rdma-nic.ts";
import { RemoteHost } from "../../src/devices/rdma/remote-host.ts";
import type { System } from "../../src/devices/system.ts";
import type { DmaAddr, DmaSpan, PhysAddr } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { benchOf, isSame, pattern, serverMachine } from "./machines.ts";

const lengthBytes = 10_000;

/** Registered RAM of an adapter, in two pieces. */
function regionOf(
  system: System,
  fn: Bdf,
  nic: RdmaNic,
): { readonly region: MemoryRegion; readonly spans: readonly DmaSpan[]; readonly phys: PhysAddr } {
  const range = system.ram.alloc(5 * 4096);
  if (range === null) throw new Error("no RAM");
  const runs = [
    { start: range.start, sizeBytes: 4096 },
    { start: (range.start + 2 * 4096) as PhysAddr, sizeBytes: lengthBytes - 4096 },
  ];
  const mapped = mapMemory(system, fn, runs, "bidirectional");
  if (!mapped.ok) throw new Error(mapped.reason);
  const { spans } = mapped.value;
  return { region: nic.register(spans, { remoteRead: true, remoteWrite: true }), spans, phys: range.start };
}

function contentsOf(system: System, phys: PhysAddr): Uint8Array {
  const { dram } = system.fabric;
  return Uint8Array.from([...dram.slice(phys, 4096), ...dram.slice(phys + 2 * 4096, lengthBytes - 4096)]);
}

describe.each(["off", "strict"] as const)("two RDMA adapters with the IOMMU %s", (iommu) => {
  const { system, fn } = benchOf(serverMachine(iommu));
  const a = new RdmaNic(system, fn("nic0"));
  const b = new RdmaNic(system, fn("nic1"));
  const here = regionOf(system, a.fn, a);
  const there = regionOf(system, b.fn, b);
  const data = pattern(lengthBytes);
  system.fabric.dram.write(here.phys, data, 0, 4096);
  system.fabric.dram.write(here.phys + 2 * 4096, data, 4096);
  const whole = { region: here.region, offset: 0, lengthBytes };

  it("write to each other's memory", () => {
    expect(a.write(b, whole, { key: there.region.key, offset: 0 })).toBe("success");
    expect(isSame(contentsOf(system, there.phys), data)).toBe(true);
  });

  it("read each other's memory", () => {
    const back = regionOf(system, a.fn, a);
    expect(a.read(b, { key: there.region.key, offset: 0 }, { ...whole, region: back.region })).toBe("success");
    expect(isSame(contentsOf(system, back.phys), data)).toBe(true);
  });

  it("send messages into memory that was posted, one each", () => {
    const box = regionOf(system, b.fn, b);
    b.postReceive({ region: box.region, offset: 0, lengthBytes });
    expect(a.send(b, whole)).toBe("success");
    expect(isSame(contentsOf(system, box.phys), data)).toBe(true);
    expect(a.send(b, whole)).toBe("receiver-not-ready");
    b.postReceive({ region: box.region, offset: 0, lengthBytes: 100 });
    expect(a.send(b, whole)).toBe("remote-invalid-request");
  });

  it("refuse wrong keys, ranges and permissions", () => {
    const closed = b.register(there.spans, { remoteRead: false, remoteWrite: false });
    expect(a.write(b, whole, { key: 999, offset: 0 })).toBe("remote-access-error");
    expect(a.write(b, whole, { key: closed.key, offset: 0 })).toBe("remote-access-error");
    expect(a.read(b, { key: closed.key, offset: 0 }, whole)).toBe("remote-access-error");
    expect(a.write(b, whole, { key: there.region.key, offset: 1 })).toBe("remote-access-error");
    expect(a.write(b, { ...whole, offset: 1 }, { key: there.region.key, offset: 0 })).toBe("local-protection-error");
    b.deregister(closed);
    expect(() => b.deregister(closed)).toThrow("registered");
  });

  it("say of a request that ends on the way how much of it arrived before, and how much was sent", () => {
    const bus = new BusMaster(system, a.fn);
    const range = system.ram.alloc(4096);
    if (range === null) throw new Error("no RAM");
    const mapped = mapMemory(system, a.fn, [{ start: range.start, sizeBytes: 4096 }], "bidirectional");
    const nowhere = 0xff_ffff_0000 as DmaAddr;
    const [span] = mapped.ok ? mapped.value.spans : [];
    const address = iommu === "off" ? nowhere : (span?.address ?? 0) + 2048;
    bus.write(address as DmaAddr, pattern(4096));
    bus.writeControl(nowhere, pattern(16));
    expect(
      bus
        .takeFailures()
        .map(({ lengthBytes: asked, sentBytes, arrivedBytes, isControl }) => [
          asked,
          sentBytes - arrivedBytes,
          arrivedBytes,
          isControl,
        ]),
    ).toEqual([
      [4096, 256, iommu === "off" ? 0 : 2048, false],
      [16, 16, 0, true],
    ]);
  });

  it("tell the other side of reads that fail, and nobody of writes", () => {
    const nowhere = [{ address: 0xff_ffff_0000 as DmaAddr, lengthBytes: 4096 }];
    const lost = b.register(nowhere, { remoteRead: true, remoteWrite: true });
    const part = { ...whole, lengthBytes: 4096 };
    expect(a.read(b, { key: lost.key, offset: 0 }, part)).toBe("remote-operation-error");
    expect(a.write(b, part, { key: lost.key, offset: 0 })).toBe("success");
    const expected = iommu === "off" ? "unsupported-request" : "iommu-fault";
    expect(b.bus.takeFailures()).toMatchObject([
      { kind: "read", outcome: expected },
      { kind: "write", outcome: expected },
    ]);
    const own = a.register(nowhere, { remoteRead: false, remoteWrite: false });
    expect(a.write(b, { region: own, offset: 0, lengthBytes: 16 }, { key: there.region.key, offset: 0 })).toBe(
      "local-operation-error",
    );
  });
});

describe("a host at the other end", () => {
  it("has one region behind its key", () => {
    const host = new RemoteHost(4096);
    expect(host.serveWrite(host.key, 4000, pattern(96))).toBe("success");
    expect(host.serveWrite(host.key, 4001, pattern(96))).toBe("remote-access-error");
    expect(host.serveRead(host.key + 1, 0, new Uint8Array(1))).toBe("remote-access-error");
    expect(isSame(host.memory.slice(4000, 96), pattern(96))).toBe(true);
  });
});
