import type { Machine } from "../host/machine.ts";
import { type Bdf, busOf, deviceOf, domainOf, formatBdf, functionOf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind, isBridge, isKindHidden } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { MeasuredDevice, MeasuredEntry, MeasuringTool } from "../results/results.ts";

/** An end of a measurement on a machine: one function, several that took part at once, memory of the host, or none, with why. */
export type MatchedEnd =
  | { readonly kind: "functions"; readonly bdfs: readonly Bdf[] }
  | { readonly kind: "host" }
  | { readonly kind: "unmatched"; readonly why: string };

const NVIDIA = 0x10de;
const AMD = 0x1002;
const HOST_END: MatchedEnd = { kind: "host" };

const KIND_WORDS: Readonly<Record<DeviceKind, string>> = {
  gpu: "a GPU",
  nic: "a NIC",
  nvme: "an NVMe",
  accel: "an accelerator",
  bridge: "a bridge",
  other: "no GPU",
};

/**
 * Finds the functions of a machine that the results of tools are of. Addresses that a tool printed win; the number of a GPU
 * without one is its place among the GPUs in the order of PCI addresses, which is said. What fits nothing, or more than one
 * thing, is unmatched.
 */
export class DeviceMatcher {
  /** What had to be assumed, once each. */
  readonly assumptions: Set<string> = new Set();
  /** Where the output and the machine contradict each other, once each: perhaps it is another machine. */
  readonly contradictions: Set<string> = new Set();
  readonly #byBdf: ReadonlyMap<Bdf, PciFunction>;
  readonly #byName = new Map<string, readonly PciFunction[]>();
  readonly #functions: readonly PciFunction[];
  /** The largest number of a GPU without an address. */
  readonly #largestIndex: number;
  readonly #known = new Map<string, MatchedEnd>();

  constructor(machine: Pick<Machine, "functions">, entries: readonly MeasuredEntry[]) {
    this.#functions = machine.functions;
    this.#byBdf = new Map(machine.functions.map((fn) => [fn.bdf, fn]));
    for (const fn of machine.functions) {
      for (const name of fn.names) this.#byName.set(name, [...(this.#byName.get(name) ?? []), fn]);
    }
    let largest = -1;
    for (const { from, to } of entries) {
      for (const device of [from, to]) {
        for (const each of device.kind === "group" ? device.members : [device]) {
          if (each.kind === "gpu" && each.bdf === null) largest = Math.max(largest, each.index);
        }
      }
    }
    this.#largestIndex = largest;
  }

  match(device: MeasuredDevice, tool: MeasuringTool): MatchedEnd {
    if (device.kind === "host") return HOST_END;
    if (device.kind === "unknown") return { kind: "unmatched", why: device.why };
    if (device.kind === "group") return this.#group(device.members, tool);
    const key = `${tool} ${JSON.stringify(device)}`;
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const matched = this.#one(device, tool);
    this.#known.set(key, matched);
    return matched;
  }

