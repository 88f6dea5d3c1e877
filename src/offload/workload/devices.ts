import { Gpu } from "../../devices/gpu.ts";
import { NvmeController } from "../../devices/nvme/controller.ts";
import { NvmeDriver } from "../../devices/nvme/driver.ts";
import { RdmaNic } from "../../devices/rdma/rdma-nic.ts";
import { buildSystem, type System } from "../../devices/system.ts";
import type { SystemOptions } from "../../devices/system-options.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { type DeviceKind, deviceKind, isBridge } from "../../pci/device-kind.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import type { PeerMemoryChoice } from "../io-memory.ts";
import { Assumptions } from "./assumptions.ts";
import { functionOf } from "./model-options.ts";
import type { CopyPlace, DeviceName, DriveSetup, ProviderName, WorkloadStep } from "./workload.ts";

/** Kept only where written: as large as drives are. */
const NAMESPACE_BYTES = 2 ** 40;

/** Where a copy starts or ends, found on the machine. */
export type CopyEnd =
  | { readonly kind: "blocks"; readonly fn: Bdf }
  | { readonly kind: "memory"; readonly fn: Bdf; readonly bar: number };

/** A model of a machine, and the devices on it that a workload has brought up so far. */
export class WorkloadDevices {
  readonly system: System;
  readonly assumptions: Assumptions;
  readonly #drives = new Map<Bdf, { readonly setup: DriveSetup; readonly driver: NvmeDriver }>();
  readonly #nics = new Map<Bdf, RdmaNic>();
  readonly #gpus = new Map<Bdf, Gpu>();

  /** Throws as `buildSystem`. */
  constructor(machine: System["machine"], options: SystemOptions) {
    this.system = buildSystem(machine, options);
    this.assumptions = new Assumptions(machine, options.rules);
  }

  /** Throws, with the place, for a step whose devices are not there or are of another kind. */
  check(step: WorkloadStep): void {
    switch (step.kind) {
      case "copy":
        this.#checkCopy(step.from, step.to, step.place);
        if (step.engine !== null) this.endpoint(step.engine);
        break;
      case "nvmeof":
        this.#ofKind(step.nic, ["nic"], "NIC");
        this.#checkDrive(step.drive);
        break;
      case "gpu-read":
        this.#ofKind(step.gpu, ["gpu", "accel"], "GPU or accelerator");
        this.#memoryBar(step.gpu, null);
        this.#checkDrive(step.drive);
        if (step.way === "gpu-reads") this.#checkPool(step.drive.device, "its buffer");
        break;
    }
    if (step.kind !== "gpu-read") this.provider(step.provider);
  }

  /** A controller with its driver, set up as asked; another set-up than before makes it anew. */
  drive(setup: DriveSetup): NvmeDriver {
    const fn = this.#checkDrive(setup);
    const made = this.#drives.get(fn);
    const isSame = made?.setup.blockBytes === setup.blockBytes && made.setup.commandsIn === setup.commandsIn;
    if (made !== undefined && isSame) return made.driver;
    made?.driver.stop();
    this.#drives.delete(fn);
    const { blockBytes, commandsIn } = setup;
    const controller = new NvmeController(this.system, fn, { namespaceBytes: NAMESPACE_BYTES, blockBytes });
    const driver = new NvmeDriver(this.system, controller, { commandsIn });
    this.#drives.set(fn, { setup, driver });
    return driver;
  }

