import { readHeaderLine } from "./header-line.ts";
import type { Line } from "./line.ts";
import { LineScanner } from "./line-scanner.ts";
import { readMachineLine, readSlotLine } from "./machine-form.ts";
import { TextCleaner } from "./text-cleaner.ts";
import { TreeReader } from "./tree.ts";

/** True when the first bytes of a file (some kilobytes) hold a line that begins a function or a tree of `lspci`. */
export function looksLikeLspci(head: Uint8Array): boolean {
  let isFound = false;
  const tree = new TreeReader();
  const scanner = new LineScanner((line) => {
    isFound ||= beginsFunction(line) || (tree.readLine(line) && tree.nodes.size > 0);
  });
  scanner.push(new TextCleaner().clean(head, true));
  scanner.finish();
  return isFound;
}

function beginsFunction(line: Line): boolean {
  return readHeaderLine(line) !== undefined || readMachineLine(line) !== undefined || readSlotLine(line) !== undefined;
}