  #group(members: readonly MeasuredDevice[], tool: MeasuringTool): MatchedEnd {
    const bdfs: Bdf[] = [];
    for (const member of members) {
      const matched = this.match(member, tool);
      if (matched.kind === "unmatched") return matched;
      if (matched.kind === "host") return { kind: "unmatched", why: "memory of the host among several devices" };
      bdfs.push(...matched.bdfs);
    }
    if (bdfs.length === 0) return { kind: "unmatched", why: "the output names no device" };
    if (new Set(bdfs).size < bdfs.length) return { kind: "unmatched", why: "the output names one device twice" };
    return { kind: "functions", bdfs };
  }

  #one(
    device: Exclude<MeasuredDevice, { readonly kind: "host" | "unknown" | "group" }>,
    tool: MeasuringTool,
  ): MatchedEnd {
    if (device.kind === "bdf") return this.#address(device.bdf, tool);
    if (device.kind === "gpu")
      return device.bdf === null ? this.#number(device) : this.#gpuAt(device, device.bdf, tool);
    if (device.kind === "rdma") return this.#named(device.name, `no RDMA device '${device.name}' on this machine`);
    if (device.kind === "block") return this.#block(device.name);
    return { kind: "unmatched", why: "a file: the output does not say on which device it is" };
  }

  #address(bdf: Bdf, tool: MeasuringTool): MatchedEnd {
    if (this.#byBdf.has(bdf)) return { kind: "functions", bdfs: [bdf] };
    if (tool === "perftest" && domainOf(bdf) === 0) {
      // It prints no domain: what fits in one place alone is meant.
      const alike = this.#functions.filter(
        (fn) =>
          busOf(fn.bdf) === busOf(bdf) && deviceOf(fn.bdf) === deviceOf(bdf) && functionOf(fn.bdf) === functionOf(bdf),
      );
      const [only] = alike;
      if (only !== undefined && alike.length === 1) {
        this.assumptions.add(`perftest prints no PCI domain: ${formatBdf(only.bdf)} is the only one with that bus`);
        return { kind: "functions", bdfs: [only.bdf] };
      }
    }
    return { kind: "unmatched", why: `no function ${formatBdf(bdf)} on this machine: another machine?` };
  }

  #gpuAt(gpu: { readonly index: number; readonly name: string | null }, bdf: Bdf, tool: MeasuringTool): MatchedEnd {
    const found = this.#address(bdf, tool);
    if (found.kind !== "functions") return found;
    const fn = this.#byBdf.get(found.bdfs[0] ?? bdf);
    if (fn === undefined) return found;
    const kind = deviceKind(fn);
    if (kind !== "gpu" && kind !== "accel" && !isKindHidden(fn)) {
      const why = `${formatBdf(fn.bdf)} is ${KIND_WORDS[kind]} on this machine, and the output says GPU ${gpu.index}: another machine?`;
      return { kind: "unmatched", why };
    }
    this.#holdName(gpu, fn);
    return found;
  }

  /** The GPUs that CUDA or ROCm counts, in the order of their addresses. */
  #counted(name: string | null): readonly PciFunction[] {
    const gpus = this.#functions
      .filter((fn) => !isBridge(fn) && deviceKind(fn) === "gpu")
      .toSorted((a, b) => a.bdf - b.bdf);
    const vendor = name !== null && /\b(?:AMD|Radeon|Instinct)\b/i.test(name) ? AMD : NVIDIA;
    const own = gpus.filter((fn) => fn.vendorId === vendor);
    return own.length > 0 ? own : gpus;
  }

  #number(gpu: { readonly index: number; readonly name: string | null }): MatchedEnd {
    const gpus = this.#counted(gpu.name);
    if (gpus.length === 0) return { kind: "unmatched", why: "this machine shows no GPU" };
    if (this.#largestIndex >= gpus.length) {
      const has = gpus.length === 1 ? "1 GPU" : `${gpus.length} GPUs`;
      const why = `the output numbers GPUs up to ${this.#largestIndex}, and this machine has ${has}: none is matched by number`;
      return { kind: "unmatched", why };
    }
    const fn = gpus[gpu.index];
    if (fn === undefined) return { kind: "unmatched", why: `no GPU ${gpu.index} on this machine` };
    if (this.#largestIndex + 1 < gpus.length) {
      const why = `the output numbers GPUs up to ${this.#largestIndex} without addresses, and this machine has ${gpus.length}: which of them it saw (CUDA_VISIBLE_DEVICES) it does not say`;
      return { kind: "unmatched", why };
    }
    if (new Set(gpus.map(({ deviceId }) => (isUnknown(deviceId) ? -1 : deviceId))).size > 1) {
      const why =
        "the output has no addresses of GPUs, this machine has unlike ones, and CUDA numbers the fastest first: none is matched by number";
      return { kind: "unmatched", why };
    }
    this.assumptions.add(
      "GPUs are numbered in the order of their PCI addresses, as with CUDA_DEVICE_ORDER=PCI_BUS_ID and all of them visible",
    );
    this.#holdName(gpu, fn);
    return { kind: "functions", bdfs: [fn.bdf] };
  }

  #named(name: string, why: string): MatchedEnd {
    const found = this.#byName.get(name) ?? [];
    const [only] = found;
    if (only !== undefined && found.length === 1) return { kind: "functions", bdfs: [only.bdf] };
    if (found.length > 1)
      return { kind: "unmatched", why: `${found.length} functions of this machine are named '${name}'` };
    const isUnnamed = !this.#functions.some((fn) => fn.names.length > 0);
    return {
      kind: "unmatched",
      why: isUnnamed ? `the source shows no names of devices, and the output says '${name}'` : why,
    };
  }

  /** `nvme0n1p2` is part of controller `nvme0`, whose number Linux gives its namespaces as a rule. */
  #block(name: string): MatchedEnd {
    const controller = /^(nvme\d{1,6})(?:c\d{1,6})?n\d{1,6}(?:p\d{1,6})?$/.exec(name)?.[1];
    if (controller === undefined) return this.#named(name, `no function of this machine has the disk '${name}'`);
    const direct = this.#byName.get(name);
    if (direct?.length === 1) return this.#named(name, "");
    const found = this.#named(controller, `no '${controller}' on this machine, whose disk '${name}' is`);
    if (found.kind === "functions") {
      this.assumptions.add("a namespace as nvme0n1 is of controller nvme0 (with NVMe multipath it may be of another)");
    }
    return found;
  }

  #holdName({ index, name }: { readonly index: number; readonly name: string | null }, fn: PciFunction): void {
    if (name === null) return;
    const vendor = /\bNVIDIA\b|\bTesla\b|\bGeForce\b/i.test(name) ? NVIDIA : /\bAMD\b/i.test(name) ? AMD : null;
    const isOtherVendor = vendor !== null && !isUnknown(fn.vendorId) && fn.vendorId !== vendor;
    const shown = /\[([^\]]{1,100})\]/.exec(fn.label ?? "")?.[1];
    const models = modelsOf(name);
    const machineModels = modelsOf(shown ?? "");
    const isOtherModel =
      models.length > 0 && machineModels.length > 0 && !models.some((model) => machineModels.includes(model));
    if (!isOtherVendor && !isOtherModel) return;
    const is =
      shown ??
      fn.label ??
      (isUnknown(fn.vendorId) ? "another" : `a device of vendor ${fn.vendorId.toString(16).padStart(4, "0")}`);
    this.contradictions.add(
      `the output says that GPU ${index} is '${name}', and the machine has ${is} at ${formatBdf(fn.bdf)}: another machine?`,
    );
  }
}

/** The words of a GPU's name that tell its model: `H100`, `A100`, `4090`, `MI300X`, `T4`. */
function modelsOf(name: string): readonly string[] {
  return name
    .toUpperCase()
    .split(/[^A-Z0-9]+/)
    .filter(
      (word) => /^[A-Z]{0,2}\d{1,4}[A-Z]{0,2}$/.test(word) && !/^\d{1,4}GB?$/.test(word) && !/^\d{1,2}$/.test(word),
    );
}
