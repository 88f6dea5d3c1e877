import type { Change } from "../advice/what-if/change.ts";
import type { Machine } from "../host/machine.ts";
import type { Printable } from "../pci/visible.ts";
import type { Block } from "../report/document.ts";
import { documentMarkdown } from "../report/document-markdown.ts";
import { documentText } from "../report/document-text.ts";
import type { JsonOutput } from "../report/json-types.ts";
import { untoldNotes } from "../report/notes.ts";
import { joinPrintable, printableJson } from "../report/printable.ts";
import type { ScreenOptions } from "../report/style.ts";
import type { TreeInput } from "../report/tree-text.ts";
import { askedBlocks, type WhatIfView, whatIfBlocks, whatIfJson } from "../report/what-if.ts";
import { expectedIommuGroups } from "../rules/iommu-groups.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import type { OutputOptions } from "./options.ts";
import { print, sayNote } from "./print.ts";
import { isSentOn, type MoreForms } from "./sent-on.ts";
import { screenWidth, terminalOutput, wantsColor, wholeWidth } from "./terminal.ts";

/** One answer in the forms that it can be printed in. */
export interface Shown {
  readonly machine: Machine;
  readonly json: () => JsonOutput;
  /** How JSON is laid out, where that is not value by value. */
  readonly jsonForm?: (json: JsonOutput) => Printable;
  /** The screen; without it the blocks are drawn. */
  readonly text?: (screen: ScreenOptions) => Printable;
  /** The screen is given an infinite width in a pipe or a file, where nobody asked for another. */
  readonly isWhole?: boolean;
  /** What Markdown is made of. */
  readonly blocks: () => readonly Block[];
  /** What was asked: said above, and below what it changes. */
  readonly whatIf?: WhatIfView | undefined;
}

/** Prints an answer as the options ask, and behind a screen the notes of the machine that it does not say. */
export function show(options: OutputOptions, answer: Shown): void {
  const form = formOf(options, answer);
  print(form);
  if (!isSentOn(options)) showNotes(untoldNotes(answer.machine.notes, form));
}

/** Prints an answer in one of the forms that only some verbs have; false where none of them is asked for. */
export async function printForm(
  options: MoreForms,
  forms: Readonly<Partial<Record<keyof MoreForms, () => Promise<Printable>>>>,
): Promise<boolean> {
  const asked = (["csv", "svg", "dot"] as const).find((form) => options[form] === true);
  const make = asked === undefined ? undefined : forms[asked];
  if (make === undefined) return false;
  print(await make());
  return true;
}

function formOf(options: OutputOptions, answer: Shown): Printable {
  const { json, jsonForm = (value) => printableJson(value, 1), text, isWhole = false, blocks, whatIf } = answer;
  if (options.json === true) {
    const whole = whatIf === undefined ? json() : { ...json(), whatIf: whatIfJson(whatIf) };
    return jsonForm(whole);
  }
  const asked = whatIf?.changes ?? [];
  const more = whatIf === undefined ? [] : whatIfBlocks(whatIf);
  if (options.markdown === true) return documentMarkdown([...askedBlocks(asked), ...blocks(), ...more]);
  const screen = screenOf(options);
  const answerText =
    text?.(isWhole ? { ...screen, width: wholeWidth(options.width) } : screen) ?? documentText(blocks(), screen);
  const above = belowAsked(asked, answerText, screen);
  return more.length === 0 ? above : joinPrintable([above, documentText(more, screen)], "\n");
}

/** A screen with what was asked above it. */
export function belowAsked(changes: readonly Change[], text: Printable, screen: ScreenOptions): Printable {
  const asked = askedBlocks(changes);
  return asked.length === 0 ? text : joinPrintable([documentText(asked, screen), text], "\n");
}

/** The screen that the options ask for. */
export function screenOf(options: OutputOptions): ScreenOptions {
  return { width: screenWidth(options.width), color: wantsColor(options.color, terminalOutput()) };
}

/** Says what a reader has to say, on standard error. */
export function showNotes(notes: Machine["notes"]): void {
  for (const note of notes) {
    const where = note.place?.line === undefined ? "" : ` (${note.place.file}:${note.place.line})`;
    sayNote(`${note.message}${where}`, note.remedy);
  }
}

/** What `matrix` and `tree` draw. */
export function treeInput(table: VerdictTable): TreeInput {
  return { table, expectedGroups: expectedIommuGroups(table.machine, table.topology) };
}
