import { formatPlace, PeerlaneError } from "../pci/error.ts";
import { painted, type Rich, rich } from "../report/rich.ts";
import { EXIT, exitCodeOf } from "./exit-codes.ts";
import { say } from "./print.ts";

/** Says what went wrong, where, and what to do, on standard error; returns the exit code. */
export function reportError(error: unknown, isDebug: boolean): number {
  say([...errorLines(error), ...(isDebug ? debugLines(error) : [])]);
  return error instanceof PeerlaneError ? exitCodeOf(error.code) : EXIT.failed;
}

const NAME = painted("no", "peerlane:");

/** What is said of an error. */
export function errorLines(error: unknown): readonly Rich[] {
  if (!(error instanceof PeerlaneError)) {
    const message = error instanceof Error ? error.message : String(error);
    return [rich`${NAME} unexpected: ${message}`, "  → this is a bug: report it with the output of --debug"];
  }
  const { place, headline, excerpt, facts, remedy } = error;
  return [
    rich`${NAME} ${place === undefined ? "" : `${formatPlace(place)}: `}${headline}`,
    ...(excerpt === undefined ? [] : [`  ${excerpt.title}:`, ...excerpt.lines.map((line) => `    ${line}`)]),
    ...Object.entries(facts).map(([name, value]) => `  ${name}: ${value}`),
    ...(remedy === undefined ? [] : [rich`  ${painted("strong", "→")} ${remedy}`]),
  ];
}

/** Where it was thrown, and what came before it. */
export function debugLines(error: unknown): readonly string[] {
  const lines: string[] = [];
  for (let one = error; one instanceof Error; one = one.cause) {
    if (one !== error) lines.push(`  caused by ${one.name}: ${one.message}`);
    lines.push(...stackFrames(one).map((frame) => `    ${frame}`));
    if (lines.length > MOST_LINES) break;
  }
  return lines;
}

/** A cause may be its own cause. */
const MOST_LINES = 200;

/** The frames of a stack, without the message that V8 puts before them. */
function stackFrames({ stack = "", message }: Error): readonly string[] {
  const at = stack.indexOf(message);
  const start = at < 0 ? 0 : at + message.length;
  return stack
    .slice(start)
    .split("\n")
    .map((frame) => frame.trim())
    .filter((frame) => frame !== "");
}
