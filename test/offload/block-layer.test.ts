import { describe, expect, test } from "vitest";
import { NvmeController } from "../../src/devices/nvme/controller.ts";
import { NvmeDriver } from "../../src/devices/nvme/driver.ts";
import { poolOf, type System } from "../../src/devices/system.ts";
import type { SystemOptions } from "../../src/devices/system-options.ts";
import type { IommuMode } from "../../src/host/machine.ts";
import { providerOf } from "../../src/memory/machine-bars.ts";
import {
  type Bio,
  type BioSegment,
  type DmaSegment,
  mergeBios,
  type QueueLimits,
  type SideObject,
  splitBio,
} from "../../src/offload/block/bio.ts";
import { MdDevice, MultipathDevice, NvmeBlockDevice, stackedLimits } from "../../src/offload/block/block-device.ts";
import { orchestrate } from "../../src/offload/block/orchestrate.ts";
import { type DmaAddr, PAGE_BYTES, type PhysAddr, type PhysRange, pfn, pfnOf } from "../../src/pci/addresses.ts";
import { makeBdf } from "../../src/pci/bdf.ts";
import { benchOf, isSame, pattern, serverMachine } from "../devices/machines.ts";

const LIMITS: QueueLimits = {
  blockBytes: 512,
  maxSegments: 4,
  maxSegmentBytes: 8192,
  maxBytes: 16_384,
  takesPeerPages: true,
};

const pages = (frame: number, lengthBytes: number, offsetBytes = 0): BioSegment => ({
  kind: "pages",
  pfn: pfn(frame),
  offsetBytes,
  lengthBytes,
});
const dma = (address: number, lengthBytes: number, side: SideObject | null = null): DmaSegment => ({
  kind: "dma",
  address: address as DmaAddr,
  lengthBytes,
  side,
});
const write = (block: number, ...segments: readonly BioSegment[]): Bio => ({ kind: "write", block, segments });

describe("a bio is split by the limits of a queue", () => {
  test.for<readonly [what: string, bio: Bio, parts: readonly Bio[]]>([
    ["not at all", write(3, pages(1, 4096)), [write(3, pages(1, 4096))]],
    [
      "by the bytes of a segment, and of a request",
      write(0, pages(16, 20_480)),
      [write(0, pages(16, 8192), pages(18, 8192)), write(32, pages(20, 4096))],
    ],
    [
      "by the number of segments, at a block",
      write(0, pages(1, 512), pages(2, 512), pages(3, 512), pages(4, 256), pages(5, 768)),
      [write(0, pages(1, 512), pages(2, 512), pages(3, 512)), write(3, pages(4, 256), pages(5, 768))],
    ],
    [
      "inside a page, and inside of what a DMA address names",
      write(0, pages(1, 4096, 512), dma(0x9000, 12_800)),
      [write(0, pages(1, 4096, 512), dma(0x9000, 8192), dma(0xb000, 4096)), write(32, dma(0xc000, 512))],
    ],
  ])("%s", ([, bio, parts]) => {
    expect(splitBio(bio, LIMITS)).toEqual(parts);
  });

  test("bytes that are no whole blocks, and a block in too many pieces, are refused", () => {
    expect(() => splitBio(write(0, pages(1, 100)), LIMITS)).toThrow(/no whole blocks/);
    const pieces = Array.from({ length: 8 }, (_, index) => pages(index, 64));
    expect(() => splitBio(write(0, ...pieces), LIMITS)).toThrow(/more than 4 segments/);
  });
});

