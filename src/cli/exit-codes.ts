import type { ErrorCode } from "../pci/error.ts";

/** What the process ends with (the README lists them). */
export const EXIT = { yes: 0, no: 1, usage: 2, unknown: 3, failed: 4 } as const;

/** The exit code of an error: 1 where the answer is no, 2 for bad input or usage, 4 for what the machine refused. */
export function exitCodeOf(code: ErrorCode): number {
  if (code === "no-path") return EXIT.no;
  return code === "environment" || code === "operation-failed" ? EXIT.failed : EXIT.usage;
}
