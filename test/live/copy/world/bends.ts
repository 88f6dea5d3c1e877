import { constants, type Descriptor } from "../../../../src/live/system-calls.ts";
import type { Bend } from "./command.ts";

type Slip =
  | "the target is not synced"
  | "the journal is saved before the target is synced"
  | "the journal is opened following links"
  | "the folder of the target is not synced"
  | "a failed flush is overlooked";

/** Faults put in on purpose: what the search must find. Each is what a slip in the code would come to. */
export const BENDS: Readonly<Record<Slip, Bend>> = {
  /** The target is never flushed. */
  "the target is not synced": (system) => ({
    fdatasync: async (file) => {
      if (!isTarget(system.pathOf(file))) await system.fdatasync(file);
    },
  }),
  /** A flush of the target takes effect with the next one: what the journal says was not yet on the medium. */
  "the journal is saved before the target is synced": (system) => {
    const late = new Set<Descriptor>();
    return {
      fdatasync: async (file) => {
        if (!isTarget(system.pathOf(file)) || late.has(file)) return await system.fdatasync(file);
        late.add(file);
      },
    };
  },
  /** A link passes for what it leads to. */
  "the journal is opened following links": (system) => ({
    lstat: (path) => system.stat(path),
    open: (path, flags, mode) => system.open(path, flags & ~constants.O_NOFOLLOW, mode),
  }),
  /** A new name is not put on the medium. */
  "the folder of the target is not synced": (system) => ({
    fsync: (file) => {
      if (system.pathOf(file) !== "/data") system.fsync(file);
    },
  }),
  /** An error of a flush is taken for none. */
  "a failed flush is overlooked": (system) => ({
    fdatasync: async (file) => {
      await system.fdatasync(file).catch(() => {});
    },
  }),
};

function isTarget(path: string): boolean {
  return !/journal|^\/state\//.test(path);
}