describe("bios are merged as far as limits and memory allow", () => {
  const anywhere = () => true;

  test("neighbours become one request, and what goes on in memory one segment", () => {
    expect(mergeBios([write(0, pages(1, 4096)), write(8, pages(2, 4096))], LIMITS, anywhere)).toEqual([
      write(0, pages(1, 8192)),
    ]);
  });

  test("another block, the other direction, or more bytes than a request has stay apart", () => {
    const apart: readonly Bio[] = [write(0, pages(1, 4096)), write(9, pages(2, 4096))];
    expect(mergeBios(apart, LIMITS, anywhere)).toEqual(apart);
    const other: readonly Bio[] = [write(0, pages(1, 512)), { ...write(1, pages(1, 512)), kind: "read" }];
    expect(mergeBios(other, LIMITS, anywhere)).toEqual(other);
    const long: readonly Bio[] = [write(0, pages(1, 8192), pages(9, 4096)), write(24, pages(20, 8192))];
    expect(mergeBios(long, LIMITS, anywhere)).toEqual(long);
  });

  test("pages of two memories that touch stay two segments", () => {
    const merged = mergeBios([write(0, pages(1, 4096)), write(8, pages(2, 4096))], LIMITS, () => false);
    expect(merged).toEqual([write(0, pages(1, 4096), pages(2, 4096))]);
  });

  test("a DMA address joins no page, and none with another side object", () => {
    const side = { madeFor: makeBdf(0, 1, 0, 0) } as SideObject;
    const bios = [
      write(0, dma(0x1000, 512)),
      write(1, dma(0x1200, 512)),
      write(2, dma(0x1400, 512, side)),
      write(3, pages(1, 512, 0x600)),
    ];
    expect(mergeBios(bios, LIMITS, anywhere)).toEqual([
      write(0, dma(0x1000, 1024), dma(0x1400, 512, side), pages(1, 512, 0x600)),
    ]);
  });
});

/** Drives nvme0 and cmb0 below the GPU's switch, cmb1 below another root port. */
function bench(iommu: IommuMode = "off", cpu = "cpu: amd-zen", options: SystemOptions = {}) {
  const made = benchOf(serverMachine(iommu, "false", cpu), options);
  const { system, fn } = made;
  const driveOf = (name: string, limits: Partial<QueueLimits> = {}) => {
    const controller = new NvmeController(system, fn(name), { namespaceBytes: 2 ** 24 });
    return { controller, device: new NvmeBlockDevice(system, new NvmeDriver(system, controller), limits) };
  };
  const gpu = system.providers.find(({ owner, range }) => owner === fn("gpu0") && range.sizeBytes === 2 ** 28);
  if (gpu === undefined) throw new Error("no memory of the GPU");
  const gpuRange: PhysRange = { start: (gpu.range.start + 0x10_000) as PhysAddr, sizeBytes: 65_536 };
  return { system, fn, driveOf, gpu, gpuRange };
}

function segmentOf(range: PhysRange): BioSegment {
  const offsetBytes = range.start % PAGE_BYTES;
  return { kind: "pages", pfn: pfnOf(range.start), offsetBytes, lengthBytes: range.sizeBytes };
}

function fillGpu({ system, gpu, gpuRange }: ReturnType<typeof bench>, data: Uint8Array): void {
  system.fabric.barBytes(gpu.owner, gpu.bar).write(gpuRange.start - gpu.range.start, data);
}

function cmbRun(system: System, name: string, data: Uint8Array): PhysRange {
  const pool = poolOf(system, name);
  const range = pool.alloc(data.length);
  const provider = range === null ? null : system.maps.providerAt(range.start);
  if (range === null || provider === null) throw new Error("no peer memory");
  system.fabric
    .barBytes(provider.owner, provider.bar)
    .write(range.start - providerOf(system.machine, provider.owner, provider.bar).range.start, data);
  return range;
}

