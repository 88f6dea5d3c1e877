import type { Answer } from "../answers/answer.ts";
import type { Gate } from "../answers/gate.ts";
import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { PeerDirection } from "../routes/peer-routes.ts";
import type { RulesChoice } from "../rules/kernels/choose-rules.ts";
import type { MachineFact, Policy, PolicyRule, Selector } from "./policy.ts";

/** Of a rule or a policy; `unknown` where the source hides what decides. */
export type RuleOutcome = "pass" | "fail" | "unknown";

/** Why a pair is not as its rule wants it, or why that is not known. */
export type Problem =
  /** The verdict's map type: what decided it is in the verdict. */
  | { readonly kind: "path" }
  /** Requests reach the provider below the root complex, past the IOMMU, though the kernel does not call the path direct. */
  | { readonly kind: "route"; readonly directions: readonly PeerDirection[] }
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

/** What one item of a rule's devices finds on the machine. */
export interface ExplainedItem {
  readonly selector: Selector;
  readonly found: readonly Bdf[];
  /** Those of which the source hides whether they are meant. */
  readonly possible: number;
}

/** A device that a rule is about. */
export interface Member {
  readonly bdf: Bdf;
  /** Why the source leaves open whether the rule is about it, `null` where it is. */
  readonly hidden: string | null;
}

/** One side of a rule: its items and the devices that they come to. */
export interface ExplainedSide {
  readonly role: "provider" | "client" | "devices" | "from";
  readonly items: readonly ExplainedItem[];
  readonly devices: readonly Member[];
}

/** A pair that a rule looked at; `skipped` says why it counts neither way. */
export interface ExplainedPair extends JudgedVerdict {
  readonly outcome: RuleOutcome;
  readonly skipped: string | null;
}

/** The IOMMU group by which a device is held against others. */
export interface ExplainedGroup {
  readonly device: Bdf;
  readonly group: Known<number | null>;
  readonly isPredicted: boolean;
}

/** What a rule matched, and what it made of that. */
export interface Explanation {
  readonly sides: readonly ExplainedSide[];
  /** The first thousand of `pairCount`. */
  readonly pairs: readonly ExplainedPair[];
  readonly pairCount: number;
  readonly groups: readonly ExplainedGroup[];
}

/** How many pairs (devices, groups, facts) have which outcome. */
export type Counts = Readonly<Record<RuleOutcome, number>>;

/** What came of one rule. */
export interface RuleResult {
  readonly rule: PolicyRule;
  readonly outcome: RuleOutcome;
  readonly counts: Counts;
  /** What decided: of the rule's own outcome, in enumeration order, the first {@link MAX_FINDINGS}. */
  readonly findings: readonly Finding[];
  /** What of the rule's devices the machine does not have, where the rule allows that: classes and ids that find nothing, too. */
  readonly unmatched: readonly string[];
  /** What it matched, where that was asked for. */
  readonly explanation?: Explanation;
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
  /** Whether it was asked for what each rule matched. */
  readonly isExplained: boolean;
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

  /** The worst of what was added. */
  get outcome(): RuleOutcome {
    return worst(this.#counts);
  }

  /** The result of a rule. */
  result(rule: PolicyRule, unmatched: readonly string[]): RuleResult {
    const outcome = worst(this.#counts);
    return { rule, outcome, counts: { ...this.#counts }, findings: this.#kept[outcome], unmatched };
  }
}
