import { describe, expect, it } from "vitest";
import { mapMemory } from "../../src/devices/mapped-memory.ts";
import { NvmeController } from "../../src/devices/nvme/controller.ts";
import { NvmeDriver } from "../../src/devices/nvme/driver.ts";
import { poolOf } from "../../src/devices/system.ts";
import type { SystemOptions } from "../../src/devices/system-options.ts";
import type { IommuMode } from "../../src/host/machine.ts";
import { type DmaAddr, type DmaSpan, PAGE_BYTES, type PhysAddr, type PhysRange } from "../../src/pci/addresses.ts";
import { type Bench, benchOf, isSame, pattern, serverMachine } from "./machines.ts";

interface DriveBench extends Bench {
  readonly drive: NvmeDriver;
  readonly controller: NvmeController;
}

function driveBench(iommu: IommuMode = "off", options: SystemOptions = {}, name = "nvme0"): DriveBench {
  const bench = benchOf(serverMachine(iommu), options);
  const controller = new NvmeController(bench.system, bench.fn(name), { namespaceBytes: 2 ** 24 });
  return { ...bench, controller, drive: new NvmeDriver(bench.system, controller) };
}

/** Maps runs, lets the drive transfer, unmaps; the drive's status. */
function transfer(bench: DriveBench, kind: "read" | "write", block: number, runs: readonly PhysRange[]): string {
  const direction = kind === "read" ? "from-device" : "to-device";
  const mapped = mapMemory(bench.system, bench.controller.fn, runs, direction);
  if (!mapped.ok) return mapped.errno;
  const status = bench.drive.transfer(kind, block, mapped.value.spans);
  mapped.value.unmap();
  return status;
}

function ramAt(bench: DriveBench, sizeBytes: number): PhysAddr {
  const range = bench.system.ram.alloc(sizeBytes);
  if (range === null) throw new Error("no RAM");
  return range.start;
}

describe.each(["off", "passthrough", "strict", "lazy"] as const)("a controller with the IOMMU %s", (iommu) => {
  it.each([
    ["one PRP", 0, 4096],
    ["two PRPs", 512, 4096],
    ["a list of PRPs", 1024, 20 * 4096],
    ["an unaligned start, as an SGL", 3, 8192],
    ["several commands", 0, 3 * 2 ** 20 + 512],
  ])("writes blocks from RAM and reads them back: %s", (_, offset, lengthBytes) => {
    const bench = driveBench(iommu);
    const { system, controller } = bench;
    const start = (ramAt(bench, offset + lengthBytes) + offset) as PhysAddr;
    const data = pattern(lengthBytes);
    system.fabric.dram.write(start, data);
    expect(transfer(bench, "write", 5, [{ start: start, sizeBytes: lengthBytes }])).toBe("success");
    expect(isSame(controller.namespace.slice(5 * 512, lengthBytes), data)).toBe(true);
    const back = (ramAt(bench, offset + lengthBytes) + offset) as PhysAddr;
    expect(transfer(bench, "read", 5, [{ start: back, sizeBytes: lengthBytes }])).toBe("success");
    expect(isSame(system.fabric.dram.slice(back, lengthBytes), data)).toBe(true);
    expect(controller.bus.failureCount).toBe(0);
  });

  it("reaches memory in pieces that no PRPs can describe", () => {
    const bench = driveBench(iommu);
    const base = ramAt(bench, 16 * PAGE_BYTES);
    const runs = [5, 2, 11].map((page, index): PhysRange => {
      const phys = (base + page * PAGE_BYTES + 100 * index) as PhysAddr;
      return { start: phys, sizeBytes: 512 * (index + 1) };
    });
    const data = pattern(512 * 6);
    let done = 0;
    for (const { start: phys, sizeBytes: lengthBytes } of runs) {
      bench.system.fabric.dram.write(phys, data, done, lengthBytes);
      done += lengthBytes;
    }
    expect(transfer(bench, "write", 0, runs)).toBe("success");
    expect(isSame(bench.controller.namespace.slice(0, data.length), data)).toBe(true);
  });

  it("gives everything back when its driver stops", () => {
    const { system, fn } = benchOf(serverMachine(iommu));
    const before = system.ram.availableBytes;
    const poolBefore = poolOf(system, fn("cmb0")).availableBytes;
    const controller = new NvmeController(system, fn("cmb0"));
    new NvmeDriver(system, controller, { commandsIn: "controller" }).stop();
    expect(system.ram.availableBytes).toBe(before);
    expect(poolOf(system, fn("cmb0")).availableBytes).toBe(poolBefore);
    expect(system.units.dmaDomainOf(fn("cmb0"))?.mappedBytes ?? 0).toBe(0);
  });
});

