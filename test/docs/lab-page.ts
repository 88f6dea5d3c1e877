import { runLab } from "../../src/lab/lab.ts";
import { labStatements } from "../../src/lab/statements/all-statements.ts";
import type { LabView } from "../../src/report/lab/blocks.ts";
import { labPage } from "../../src/report/lab/page.ts";

/** All of the lab, as the page has it. */
export function wholeLab(): LabView {
  const result = runLab();
  return { result, statements: labStatements(result), measured: [] };
}

/** Puts what the lab found between the marks of a page. */
export function withLab(page: string, view: LabView): string {
  return page.replace(/(<!-- lab -->\n)[\s\S]*?(<!-- end of lab -->)/, (_, before: string, after: string) => {
    return `${before}\n${labPage(view)}\n${after}`;
  });
}
