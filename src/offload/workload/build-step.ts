import type { ValuePath, YamlSource } from "../../host/yaml/yaml-source.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { CopyInput, DriveInput, GpuReadInput, IoInput, PlaceInput, StepInput, TargetInput } from "./input.ts";
import type {
  CopyPlace,
  CopyStep,
  DeviceName,
  DriveSetup,
  GpuReadStep,
  ProviderName,
  TargetIo,
  TargetStep,
  WorkloadStep,
} from "./workload.ts";

const KINDS = ["copy", "nvmeof", "gpuRead"] as const;

type StepKey = (typeof KINDS)[number];
type Rest<S> = Omit<S, "name" | "place" | "isCompared">;

/** Fills in the defaults of one step, with the places of its parts. */
export class StepBuilder {
  readonly #source: YamlSource;
  readonly #path: ValuePath;

  constructor(source: YamlSource, path: ValuePath) {
    this.#source = source;
    this.#path = path;
  }

  /** Throws `bad-input` with the place for a step that is none, or several. */
  build(input: StepInput, index: number): WorkloadStep {
    const place = this.#source.placeOf(this.#path);
    const [kind, second] = KINDS.filter((key) => input[key] !== undefined);
    if (kind === undefined || second !== undefined) {
      const message =
        kind === undefined
          ? `a step needs its kind as a key: ${KINDS.join(", ")}`
          : `one step cannot be both '${kind}' and '${second}'`;
      throw new PeerlaneError("bad-input", message, { place, remedy: "start each step with its own '- '" });
    }
    const { what, ...rest } = this.#rest(input, kind);
    const name = input.name ?? `${index + 1}: ${what}`;
    return { ...rest, name, place, isCompared: input.compare === "dram" };
  }

  #rest(
    { copy, nvmeof, gpuRead }: StepInput,
    kind: StepKey,
  ): (Rest<CopyStep> | Rest<TargetStep> | Rest<GpuReadStep>) & { readonly what: string } {
    if (copy !== undefined) return this.#copy(copy);
    if (nvmeof !== undefined) return this.#nvmeof(nvmeof);
    if (gpuRead !== undefined) return this.#gpuRead(gpuRead);
    throw new RangeError(`no step of kind ${kind}`);
  }

  #copy(input: CopyInput): Rest<CopyStep> & { readonly what: string } {
    const from = this.#copyPlace(input.from, ["copy", "from"]);
    const to = this.#copyPlace(input.to, ["copy", "to"]);
    return {
      kind: "copy",
      what: `copy from ${from.device.text} to ${to.device.text}`,
      from,
      to,
      sizeBytes: input.size,
      count: input.count ?? 1,
      provider: this.#provider(input.provider, ["copy", "provider"]),
      engine: input.engine === undefined ? null : this.#device(input.engine, ["copy", "engine"]),
      fallBackToRam: input.fallBackToRam ?? false,
      blockBytes: blockBytesOf(input.blockSize),
    };
  }

  #nvmeof(input: TargetInput): Rest<TargetStep> & { readonly what: string } {
    return {
      kind: "nvmeof",
      what: `nvmeof target of ${input.drive} at ${input.nic}`,
      nic: this.#device(input.nic, ["nvmeof", "nic"]),
      drive: this.#drive(input, "nvmeof"),
      provider: this.#provider(input.provider, ["nvmeof", "provider"]),
      queues: input.queues ?? 1,
      seed: input.seed ?? 0,
      io: input.io.map((each, index) => this.#io(each, ["nvmeof", "io", index])),
    };
  }

  #gpuRead(input: GpuReadInput): Rest<GpuReadStep> & { readonly what: string } {
    return {
      kind: "gpu-read",
      what: `${input.gpu} reads from ${input.drive}`,
      gpu: this.#device(input.gpu, ["gpuRead", "gpu"]),
      drive: this.#drive(input, "gpuRead"),
      sizeBytes: input.size,
      count: input.count ?? 1,
      block: input.block ?? 0,
      way: input.way ?? "drive-writes",
      fallBackToRam: input.fallBackToRam ?? false,
    };
  }

  #io({ read, write, count = 1, block = 0 }: IoInput, path: ValuePath): TargetIo {
    const sizeBytes = read ?? write;
    if (sizeBytes === undefined || (read !== undefined && write !== undefined)) {
      throw new PeerlaneError("bad-input", "an I/O is either 'read: SIZE' or 'write: SIZE'", {
        place: this.#source.placeOf([...this.#path, ...path]),
        remedy: "start each I/O with its own '- '",
      });
    }
    return { kind: read === undefined ? "write" : "read", sizeBytes, count, block };
  }

  #copyPlace(input: PlaceInput, path: ValuePath): CopyPlace {
    const { device, bar = null, offset = 0 } = input;
    return { device: this.#device(device, path), bar, offset };
  }

  #drive({ drive, blockSize, commandsIn }: DriveInput, key: StepKey): DriveSetup {
    const device = this.#device(drive, [key, "drive"]);
    return { device, blockBytes: blockBytesOf(blockSize), commandsIn: commandsIn ?? "host" };
  }

  #provider(text: string | undefined, path: ValuePath): ProviderName {
    if (text === undefined || text === "auto") return "auto";
    return text === "off" ? "off" : this.#device(text, path);
  }

  #device(text: string, path: ValuePath): DeviceName {
    return { text, place: this.#source.placeOf([...this.#path, ...path]) };
  }
}

function blockBytesOf(text: "512" | "4096" | "4K" | undefined): 512 | 4096 {
  return text === undefined || text === "512" ? 512 : 4096;
}