describe("a controller", () => {
  it("whose mask is short is given bounce buffers, and copies of what it wrote come back", () => {
    const { fn } = benchOf(serverMachine());
    const options = { ramBytes: 6 * 2 ** 30, dmaMaskBits: new Map([[fn("nvme0"), 32]]) };
    const bench = driveBench("off", options);
    const range = bench.system.ram.alloc(8192, { from: (5 * 2 ** 30) as PhysAddr });
    if (range === null) throw new Error("no RAM");
    const run = { start: range.start, sizeBytes: 8192 };
    bench.system.fabric.dram.write(range.start, pattern(8192));
    expect(transfer(bench, "write", 0, [run])).toBe("success");
    bench.system.fabric.dram.fill(range.start, 8192, 0);
    expect(transfer(bench, "read", 0, [run])).toBe("success");
    expect(isSame(bench.system.fabric.dram.slice(range.start, 8192), pattern(8192))).toBe(true);
    expect(bench.system.cost.bouncedBytes).toBeGreaterThan(0);
  });

  it.each(["off", "strict"] as const)("reaches RAM that its host bridge shows elsewhere, IOMMU %s", (iommu) => {
    const bench = driveBench(iommu, { ramBusOffset: () => 2 ** 44 });
    const phys = ramAt(bench, 4096);
    bench.system.fabric.dram.write(phys, pattern(4096));
    expect(transfer(bench, "write", 0, [{ start: phys, sizeBytes: 4096 }])).toBe("success");
    expect(isSame(bench.controller.namespace.slice(0, 4096), pattern(4096))).toBe(true);
  });

  it("that cannot reach host memory has no driver, and nothing stays allocated", () => {
    const { system, fn } = benchOf(serverMachine());
    system.fabric.setCommand(fn("nvme0"), 0x2);
    const before = system.ram.availableBytes;
    const controller = new NvmeController(system, fn("nvme0"));
    expect(() => new NvmeDriver(system, controller)).toThrow("makes no I/O queue: no-completion");
    expect(system.ram.availableBytes).toBe(before);
  });

  it("takes commands out of its own buffer, without a byte on its link", () => {
    const { system, fn } = benchOf(serverMachine());
    const controller = new NvmeController(system, fn("cmb0"));
    const drive = new NvmeDriver(system, controller, { commandsIn: "controller" });
    const range = poolOf(system, fn("cmb0")).alloc(4096);
    if (range === null) throw new Error("no room");
    const mapped = mapMemory(system, controller.fn, [{ start: range.start, sizeBytes: 4096 }], "to-device");
    if (!mapped.ok) throw new Error(mapped.reason);
    system.fabric
      .barBytes(fn("cmb0"), 2)
      .write(range.start - (system.physical.barRange(fn("cmb0"), 2)?.start ?? 0), pattern(4096));
    const mark = system.traffic.mark();
    expect(drive.transfer("write", 0, mapped.value.spans)).toBe("success");
    expect(isSame(controller.namespace.slice(0, 4096), pattern(4096))).toBe(true);
    const { data, control } = system.traffic.since(mark);
    expect([...data.up, ...data.down].every((bytes) => bytes === 0)).toBe(true);
    expect(control.dramReadBytes).toBe(16);
  });

  it("tells what is wrong with a command", () => {
    const bench = driveBench();
    const phys = ramAt(bench, 4096);
    expect(transfer(bench, "read", bench.controller.blocks - 1, [{ start: phys, sizeBytes: 1024 }])).toBe(
      "lba-out-of-range",
    );
    expect(() => transfer(bench, "read", 0, [{ start: phys, sizeBytes: 1000 }])).toThrow("whole blocks");
  });

  it("tells that data could not be read, and leaves the blocks as they were", () => {
    const bench = driveBench();
    bench.controller.namespace.write(0, pattern(512));
    const nowhere: DmaSpan = { address: 0xff_ffff_0000 as DmaAddr, lengthBytes: 512 };
    expect(bench.drive.transfer("write", 0, [nowhere])).toBe("data-transfer-error");
    expect(isSame(bench.controller.namespace.slice(0, 512), pattern(512))).toBe(true);
    expect(bench.controller.bus.takeFailures()).toMatchObject([{ kind: "read", outcome: "unsupported-request" }]);
  });

  it("does not learn what becomes of data that it wrote", () => {
    const bench = driveBench();
    const nowhere: DmaSpan = { address: 0xff_ffff_0000 as DmaAddr, lengthBytes: 512 };
    expect(bench.drive.transfer("read", 0, [nowhere])).toBe("success");
    expect(bench.controller.bus.takeFailures()).toMatchObject([{ kind: "write", outcome: "unsupported-request" }]);
  });

  it("whose completions are lost gives none", () => {
    const bench = driveBench("strict");
    const phys = ramAt(bench, 4096);
    const mapped = mapMemory(bench.system, bench.controller.fn, [{ start: phys, sizeBytes: 512 }], "from-device");
    if (!mapped.ok) throw new Error(mapped.reason);
    bench.system.fabric.setCommand(bench.controller.fn, 0x2);
    expect(bench.drive.transfer("read", 0, mapped.value.spans)).toBe("no-completion");
  });
});
