import { type Bdf, makeBdf } from "../pci/bdf.ts";
import type { Collector } from "./collector.ts";
import type { MeasuredDevice } from "./results.ts";

/** Memory of the host. */
export const HOST: MeasuredDevice = { kind: "host" };

/** Domain, bus and device in hexadecimal, function 0; `null` where they are no address. */
export function gpuAddress(domain: string, bus: string, device: string): Bdf | null {
  const [domainNumber, busNumber, deviceNumber] = [domain, bus, device].map((part) =>
    /^[0-9a-f]{1,8}$/i.test(part) ? Number.parseInt(part, 16) : Number.NaN,
  ) as [number, number, number];
  const inRange = domainNumber <= 0xffff_ffff && busNumber <= 0xff && deviceNumber <= 0x1f;
  return inRange ? makeBdf(domainNumber, busNumber, deviceNumber, 0) : null;
}

/**
 * The GPUs of one run by their numbers. Where the output has no address of one, its number is all there is, and CUDA
 * numbers the fastest first unless `CUDA_DEVICE_ORDER` is `PCI_BUS_ID` (CUDA C++ Programming Guide, environment variables):
 * that is among the assumptions then.
 */
export class GpuList {
  readonly #out: Collector;
  readonly #gpus = new Map<number, MeasuredDevice>();

  constructor(out: Collector) {
    this.#out = out;
  }

  set(index: number, gpu: MeasuredDevice): void {
    this.#gpus.set(index, gpu);
  }

  clear(): void {
    this.#gpus.clear();
  }

  get(index: number): MeasuredDevice {
    const gpu = this.#gpus.get(index) ?? { kind: "gpu", index, bdf: null, name: null };
    if (gpu.kind === "gpu" && gpu.bdf === null) {
      this.#out.assume(
        "the output has no PCI addresses of its GPUs: their numbers are CUDA's, and CUDA puts the fastest first unless CUDA_DEVICE_ORDER=PCI_BUS_ID is set",
      );
    }
    return gpu;
  }

  /** All but one of several numbers. */
  others(indexes: readonly number[], index: number): MeasuredDevice {
    this.#out.countMembers(indexes.length);
    return groupOf(indexes.filter((other) => other !== index).map((other) => this.get(other)));
  }
}

/** Several devices as one end; one alone is itself. */
export function groupOf(members: readonly MeasuredDevice[]): MeasuredDevice {
  return members.length === 1 && members[0] !== undefined ? members[0] : { kind: "group", members };
}
