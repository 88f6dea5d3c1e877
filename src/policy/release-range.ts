import { type Known, unknown } from "../pci/known.ts";

type Operator = ">=" | ">" | "<=" | "<" | "=";

interface Bound {
  readonly operator: Operator;
  readonly numbers: readonly number[];
}

/** Kernel releases that a policy allows: every bound must hold. */
export interface ReleaseRange {
  /** As the policy has it. */
  readonly text: string;
  readonly bounds: readonly Bound[];
}

const boundPattern = /^(>=|<=|>|<|=)? ?(\d{1,3}(?:\.\d{1,4}){1,2})$/;

/** Parses `>=6.12`, `>=6.12.23 <7.3` or `6.12` (that series); `undefined` for anything else. */
export function parseReleaseRange(text: string): ReleaseRange | undefined {
  const parts = text.split(/,? +(?=[<>=])|,(?=[<>=])/);
  const bounds: Bound[] = [];
  for (const part of parts) {
    const match = boundPattern.exec(part);
    if (match === null) return undefined;
    bounds.push({ operator: (match[1] ?? "=") as Operator, numbers: (match[2] ?? "").split(".").map(Number) });
  }
  return { text, bounds };
}

/**
 * Whether a release (`uname -r`) lies in the range. As many numbers count as a bound names: `6.12.9-amd64` is `=6.12`
 * and not `>6.12`. Unknown for a release that names fewer where those are the same.
 */
export function isInRange(release: string, { bounds }: ReleaseRange): Known<boolean> {
  const match = /^\s*(\d{1,3})\.(\d{1,4})(?:\.(\d{1,4}))?(?!\d)/.exec(release);
  if (match === null) return unknown(`the kernel's release '${release}' has no number`);
  const numbers = match.slice(1).flatMap((part) => (part === undefined ? [] : [Number(part)]));
  const answers = bounds.map((bound) => holds(numbers, bound));
  if (answers.includes(false)) return false;
  return answers.includes(undefined) ? unknown(`the kernel's release '${release}' names no patch level`) : true;
}

/** `undefined` where the release names too few numbers. */
function holds(release: readonly number[], { operator, numbers }: Bound): boolean | undefined {
  for (const [position, wanted] of numbers.entries()) {
    const has = release[position];
    if (has === undefined) return undefined;
    if (has !== wanted) return has > wanted ? operator.startsWith(">") : operator.startsWith("<");
  }
  return operator.includes("=");
}
