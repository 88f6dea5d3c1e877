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
import { SharedMemory } from "./shared-memory.ts";
import type { ChangeStep, SharingStep } from "./sharing-steps.ts";
import type { DeviceName, DriveSetup } from "./step-base.ts";
import type { CopyPlace, ProviderName, TargetStep, WorkloadStep } from "./workload.ts";

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
  /** What steps share by name. */
  readonly shared: SharedMemory;
  readonly #drives = new Map<Bdf, { readonly setup: DriveSetup; readonly driver: NvmeDriver }>();
  readonly #nics = new Map<Bdf, RdmaNic>();
  readonly #gpus = new Map<Bdf, Gpu>();
  /** Functions of which a step that was checked exports memory. */
  readonly #exporters = new Set<Bdf>();

  /** Throws as `buildSystem`. */
  constructor(machine: System["machine"], options: SystemOptions) {
    this.system = buildSystem(machine, options);
    this.assumptions = new Assumptions(machine, options.rules);
    this.shared = new SharedMemory(this.system, options.rules);
  }

  /**
   * Throws, with the place, for a step whose devices are not there or are of another kind. Steps are checked in their order,
   * before any is run.
   */
  check(step: WorkloadStep): void {
    switch (step.kind) {
      case "copy":
        this.#checkCopy(step.from, step.to, step.place);
        if (step.engine !== null) this.endpoint(step.engine);
        break;
      case "nvmeof":
        this.#checkTarget(step);
        break;
      case "gpu-read":
        this.#ofKind(step.gpu, ["gpu", "accel"], "GPU or accelerator");
        this.memoryOf(step.gpu, null);
        this.#checkDrive(step.drive);
        if (step.way === "gpu-reads") this.#checkPool(step.drive.device, "its buffer");
        break;
      default:
        this.#checkSharing(step);
    }
    if (step.kind === "copy" || step.kind === "nvmeof") this.provider(step.provider);
  }

  #checkTarget({ nics, drives }: TargetStep): void {
    const seen = new Set<Bdf>();
    const once = (bdf: Bdf, { text, place }: DeviceName): void => {
      if (seen.size < seen.add(bdf).size) return;
      throw new PeerlaneError("bad-input", `${text} is in the target already`, {
        place,
        remedy: "name each device once",
      });
    };
    for (const nic of nics) once(this.#ofKind(nic, ["nic"], "NIC").bdf, nic);
    for (const drive of drives) once(this.#checkDrive(drive), drive.device);
  }

  #checkSharing(step: SharingStep): void {
    switch (step.kind) {
      case "export":
        this.#exporters.add(this.memoryOf(step.device, step.bar).fn);
        break;
      case "import":
        this.#ofKind(step.nic, ["nic"], "NIC");
        break;
      case "reset":
      case "revoke":
      case "restore":
        this.#checkChange(step);
        break;
      case "guest":
        for (const device of step.devices) this.endpoint(device);
        break;
      case "dma":
        this.endpoint(step.device);
        break;
      case "mmap":
        this.#checkPool(step.device, "peer memory");
        break;
      case "direct-io":
        this.#checkDrive(step.drive);
        break;
      case "rdma":
        break;
    }
  }

  /** What is changed was exported before; peer memory without VFIO can only be removed. */
  #checkChange({ kind, by, device, during }: ChangeStep): void {
    const { bdf } = this.endpoint(device);
    if (during?.way === "direct-io") this.#checkDrive(during.drive);
    if (this.#exporters.has(bdf)) return;
    if (kind === "revoke" && by === "remove") {
      this.#checkPool(device, "peer memory");
      return;
    }
    throw new PeerlaneError("bad-input", `no step before this one exports memory of ${device.text}`, {
      place: device.place,
      remedy: "export a part of it first; peer memory of a driver is taken back by 'revoke: { by: remove }'",
    });
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
    const { fn, bar } = this.memoryOf(name, null);
    const gpu = this.#gpus.get(fn) ?? new Gpu(this.system, fn, { bar });
    this.#gpus.set(fn, gpu);
    return gpu;
  }

  /** An end of a copy: an NVMe controller is its blocks unless a BAR is named. */
  end({ device, bar }: CopyPlace): CopyEnd {
    const fn = this.endpoint(device);
    if (bar === null && deviceKind(fn) === "nvme") return { kind: "blocks", fn: fn.bdf };
    return { kind: "memory", ...this.memoryOf(device, bar) };
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
    const none = this.system.choices.find(({ value }) => value === `none in ${formatBdf(bdf)}`);
    const why = none === undefined ? "" : ` (${none.why})`;
    throw new PeerlaneError(
      "bad-input",
      `${name.text} (${formatBdf(bdf)}) has no peer memory, and ${what} is asked for${why}`,
      {
        place: name.place,
        remedy: "give the controller a 'cmb:' in the scenario, or name a BAR in the model's 'peerMemory:'",
      },
    );
  }

  /** A memory BAR of an endpoint, the largest where it is `null`. Throws `bad-input`, with the place, where there is none. */
  memoryOf(name: DeviceName, bar: number | null): { readonly fn: Bdf; readonly bar: number } {
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
