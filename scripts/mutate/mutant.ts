/** One change of the sources, and whether a test noticed. */
export interface Mutant {
  readonly file: string;
  readonly line: number;
  /** What kind of change, in Stryker's words; `Number` for a number that is one more. */
  readonly kind: string;
  readonly was: string;
  readonly became: string;
  /** `no coverage`: no test runs the line; `invalid`: the change is no program, and counts for nothing. */
  readonly end: "killed" | "timeout" | "survived" | "no coverage" | "invalid";
}

/** True for a mutant that a test noticed. */
export function isNoticed({ end }: Mutant): boolean {
  return end === "killed" || end === "timeout";
}

/** Lines of a file: the unit in which a sample is drawn. */
export interface Lines {
  readonly file: string;
  readonly lines: readonly number[];
}
