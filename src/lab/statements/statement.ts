import type { DesignId } from "../design.ts";
import type { LabResult } from "../lab.ts";
import type { ClassId } from "../machines/machine-class.ts";
import { Findings, NotRun } from "./findings.ts";

/** What a check found. */
export interface Checked {
  readonly holds: boolean;
  /** The numbers and outcomes that decided, as a sentence. */
  readonly evidence: string;
}

/** Something that was said in the threads, with what decides it: outcomes and counts, nothing else. */
export interface Statement {
  readonly id: string;
  readonly who: string;
  readonly date: string;
  /** Which of the mails that the project started from says so, `null` for another. */
  readonly seed: string | null;
  /** What was said: the letter's claim, in words of ours. */
  readonly says: string;
  /** Machines that its author left out by his own words, which do not count against him. */
  readonly leftOut?: { readonly classes: readonly ClassId[]; readonly why: string };
  /** The designs that it is about. */
  readonly about: readonly DesignId[];
  /** Decides from what the lab found alone. */
  readonly check: (findings: Findings) => Checked;
}

/** A statement with its result; `null` where the lab was not asked for what it needs. */
export interface StatementResult {
  readonly statement: Statement;
  readonly checked: Checked | null;
}

/** Checks statements against what the lab found. */
export function checkStatements(statements: readonly Statement[], result: LabResult): readonly StatementResult[] {
  const findings = new Findings(result);
  return statements.map((statement) => {
    try {
      return { statement, checked: statement.check(findings) };
    } catch (error) {
      if (error instanceof NotRun) return { statement, checked: null };
      throw error;
    }
  });
}
