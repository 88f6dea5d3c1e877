import type { ByteRange } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { SharedNames } from "./shared-names.ts";
import type {
  ChangeInput,
  DirectIoInput,
  DuringInput,
  ExportInput,
  GuestDmaInput,
  GuestInput,
  ImportInput,
  MmapInput,
  RdmaInput,
  SharingInput,
} from "./sharing-input.ts";
import type {
  ChangeStep,
  DirectIoStep,
  ExportStep,
  GuestDmaStep,
  GuestStep,
  ImportStep,
  Interrupted,
  MmapStep,
  RdmaStep,
  SharingStep,
} from "./sharing-steps.ts";
import type { StepBase } from "./step-base.ts";
import type { StepPlaces } from "./step-places.ts";

type Rest<S> = S extends StepBase ? Omit<S, keyof StepBase> : never;
type Built<S> = Rest<S> & { readonly what: string };

/** A step that shares memory without what every step has; `what` is its name unless it has one. */
export type BuiltSharing = Built<SharingStep>;

/** {@link Interrupted} without what both ways have. */
type Through =
  | Pick<Extract<Interrupted, { way: "rdma" }>, "way" | "region">
  | Pick<Extract<Interrupted, { way: "direct-io" }>, "way" | "memory" | "drive" | "block">;

type Builders = {
  readonly [K in keyof SharingInput]-?: (input: NonNullable<SharingInput[K]>) => BuiltSharing;
};

/** How each key of a step that shares memory becomes a step. Throw `bad-input`, with the place, for names that are not there. */
export function sharingBuilders(places: StepPlaces, names: SharedNames): Builders {
  const builder = new SharingBuilder(places, names);
  return {
    export: (input) => builder.export(input),
    import: (input) => builder.import(input),
    rdma: (input) => builder.rdma(input),
    reset: (input) => builder.change("reset", input),
    revoke: (input) => builder.change("revoke", input),
    restore: (input) => builder.change("restore", input),
    guest: (input) => builder.guest(input),
    dma: (input) => builder.dma(input),
    mmap: (input) => builder.mmap(input),
    directIo: (input) => builder.directIo(input),
  };
}

class SharingBuilder {
  readonly #places: StepPlaces;
  readonly #names: SharedNames;

  constructor(places: StepPlaces, names: SharedNames) {
    this.#places = places;
    this.#names = names;
  }

  export(input: ExportInput): Built<ExportStep> {
    const { device, bar = null, offset, size, ranges, as } = input;
    const isInOne = offset !== undefined || size !== undefined;
    if (isInOne && (ranges !== undefined || size === undefined)) {
      throw new PeerlaneError("bad-input", "an export is 'offset: … size: …', or 'ranges:', or the whole BAR", {
        place: this.#places.at(["export"]),
        remedy: "give 'size:' with 'offset:', and no 'ranges:' beside them",
      });
    }
    const one: readonly ByteRange[] | null = size === undefined ? null : [{ start: offset ?? 0, sizeBytes: size }];
    return {
      kind: "export",
      what: `export of ${device}`,
      device: this.#places.device(device, ["export", "device"]),
      bar,
      ranges: ranges?.map(({ offset: start, size: sizeBytes }) => ({ start, sizeBytes })) ?? one,
      as: this.#names.define(as, "buffer", this.#places.at(["export", "as"])),
    };
  }

  import({ buffer, nic, mode = "on-demand", as }: ImportInput): Built<ImportStep> {
    return {
      kind: "import",
      what: `${nic} imports ${buffer}`,
      buffer: this.#names.use(buffer, "buffer", this.#places.at(["import", "buffer"])),
      nic: this.#places.device(nic, ["import", "nic"]),
      mode,
      as: this.#names.define(as, "region", this.#places.at(["import", "as"])),
    };
  }

  rdma(input: RdmaInput): Built<RdmaStep> {
    const { region, offset = 0, count = 1 } = input;
    const { direction, sizeBytes } = this.#places.direction(input, ["rdma"]);
    this.#names.use(region, "region", this.#places.at(["rdma", "region"]));
    return { kind: "rdma", what: `hosts ${direction} ${region}`, region, direction, sizeBytes, offset, count };
  }

