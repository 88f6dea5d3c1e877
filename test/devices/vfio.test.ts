import { describe, expect, it } from "vitest";
import { Gpu } from "../../src/devices/gpu.ts";
import { RdmaNic } from "../../src/devices/rdma/rdma-nic.ts";
import { RemoteHost } from "../../src/devices/rdma/remote-host.ts";
import { buildSystem, type System } from "../../src/devices/system.ts";
import { openVfio } from "../../src/devices/vfio.ts";
import { granted } from "../../src/dma/dma-error.ts";
import type { RdmaMode } from "../../src/dmabuf/rdma-region.ts";
import type { VfioDevice } from "../../src/dmabuf/vfio-device.ts";
import type { VfioOperation } from "../../src/dmabuf/vfio-operation.ts";
import { VFIO_6_19, type VfioRules } from "../../src/dmabuf/vfio-rules.ts";
import type { IommuMode } from "../../src/host/machine.ts";
import { enableP2p } from "../../src/memory/enable-p2p.ts";
import { PAGE_BYTES } from "../../src/pci/addresses.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { isSame, machineOf, pattern } from "./machines.ts";

/** Below a switch that redirects, so that all goes through the IOMMU where there is one. */
function systemOf(iommu: IommuMode): System {
  const machine = machineOf(
    `  - below:
      - rootPort: { acs: "SV+ RR+ CR+ UF+" }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: "SV+ RR+ CR+ UF+" }
            below: [ { accel: { name: card, bars: { 0: "1M", 2: "64K" } } }, { nic: { name: nic } } ]`,
    iommu,
  );
  return buildSystem(machine);
}

interface Shared {
  readonly system: System;
  readonly vfio: VfioDevice;
  readonly nic: RdmaNic;
  readonly region: ReturnType<RdmaNic["register"]>;
  /** The first bytes of the BAR. */
  readonly bytes: (lengthBytes: number) => Uint8Array;
}

/** Two pages of the card's BAR 0, registered at the adapter. */
function shared(iommu: IommuMode, mode: RdmaMode, rules?: VfioRules): Shared {
  const system = systemOf(iommu);
  const vfio = openVfio(system, "card", rules === undefined ? {} : { rules });
  const nic = new RdmaNic(system, "nic");
  const buffer = granted(vfio.exportRanges(0, [{ start: 0, sizeBytes: 2 * PAGE_BYTES }]));
  const region = granted(nic.registerBuffer(buffer, { mode }));
  return { system, vfio, nic, region, bytes: (length) => system.fabric.barBytes("card", 0).slice(0, length) };
}

describe.each(["off", "strict", "lazy"] as const)("An adapter's region of a VFIO device's BAR (IOMMU %s)", (iommu) => {
  it("is read and written by the other end of the wire, until the device is reset", () => {
    const { nic, region, vfio, bytes } = shared(iommu, "on-demand");
    expect(nic.serveWrite(region.key, 0, pattern(100))).toBe("success");
    expect(bytes(100)).toEqual(pattern(100));
    const back = new Uint8Array(100);
    expect(nic.serveRead(region.key, 0, back)).toBe("success");
    expect(back).toEqual(pattern(100));
    expect(nic.serveWrite(region.key, 2 * PAGE_BYTES - 1, pattern(2))).toBe("remote-access-error");
    expect(vfio.reset().isDone).toBe(true);
    expect(bytes(100)).toEqual(new Uint8Array(100));
  });

  it("is the adapter's own memory too: it sends from it and reads into it", () => {
    const { nic, region, bytes } = shared(iommu, "pinned-revocable");
    const host = new RemoteHost(2 * PAGE_BYTES);
    host.memory.write(0, pattern(2 * PAGE_BYTES));
    const whole = { region, offset: 0, lengthBytes: 2 * PAGE_BYTES };
    expect(nic.read(host, { key: host.key, offset: 0 }, whole)).toBe("success");
    expect(isSame(bytes(2 * PAGE_BYTES), pattern(2 * PAGE_BYTES))).toBe(true);
    expect(nic.send(host, { ...whole, lengthBytes: 64 })).toBe("success");
    expect(host.messages).toEqual([pattern(64)]);
  });

  it("on demand: a reset takes it back, and the next packet maps it anew", () => {
    const { nic, region, vfio } = shared(iommu, "on-demand");
    expect(vfio.reset().isDone).toBe(true);
    expect(region.state).toBe("unmapped");
    expect(nic.serveWrite(region.key, 0, pattern(8))).toBe("success");
    expect(region.state).toBe("usable");
    expect(vfio.setMemoryDecode(false).isDone).toBe(true);
    expect(nic.serveWrite(region.key, 0, pattern(8))).toBe("remote-access-error");
    expect(vfio.setMemoryDecode(true).isDone).toBe(true);
    expect(nic.serveWrite(region.key, 0, pattern(8))).toBe("success");
  });

  it("pinned: a reset ends it for good", () => {
    const { nic, region, vfio } = shared(iommu, "pinned-revocable");
    vfio.reset();
    expect(region.state).toBe("revoked");
    expect(nic.serveWrite(region.key, 0, pattern(8))).toBe("remote-access-error");
    const host = new RemoteHost(PAGE_BYTES);
    expect(nic.send(host, { region, offset: 0, lengthBytes: 8 })).toBe("local-protection-error");
    nic.deregister(region);
    expect(nic.serveWrite(region.key, 0, pattern(8))).toBe("remote-access-error");
  });

  it("with nobody registered any more the buffer is released", () => {
    const { nic, region, vfio } = shared(iommu, "on-demand");
    nic.serveWrite(region.key, 0, pattern(8));
    nic.deregister(region);
    const [buffer] = vfio.buffers;
    expect(buffer).toMatchObject({ references: 1, attachments: [], mappedBy: [] });
    buffer?.put();
    expect(vfio.buffers).toEqual([]);
  });
});

