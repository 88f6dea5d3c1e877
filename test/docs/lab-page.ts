import { runLab } from "../../src/lab/lab.ts";
import { labStatements } from "../../src/lab/statements/all-statements.ts";
import type { LabView } from "../../src/report/lab/blocks.ts";
import { lettersPage } from "../../src/report/lab/letters-page.ts";
import { labPage } from "../../src/report/lab/page.ts";

/** All of the lab, as the page has it. */
export function wholeLab(): LabView {
  const result = runLab();
  return { result, statements: labStatements(result), measured: [] };
}

/** Puts the sentences of the letters between the marks of a page. */
export function withLetters(page: string, { statements }: LabView): string {
  return page.replace(
    /(<!-- letters -->\n)[\s\S]*?(<!-- end of letters -->)/,
    (_, before: string, after: string) => `${before}\n${lettersPage(statements)}\n${after}`,
  );
}

/** Puts what the lab found between the marks of a page. */
export function withLab(page: string, view: LabView): string {
  return page.replace(/(<!-- lab -->\n)[\s\S]*?(<!-- end of lab -->)/, (_, before: string, after: string) => {
    return `${before}\n${labPage(view)}\n${after}`;
  });
}
