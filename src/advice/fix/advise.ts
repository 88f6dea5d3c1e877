import type { Answer } from "../../answers/answer.ts";
import type { Machine } from "../../host/machine.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import type { RulesChoice } from "../../rules/kernels/choose-rules.ts";
import type { Verdict } from "../../rules/verdict.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import { type ChangedSinceBoot, changedSinceBoot } from "../reboot.ts";
import { acsIdeas, type RedirectingFunction } from "./acs-ideas.ts";
import { type GateRemedy, gateRemedies } from "./gate-remedies.ts";
import type { Idea, Pair } from "./idea.ts";
import { passthroughIdea, withoutIommuIdea } from "./iommu-ideas.ts";
import { kernelIdeas } from "./kernel-ideas.ts";
import { type ParameterEffect, parameterEffects } from "./parameter-effects.ts";
import { answersOf, isBetter, type ProvedFix, proved, type RejectedIdea, surroundings, tryIdea } from "./prove.ts";
import { slotIdeas } from "./slot-ideas.ts";

/** What can be done for some pairs of a machine. */
export interface Advice {
  readonly machine: Machine;
  readonly rules: RulesChoice;
  readonly pairs: readonly Pair[];
  /** The verdicts as they are, in the order of `pairs`. */
  readonly before: readonly Answer[];
  /** What helps, each shown by the rules on the changed machine, the smallest change first. */
  readonly fixes: readonly ProvedFix[];
  /** What one might think of and does not help. */
  readonly rejected: readonly RejectedIdea[];
  /** Ways out of what stops or spoils the transfer beside the map type. */
  readonly remedies: readonly GateRemedy[];
  /** What became of the ACS parameters of the running command line. */
  readonly parameters: readonly ParameterEffect[];
  readonly changedSinceBoot: readonly ChangedSinceBoot[];
}

/** So many slots are shown. */
const MAX_SLOT_FIXES = 3;

/**
 * Finds the smallest changes after which the pairs are better off: for each, no part of it is enough. Allow-lists are
 * never forced: where the kernel does not know a host bridge, data may be lost without an error.
 */
export function advise(machine: Machine, pairs: readonly Pair[], options: { readonly rules?: string } = {}): Advice {
  const before = answersOf(machine, pairs, options.rules);
  const table = surroundings(machine, pairs, options.rules);
  const search = new Search(machine, pairs, before, table, options.rules);
  const redirecting = redirectingFunctions(table, before);
  if (before.some(({ mapType }) => mapType !== "bus-addr")) {
    // A kernel without P2PDMA is the only thing to change: nothing else makes a pair of it work.
    const hasP2pdma = table.rules.candidates.length > 0;
    if (hasP2pdma) search.tryEach(acsIdeas(machine, redirecting));
    if (hasP2pdma && redirecting.length > 0) {
      search.tryEach([...passthroughIdea(machine), ...withoutIommuIdea(machine)]);
    }
    if (options.rules === undefined) search.tryNewerKernels();
    if (hasP2pdma) search.trySlots();
  }
  return {
    machine,
    rules: table.rules,
    pairs,
    before,
    fixes: search.fixes,
    rejected: search.rejected,
    remedies: gateRemedies(before),
    parameters: parameterEffects(machine),
    changedSinceBoot: changedSinceBoot(machine),
  };
}

/** Every function that redirects one of the pairs; a pair on which one is hidden asks for nothing, as nothing would be sure. */
function redirectingFunctions(
  { topology }: VerdictTable,
  verdicts: readonly Verdict[],
): readonly RedirectingFunction[] {
  const devices = new Set<Bdf>(
    verdicts.flatMap(({ acsRedirect, acsHidden }) => (acsHidden.length === 0 ? acsRedirect : [])),
  );
  return [...devices].flatMap((device) => {
    const { acs } = topology.functionOf(device);
    return acs === null || isUnknown(acs) ? [] : [{ device, acs }];
  });
}

/** Tries ideas on one machine and keeps what comes of them. */
class Search {
  readonly fixes: ProvedFix[] = [];
  readonly rejected: RejectedIdea[] = [];
  readonly #machine: Machine;
  readonly #pairs: readonly Pair[];
  readonly #before: readonly Answer[];
  readonly #table: VerdictTable;
  readonly #rules: string | undefined;

