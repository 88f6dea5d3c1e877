import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { WhatIf } from "../advice/what-if/what-if.ts";
import type { Machine } from "../host/machine.ts";
import { sourceTitle } from "../host/redaction/names-of-source.ts";
import { redact } from "../host/redaction/redact.ts";
import { writeSnapshot } from "../host/snapshot/write-snapshot.ts";
import { PeerlaneError } from "../pci/error.ts";
import { jsonText, type Printable } from "../pci/visible.ts";
import { changeText } from "../report/change-text.ts";

/** A machine as the page takes it: the text of a snapshot, under a name. */
export interface PageMachine {
  readonly name: string;
  readonly text: string;
}

/** A machine for the page, and beside it as it would be where something was asked; without what names anybody. */
export function pageMachines({ before, after, changes }: WhatIf): readonly PageMachine[] {
  const machines = [pageMachine(before, sourceTitle(before.source))];
  if (changes.length === 0) return machines;
  const asked = changes.map(changeText).join(", ");
  return [...machines, pageMachine(after, `${sourceTitle(before.source)}, with ${asked}`)];
}

function pageMachine(machine: Machine, name: string): PageMachine {
  return { name, text: writeSnapshot(redact(machine, name), name) };
}

/** Where the page is: beside the program, or where the sources' build puts it. */
const PLACES = [join(import.meta.dirname, "page.html"), join(import.meta.dirname, "../../dist/page.html")];

/** The element of the page that holds its machines, as `scripts/build-page.ts` makes it. */
const EMPTY = '<script type="application/json" id="machines"></script>';

/**
 * The page in one file, with machines in it. Throws `environment` where the page is not beside the program, as it is not in
 * the single executable file.
 */
export function pageWith(machines: readonly PageMachine[]): Printable {
  const place = PLACES.find((path) => existsSync(path));
  const empty = place === undefined ? "" : readFileSync(place, "utf8");
  const at = empty.indexOf(EMPTY);
  if (at < 0)
    throw new PeerlaneError("environment", "this Peerlane comes without its page", {
      remedy: "install the package: npm install -g peerlane; from the sources: npm run build",
    });
  // Nothing in JSON ends the element when it has no `<` (HTML sec 4.12.1.3).
  const json = jsonText(machines).replaceAll("<", "\\u003c");
  const filled = EMPTY.replace("></", () => `>${json}</`);
  return `${empty.slice(0, at)}${filled}${empty.slice(at + EMPTY.length)}` as Printable;
}
