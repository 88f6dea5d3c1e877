import { existsSync } from "node:fs";
import { join, resolve } from "node:path";

const built = join(import.meta.dirname, "../dist/peerlane.cjs");
const named = process.env["PEERLANE_SINGLE_FILE"];

/**
 * The words that start Peerlane: what was built, with this Node; or the single file that PEERLANE_SINGLE_FILE names, which is
 * to pass the same tests.
 */
export const PROGRAM: readonly [program: string, ...words: string[]] =
  named === undefined ? [process.execPath, built] : [resolve(named)];

/** The file of it that people start by its name. */
export const PROGRAM_FILE: string = PROGRAM.at(-1) ?? built;

/** Throws where it is not there. */
export function needProgram(): void {
  if (!existsSync(PROGRAM_FILE)) throw new Error(`there is no ${PROGRAM_FILE}; build first: npm run build`);
}
