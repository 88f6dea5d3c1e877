import type { ValuePath, YamlSource } from "../../host/yaml/yaml-source.ts";
import { PeerlaneError, type Place } from "../../pci/error.ts";
import type { DriveInput, DriveKeys } from "./sharing-input.ts";
import type { DeviceName, DriveSetup } from "./step-base.ts";

/** Where the parts of one step stand in its file. */
export class StepPlaces {
  readonly #source: YamlSource;
  readonly #path: ValuePath;

  constructor(source: YamlSource, path: ValuePath) {
    this.#source = source;
    this.#path = path;
  }

  at(path: ValuePath): Place {
    return this.#source.placeOf([...this.#path, ...path]);
  }

  device(text: string, path: ValuePath): DeviceName {
    return { text, place: this.at(path) };
  }

  drive({ drive, ...keys }: DriveInput, path: ValuePath): DriveSetup {
    return { device: this.device(drive, [...path, "drive"]), ...driveKeys(keys) };
  }

  /** Throws `bad-input` unless there is exactly one of the two. */
  direction(
    input: { readonly read?: number | undefined; readonly write?: number | undefined },
    path: ValuePath,
  ): { readonly direction: "read" | "write"; readonly sizeBytes: number } {
    const { read, write } = input;
    const sizeBytes = read ?? write;
    if (sizeBytes !== undefined && (read === undefined || write === undefined)) {
      return { direction: read === undefined ? "write" : "read", sizeBytes };
    }
    throw new PeerlaneError("bad-input", "it is either 'read: SIZE' or 'write: SIZE'", {
      place: this.at(path),
      remedy: "leave one of the two, or make two steps of it",
    });
  }
}

/** How drives are set up, with the defaults. */
export function driveKeys({ blockSize, commandsIn }: DriveKeys): Omit<DriveSetup, "device"> {
  return { blockBytes: blockBytesOf(blockSize), commandsIn: commandsIn ?? "host" };
}

export function blockBytesOf(text: DriveKeys["blockSize"]): 512 | 4096 {
  return text === undefined || text === "512" ? 512 : 4096;
}
