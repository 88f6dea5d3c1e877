import type { Gpu } from "../../devices/gpu.ts";
import type { NvmeDriver } from "../../devices/nvme/driver.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { formatSize } from "../../pci/size.ts";
import { type GpuReadReport, readIntoGpu } from "../gpu-read.ts";
import type { WorkloadDevices } from "./devices.ts";
import { fillWithPattern } from "./pattern.ts";
import type { Transfer } from "./simulation.ts";
import type { GpuReadStep } from "./workload.ts";

/** Brings GPU and drive up; the reads are run each when it is asked for. `seed` is that of the first one's bytes. */
export function gpuTransfers(devices: WorkloadDevices, step: GpuReadStep, seed: number): Generator<Transfer> {
  const drive = devices.drive(step.drive);
  return reads(devices, step, { drive, gpu: devices.gpu(step.gpu) }, seed);
}

function* reads(
  devices: WorkloadDevices,
  step: GpuReadStep,
  { drive, gpu }: { readonly drive: NvmeDriver; readonly gpu: Gpu },
  seed: number,
): Generator<Transfer> {
  const { sizeBytes: lengthBytes, way, fallBackToRam } = step;
  const into = gpu.alloc(lengthBytes);
  if (into === null) {
    throw new PeerlaneError("bad-input", `${step.gpu.text} has no ${formatSize(lengthBytes)} of memory`, {
      place: step.place,
      remedy: "read less at a time",
    });
  }
  const { namespace, blockBytes, fn } = drive.controller;
  try {
    for (let index = 0; index < step.count; index++) {
      const block = step.block + (index * lengthBytes) / blockBytes;
      fillWithPattern(namespace, block * blockBytes, lengthBytes, seed + index);
      const report = readIntoGpu(devices.system, { gpu, drive, block, lengthBytes, into, way, fallBackToRam });
      yield { report, memory: memoryOf(report, { gpu: gpu.fn, drive: fn }) };
    }
  } finally {
    gpu.free(into);
  }
}

function memoryOf(
  { way, whyNotAsAsked, mappingFailure }: GpuReadReport,
  { gpu, drive }: { readonly gpu: Bdf; readonly drive: Bdf },
): Transfer["memory"] {
  if (mappingFailure !== null) return { source: "none", why: mappingFailure.reason };
  if (way === "through-ram") return { source: "ram", why: whyNotAsAsked?.reason ?? "asked for" };
  return { source: "peer", provider: way === "drive-writes" ? gpu : drive };
}
