import { readFileSync } from "node:fs";
import { relative, resolve } from "node:path";
import { Instrumenter } from "@stryker-mutator/instrumenter";
import type { Lines } from "../mutant.ts";
import { numbersIn, oneMore } from "../numbers.ts";
import type { Replacement } from "../replacements.ts";

/** A change that a switch in the sources makes: the one of its number. */
export interface Change extends Replacement {
  readonly number: number;
}

/** Sources with all changes in them, each behind its switch; texts by path. */
export interface Switched {
  readonly texts: ReadonlyMap<string, string>;
  readonly changes: readonly Change[];
}

/** Puts StrykerJS's changes of conditions, operators, calls, texts and blocks behind switches. */
export async function switchOperators(where: readonly Lines[]): Promise<Switched> {
  const silent = new Proxy({}, { get: () => () => false }) as ConstructorParameters<typeof Instrumenter>[0];
  const files = where.map(({ file, lines }) => ({
    name: resolve(file),
    content: readFileSync(file, "utf8"),
    mutate:
      lines.length === 0 ||
      lines.map((line) => ({ start: { line: line - 1, column: 0 }, end: { line: line - 1, column: 10_000 } })),
  }));
  const made = await new Instrumenter(silent).instrument(files, {
    plugins: null,
    excludedMutations: [],
    ignorers: [],
  });
  const texts = made.files.map(({ name, content }): [string, string] => [name, withOurSwitches(content)]);
  const changes = made.mutants.map(({ id, fileName, location: { start, end }, mutatorName, replacement }): Change => {
    const text = readFileSync(fileName, "utf8");
    const place = { file: relative(".", fileName), line: start.line + 1, start: offsetOf(text, start) };
    const was = text.slice(place.start, offsetOf(text, end));
    return { number: Number(id), ...place, kind: mutatorName, was, became: replacement };
  });
  return { texts: new Map(texts), changes };
}

/** Puts each number's being one more behind a switch. */
export function switchNumbers(where: readonly Lines[]): Switched {
  const changes: Change[] = [];
  const texts = where.map(({ file, lines }): [string, string] => {
    let text = readFileSync(file, "utf8");
    const found = numbersIn(file, text).filter(({ line }) => lines.length === 0 || lines.includes(line));
    const own = found.map(({ start, end, line, isKey }, index) => {
      const was = text.slice(start, end);
      const number = changes.length + index;
      return { number, file, line, kind: "Number", was, became: oneMore(was), start, end, isKey };
    });
    for (const { number, was, became, start, end, isKey } of own.toReversed()) {
      const either = `(__cover?.(${number}),__on===${number}&&__hit()?${became}:${was})`;
      text = text.slice(0, start) + (isKey ? `[${either}]` : either) + text.slice(end);
    }
    changes.push(...own.map(({ end: _, isKey: __, ...change }) => change));
    return [resolve(file), text];
  });
  return { texts: new Map(texts), changes };
}

/** StrykerJS's own switches look an object up at each; these are a comparison (`child.ts` has the globals). */
function withOurSwitches(text: string): string {
  return text
    .replaceAll(/stryCov_9fa48\(((?:"\d+",?\s*)+)\)/g, (_, ids: string) => `__cover?.(${ids.replaceAll('"', "")})`)
    .replaceAll(/stryMutAct_9fa48\("(\d+)"\)/g, (_, id: string) => `(__on===${id}&&__hit())`);
}

/** Where a place of a text is; lines and columns are counted from 0. */
function offsetOf(text: string, { line, column }: { readonly line: number; readonly column: number }): number {
  const before = text.split("\n").slice(0, line);
  return before.reduce((sum, one) => sum + one.length + 1, 0) + column;
}
