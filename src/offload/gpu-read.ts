import type { Gpu } from "../devices/gpu.ts";
import type { NvmeDriver } from "../devices/nvme/driver.ts";
import { poolOf, type System } from "../devices/system.ts";
import { dmaFailure } from "../dma/dma-error.ts";
import { formatAddress, type PhysRange } from "../pci/addresses.ts";
import { formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { conclude, isSuccess, type StepFailure, type StepResult, sameBytes, type TransferReport } from "./outcome.ts";
import { runOf, withMapped } from "./steps.ts";
import { reportTraffic } from "./traffic-report.ts";

/**
 * How blocks come to a GPU. `drive-writes`: the drive writes them to the GPU's BAR. `gpu-reads`: the drive puts them into
 * its own buffer, and the GPU reads them there. `through-ram`: the drive writes RAM, and the GPU reads it.
 */
export type GpuReadWay = "drive-writes" | "gpu-reads" | "through-ram";

/** What a GPU reads from a drive. */
export interface GpuRead {
  readonly gpu: Gpu;
  readonly drive: NvmeDriver;
  /** First block of the namespace. */
  readonly block: number;
  /** Whole blocks. */
  readonly lengthBytes: number;
  /** Where in the GPU's memory, as `Gpu.alloc` gave it. */
  readonly into: PhysRange;
  /** `drive-writes` unless told. */
  readonly way?: GpuReadWay;
  /** Where mapping fails or the drive's buffer is full: `through-ram`. False unless told. */
  readonly fallBackToRam?: boolean;
}

/** A read that may have gone another way than asked. */
export interface GpuReadReport extends TransferReport {
  readonly way: GpuReadWay;
  /** Why it did not go as asked, where it did not. */
  readonly whyNotAsAsked: StepFailure | null;
}

/** Reads blocks of a drive into a GPU. Throws `bad-input` for a place outside of the GPU's memory. */
export function readIntoGpu(system: System, request: GpuRead): GpuReadReport {
  const { gpu, drive, block, lengthBytes, fallBackToRam = false } = request;
  const offset = offsetOf(request);
  const masters = [gpu.bus, drive.controller.bus];
  for (const bus of masters) bus.takeFailures();
  const { namespace, blockBytes } = drive.controller;
  const mark = system.traffic.mark();
  let way = request.way ?? "drive-writes";
  let step = readBy(way, system, request, offset);
  const whyNotAsAsked = "status" in step ? null : step;
  if (whyNotAsAsked !== null && fallBackToRam && way !== "through-ram") {
    way = "through-ram";
    step = readBy(way, system, request, offset);
  }
  const report = conclude(step, {
    lengthBytes,
    failures: masters.flatMap((bus) => bus.takeFailures()),
    bytesMatch: sameBytes(namespace.slice(block * blockBytes, lengthBytes), gpu.memory.slice(offset, lengthBytes)),
    traffic: reportTraffic(system, system.traffic.since(mark)),
  });
  return { ...report, way, whyNotAsAsked };
}

function readBy(way: GpuReadWay, system: System, request: GpuRead, offset: number): StepResult {
  const { drive, block, lengthBytes, into } = request;
  const { fn } = drive.controller;
  switch (way) {
    case "drive-writes":
      return withMapped(system, fn, runOf(into, lengthBytes), "from-device", (spans) => ({
        status: drive.transfer("read", block, spans),
      }));
    case "gpu-reads":
      return readThrough(system, poolOf(system, fn), `the buffer of ${formatBdf(fn)}`, request, offset);
    case "through-ram":
      return readThrough(system, system.ram, "RAM", request, offset);
  }
}

/** Memory that a transfer stays in on its way. */
interface Stage {
  alloc(sizeBytes: number): PhysRange | null;
  free(range: PhysRange): void;
}

function readThrough(
  system: System,
  stage: Stage,
  name: string,
  { gpu, drive, block, lengthBytes }: GpuRead,
  offset: number,
): StepResult {
  const range = stage.alloc(lengthBytes);
  if (range === null) return dmaFailure("ENOMEM", `${name} has no ${lengthBytes} bytes in one run left`);
  try {
    const runs = runOf(range, lengthBytes);
    const filled = withMapped(system, drive.controller.fn, runs, "from-device", (spans) => ({
      status: drive.transfer("read", block, spans),
    }));
    if (!isSuccess(filled)) return filled;
    return withMapped(system, gpu.fn, runs, "to-device", (spans) => ({ status: gpu.copyIn(spans, offset) }));
  } finally {
    stage.free(range);
  }
}

function offsetOf({ gpu, into, lengthBytes }: GpuRead): number {
  const { start, sizeBytes } = gpu.range;
  const offset = into.start - start;
  if (offset >= 0 && lengthBytes <= into.sizeBytes && offset + lengthBytes <= sizeBytes) return offset;
  throw new PeerlaneError(
    "bad-input",
    `${lengthBytes} bytes at ${formatAddress(into.start)} are not in the GPU's memory`,
    {
      remedy: "take the range that 'Gpu.alloc' gave",
    },
  );
}
