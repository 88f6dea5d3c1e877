import type { Answer } from "../answers/answer.ts";
import type { Gate } from "../answers/gate.ts";
import type { Locality, PairLocality } from "../answers/locality.ts";
import type { Machine } from "../host/machine.ts";
import type { Bar } from "../pci/bar.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { Loss } from "../predict/losses.ts";
import type { PeerDirection } from "../routes/peer-routes.ts";
import type { RulesChoice } from "../rules/kernels/choose-rules.ts";
import type { Link } from "../summary/links.ts";
import type { BandwidthFloor, MachineFact, Policy, PolicyRule, Selector } from "./policy.ts";

/** Of a rule or a policy; `unknown` where the source hides what decides. */
export type RuleOutcome = "pass" | "fail" | "unknown";

/** Why a pair is not as its rule wants it, or why that is not known. */
export type Problem =
  /** The verdict's map type: what decided it is in the verdict. */
  | { readonly kind: "path" }
  /** Requests reach the provider below the root complex, past the IOMMU, though the kernel does not call the path direct. */
  | { readonly kind: "route"; readonly directions: readonly PeerDirection[] }
  /** The kernel calls the path direct, and requests go up to the root complex all the same, by addresses of the IOMMU. */
  | { readonly kind: "goes-up" }
  | { readonly kind: "hops"; readonly hops: number; readonly most: number }
  /** Where the two are to each other is farther, or the source leaves open whether it is. */
  | { readonly kind: "locality"; readonly is: PairLocality["word"]; readonly farthest: Locality }
  /** It is predicted to carry less than the rule wants of one kind of requests. */
  | {
      readonly kind: "bandwidth";
      readonly operation: PeerDirection;
      readonly floor: BandwidthFloor;
      /** 10^9 data bytes per second; where a link is hidden, the most that it may be. */
      readonly gbps: number;
      readonly isUpperBound: boolean;
      /** The same with all that holds it back away; `null` where the rule does not ask. */
      readonly possibleGBps: number | null;
      /** What holds it back, the dearest first. */
      readonly losses: readonly Loss[];
    }
  | { readonly kind: "gate"; readonly gate: Gate }
  /** The source hides something beside the verdict: what a gate depends on, or whether the rule is about the device. */
  | { readonly kind: "hidden"; readonly reason: string };

/** A pair and what is wrong with it; no problem where its rule is content. */
export interface JudgedVerdict {
  readonly verdict: Answer;
  readonly problems: readonly Problem[];
}

/** The link above a function. */
export interface LinkFinding {
  readonly kind: "link";
  readonly outcome: RuleOutcome;
  /** The function at its lower end. */
  readonly device: Bdf;
  /** `null` where there is none or its state is hidden. */
  readonly link: Link | null;
  /** Of a GPU, with all of its lanes at less speed than both ends can. */
  readonly isIdle: boolean;
  /** What the source does not show; `null` where it shows what decides. */
  readonly hidden: string | null;
}

/** The memory BAR that decided of a device. */
export interface BarFinding {
  readonly kind: "bar";
  readonly outcome: RuleOutcome;
  readonly device: Bdf;
  /** `null` where it has none, or BARs are hidden. */
  readonly bar: Bar | null;
  readonly hidden: string | null;
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
  /** Devices that are in other groups than `with`, the first of their rule. */
  | {
      readonly kind: "apart";
      readonly device: Bdf;
      readonly group: number;
      readonly with: Bdf;
      readonly other: number;
      readonly isPredicted: boolean;
      readonly hidden: string | null;
    }
  | LinkFinding
  | BarFinding
  /** How many devices there are, and how many more there may be that the source does not show to be such. */
  | { readonly kind: "count"; readonly found: number; readonly possible: number; readonly hidden: string | null }
  /** `subject`: what of the machine it is about. */
  | {
      readonly kind: "fact";
      readonly fact: MachineFact["fact"];
      readonly subject: string | null;
      readonly found: Known<string>;
    };

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
  /** What came of each device or link, of rules that look at one at a time: the first thousand. */
  readonly judged: readonly ExplainedOne[];
}

/** One thing that a rule looked at by itself. */
export interface ExplainedOne {
  readonly outcome: RuleOutcome;
  readonly finding: Finding;
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
  /** What is to be said of a rule though it is content with it: links of idle GPUs, pairs that are direct by the verdict alone. */
  readonly remarks: readonly Finding[];
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

const OUTCOMES: readonly RuleOutcome[] = ["fail", "unknown", "pass"];

/** Collects what a rule finds, and makes only the findings that will be kept. */
export class FindingList {
  readonly #counts: Record<RuleOutcome, number> = { pass: 0, fail: 0, unknown: 0 };
  readonly #kept: Record<RuleOutcome, Finding[]> = { pass: [], fail: [], unknown: [] };
  readonly #remarks: Finding[] = [];

  /** Says something of a rule that is content with it. */
  remark(finding: Finding): void {
    if (!this.isFullOfRemarks) this.#remarks.push(finding);
  }

  /** True where there is no room for another remark. */
  get isFullOfRemarks(): boolean {
    return this.#remarks.length >= MAX_FINDINGS;
  }

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
    const counts = { ...this.#counts };
    return { rule, outcome, counts, findings: this.#kept[outcome], unmatched, remarks: this.#remarks };
  }

  /** All that is kept, whatever came of it: for explanations. */
  all(): readonly ExplainedOne[] {
    return OUTCOMES.flatMap((outcome) => this.#kept[outcome].map((finding) => ({ outcome, finding })));
  }
}