describe.each(["off", "passthrough", "strict", "lazy"] as const)(
  "page-less memory in the block layer, IOMMU %s",
  (iommu) => {
    test("gets from a GPU without struct pages to the drive that its addresses were made for", () => {
      const made = bench(iommu);
      const { system, driveOf, gpu, gpuRange, fn } = made;
      const { controller, device } = driveOf("nvme0");
      const data = pattern(gpuRange.sizeBytes);
      fillGpu(made, data);
      expect(system.maps.kindAt(gpuRange.start)).toBeNull();
      const memory = orchestrate(system, fn("nvme0"), gpu, [gpuRange], "bidirectional", true);
      if (!memory.ok) throw new Error(memory.reason);
      expect(device.submit([write(7, ...memory.value.segments)])).toEqual({ status: "ok", reason: "" });
      expect(isSame(controller.namespace.slice(7 * 512, data.length), data)).toBe(true);
      memory.value.release();
    });

    test("goes in one request with RAM and pages of a buffer between", () => {
      const made = bench(iommu);
      const { system, driveOf, gpu, gpuRange, fn } = made;
      const { controller, device } = driveOf("nvme0");
      const data = [pattern(4096, 2), pattern(8192, 3), pattern(gpuRange.sizeBytes, 4)] as const;
      const ram = system.ram.alloc(4096);
      if (ram === null) throw new Error("no RAM");
      system.fabric.dram.write(ram.start, data[0]);
      const buffer = cmbRun(system, "cmb0", data[1]);
      fillGpu(made, data[2]);
      const memory = orchestrate(system, fn("nvme0"), gpu, [gpuRange], "bidirectional", true);
      if (!memory.ok) throw new Error(memory.reason);
      const bio = write(0, segmentOf(ram), segmentOf(buffer), ...memory.value.segments);
      expect(device.submit([bio])).toEqual({ status: "ok", reason: "" });
      expect(device.requests).toBe(1);
      expect(isSame(controller.namespace.slice(0, 4096), data[0])).toBe(true);
      expect(isSame(controller.namespace.slice(4096, 8192), data[1])).toBe(true);
      expect(isSame(controller.namespace.slice(12_288, gpuRange.sizeBytes), data[2])).toBe(true);
    });
  },
);

describe("a side object is passed down and recalled", () => {
  const throughPath = (decorated: boolean, path: number, iommu: IommuMode = "strict") => {
    const made = bench(iommu);
    const { system, driveOf, gpu, gpuRange, fn } = made;
    const near = driveOf("nvme0");
    const far = driveOf("cmb1");
    const data = pattern(gpuRange.sizeBytes);
    fillGpu(made, data);
    // Made for a drive of which the address is an IOVA: the far one.
    const memory = orchestrate(system, fn("cmb1"), gpu, [gpuRange], "bidirectional", decorated);
    if (!memory.ok) throw new Error(memory.reason);
    const head = new MultipathDevice(system.maps, [far.device, near.device]);
    head.current = path;
    const result = head.submit([write(0, ...memory.value.segments)]);
    const { controller } = path === 0 ? far : near;
    return { result, isRight: isSame(controller.namespace.slice(0, data.length), data) };
  };

  test("by the path that it was made for it goes, decorated or not", () => {
    expect(throughPath(true, 0)).toMatchObject({ result: { status: "ok" }, isRight: true });
    expect(throughPath(false, 0)).toMatchObject({ result: { status: "ok" }, isRight: true });
  });

  test("by another path the undecorated address faults in the fabric, and the side object refuses it before", () => {
    expect(throughPath(false, 1)).toMatchObject({ result: { status: "EIO" }, isRight: false });
    const { result, isRight } = throughPath(true, 1);
    expect(result).toMatchObject({ status: "EINVAL" });
    expect(result.reason).toMatch(/was made for 0000:.* and is not good for 0000:/);
    expect(isRight).toBe(false);
  });

  test("a bus address is good for another drive of the same switch too, and its side object says so", () => {
    const made = bench("strict");
    const { system, driveOf, gpu, gpuRange, fn } = made;
    const data = pattern(gpuRange.sizeBytes);
    fillGpu(made, data);
    const memory = orchestrate(system, fn("nvme0"), gpu, [gpuRange], "bidirectional", true);
    if (!memory.ok) throw new Error(memory.reason);
    expect(memory.value.segments[0]?.side?.isBus).toBe(true);
    const mirror = new MdDevice(system.maps, "raid1", [driveOf("nvme0").device, driveOf("cmb0").device]);
    expect(mirror.submit([write(0, ...memory.value.segments)]).status).toBe("ok");
    const wide = new MdDevice(system.maps, "raid1", [driveOf("cmb1").device]);
    expect(wide.submit([write(0, ...memory.value.segments)]).status).toBe("EINVAL");
  });

  test("a bus address that another drive cannot issue is not good for it", () => {
    const options = { dmaMaskBits: new Map([["cmb0", 32]]) };
    const { system, driveOf, gpu, gpuRange, fn } = bench("off", "cpu: amd-zen", options);
    const memory = orchestrate(system, fn("nvme0"), gpu, [gpuRange], "bidirectional", true);
    if (!memory.ok) throw new Error(memory.reason);
    expect(memory.value.segments[0]?.side?.isBus).toBe(true);
    expect(driveOf("cmb0").device.submit([write(0, ...memory.value.segments)]).status).toBe("EINVAL");
  });

  test("the driver that orchestrates is refused with EINVAL where the rules refuse", () => {
    const { system, gpu, gpuRange, fn } = bench("off", "cpu: intel");
    const memory = orchestrate(system, fn("cmb1"), gpu, [gpuRange], "bidirectional", true);
    expect(memory).toMatchObject({ ok: false, errno: "EINVAL" });
  });
});