  change(kind: ChangeStep["kind"], { device, by = "memory-decode-off", during }: ChangeInput): Built<ChangeStep> {
    return {
      kind,
      what: `${kind} of ${device}`,
      device: this.#places.device(device, [kind, "device"]),
      by,
      during: during === undefined ? null : this.#during(kind, during),
    };
  }

  #during(kind: ChangeStep["kind"], input: DuringInput): Interrupted {
    const { offset = 0, after = 0 } = input;
    const path = [kind, "during"];
    const traffic = { ...this.#places.direction(input, path), offset, after };
    const through = this.#through(input, path);
    if (after < traffic.sizeBytes) return { ...through, ...traffic };
    throw new PeerlaneError(
      "bad-input",
      `after ${after} bytes a ${traffic.direction} of ${traffic.sizeBytes} is over`,
      {
        place: this.#places.at([...path, "after"]),
        remedy: "let it come earlier",
      },
    );
  }

  /** Whose memory the traffic of a change is in: a region's, or a process's by a drive. */
  #through({ region, memory, drive, block, blockSize, commandsIn }: DuringInput, path: readonly string[]): Through {
    const ofDrive = { block, blockSize, commandsIn };
    const isBare = Object.values(ofDrive).every((value) => value === undefined);
    if (region !== undefined && memory === undefined && drive === undefined && isBare) {
      this.#names.use(region, "region", this.#places.at([...path, "region"]));
      return { way: "rdma", region };
    }
    if (region === undefined && memory !== undefined && drive !== undefined) {
      this.#names.use(memory, "mapping", this.#places.at([...path, "memory"]));
      return { way: "direct-io", memory, drive: this.#places.drive({ drive, ...ofDrive }, path), block: block ?? 0 };
    }
    throw new PeerlaneError("bad-input", "traffic is of a 'region:', or of 'memory:' with a 'drive:'", {
      place: this.#places.at(path),
      remedy: "rdma has the one, directIo the other",
    });
  }

  guest({ name, devices = [], ram = 0, maps = [] }: GuestInput): Built<GuestStep> {
    if (!this.#names.has(name, "guest")) this.#names.define(name, "guest", this.#places.at(["guest", "name"]));
    for (const [index, { buffer }] of maps.entries()) {
      this.#names.use(buffer, "buffer", this.#places.at(["guest", "maps", index, "buffer"]));
    }
    return {
      kind: "guest",
      what: `guest ${name}`,
      guest: name,
      devices: devices.map((device, index) => this.#places.device(device, ["guest", "devices", index])),
      ramBytes: ram,
      maps,
    };
  }

  dma(input: GuestDmaInput): Built<GuestDmaStep> {
    const { guest, device, at, count = 1 } = input;
    const { direction, sizeBytes } = this.#places.direction(input, ["dma"]);
    this.#names.use(guest, "guest", this.#places.at(["dma", "guest"]));
    return {
      kind: "dma",
      what: `DMA of ${device} in ${guest}`,
      guest,
      device: this.#places.device(device, ["dma", "device"]),
      ...{ direction, sizeBytes, at, count },
    };
  }

  mmap({ device, size, as }: MmapInput): Built<MmapStep> {
    return {
      kind: "mmap",
      what: `mmap of ${device}`,
      device: this.#places.device(device, ["mmap", "device"]),
      sizeBytes: size,
      as: this.#names.define(as, "mapping", this.#places.at(["mmap", "as"])),
    };
  }

  directIo(input: DirectIoInput): Built<DirectIoStep> {
    const { memory, offset = 0, count = 1, block = 0 } = input;
    const { direction, sizeBytes } = this.#places.direction(input, ["directIo"]);
    this.#names.use(memory, "mapping", this.#places.at(["directIo", "memory"]));
    return {
      kind: "direct-io",
      what: `${direction}s of ${input.drive} and ${memory}`,
      memory,
      drive: this.#places.drive(input, ["directIo"]),
      ...{ direction, sizeBytes, count, block, offset },
    };
  }
}
