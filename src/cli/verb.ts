import type { Command } from "commander";

/** Takes the exit code of a verb. */
export type Finish = (code: number) => void;

/** Adds a verb's arguments, options and help to its command. */
export type Declare = (command: Command, finish: Finish, program: Command) => void;

/** The verb that a line without one means. */
export const DEFAULT_VERB = "matrix";

/** What somebody wants who uses a verb. */
export type VerbGroup = "look" | "decide" | "change" | "data" | "model" | "files";

/** A verb as the program lists it. What it takes and does is in a file of its own, loaded when its word is given. */
export interface Verb {
  readonly name: string;
  readonly group: VerbGroup;
  /** What it is for, in a line. */
  readonly summary: string;
  readonly load: () => Promise<Declare>;
}