describe("what is no run of blocks, and no limit, is refused by name", () => {
  test.each([
    ["a block before the first", write(-1, pages(1, 512))],
    ["a part of a block", write(0.5, pages(1, 512))],
    ["a segment of less than no bytes", write(0, pages(1, -512), pages(2, 1024))],
  ])("%s", (_, bio) => {
    expect(() => splitBio(bio, LIMITS)).toThrow("are no run of blocks");
  });

  test("chunks of md, and limits of a queue", () => {
    const { system, driveOf } = bench();
    const members = [driveOf("nvme0").device];
    for (const chunk of [0, -4096]) {
      expect(() => new MdDevice(system.maps, "raid0", members, chunk), `${chunk}`).toThrow("no whole blocks");
    }
    for (const limit of [0, -1, 0.5, Number.NaN]) {
      expect(() => driveOf("nvme0", { maxSegmentBytes: limit }), `${limit}`).toThrow("a limit of a queue");
    }
  });
});

describe("a stack of devices takes peer pages only where all of its parts do", () => {
  test("raid0 cuts at its chunks, and the bytes are where md puts them", () => {
    const { system, driveOf } = bench();
    const [a, b] = [driveOf("nvme0"), driveOf("cmb0")];
    const data = pattern(3 * 65_536);
    const buffer = cmbRun(system, "cmb0", data);
    const md = new MdDevice(system.maps, "raid0", [a.device, b.device]);
    expect(md.limits.takesPeerPages).toBe(true);
    // Chunk 1 to 3 of 64 KiB: b's first, a's second, b's second.
    expect(md.submit([write(128, segmentOf(buffer))])).toEqual({ status: "ok", reason: "" });
    expect(isSame(b.controller.namespace.slice(0, 65_536), data.slice(0, 65_536))).toBe(true);
    expect(isSame(a.controller.namespace.slice(65_536, 65_536), data.slice(65_536, 131_072))).toBe(true);
    expect(isSame(b.controller.namespace.slice(65_536, 65_536), data.slice(131_072))).toBe(true);
  });

  test.each(["md", "multipath"] as const)(
    "%s with one part that does not: EREMOTEIO for peer pages, RAM goes on",
    (what) => {
      const { system, driveOf } = bench();
      const parts = [driveOf("nvme0").device, driveOf("cmb0", { takesPeerPages: false }).device];
      const stack = what === "md" ? new MdDevice(system.maps, "raid0", parts) : new MultipathDevice(system.maps, parts);
      expect(stackedLimits(parts).takesPeerPages).toBe(false);
      const buffer = cmbRun(system, "cmb0", pattern(4096));
      expect(stack.submit([write(0, segmentOf(buffer))]).status).toBe("EREMOTEIO");
      const ram = system.ram.alloc(4096);
      expect(ram === null ? null : stack.submit([write(0, segmentOf(ram))]).status).toBe("ok");
    },
  );

  test("peer pages of a pair that the rules refuse end with EINVAL at the queue", () => {
    const { system, driveOf } = bench("off", "cpu: intel");
    const buffer = cmbRun(system, "cmb0", pattern(4096));
    expect(driveOf("cmb1").device.submit([write(0, segmentOf(buffer))]).status).toBe("EINVAL");
  });
});
