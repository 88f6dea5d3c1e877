import { type Machine, topologyOf } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Verdict } from "../../rules/verdict.ts";
import { acsIdeas, allOfIdsIdea, byPath, type RedirectingFunction } from "./acs-ideas.ts";
import type { Attempts } from "./attempts.ts";
import { both, type Idea } from "./idea.ts";
import { areDirect, gain, isAtLeast, isBetter, type Outcomes, type Trial } from "./trial.ts";

/**
 * Every function that redirects one of some pairs; a pair on which one is hidden asks for nothing, as nothing would be sure,
 * nor does one on a kernel without P2PDMA.
 */
export function redirectingFunctions(machine: Machine, verdicts: readonly Verdict[]): readonly RedirectingFunction[] {
  const asking = verdicts.filter(({ acsHidden, reason }) => acsHidden.length === 0 && reason !== "kernel-too-old");
  const devices = new Set<Bdf>(asking.flatMap(({ acsRedirect }) => acsRedirect));
  if (devices.size === 0) return [];
  const topology = topologyOf(machine);
  return [...devices].flatMap((device) => {
    const { acs } = topology.functionOf(device);
    return acs === null || isUnknown(acs) ? [] : [{ device, acs }];
  });
}

/** Every way of clearing redirection where it stands, carried out. */
export function cleared(attempts: Attempts, redirecting: readonly RedirectingFunction[]): readonly Trial[] {
  const { machine, before } = attempts.question;
  const now = { verdicts: before, outcomes: attempts.before };
  const [first = [], ...others] = acsIdeas(machine, redirecting).map((idea, index) =>
    attempts
      .carriedOut("ACS", [idea], true)
      .map((trial) =>
        withoutIdle(attempts, "ACS", now, trial, redirecting, (needed) => acsIdeas(machine, needed)[index]),
      ),
  );
  const needed = first.flatMap((trial) => neededFor(now, trial, redirecting));
  return [first, attempts.carriedOut("ACS", allOfIdsIdea(machine, needed), false), ...others].flat();
}

/** Changes with the redirection cleared that stands after them: each by the first way of clearing it that helps most. */
export function withAcs(attempts: Attempts, what: string, trials: readonly Trial[]): readonly Trial[] {
  return trials.flatMap((trial) => {
    if (areDirect(trial.outcomes)) return [];
    const redirecting = redirectingFunctions(trial.after, attempts.verdictsAfter(trial));
    const isMoved = trial.idea.changes.some(({ kind }) => kind === "move");
    const naming = isMoved ? byPath(trial.after) : undefined;
    let best: Trial | undefined;
    for (const [index, idea] of acsIdeas(trial.after, redirecting, naming).entries()) {
      const found = attempts.tryOrSay(what, both(trial.idea, idea));
      if (typeof found === "string" || !isBetter(trial.outcomes, found.outcomes)) continue;
      if (best !== undefined && gain(best.outcomes, found.outcomes) <= 0) continue;
      const remake = (needed: readonly RedirectingFunction[]): Idea | undefined => {
        const fewer = acsIdeas(trial.after, needed, naming)[index];
        return fewer === undefined ? undefined : both(trial.idea, fewer);
      };
      const between = { verdicts: attempts.verdictsAfter(trial), outcomes: trial.outcomes };
      best = withoutIdle(attempts, what, between, found, redirecting, remake);
      // What clears it for one pair may not clear it for all.
      if (trial.outcomes.length === 1 || areDirect(best.outcomes)) break;
    }
    return best === undefined ? [] : [best];
  });
}

/**
 * Of some functions at which redirection is cleared those that did something: a pair comes to be direct when none
 * redirects it any more, and until then nothing has come of it. `remake` has the idea of fewer functions.
 */
function withoutIdle(
  attempts: Attempts,
  what: string,
  before: Decided,
  trial: Trial,
  redirecting: readonly RedirectingFunction[],
  remake: (needed: readonly RedirectingFunction[]) => Idea | undefined,
): Trial {
  const needed = neededFor(before, trial, redirecting);
  const idea = needed.length < redirecting.length && needed.length > 0 ? remake(needed) : undefined;
  const less = idea === undefined ? "nothing is idle" : attempts.tryOrSay(what, idea);
  return typeof less !== "string" && isAtLeast(less.outcomes, trial.outcomes) ? less : trial;
}

/** Some pairs as they are decided. */
interface Decided {
  readonly verdicts: readonly Verdict[];
  readonly outcomes: Outcomes;
}

/** Those of some functions that redirect a pair which is better off after `trial`. */
function neededFor(
  before: Decided,
  trial: Trial,
  redirecting: readonly RedirectingFunction[],
): readonly RedirectingFunction[] {
  const of = (outcomes: Outcomes, index: number): Outcomes => outcomes.slice(index, index + 1);
  const better = before.verdicts.filter((_, index) => isBetter(of(before.outcomes, index), of(trial.outcomes, index)));
  const devices = new Set(better.flatMap(({ acsRedirect }) => acsRedirect));
  return redirecting.filter(({ device }) => devices.has(device));
}
