import type { Machine } from "../host/machine.ts";
import { quickFunction } from "../host/snapshot/quick-function.ts";
import { KnownReader, Misfit } from "../host/snapshot/quick-parts.ts";
import { findTwice, inOrder, quickSnapshot } from "../host/snapshot/quick-snapshot.ts";
import type { PciFunction } from "../pci/function.ts";
import { unknown } from "../pci/known.ts";

/*
 * `capture` writes one function on a line, and most lines of a fleet's snapshots are lines that were read before: each is
 * read once. What is written otherwise goes the usual way.
 */

const BEGIN = '\n "functions": [\n';
const END = "\n ]";
/** Lines that are kept: those of some hundred kinds of machine. */
const MOST_LINES = 32 * 1024;
/** What the usual way does not take unseen either. */
const ODD = /__proto__|\uFFFD/;

/** Of lines that begin alike and are as long. */
const MOST_ALIKE = 64;
/** Characters up to the end of a function's address. */
const ADDRESS_END = 24;

interface ReadLine {
  readonly line: string;
  readonly fn: PciFunction;
}

/** Reads snapshots whose lines it remembers. */
export class SnapshotLines {
  /** Lines by how they begin and how long they are, by the reasons that they name by number: to hash them whole takes longer than to compare them. */
  readonly #known = new Map<string, Map<string, ReadLine[]>>();
  #count = 0;

  /** The same machine as `readSnapshot` gives; `undefined` where the text is not as `capture` writes it. */
  read(text: string, file: string): Machine | undefined {
    const begin = text.indexOf(BEGIN);
    const end = text.lastIndexOf(END);
    const start = begin + BEGIN.length;
    if (begin < 0 || end < start) return undefined;
    const frameText = `${text.slice(0, start - 1)}${text.slice(end + 1)}`;
    const frame = quickSnapshot(frameText, file);
    if (frame === undefined) return undefined;
    try {
      const { reasons } = JSON.parse(frameText) as { readonly reasons: readonly string[] };
      const functions = this.#functions(text, start, end, reasons);
      return functions === undefined || findTwice(functions) !== undefined
        ? undefined
        : inOrder({ ...frame, functions });
    } catch (error) {
      if (error instanceof Misfit || error instanceof SyntaxError) return undefined;
      throw error;
    }
  }

  #functions(text: string, start: number, end: number, reasons: readonly string[]): readonly PciFunction[] | undefined {
    const known = this.#linesOf(JSON.stringify(reasons));
    let reader: KnownReader | undefined;
    const functions: PciFunction[] = [];
    for (let at = start; at < end; ) {
      const next = text.indexOf(",\n", at);
      const stop = next < 0 || next > end ? end : next;
      const line = text.slice(at, stop);
      at = stop + 2;
      const key = `${line.length} ${line.slice(0, ADDRESS_END)}`;
      const alike = known.get(key);
      let fn = alike?.find((one) => one.line === line)?.fn;
      if (fn === undefined) {
        if (ODD.test(line)) return undefined;
        reader ??= new KnownReader(reasons.map(unknown));
        fn = quickFunction(JSON.parse(line), reader);
        // A copy, or the whole text would be kept with it.
        const kept = { line: Buffer.from(line).toString(), fn };
        if (alike === undefined) known.set(key, [kept]);
        else if (alike.length < MOST_ALIKE) alike.push(kept);
        this.#count++;
      }
      functions.push(fn);
    }
    return functions;
  }

  #linesOf(reasons: string): Map<string, ReadLine[]> {
    if (this.#count > MOST_LINES) {
      this.#known.clear();
      this.#count = 0;
    }
    const lines = this.#known.get(reasons) ?? new Map<string, ReadLine[]>();
    this.#known.set(reasons, lines);
    return lines;
  }
}
