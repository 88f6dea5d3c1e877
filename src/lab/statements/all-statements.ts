import type { LabResult } from "../lab.ts";
import { checkStatements, type Statement, type StatementResult } from "./statement.ts";
import { STATEMENTS_2017 } from "./statements-2017.ts";
import { STATEMENTS_LATER } from "./statements-later.ts";

/** All statements, in the order of the years. */
export const LAB_STATEMENTS: readonly Statement[] = [...STATEMENTS_2017, ...STATEMENTS_LATER];

/** Every statement with what the lab found of it. */
export function labStatements(result: LabResult): readonly StatementResult[] {
  return checkStatements(LAB_STATEMENTS, result);
}