  constructor(
    machine: Machine,
    pairs: readonly Pair[],
    before: readonly Answer[],
    table: VerdictTable,
    rules: string | undefined,
  ) {
    this.#machine = machine;
    this.#pairs = pairs;
    this.#before = before;
    this.#table = table;
    this.#rules = rules;
  }

  /** What only moves the kernel's verdict does nothing for drivers that do not ask for it. */
  #withCaution(fix: ProvedFix): ProvedFix {
    const classes = new Set(this.#before.map(({ askedBy }) => askedBy.class));
    const unasked = ["does-not-ask", "user-space", "no-peer-dma"] as const;
    if (fix.kind !== "kernel" || ![...classes].every((one) => unasked.some((other) => other === one))) return fix;
    const caution =
      "this moves the kernel's verdict alone, and the drivers of these devices do not go by it: what the hardware does stays as it is";
    return { ...fix, cautions: [...fix.cautions, caution] };
  }

  tryEach(ideas: readonly Idea[]): void {
    for (const idea of ideas) {
      const result = this.#try(idea);
      if ("fix" in result) this.fixes.push(result.fix());
      else this.rejected.push({ title: idea.title, why: result.why });
    }
  }

  #try(idea: Idea): { readonly fix: () => ProvedFix; readonly after: readonly Answer[] } | { readonly why: string } {
    const after = tryIdea(this.#machine, idea);
    if (typeof after === "string") return { why: after };
    const verdicts = answersOf(after, this.#pairs, this.#rules);
    if (!isBetter(this.#before, verdicts)) return { why: whyNot(this.#before, verdicts) };
    return { fix: () => this.#withCaution(proved(idea, after, this.#table, this.#pairs)), after: verdicts };
  }

  /** Only the oldest release that helps: newer ones do as well. */
  tryNewerKernels(): void {
    if (!this.#before.some(({ mapType }) => mapType === "not-supported")) return;
    const ideas = kernelIdeas(this.#machine);
    for (const idea of ideas) {
      const result = this.#try(idea);
      if ("fix" in result) {
        this.fixes.push(result.fix());
        return;
      }
    }
    const newest = ideas.at(-1);
    if (newest === undefined) return;
    this.rejected.push({
      title: "a newer kernel",
      why: `up to ${newest.title.replace(" or newer", "")} no allow-list has the host bridge`,
    });
  }

  /** One pair at a time: what is a better place for one is a worse one for others. */
  trySlots(): void {
    const [pair] = this.#pairs;
    if (pair === undefined || this.#pairs.length > 1) return;
    const found: { readonly fix: () => ProvedFix; readonly after: Verdict }[] = [];
    const ideas = slotIdeas(this.#machine, pair);
    for (const idea of ideas) {
      const result = this.#try(idea);
      const after = "fix" in result ? result.after[0] : undefined;
      if ("fix" in result && after !== undefined) found.push({ fix: result.fix, after });
      if (found.filter(({ after: { mapType } }) => mapType === "bus-addr").length >= MAX_SLOT_FIXES) break;
    }
    const byWorth = (a: Verdict, b: Verdict): number =>
      Number(b.mapType === "bus-addr") - Number(a.mapType === "bus-addr") || (a.hops ?? 0) - (b.hops ?? 0);
    found.sort((a, b) => byWorth(a.after, b.after));
    this.fixes.push(...found.slice(0, MAX_SLOT_FIXES).map(({ fix }) => fix()));
    if (found.length === 0) {
      const why =
        ideas.length === 0
          ? "no other slot is known on this machine"
          : `none of ${ideas.length} other places for one of the two is better; moving both was not tried`;
      this.rejected.push({ title: "another slot", why });
    }
  }
}

function whyNot(before: readonly Verdict[], after: readonly Verdict[]): string {
  const open = after.find(({ mapType }, index) => mapType === "unknown" && before[index]?.mapType !== "unknown");
  if (open !== undefined) return `what comes of it cannot be told: ${open.hidden.join("; ")}`;
  const redirecting = [...new Set(after.flatMap(({ acsRedirect }) => acsRedirect))];
  if (redirecting.length > 0) return `ACS still redirects at ${redirecting.map(formatBdf).join(", ")}`;
  return "the verdict stays the same";
}
