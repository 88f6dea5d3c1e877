import { existsSync, readFileSync } from "node:fs";
import { basename, resolve } from "node:path";
import ts from "typescript";
import { createVitest, type TestSpecification, type Vitest } from "vitest/node";
import type { Lines, Mutant } from "./mutant.ts";

/**
 * Makes each number of the given lines one more, on its own, and runs the tests of `MUTATE_TESTS`: Stryker changes no
 * numbers, and tables of ids are nothing else. The test that mirrors the file comes first, alone.
 */
export async function mutateNumbers(where: readonly Lines[]): Promise<Mutant[]> {
  let mutated: { readonly file: string; readonly text: string } | undefined;
  const vitest = await createVitest(
    "test",
    {
      config: "scripts/mutate/vitest.config.ts",
      watch: false,
      bail: 1,
      maxWorkers: Number(process.env["MUTATE_WORKERS"] ?? 1),
      reporters: [{}],
    },
    {
      plugins: [
        {
          name: "mutant",
          enforce: "pre",
          transform: (_code: string, id: string): string | undefined =>
            id === mutated?.file ? mutated.text : undefined,
        },
      ],
    },
  );
  const specifications = await vitest.globTestSpecifications();
  const found: Mutant[] = [];
  for (const { file, lines } of where) {
    const path = resolve(file);
    const text = readFileSync(path, "utf8");
    for (const { start, end, line } of numbersIn(file, text)) {
      if (lines.length > 0 && !lines.includes(line)) continue;
      const was = text.slice(start, end);
      const became = oneMore(was);
      mutated = { file: path, text: text.slice(0, start) + became + text.slice(end) };
      const isKilled = await fails(vitest, path, specifications);
      found.push({ file, line, kind: "Number", was, became, end: isKilled ? "killed" : "survived" });
      if (!isKilled || found.length % 20 === 0) {
        const survived = found.filter(({ end }) => end === "survived").length;
        process.stdout.write(`${file}:${line}: ${found.length} numbers changed, ${survived} unnoticed\n`);
      }
    }
    mutated = undefined;
    vitest.invalidateFile(path);
  }
  await vitest.close();
  return found;
}

async function fails(vitest: Vitest, changed: string, all: readonly TestSpecification[]): Promise<boolean> {
  const mirror = resolve(`test/${changed.slice(resolve("src").length + 1).replace(/\.ts$/, ".test.ts")}`);
  const own = all.filter(({ moduleId }) => moduleId === mirror);
  for (const some of existsSync(mirror) ? [own, all.filter((one) => !own.includes(one))] : [all]) {
    if (some.length === 0) continue;
    vitest.invalidateFile(changed);
    const { testModules, unhandledErrors } = await vitest.runTestSpecifications([...some], false);
    if (unhandledErrors.length > 0 || testModules.some((module) => !module.ok())) return true;
  }
  return false;
}

/**
 * The numbers of a file that a change may make wrong: all but those of types, and what stands behind `??` for an element
 * of an array (`list[index] ?? 0`), which only an index out of range would meet: the compiler asks for it.
 */
function numbersIn(file: string, text: string): { start: number; end: number; line: number }[] {
  const source = ts.createSourceFile(basename(file), text, ts.ScriptTarget.ES2023, true);
  const found: { start: number; end: number; line: number }[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTypeNode(node)) return;
    if (isForTheCompiler(node)) {
      visit(node.left);
      return;
    }
    if (ts.isNumericLiteral(node)) {
      const start = node.getStart(source);
      found.push({ start, end: node.end, line: source.getLineAndCharacterOfPosition(start).line + 1 });
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
function oneMore(text: string): string {
  const value = Number(text.replaceAll("_", "")) + 1;
  return /^0x/i.test(text) ? `0x${value.toString(16).padStart(text.length - 2, "0")}` : `${value}`;
}
