import type { Place } from "../pci/error.ts";
import type { Budget } from "./budget.ts";
import type { DeviceIndex, Match } from "./device-index.ts";
import type { Selection, Selector } from "./policy.ts";
import type { Finding, Member } from "./result.ts";

/** The devices of a selection on one machine. */
export interface Members {
  /** In enumeration order, each once. */
  readonly devices: readonly Member[];
  /** What the selection names and the source does not show. */
  readonly missing: readonly Missing[];
  /** Items by class or ids that find nothing, beside others that do. */
  readonly empty: readonly string[];
  /** Why there may be more that the source does not list or name; `null` where it shows all. */
  readonly gap: string | null;
  /** True where all that it takes in is certain devices, by names, patterns, addresses, slots or paths. */
  readonly isOfSingles: boolean;
  /** True where the source may leave out devices that it would take in beside those that are found. */
  readonly mayBeMore: boolean;
}

/** What a selection names and the source does not show. */
interface Missing {
  readonly finding: Extract<Finding, { kind: "missing" }>;
  /** True where it may be a device that the source does not list or name; else those that it may be are members. */
  readonly isUnlisted: boolean;
  /** True for a name, a pattern, an address, a slot or a path, which mean certain devices. */
  readonly isSingle: boolean;
}

/** The kinds of test that mean certain devices, so that finding others in their stead is no help. */
const SINGLE: ReadonlySet<string> = new Set(["nth", "name", "pattern", "address", "device", "slot", "path"]);

/** Those of them that mean one device. */
const ONE: ReadonlySet<string> = new Set(["nth", "name", "address", "path"]);

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
    const empty: string[] = [];
    let gap: string | null = null;
    let mayBeMore = false;
    for (const selector of included.length === 0 ? [everything] : included) {
      const match = this.#match(selector);
      for (const at of match.sure) found.set(at, null);
      for (const [at, hidden] of match.possible) if (!found.has(at)) found.set(at, hidden);
      gap ??= match.gap;
      if (match.gap !== null && !(ONE.has(selector.test.kind) && match.sure.length > 0)) mayBeMore = true;
      if (match.sure.length > 0) continue;
      if (SINGLE.has(selector.test.kind)) missing.push(this.#missing(selector, match));
      else if (match.possible.size === 0) empty.push(selector.text);
    }
    for (const selector of selectors) if (selector.isExcluded) this.#exclude(selector, found, missing, empty);
    const devices = this.#members(found);
    const isOfSingles = included.length > 0 && included.every(({ test }) => SINGLE.has(test.kind));
    if (missing.length === 0 && !devices.some(({ hidden }) => hidden === null)) {
      const hidden = devices[0]?.hidden ?? gap;
      const finding = { kind: "missing", text, near: [], hidden } as const;
      return {
        devices,
        missing: [{ finding, isUnlisted: gap !== null, isSingle: false }],
        empty: [],
        gap,
        isOfSingles,
        mayBeMore,
      };
    }
    return { devices, missing, empty, gap, isOfSingles, mayBeMore };
  }

  #match({ test }: Selector): Match {
    const match = this.#index.match(test, this.#isProvider);
    this.#spend(1 + match.sure.length + match.possible.size);
    return match;
  }

  #exclude(selector: Selector, found: Map<number, string | null>, missing: Missing[], empty: string[]): void {
    const match = this.#match(selector);
    for (const at of match.sure) found.delete(at);
    for (const [at, hidden] of match.possible) if (found.has(at)) found.set(at, found.get(at) ?? hidden);
    if (match.sure.length > 0) return;
    const isSingle = SINGLE.has(selector.test.kind);
    const mayBeUnlisted = match.possible.size === 0 && match.gap !== null;
    // A device that is not there and not wanted is no loss where the source does not list every one.
    if (isSingle && !mayBeUnlisted) missing.push({ ...this.#missing(selector, match), isUnlisted: false });
    else if (!isSingle && match.possible.size === 0) empty.push(`not ${selector.text}`);
    // A name that the source does not give could be that of any device.
    if (match.gap === null || selector.test.kind !== "name") return;
    this.#spend(found.size);
    for (const [at, hidden] of found) found.set(at, hidden ?? match.gap);
  }

  #missing({ text, test, isExcluded }: Selector, match: Match): Missing {
    const [hidden = match.gap] = match.possible.values();
    const near = this.#index.nearNames(test, this.#spend);
    const said = isExcluded ? `not ${text}` : text;
    return { finding: { kind: "missing", text: said, near, hidden }, isUnlisted: match.gap !== null, isSingle: true };
  }

  #members(found: ReadonlyMap<number, string | null>): readonly Member[] {
    const { topology } = this.#index;
    return [...found]
      .sort(([a], [b]) => a - b)
      .map(([at, hidden]): Member => ({ bdf: topology.functionAt(at).bdf, hidden }));
  }
}

const everything: Selector = { text: "all", isExcluded: false, test: { kind: "all" } };
