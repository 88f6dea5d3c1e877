import { readFileSync } from "node:fs";
import { basename } from "node:path";
import ts from "typescript";
import type { Lines, Mutant } from "./mutant.ts";
import { type Replacement, tryReplacements } from "./replacements.ts";

/**
 * Makes each number of the given lines one more, on its own, and runs the tests of `MUTATE_TESTS`: Stryker changes no
 * numbers, and tables of ids are nothing else.
 */
export function mutateNumbers(where: readonly Lines[]): Promise<Mutant[]> {
  return tryReplacements(
    where.flatMap(({ file, lines }) => {
      const text = readFileSync(file, "utf8");
      return numbersIn(file, text)
        .filter(({ line }) => lines.length === 0 || lines.includes(line))
        .map(({ start, end, line }): Replacement => {
          const was = text.slice(start, end);
          return { file, line, kind: "Number", start, was, became: oneMore(was) };
        });
    }),
  );
}

/** A number in a text: where it stands (offsets), its line, and whether it is the key of an object. */
export interface NumberPlace {
  readonly start: number;
  readonly end: number;
  readonly line: number;
  readonly isKey: boolean;
}

/**
 * The numbers of a file that a change may make wrong: all but those of types, and what stands behind `??` for an element
 * of an array (`list[index] ?? 0`), which only an index out of range would meet: the compiler asks for it.
 */
export function numbersIn(file: string, text: string): NumberPlace[] {
  const source = ts.createSourceFile(basename(file), text, ts.ScriptTarget.ES2023, true);
  const found: NumberPlace[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node)) return;
    if (isForTheCompiler(node)) {
      visit(node.left);
      return;
    }
    if (ts.isNumericLiteral(node)) {
      const start = node.getStart(source);
      const line = source.getLineAndCharacterOfPosition(start).line + 1;
      found.push({
        start,
        end: node.end,
        line,
        isKey: ts.isPropertyAssignment(node.parent) && node.parent.name === node,
      });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

function isForTheCompiler(node: ts.Node): node is ts.BinaryExpression {
  return (
    ts.isBinaryExpression(node) &&
    node.operatorToken.kind === ts.SyntaxKind.QuestionQuestionToken &&
    ts.isElementAccessExpression(node.left) &&
    ts.isNumericLiteral(node.right)
  );
}

/** The number after this one, written as it is. */
export function oneMore(text: string): string {
  const value = Number(text.replaceAll("_", "")) + 1;
  return /^0x/i.test(text) ? `0x${value.toString(16).padStart(text.length - 2, "0")}` : `${value}`;
}
