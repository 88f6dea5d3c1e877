import type { ValuePath, YamlSource } from "../../host/yaml/yaml-source.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type BuiltSharing, sharingBuilders } from "./build-sharing.ts";
import type { CopyInput, GpuReadInput, IoInput, PlaceInput, StepInput, TargetInput } from "./input.ts";
import type { SharedNames } from "./shared-names.ts";
import type { DeviceName, DriveSetup, StepBase } from "./step-base.ts";
import { blockBytesOf, driveKeys, StepPlaces } from "./step-places.ts";
import type { CopyPlace, CopyStep, GpuReadStep, ProviderName, TargetIo, TargetStep, WorkloadStep } from "./workload.ts";

type Rest<S> = Omit<S, keyof StepBase>;
type Built = ((Rest<CopyStep> | Rest<TargetStep> | Rest<GpuReadStep>) & { readonly what: string }) | BuiltSharing;
type StepKey = Exclude<keyof StepInput, "name" | "compare" | "expect">;

/** Fills in the defaults of one step, with the places of its parts. */
export class StepBuilder {
  readonly #source: YamlSource;
  readonly #path: ValuePath;
  readonly #places: StepPlaces;
  readonly #builders: { readonly [K in StepKey]: (input: NonNullable<StepInput[K]>) => Built };

  /** `names`: those of the steps before, to which this one adds its own. */
  constructor(source: YamlSource, path: ValuePath, names: SharedNames) {
    this.#source = source;
    this.#path = path;
    this.#places = new StepPlaces(source, path);
    this.#builders = {
      copy: (input) => this.#copy(input),
      nvmeof: (input) => this.#nvmeof(input),
      gpuRead: (input) => this.#gpuRead(input),
      ...sharingBuilders(this.#places, names),
    };
  }

  /** Throws `bad-input` with the place for a step that is none, or several. */
  build(input: StepInput, index: number): WorkloadStep {
    const place = this.#source.placeOf(this.#path);
    const kinds = Object.keys(this.#builders) as StepKey[];
    const [kind, second] = kinds.filter((key) => input[key] !== undefined);
    if (kind === undefined || second !== undefined) {
      const message =
        kind === undefined
          ? `a step needs its kind as a key: ${kinds.join(", ")}`
          : `one step cannot be both '${kind}' and '${second}'`;
      throw new PeerlaneError("bad-input", message, { place, remedy: "start each step with its own '- '" });
    }
    const { what, ...rest } = this.#built(kind, input);
    const isCompared = input.compare === "dram";
    if (isCompared && !["copy", "nvmeof", "gpuRead"].includes(kind)) {
      throw new PeerlaneError("bad-input", `'${kind}' has no way through RAM to be compared with`, {
        place: this.#places.at(["compare"]),
        remedy: "leave 'compare:' to copy, nvmeof and gpuRead",
      });
    }
    const name = input.name ?? `${index + 1}: ${what}`;
    const expected =
      input.expect === undefined ? null : { outcome: input.expect.outcome, error: input.expect.error ?? null };
    return { ...rest, name, place, isCompared, expected };
  }

  #built<K extends StepKey>(kind: K, input: Pick<StepInput, K>): Built {
    return this.#builders[kind](input[kind] as NonNullable<StepInput[K]>);
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
    const nics = this.#devices(input, "nic", "nics");
    const drives = this.#devices(input, "drive", "drives");
    const textOf = (devices: readonly DeviceName[]): string => devices.map(({ text }) => text).join(", ");
    return {
      kind: "nvmeof",
      what: `nvmeof target of ${textOf(drives)} at ${textOf(nics)}`,
      nics,
      drives: drives.map((device): DriveSetup => ({ device, ...driveKeys(input) })),
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
      drive: this.#places.drive(input, ["gpuRead"]),
      sizeBytes: input.size,
      count: input.count ?? 1,
      block: input.block ?? 0,
      way: input.way ?? "drive-writes",
      fallBackToRam: input.fallBackToRam ?? false,
    };
  }

  #io(input: IoInput, path: ValuePath): TargetIo {
    const { direction, sizeBytes } = this.#places.direction(input, path);
    return { kind: direction, sizeBytes, count: input.count ?? 1, block: input.block ?? 0 };
  }

  #copyPlace(input: PlaceInput, path: ValuePath): CopyPlace {
    const { device, bar = null, offset = 0 } = input;
    return { device: this.#device(device, path), bar, offset };
  }

  /** One device by its key, or several by that of the list; no device twice. */
  #devices(input: TargetInput, one: "nic" | "drive", several: "nics" | "drives"): readonly DeviceName[] {
    const [text, texts] = [input[one], input[several]];
    if ((text === undefined) === (texts === undefined)) {
      throw new PeerlaneError("bad-input", `a target has either '${one}:' or '${several}:'`, {
        place: this.#places.at(["nvmeof"]),
        remedy: `'${several}: [a, b]' names several`,
      });
    }
    if (text !== undefined) return [this.#device(text, ["nvmeof", one])];
    return (texts ?? []).map((each, index) => this.#device(each, ["nvmeof", several, index]));
  }

  #provider(text: string | undefined, path: ValuePath): ProviderName {
    if (text === undefined || text === "auto") return "auto";
    return text === "off" ? "off" : this.#device(text, path);
  }

  #device(text: string, path: ValuePath): DeviceName {
    return this.#places.device(text, path);
  }
}
