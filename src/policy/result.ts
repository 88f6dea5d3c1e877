import type { Answer } from "../answers/answer.ts";
import type { Gate } from "../answers/gate.ts";
import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { RulesChoice } from "../rules/kernels/choose-rules.ts";
import type { MachineFact, Policy, PolicyRule } from "./policy.ts";

/** Of a rule or a policy; `unknown` where the source hides what decides. */
export type RuleOutcome = "pass" | "fail" | "unknown";

/** Why a pair is not as its rule wants it, or why that is not known. */
export type Problem =
  /** The verdict's map type: what decided it is in the verdict. */
  | { readonly kind: "path" }
  | { readonly kind: "hops"; readonly hops: number; readonly most: number }
  | { readonly kind: "gate"; readonly gate: Gate }
  /** The source hides something beside the verdict: what a gate hangs on, or whether the rule is about the device. */
  | { readonly kind: "hidden"; readonly reason: string };

/** A pair and what is wrong with it; no problem where its rule is content. */
export interface JudgedVerdict {
  readonly verdict: Answer;
  readonly problems: readonly Problem[];
}

/** One thing that decided a rule. */
export type Finding =
  | ({ readonly kind: "pair" } & JudgedVerdict)
  /** A device without any partner as the rule wants it; `nearest` is the best of its `candidates`. */
  | {
      readonly kind: "alone";
      readonly device: Bdf;
      readonly side: "provider" | "client";
      readonly candidates: number;
      readonly nearest: JudgedVerdict | null;
    }
  /** No device is what the policy names; `near` are names like it. With `hidden`, the source may just not show it. */
  | {
      readonly kind: "missing";
      readonly text: string;
      readonly near: readonly string[];
      readonly hidden: string | null;
    }
  /** Provider and client are one and the same device, and there is no other. */
  | { readonly kind: "no-pair" }
  /** The devices of a rule in one IOMMU group; `isPredicted` where the source does not show groups and the rules say which come. */
  | {
      readonly kind: "group";
      readonly group: number;
      readonly devices: readonly Bdf[];
      readonly isPredicted: boolean;
      /** Why the rule may not be about them, `null` where it is. */
      readonly hidden: string | null;
    }
  /** A device that no IOMMU confines. */
  | { readonly kind: "no-group"; readonly device: Bdf; readonly hidden: string | null }
  | { readonly kind: "hidden-group"; readonly device: Bdf; readonly hidden: string }
  | { readonly kind: "fact"; readonly fact: MachineFact["fact"]; readonly found: Known<string> };

/** How many pairs (devices, groups, facts) have which outcome. */
export type Counts = Readonly<Record<RuleOutcome, number>>;

/** What came of one rule. */
export interface RuleResult {
  readonly rule: PolicyRule;
  readonly outcome: RuleOutcome;
  readonly counts: Counts;
  /** What decided: of the rule's own outcome, in enumeration order, the first {@link MAX_FINDINGS}. */
  readonly findings: readonly Finding[];
  /** Devices that the rule names and the machine does not have, where the rule allows that. */
  readonly unmatched: readonly string[];
}

/** Most findings that are kept of one rule; `counts` has them all. */
export const MAX_FINDINGS = 100;

/** What came of a policy on one machine. */
export interface PolicyResult {
  readonly policy: Policy;
  readonly machine: Machine;
  readonly topology: Topology;
  readonly rulesChoice: RulesChoice;
  /** `fail` before `unknown` before `pass`. */
  readonly outcome: RuleOutcome;
  /** Rules by outcome. */
  readonly counts: Counts;
  /** In the order of the policy. */
  readonly results: readonly RuleResult[];
  /** What rules take for granted as the source does not show it, as sentences: some gates, predicted IOMMU groups. */
  readonly assumed: readonly string[];
}

/** The worst of some outcomes. */
export function worst({ fail, unknown }: Counts): RuleOutcome {
  if (fail > 0) return "fail";
  return unknown > 0 ? "unknown" : "pass";
}

/** Collects what a rule finds, and makes only the findings that will be kept. */
export class FindingList {
  readonly #counts: Record<RuleOutcome, number> = { pass: 0, fail: 0, unknown: 0 };
  readonly #kept: Record<RuleOutcome, Finding[]> = { pass: [], fail: [], unknown: [] };

  add(outcome: RuleOutcome, make: () => Finding): void {
    this.#counts[outcome]++;
    if (this.#kept[outcome].length < MAX_FINDINGS) this.#kept[outcome].push(make());
  }

  /** The result of a rule. */
  result(rule: PolicyRule, unmatched: readonly string[]): RuleResult {
    const outcome = worst(this.#counts);
    return { rule, outcome, counts: { ...this.#counts }, findings: this.#kept[outcome], unmatched };
  }
}
