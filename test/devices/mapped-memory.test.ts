import { describe, expect, it } from "vitest";
import { spanBytes } from "../../src/devices/dma-spans.ts";
import { mapMemory } from "../../src/devices/mapped-memory.ts";
import { poolOf } from "../../src/devices/system.ts";
import { PAGE_BYTES, type PhysAddr } from "../../src/pci/addresses.ts";
import { benchOf, serverMachine } from "./machines.ts";

const { system, fn } = benchOf(serverMachine("strict"), {});
const gpu = system.physical.regions.find(
  (region) => region.kind === "bar" && region.owner === fn("gpu0") && region.range.sizeBytes === 2 ** 28,
);
const gpuStart = gpu?.range.start ?? (0 as PhysAddr);
const buffer = poolOf(system, fn("cmb0")).ranges[0]?.start ?? (0 as PhysAddr);

describe("memory mapped for a device", () => {
  it("is at bus addresses for a peer below its switch, with pages or without", () => {
    for (const phys of [gpuStart, buffer]) {
      const mapped = mapMemory(system, fn("nvme0"), [{ start: phys, sizeBytes: 5000 }], "bidirectional");
      if (!mapped.ok) throw new Error(mapped.reason);
      expect(mapped.value.spans).toMatchObject([{ address: phys, lengthBytes: 5000 }]);
      mapped.value.unmap();
    }
  });

  it("is at IOVAs for one across the root complex, and gone after unmapping", () => {
    for (const phys of [gpuStart, buffer]) {
      const runs = [0, 3].map((page) => ({ start: (phys + page * PAGE_BYTES) as PhysAddr, sizeBytes: PAGE_BYTES }));
      const mapped = mapMemory(system, fn("nic1"), runs, "to-device");
      if (!mapped.ok) throw new Error(mapped.reason);
      expect(spanBytes(mapped.value.spans)).toBe(2 * PAGE_BYTES);
      expect(mapped.value.spans[0]?.address).not.toBe(phys);
      expect(system.units.dmaDomainOf(fn("nic1"))?.mappedBytes).toBe(2 * PAGE_BYTES);
      mapped.value.unmap();
      expect(system.units.dmaDomainOf(fn("nic1"))?.mappedBytes).toBe(0);
    }
  });

  it("is of one kind", () => {
    const page = (phys: PhysAddr) => ({ start: phys, sizeBytes: PAGE_BYTES });
    expect(() => mapMemory(system, fn("nic1"), [page(gpuStart), page(buffer)], "to-device")).toThrow(
      "with and without",
    );
    const end = (buffer + 2 ** 20 - PAGE_BYTES) as PhysAddr;
    expect(() => mapMemory(system, fn("nic1"), [{ start: end, sizeBytes: 8192 }], "to-device")).toThrow(
      "not one kind of memory",
    );
  });

  it("is none where nothing is", () => {
    const hole = (2 ** 51) as PhysAddr;
    expect(mapMemory(system, fn("nic1"), [{ start: hole, sizeBytes: 1 }], "to-device")).toMatchObject({
      errno: "EINVAL",
    });
    expect(mapMemory(system, fn("nic1"), [], "to-device")).toMatchObject({ errno: "EINVAL" });
  });
});
