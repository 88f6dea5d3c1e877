import { type Known, unknown } from "../pci/known.ts";
import { parseKernelRelease } from "../rules/kernels/kernel-release.ts";

type Operator = ">=" | ">" | "<=" | "<" | "=";

/** Behind every release candidate. */
const RELEASED = Number.POSITIVE_INFINITY;

interface Bound {
  readonly operator: Operator;
  /** Major, minor, and the patch level where it names one. */
  readonly numbers: readonly number[];
  /** The number of a release candidate. */
  readonly candidate: number;
}

/** Kernel releases that a policy allows: every bound must hold. */
export interface ReleaseRange {
  /** As the policy has it. */
  readonly text: string;
  readonly bounds: readonly Bound[];
}

const boundPattern = /^(>=|<=|>|<|=)? ?(\d{1,3}(?:\.\d{1,4}){1,2})(?:-rc(\d{1,3}))?$/;

/** Parses `>=6.12`, `>=6.12.23 <7.3`, `>=7.3-rc2` or `6.12` (that series); `undefined` for anything else. */
export function parseReleaseRange(text: string): ReleaseRange | undefined {
  const parts = text.split(/,? +(?=[<>=])|,(?=[<>=])/);
  const bounds: Bound[] = [];
  for (const part of parts) {
    const match = boundPattern.exec(part);
    if (match === null) return undefined;
    const [, operator = "=", numbers = "", candidate] = match;
    bounds.push({
      operator: operator as Operator,
      numbers: numbers.split(".").map(Number),
      candidate: candidate === undefined ? RELEASED : Number(candidate),
    });
  }
  return { text, bounds };
}

/** `-rc3`, `~rc3`, Fedora's `-0.rc3.` and Ubuntu's `-061200rc3` behind the numbers. */
const CANDIDATE = /^[-~](?:0\.|\d{6})?rc(\d{1,3})(?!\d)/;

/**
 * Whether a release (`uname -r`) lies in the range. As many numbers count as a bound names: `6.12.9-amd64` is `=6.12` and
 * not `>6.12`. A release candidate comes before its release: `6.12-rc3` is `<6.12` and no `6.12`. Unknown for a release
 * that names fewer numbers where those are the same; a vendor's build number (`6.8.0-45-generic`) is no patch level.
 */
export function isInRange(release: string, { bounds }: ReleaseRange): Known<boolean> {
  const parsed = parseKernelRelease(release);
  if (parsed === undefined) return unknown(`the kernel's release '${release}' has no number`);
  const [major = 0, minor = 0] = parsed.series.split(".").map(Number);
  const candidate = CANDIDATE.exec(parsed.suffix)?.[1];
  // A candidate without a patch level is one of the first release of its series.
  const patch = parsed.patch ?? (candidate === undefined ? null : 0);
  const numbers = patch === null ? [major, minor] : [major, minor, patch];
  const place = { numbers, candidate: candidate === undefined ? RELEASED : Number(candidate) };
  const answers = bounds.map((bound) => holds(place, bound));
  if (answers.includes(false)) return false;
  return answers.includes(undefined) ? unknown(`the kernel's release '${release}' names no patch level`) : true;
}

/** `undefined` where the release names too few numbers. */
function holds(release: Pick<Bound, "numbers" | "candidate">, bound: Bound): boolean | undefined {
  const { operator } = bound;
  // A candidate without a patch level is one of the first release of its series.
  const wanted = bound.candidate === RELEASED || bound.numbers.length > 2 ? bound.numbers : [...bound.numbers, 0];
  const decided = (isAbove: boolean): boolean => operator.startsWith(isAbove ? ">" : "<");
  for (const [position, number] of wanted.entries()) {
    const has = release.numbers[position];
    if (has === undefined)
      return number === 0 && bound.candidate !== RELEASED ? decided(true) : fromUnnamed(operator, number);
    if (has !== number) return decided(has > number);
  }
  // A series begins with its first release: what is below that has the same two numbers.
  const isOfFirst = wanted.length > 2 || release.numbers[2] === 0;
  const own = isOfFirst ? release.candidate : RELEASED;
  if (own !== bound.candidate) return decided(own > bound.candidate);
  return operator.includes("=");
}

/** What holds whatever the patch level is: none is below 0. */
function fromUnnamed(operator: Operator, patch: number): boolean | undefined {
  if (patch > 0) return undefined;
  if (operator === ">=") return true;
  return operator === "<" ? false : undefined;
}
