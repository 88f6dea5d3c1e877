import { labClaims, runLab } from "../../src/lab/index.ts";
import { type LabView, labPage } from "../../src/report/lab/index.ts";

/** All of the lab, as the page has it. */
export function wholeLab(): LabView {
  const result = runLab();
  return { result, claims: labClaims(result), measured: [] };
}

/** Puts what the lab found between the marks of a page. */
export function withLab(page: string, view: LabView): string {
  return page.replace(/(<!-- lab -->\n)[\s\S]*?(<!-- end of lab -->)/, (_, before: string, after: string) => {
    return `${before}\n${labPage(view)}\n${after}`;
  });
}
