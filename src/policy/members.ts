import type { Bdf } from "../pci/bdf.ts";
import type { Place } from "../pci/error.ts";
import type { Budget } from "./budget.ts";
import type { DeviceIndex, Match } from "./device-index.ts";
import type { Selection, Selector } from "./policy.ts";
import type { Finding } from "./result.ts";

/** A device that a rule is about. */
export interface Member {
  readonly bdf: Bdf;
  /** Why the source leaves open whether the rule is about it, `null` where it is. */
  readonly hidden: string | null;
}

/** The devices of a selection on one machine. */
export interface Members {
  /** In enumeration order, each once. */
  readonly devices: readonly Member[];
  /** What the selection names and the source does not show. */
  readonly missing: readonly Missing[];
}

/** What a selection names and the source does not show. */
interface Missing {
  readonly finding: Extract<Finding, { kind: "missing" }>;
  /** True where it may be a device that the source does not list or name; else those that it may be are members. */
  readonly isUnlisted: boolean;
}

/** The kinds of test that mean a certain device, so that finding others in its stead is no help. */
const SINGLE: ReadonlySet<string> = new Set(["name", "address", "slot", "path"]);

/** Finds the devices of one side of a rule. */
export class MemberFinder {
  readonly #index: DeviceIndex;
  readonly #isProvider: boolean;
  readonly #spend: (looks: number) => void;

  constructor(index: DeviceIndex, isProvider: boolean, budget: Budget, place: Place) {
    this.#index = index;
    this.#isProvider = isProvider;
    this.#spend = (looks) => budget.spend(looks, place);
  }

  /** The devices of a selection; throws `too-large` when the budget is used up. */
  find({ text, selectors }: Selection): Members {
    const included = selectors.filter((selector) => !selector.isExcluded);
    const found = new Map<number, string | null>();
    const missing: Missing[] = [];
    let gap: string | null = null;
    for (const selector of included.length === 0 ? [everything] : included) {
      const match = this.#match(selector);
      for (const at of match.sure) found.set(at, null);
      for (const [at, hidden] of match.possible) if (!found.has(at)) found.set(at, hidden);
      gap ??= match.gap;
      if (SINGLE.has(selector.test.kind) && match.sure.length === 0) missing.push(this.#missing(selector, match));
    }
    for (const selector of selectors) if (selector.isExcluded) this.#exclude(selector, found);
    const devices = this.#members(found);
    if (missing.length === 0 && !devices.some(({ hidden }) => hidden === null)) {
      const hidden = devices[0]?.hidden ?? gap;
      missing.push({ finding: { kind: "missing", text, near: [], hidden }, isUnlisted: gap !== null });
    }
    return { devices, missing };
  }

  #match({ test }: Selector): Match {
    const match = this.#index.match(test, this.#isProvider);
    this.#spend(1 + match.sure.length + match.possible.size);
    return match;
  }

  #exclude(selector: Selector, found: Map<number, string | null>): void {
    const match = this.#match(selector);
    for (const at of match.sure) found.delete(at);
    for (const [at, hidden] of match.possible) if (found.has(at)) found.set(at, found.get(at) ?? hidden);
    // A name that the source does not give could be that of any device.
    if (match.sure.length > 0 || match.gap === null || selector.test.kind !== "name") return;
    this.#spend(found.size);
    for (const [at, hidden] of found) found.set(at, hidden ?? match.gap);
  }

  #missing({ text, test }: Selector, match: Match): Missing {
    const [hidden = match.gap] = match.possible.values();
    const isWord = test.kind === "name" || test.kind === "address";
    const near = isWord ? this.#index.nearNames(text, this.#spend) : [];
    return { finding: { kind: "missing", text, near, hidden }, isUnlisted: match.gap !== null };
  }

  #members(found: ReadonlyMap<number, string | null>): readonly Member[] {
    const { topology } = this.#index;
    return [...found]
      .sort(([a], [b]) => a - b)
      .map(([at, hidden]): Member => ({ bdf: topology.functionAt(at).bdf, hidden }));
  }
}

const everything: Selector = { text: "all", isExcluded: false, test: { kind: "all" } };
