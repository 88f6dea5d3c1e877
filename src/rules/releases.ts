import type { Machine } from "../host/machine.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import { KERNEL_RULES, type KernelRules } from "./kernel-rules.ts";
import { numberOfOurs, releaseNumber } from "./release-number.ts";

/** Which kernel's rules decide. */
export interface RulesChoice {
  /** The release that was asked for, `major.minor`, or `null` where the source does not say. */
  readonly release: string | null;
  readonly chosenBy: "kernel" | "flag" | "nothing";
  /** Rule sets that this release may have, oldest first: one where it is known, two between checked releases that differ. */
  readonly candidates: readonly KernelRules[];
  /** Why there is more than one candidate. */
  readonly hidden: string;
}

const first = KERNEL_RULES[0]?.release ?? "";
const last = KERNEL_RULES.at(-1)?.release ?? "";

/** Rules of a kernel before P2PDMA: nothing is ever supported. */
const withoutP2pdma: readonly KernelRules[] = [];

/**
 * Chooses the rules: those of `override` (a release such as `6.12`), else those of the machine's kernel, else all that
 * any release has. Throws `usage` for an override that is no release.
 */
export function chooseRules(machine: Machine, override?: string): RulesChoice {
  if (override !== undefined) {
    const number = releaseNumber(override);
    if (number === undefined) {
      throw new PeerlaneError("usage", `'${override}' is no kernel release`, {
        remedy: `name it as 6.12; rules are known from ${first} to ${last}`,
      });
    }
    if (number < numberOfOurs(first)) {
      throw new PeerlaneError("usage", `Linux ${override} has no P2PDMA and no rules: it came with ${first}`, {
        remedy: `name a release from ${first} to ${last}; --kernel asks what an older kernel would do`,
      });
    }
    return choice(number, "flag");
  }
  const { release } = machine.kernel;
  if (isUnknown(release)) {
    return { release: null, chosenBy: "nothing", candidates: KERNEL_RULES, hidden: release.unknown };
  }
  const number = releaseNumber(release);
  if (number === undefined) {
    const hidden = `the kernel's release '${release}' has no number; give --kernel`;
    return { release: null, chosenBy: "nothing", candidates: KERNEL_RULES, hidden };
  }
  return choice(number, "kernel");
}

/** The newest release whose rules were read, where a newer one was asked for and is decided by them; else `null`. */
export function newestRead({ release, candidates }: RulesChoice): string | null {
  const asked = release === null ? undefined : releaseNumber(release);
  const [only, ...others] = candidates;
  const isNewer = asked !== undefined && asked > numberOfOurs(last);
  return isNewer && only !== undefined && others.length === 0 ? only.release : null;
}

function choice(number: number, chosenBy: RulesChoice["chosenBy"]): RulesChoice {
  const release = `${Math.floor(number / 1000)}.${number % 1000}`;
  const position = KERNEL_RULES.findLastIndex((rules) => numberOfOurs(rules.release) <= number);
  if (position < 0) {
    return {
      release,
      chosenBy,
      candidates: withoutP2pdma,
      hidden: `Linux ${release} has no P2PDMA: it came with ${first}`,
    };
  }
  const below = KERNEL_RULES[position] as KernelRules;
  const above = KERNEL_RULES[position + 1];
  if (above === undefined || numberOfOurs(below.release) === number || sameRules(below, above)) {
    return { release, chosenBy, candidates: [below], hidden: "" };
  }
  return {
    release,
    chosenBy,
    candidates: [below, above],
    hidden: `the rules of Linux ${release} were not checked, and those of ${below.release} and ${above.release} differ here; give --rules ${below.release} or --rules ${above.release}`,
  };
}

function sameRules(a: KernelRules, b: KernelRules): boolean {
  const content = ({ release: _, checkedAt: __, ...rules }: KernelRules): string => JSON.stringify(rules);
  return content(a) === content(b);
}