  /** Stops all controllers: after an error, driver and controller may be out of step. */
  stopDrives(): void {
    for (const { driver } of this.#drives.values()) driver.stop();
    this.#drives.clear();
  }

  nic(name: DeviceName): RdmaNic {
    const { bdf } = this.#ofKind(name, ["nic"], "NIC");
    const nic = this.#nics.get(bdf) ?? new RdmaNic(this.system, bdf);
    this.#nics.set(bdf, nic);
    return nic;
  }

  gpu(name: DeviceName): Gpu {
    this.#ofKind(name, ["gpu", "accel"], "GPU or accelerator");
    const { fn, bar } = this.#memoryBar(name, null);
    const gpu = this.#gpus.get(fn) ?? new Gpu(this.system, fn, { bar });
    this.#gpus.set(fn, gpu);
    return gpu;
  }

  /** An end of a copy: an NVMe controller is its blocks unless a BAR is named. */
  end({ device, bar }: CopyPlace): CopyEnd {
    const fn = this.endpoint(device);
    if (bar === null && deviceKind(fn) === "nvme") return { kind: "blocks", fn: fn.bdf };
    return { kind: "memory", ...this.#memoryBar(device, bar) };
  }

  /** Whose memory is asked for. */
  provider(name: ProviderName): PeerMemoryChoice {
    if (typeof name === "string") return name;
    return { provider: this.#checkPool(name, "peer memory") };
  }

  /** A function that can issue requests of its own. Throws `bad-input`, with the place, for bridges. */
  endpoint(name: DeviceName): PciFunction {
    const bdf = functionOf(this.system.machine, name);
    const fn = this.system.topology.functions[this.system.fabric.indexOf(bdf)];
    if (fn !== undefined && !isBridge(fn)) return fn;
    throw new PeerlaneError("bad-input", `${name.text} is a bridge`, {
      place: name.place,
      remedy: "name an endpoint: 'peerlane tree' shows them",
    });
  }

  /** An endpoint of one of the kinds, or of a hidden one. Throws `bad-input`, with the place, for others. */
  #ofKind(name: DeviceName, kinds: readonly DeviceKind[], words: string): PciFunction {
    const fn = this.endpoint(name);
    if (isUnknown(fn.classCode) || kinds.includes(deviceKind(fn))) return fn;
    throw new PeerlaneError("bad-input", `${name.text} is no ${words}`, {
      place: name.place,
      remedy: "'peerlane tree' shows what devices are",
    });
  }

  #checkCopy(from: CopyPlace, to: CopyPlace, place: WorkloadStep["place"]): void {
    const ends = [from, to].map((end) => this.end(end));
    for (const [index, end] of [from, to].entries()) {
      const setup = { device: end.device, blockBytes: 512, commandsIn: "host" } as const;
      if (ends[index]?.kind === "blocks") this.#checkDrive(setup);
    }
    if (ends[0]?.kind === ends[1]?.kind) return;
    throw new PeerlaneError("bad-input", "a copy is from drive to drive, or from memory to memory", {
      place,
      remedy: "'gpuRead' brings blocks to a device's memory; name a 'bar:' for memory of a drive",
    });
  }

  #checkDrive({ device, commandsIn }: DriveSetup): Bdf {
    const fn = this.endpoint(device);
    const isNvme = deviceKind(fn) === "nvme" || isUnknown(fn.classCode);
    if (!isNvme || this.system.physical.barRange(fn.bdf, 0) === null) {
      const message = isNvme ? `${device.text} has no BAR 0 with an address` : `${device.text} is no NVMe controller`;
      throw new PeerlaneError("bad-input", message, {
        place: device.place,
        remedy: "'peerlane tree' shows which devices are NVMe controllers",
      });
    }
    if (commandsIn === "controller") this.#checkPool(device, "its buffer");
    return fn.bdf;
  }

  #checkPool(name: DeviceName, what: string): Bdf {
    const { bdf } = this.endpoint(name);
    if (this.system.pools.has(bdf)) return bdf;
    throw new PeerlaneError(
      "bad-input",
      `${name.text} (${formatBdf(bdf)}) has no peer memory, and ${what} is asked for`,
      {
        place: name.place,
        remedy: "give the controller a 'cmb:' in the scenario, or name a BAR in the model's 'peerMemory:'",
      },
    );
  }

  #memoryBar(name: DeviceName, bar: number | null): { readonly fn: Bdf; readonly bar: number } {
    const { bdf } = this.endpoint(name);
    const [largest] = this.system.physical.regions
      .flatMap((region) => (region.kind === "bar" && region.owner === bdf ? [region] : []))
      .filter((region) => bar === null || region.bar === bar)
      .sort((a, b) => b.range.sizeBytes - a.range.sizeBytes);
    if (largest !== undefined) return { fn: bdf, bar: largest.bar };
    throw new PeerlaneError(
      "bad-input",
      `${name.text} has no memory BAR${bar === null ? "" : ` ${bar}`} with an address`,
      {
        place: name.place,
        remedy: "'peerlane explain' says which BARs a function has",
      },
    );
  }
}
