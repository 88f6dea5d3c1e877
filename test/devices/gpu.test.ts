import { describe, expect, it } from "vitest";
import { DmaEngine } from "../../src/devices/dma-engine.ts";
import { Gpu } from "../../src/devices/gpu.ts";
import { mapMemory } from "../../src/devices/mapped-memory.ts";
import type { DmaAddr } from "../../src/pci/addresses.ts";
import { benchOf, isSame, pattern, serverMachine } from "./machines.ts";

describe("a GPU", () => {
  it("hands out pages of its BAR, each once", () => {
    const { system, fn } = benchOf(serverMachine());
    const gpu = new Gpu(system, fn("gpu0"));
    expect(gpu.range.sizeBytes).toBe(2 ** 28);
    const first = gpu.alloc(100);
    const second = gpu.alloc(4097);
    expect(second?.start).toBe((first?.start ?? 0) + 4096);
    expect(gpu.alloc(2 ** 28)).toBeNull();
    if (first !== null) gpu.free(first);
    expect(gpu.alloc(4096)).toEqual(first);
  });

  it.each(["off", "strict"] as const)("copies RAM into its memory and back with the IOMMU %s", (iommu) => {
    const { system, fn } = benchOf(serverMachine(iommu));
    const gpu = new Gpu(system, fn("gpu0"));
    const range = system.ram.alloc(8192);
    if (range === null) throw new Error("no RAM");
    const mapped = mapMemory(system, gpu.fn, [{ start: range.start, sizeBytes: 8192 }], "bidirectional");
    if (!mapped.ok) throw new Error(mapped.reason);
    system.fabric.dram.write(range.start, pattern(8192));
    expect(gpu.copyIn(mapped.value.spans, 12_288)).toBe("success");
    expect(isSame(gpu.memory.slice(12_288, 8192), pattern(8192))).toBe(true);
    gpu.memory.write(0, pattern(8192, 9));
    expect(gpu.copyOut(0, mapped.value.spans)).toBe("success");
    expect(isSame(system.fabric.dram.slice(range.start, 8192), pattern(8192, 9))).toBe(true);
  });

  it("is none without a memory BAR", () => {
    const { system, fn } = benchOf(serverMachine());
    expect(() => new Gpu(system, fn("switch"))).toThrow("no memory BAR");
  });
});

describe("a copy engine", () => {
  it("refuses lengths that differ, and stops at a read that fails", () => {
    const { system, fn } = benchOf(serverMachine());
    const engine = new DmaEngine(system, fn("nic0"));
    const nowhere = { address: 0xff_ffff_0000 as DmaAddr, lengthBytes: 64 };
    expect(() => engine.copy([nowhere], [])).toThrow("64 bytes to 0 bytes");
    expect(engine.copy([nowhere], [nowhere])).toBe("read-failed");
    expect(engine.bus.takeFailures()).toHaveLength(1);
  });

  it("takes zeros for what it could not read where failed reads go unnoticed", () => {
    const { system, fn } = benchOf(serverMachine(), { failedReads: "unnoticed" });
    const engine = new DmaEngine(system, fn("nic0"));
    const range = system.ram.alloc(4096);
    if (range === null) throw new Error("no RAM");
    system.fabric.dram.write(range.start, pattern(64));
    const nowhere = { address: 0xff_ffff_0000 as DmaAddr, lengthBytes: 64 };
    const ram = { address: range.start as number as DmaAddr, lengthBytes: 64 };
    expect(engine.copy([nowhere], [ram])).toBe("success");
    expect(isSame(system.fabric.dram.slice(range.start, 64), new Uint8Array(64))).toBe(true);
    expect(engine.bus.failureCount).toBe(1);
  });
});