describe("A reset that comes under a packet", () => {
  /** Resets the card when the adapter has the addresses of a packet and has not used them yet. */
  function resetDuringWrite(parts: Shared): { readonly reset: VfioOperation; readonly waited: readonly string[] } {
    const { nic, region, vfio } = parts;
    let reset: VfioOperation | null = null;
    let waited: readonly string[] = [];
    nic.watch({
      begun: () => {
        reset ??= vfio.reset();
        waited = reset.waitsFor;
      },
    });
    expect(nic.serveWrite(region.key, 0, pattern(64))).toBe("success");
    nic.watch(null);
    if (reset === null) throw new Error("no packet was seen");
    return { reset, waited };
  }

  it("waits for it by the rules of 7.2: the bytes land before the reset, and are gone after it", () => {
    const parts = shared("strict", "on-demand");
    const seen: Uint8Array[] = [];
    const { barBytes } = parts.system.fabric;
    parts.nic.watch({ moved: () => seen.push(barBytes.call(parts.system.fabric, "card", 0).slice(0, 64)) });
    expect(parts.nic.serveWrite(parts.region.key, 0, pattern(64))).toBe("success");
    expect(seen).toEqual([pattern(64)]);
    const { reset, waited } = resetDuringWrite(parts);
    expect(waited).toEqual([
      "0000:04:00.0 has DMA to BAR 0 of 0000:03:00.0 under way",
      "0000:04:00.0 has BAR 0 of 0000:03:00.0 mapped",
    ]);
    expect(reset.isDone).toBe(true);
    expect(parts.bytes(64)).toEqual(new Uint8Array(64));
  });

  it("by the rules of 6.19 does not: the packet lands in a device that was reset", () => {
    const parts = shared("strict", "on-demand", VFIO_6_19);
    const { reset, waited } = resetDuringWrite(parts);
    expect(waited).toEqual([]);
    expect(reset.isDone).toBe(true);
    expect(parts.bytes(64)).toEqual(pattern(64));
  });
});

describe("openVfio", () => {
  const codeOf = (action: () => unknown): string => {
    try {
      action();
    } catch (error) {
      return error instanceof PeerlaneError ? `${error.code}: ${error.message}` : String(error);
    }
    return "nothing thrown";
  };

  it("takes no BAR of which a driver or a pool has a part, and holds nothing then", () => {
    const system = systemOf("off");
    const gpu = new Gpu(system, "card", { bar: 0 });
    const page = gpu.alloc(PAGE_BYTES);
    expect(codeOf(() => openVfio(system, "card"))).toBe(
      "operation-failed: BAR 0 of 0000:03:00.0 is in its driver's hands",
    );
    if (page !== null) gpu.free(page);
    const pool = enableP2p(system.maps, system.machine, "card", 2);
    expect(codeOf(() => openVfio(system, "card"))).toBe(
      "operation-failed: BAR 2 of 0000:03:00.0 is in its driver's hands",
    );
    expect(pool.remove("wait")).toBe("removed");
    expect(openVfio(system, "card").state).toBe("open");
  });

  it("gives the BARs back when the device is removed, and not before", () => {
    const system = systemOf("off");
    const vfio = openVfio(system, "card");
    expect(() => enableP2p(system.maps, system.machine, "card", 0)).toThrow("has handed out a part");
    expect(new Gpu(system, "card", { bar: 0 }).alloc(PAGE_BYTES)).toBeNull();
    expect(vfio.remove().isDone).toBe(false);
    expect(vfio.close().isDone).toBe(true);
    expect(vfio.state).toBe("removed");
    expect(enableP2p(system.maps, system.machine, "card", 0).sizeBytes).toBe(2 ** 20);
  });

  it("decodes no memory while it is told not to, and is closed with its memory at 0", () => {
    const system = systemOf("off");
    const vfio = openVfio(system, "card");
    const { range } = system.providers.find(({ bar, owner }) => bar === 0 && owner === vfio.bdf) ?? {};
    if (range === undefined) throw new Error("no BAR 0");
    expect(system.fabric.cpuWrite(range.start, pattern(8))).toBe("delivered");
    vfio.setMemoryDecode(false);
    expect(system.fabric.cpuWrite(range.start, pattern(8))).toBe("unsupported-request");
    vfio.close();
    expect(system.fabric.barBytes("card", 0).storedBytes).toBe(0);
  });

  it("is for functions with a memory BAR", () => {
    const system = systemOf("off");
    expect(codeOf(() => openVfio(system, system.topology.functionAt(0).bdf))).toMatch(/^unsupported: .* no memory BAR/);
    expect(codeOf(() => openVfio(system, "nobody"))).toMatch(/^unknown-device/);
  });
});
