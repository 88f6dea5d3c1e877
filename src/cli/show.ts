import type { Machine } from "../host/machine.ts";
import { expectedIommuGroups, type VerdictTable } from "../p2pdma/index.ts";
import {
  type Block,
  documentMarkdown,
  documentText,
  type ScreenOptions,
  type TreeInput,
  type WhatIfView,
  whatIfBlocks,
  whatIfJson,
} from "../report/index.ts";
import type { OutputOptions } from "./options.ts";
import { screenWidth, wantsColor } from "./terminal.ts";

/** One answer in the forms that it can be printed in. */
export interface Answer {
  readonly machine: Machine;
  readonly json: () => object;
  /** The screen; without it the blocks are drawn. */
  readonly text?: (screen: ScreenOptions) => string;
  /** What Markdown is made of. */
  readonly blocks: () => readonly Block[];
  /** What was asked beside it, to be said below. */
  readonly whatIf?: WhatIfView | undefined;
}

/** Prints an answer as the options ask, and the notes of the machine behind a screen. */
export function show(options: OutputOptions, answer: Answer): void {
  process.stdout.write(formOf(options, answer));
  if (options.json !== true && options.markdown !== true) showNotes(answer.machine);
}

function formOf(options: OutputOptions, { json, text, blocks, whatIf }: Answer): string {
  if (options.json === true) {
    const whole = whatIf === undefined ? json() : { ...json(), whatIf: whatIfJson(whatIf) };
    return `${JSON.stringify(whole, null, 1)}\n`;
  }
  const more = whatIf === undefined ? [] : whatIfBlocks(whatIf);
  if (options.markdown === true) return documentMarkdown([...blocks(), ...more]);
  const screen = screenOf(options);
  const below = more.length === 0 ? "" : `\n${documentText(more, screen)}`;
  return (text?.(screen) ?? documentText(blocks(), screen)) + below;
}

/** The screen that the options ask for. */
export function screenOf(options: OutputOptions): ScreenOptions {
  return { width: screenWidth(options.width), color: wantsColor(options.color, process.stdout) };
}

/** Says what a reader has to say, on standard error. */
export function showNotes({ notes }: Machine): void {
  for (const note of notes) {
    const where = note.place?.line === undefined ? "" : ` (${note.place.file}:${note.place.line})`;
    process.stderr.write(`note: ${note.message}${where}\n${note.remedy === undefined ? "" : `  → ${note.remedy}\n`}`);
  }
}

/** What `matrix` and `tree` draw. */
export function treeInput(table: VerdictTable): TreeInput {
  return { table, expectedGroups: expectedIommuGroups(table.machine, table.topology) };
}
