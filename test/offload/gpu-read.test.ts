import { describe, expect, it } from "vitest";
import { Gpu } from "../../src/devices/gpu.ts";
import { NvmeController } from "../../src/devices/nvme/controller.ts";
import { NvmeDriver } from "../../src/devices/nvme/driver.ts";
import type { SystemOptions } from "../../src/devices/system-options.ts";
import type { Machine } from "../../src/host/machine.ts";
import { type GpuRead, type GpuReadReport, readIntoGpu } from "../../src/offload/gpu-read.ts";
import { type Bench, benchOf, emulatedMachine, isSame, pattern, serverMachine } from "../devices/machines.ts";

const lengthBytes = 96 * 1024;

interface ReadBench extends Bench {
  readonly gpu: Gpu;
  run(request?: Partial<GpuRead>): GpuReadReport;
  arrived(): boolean;
}

function readBench(machine: Machine, driveName = "cmb0", options: SystemOptions = {}): ReadBench {
  const bench = benchOf(machine, options);
  const { system, fn } = bench;
  const controller = new NvmeController(system, fn(driveName));
  controller.namespace.write(512 * 3, pattern(lengthBytes));
  const drive = new NvmeDriver(system, controller);
  const gpu = new Gpu(system, fn("gpu0"));
  const into = gpu.alloc(lengthBytes);
  if (into === null) throw new Error("no memory");
  return {
    ...bench,
    gpu,
    run: (request = {}) => readIntoGpu(system, { gpu, drive, block: 3, lengthBytes, into, ...request }),
    arrived: () => isSame(gpu.memory.slice(into.start - gpu.range.start, lengthBytes), pattern(lengthBytes)),
  };
}

describe.each(["off", "passthrough", "strict", "lazy"] as const)(
  "a GPU below the drive's switch, IOMMU %s",
  (iommu) => {
    it.each(["drive-writes", "gpu-reads"] as const)("gets blocks without DRAM: %s", (way) => {
      const bench = readBench(serverMachine(iommu));
      const report = bench.run({ way });
      expect(report).toMatchObject({ outcome: "done", way, whyNotAsAsked: null });
      expect(bench.arrived()).toBe(true);
      expect(report.traffic).toMatchObject({ dramReadBytes: 0, dramWrittenBytes: 0, rootComplexBytes: 0 });
      expect(report.traffic.switches).toEqual([{ fn: bench.fn("switch"), bytes: lengthBytes }]);
    });

    it("gets them through RAM when asked, each byte written and read once", () => {
      const bench = readBench(serverMachine(iommu));
      const report = bench.run({ way: "through-ram" });
      expect(report).toMatchObject({ outcome: "done", way: "through-ram" });
      expect(report.traffic).toMatchObject({ dramReadBytes: lengthBytes, dramWrittenBytes: lengthBytes });
      expect(bench.arrived()).toBe(true);
    });
  },
);

describe("a GPU beyond the host bridge", () => {
  it("gets blocks through the root complex where the kernel allows it", () => {
    const bench = readBench(serverMachine(), "cmb1");
    const report = bench.run();
    expect(report).toMatchObject({ outcome: "done", way: "drive-writes" });
    expect(report.traffic).toMatchObject({ dramWrittenBytes: 0, rootComplexBytes: lengthBytes });
    expect(bench.arrived()).toBe(true);
  });

  it("gets nothing where the kernel does not, or falls back and says so", () => {
    const bench = readBench(serverMachine("off", "false", "cpu: intel"), "cmb1");
    expect(bench.run()).toMatchObject({ outcome: "mapping-failed", driverSaw: "EINVAL" });
    expect(bench.run({ fallBackToRam: true })).toMatchObject({
      outcome: "done",
      way: "through-ram",
      whyNotAsAsked: { errno: "EINVAL" },
    });
    expect(bench.arrived()).toBe(true);
  });

  it("falls back where the drive's buffer is too small", () => {
    const bench = readBench(serverMachine());
    const report = bench.run({ way: "gpu-reads", lengthBytes: lengthBytes, fallBackToRam: true });
    expect(report.way).toBe("gpu-reads");
    const large = bench.gpu.alloc(2 ** 21);
    if (large === null) throw new Error("no memory");
    expect(bench.run({ way: "gpu-reads", into: large, lengthBytes: 2 ** 21, fallBackToRam: true })).toMatchObject({
      outcome: "done",
      way: "through-ram",
      whyNotAsAsked: { errno: "ENOMEM" },
    });
  });
});

describe("a GPU below the emulator's switch", () => {
  it("gets nothing, and its driver sees success", () => {
    const bench = readBench(emulatedMachine("strict"));
    expect(bench.run()).toMatchObject({ outcome: "silent-loss", driverSaw: "success", fabricSaw: "iommu-fault" });
    expect(bench.arrived()).toBe(false);
    expect(readBench(emulatedMachine("passthrough")).run().outcome).toBe("done");
  });
});

describe("the place in a GPU", () => {
  it("is refused outside of what was allocated", () => {
    const bench = readBench(serverMachine());
    const { start } = bench.gpu.range;
    expect(() => bench.run({ into: { start, sizeBytes: 512 } })).toThrow("are not in the GPU's memory");
  });
});
