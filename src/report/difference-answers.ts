import { type AnswerPart, LIST_SEPARATOR } from "../advice/difference/answer-parts.ts";
import type { AnswerChange, AnswerDifference } from "../advice/difference/answers.ts";
import { type GateChanges, isVerdictWorse, type PartChange } from "../advice/difference/effect.ts";
import type { AnswerCounts } from "../advice/difference/judge.ts";
import type { GateKind } from "../answers/gate.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { Topology } from "../pci/topology.ts";
import { AlikeSentences, kindOfSentence } from "./alike.ts";
import { nameIn, roleOf } from "./device-names.ts";
import type { Rich } from "./document.ts";
import { type Painted, painted, rich } from "./rich.ts";

/** So many pairs are named for one line. */
const EXAMPLES = 3;

/** Pairs of which the same is said. */
class PairGroup {
  readonly sentences: AlikeSentences;
  readonly #examples: string[] = [];
  #count = 0;

  constructor(sentence: string) {
    this.sentences = new AlikeSentences(sentence);
  }

  add(sentence: string, { provider, client }: AnswerChange, after: Topology): void {
    this.sentences.add(sentence);
    this.#count++;
    if (this.#examples.length < EXAMPLES) this.#examples.push(`${nameIn(after, provider)} → ${nameIn(after, client)}`);
  }

  get pairs(): string {
    const more = this.#count - this.#examples.length;
    return `${this.#examples.join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
  }
}

const gateSides: readonly (readonly [Exclude<keyof GateChanges, "mayHaveCome">, Painted])[] = [
  ["come", painted("no", "now")],
  ["gone", painted("direct", "no longer")],
  ["noLongerKnown", painted("unknown", "no longer known")],
  ["nowKnown", painted("unknown", "seen now")],
];

/** What a pair had no gate of, where the second source does not show it. */
const hiddenWords: Readonly<Record<GateKind, string>> = {
  "bar-missing": "the provider has a memory BAR",
  "registers-only": "the provider has memory for peers",
  "bar-unassigned": "the provider's BARs have addresses",
  "memory-decode-off": "memory decode of the provider is on",
  "vf-memory-off": "VF MSE of the provider's physical function is on",
  "bridge-decode-off": "the bridges on the way have memory decode and bus mastering on",
  "bus-master-off": "the client is a bus master",
  "resizable-bar-small": "the provider's resizable BARs are as large as they can be",
  "bridge-window-small": "the windows above the provider hold its BARs",
  "beyond-dma-mask": "the client's driver uses as many address bits as the BARs need",
  "kernel-without-p2pdma": "the kernel is built with CONFIG_PCI_P2PDMA",
  "no-peer-dma": "the drivers let peers at the memory",
  "iommu-translates": "the IOMMU translates",
  "acs-registers-elsewhere": "a port on the way keeps its ACS registers elsewhere",
  "kernel-parameter-misread": "kernel parameters mean what was meant",
  "virtual-machine": "it is a virtual machine",
};

/** Gates that only one side has: those of one sentence with the pairs that they are of. */
export function gateLines(changes: readonly AnswerChange[], after: Topology): readonly Rich[] {
  const shown = gateSides.flatMap(([side, words]) => {
    const groups = new Map<string, PairGroup>();
    for (const change of changes) {
      for (const { message } of change.gates[side]) addTo(groups, message, message, change, after);
    }
    return [...groups.values()].map((group): Rich => rich`${words}: ${group.sentences.text} (${group.pairs})`);
  });
  const hidden = new Map<string, PairGroup>();
  for (const change of changes) {
    for (const kind of change.gates.mayHaveCome) addTo(hidden, kind, hiddenWords[kind], change, after);
  }
  return [
    ...shown,
    ...[...hidden.values()].map(
      (group): Rich => rich`${painted("unknown", "no longer known")}: whether ${group.sentences.text} (${group.pairs})`,
    ),
  ];
}

function addTo(
  groups: Map<string, PairGroup>,
  key: string,
  sentence: string,
  change: AnswerChange,
  after: Topology,
): void {
  const kind = kindOfSentence(key);
  const group = groups.get(kind) ?? new PairGroup(sentence);
  group.add(sentence, change, after);
  groups.set(kind, group);
}

const partNames: Readonly<Record<AnswerPart, string>> = {
  reason: "reason",
  releases: "kernels",
  path: "way",
  redirects: "ACS redirects",
  locality: "locality",
  hint: "the kernel's hint",
  "hardware-write": "documented of writes",
  "hardware-read": "documented of reads",
  "peer-memory": "peer memory of the provider",
  "largest-bar": "largest BAR of the provider",
  "who-asks": "who asks the kernel",
  provisos: "who asks the kernel",
  address: "address handed out",
  "route-write": "writes",
  "route-read": "reads",
  "route-hops": "hops of a request",
  "past-iommu": "requests that go past the IOMMU",
  "slowest-link": "slowest link on the way",
};

/** Writes and reads of which the same is said are one line. */
const BOTH: readonly (readonly [write: AnswerPart, read: AnswerPart, both: string])[] = [
  ["hardware-write", "hardware-read", "documented of writes and reads"],
  ["route-write", "route-read", "writes and reads"],
];

/** Lists of functions, which a line has no room for: JSON has them. */
const LONG: ReadonlySet<AnswerPart> = new Set(["path", "route-hops"]);

/** What follows from another part, and is not told beside it: JSON has it. `verdict` is map type and hops. */
const FOLLOWS: Readonly<Partial<Record<AnswerPart, readonly (AnswerPart | "verdict")[]>>> = {
  reason: ["verdict"],
  path: ["verdict"],
  redirects: ["verdict"],
  hint: ["verdict", "redirects"],
  provisos: ["who-asks"],
  address: ["verdict", "route-write", "route-read"],
  "route-write": ["verdict"],
  "route-read": ["verdict"],
  "route-hops": ["verdict", "path", "redirects", "route-write", "route-read"],
  "slowest-link": ["verdict", "path", "redirects"],
};

/** What else is said otherwise of pairs: what is alike in one line. */
export function partLines(changes: readonly AnswerChange[], after: Topology): readonly Rich[] {
  const groups = new Map<string, PairGroup>();
  for (const change of changes) {
    for (const sentence of partSentences(change)) addTo(groups, sentence, sentence, change, after);
  }
  return [...groups.values()].map((group): Rich => `${group.sentences.text} (${group.pairs})`);
}

function partSentences(change: AnswerChange): readonly string[] {
  const told = new Map(change.parts.map((part) => [part.part, sidesText(part)]));
  const isVerdict = isVerdictOther(change);
  const isThere = (part: AnswerPart | "verdict"): boolean => (part === "verdict" ? isVerdict : told.has(part));
  const shown = [...told].filter(([part]) => FOLLOWS[part]?.some(isThere) !== true);
  const texts = new Map(shown);
  return shown.flatMap(([part, text]): string[] => {
    const pair = BOTH.find(
      ([write, read]) => (part === write || part === read) && texts.get(write) === texts.get(read),
    );
    if (pair === undefined) return [`${partNames[part]}: ${text}`];
    return part === pair[0] ? [`${pair[2]}: ${text}`] : [];
  });
}

function sidesText({ part, before, after }: PartChange): string {
  if (before === null || after === null) return `${before ?? "hidden"} → ${after ?? "no longer known"}`;
  if (LONG.has(part)) return "by other functions";
  return LISTS.has(part) ? entriesText(before, after) : `${before} → ${after}`;
}

/** Lists of which only what one side lacks is told. */
const LISTS: ReadonlySet<AnswerPart> = new Set(["redirects", "provisos"]);

function entriesText(before: string, after: string): string {
  const [old, now] = [before, after].map((text) => text.split(LIST_SEPARATOR).filter((entry) => entry !== "none"));
  const gone = (old ?? []).filter((entry) => now?.includes(entry) !== true);
  const come = (now ?? []).filter((entry) => old?.includes(entry) !== true);
  if (gone.length + come.length === 0) return "in another order";
  return [
    ...(come.length > 0 ? [`now ${come.join(", ")}`] : []),
    ...(gone.length > 0 ? [`no longer ${gone.join(", ")}`] : []),
  ].join("; ");
}

/** Whether map type or hops differ, of which the verdicts tell. */
function isVerdictOther({ before, after }: AnswerChange): boolean {
  return before.mapType !== after.mapType || before.hops !== after.hops;
}

/** How many pairs a section of gates or other parts is about. */
export function pairsOf(changes: readonly AnswerChange[], is: (change: AnswerChange) => boolean): string {
  const count = changes.filter(is).length;
  return `${count} ${count === 1 ? "pair differs" : "pairs differ"}`;
}

/** True where a gate is on one side only. */
export function hasGateChange({ gates }: AnswerChange): boolean {
  return Object.values(gates).some((list: readonly unknown[]) => list.length > 0);
}

/** Pairs that are gone with a device, by the devices. */
export function goneLines(
  { gone, mayBeGone }: AnswerDifference,
  before: Topology,
  isGone: (bdf: Bdf) => boolean,
): readonly Rich[] {
  const devicesText = (pairs: AnswerDifference["gone"]): string => {
    const devices = new Set(pairs.flatMap(({ provider, client }) => [provider, client].filter(isGone)));
    const shown = [...devices].slice(0, EXAMPLES).map((bdf) => nameIn(before, bdf));
    return `${shown.join(", ")}${devices.size > shown.length ? ` and ${devices.size - shown.length} more` : ""}`;
  };
  const lines: Rich[] = [];
  if (gone.length > 0) {
    const pairs = gone.length === 1 ? "1 pair that worked is" : `${gone.length} pairs that worked are`;
    lines.push(rich`${painted("no", pairs)} gone with ${devicesText(gone)}`);
  }
  if (mayBeGone.length > 0) {
    const pairs = mayBeGone.length === 1 ? "1 pair is" : `${mayBeGone.length} pairs are`;
    const worked = mayBeGone.length === 1 ? "it worked" : "they worked";
    lines.push(rich`${painted("unknown", pairs)} gone with ${devicesText(mayBeGone)}: whether ${worked} is not known`);
  }
  return lines;
}

/** Verdicts that got worse of pairs that worked neither before nor after, with what blocks them: that counts as no worse answer. */
export function blockedLines(changes: readonly AnswerChange[]): readonly Rich[] {
  const lines = new Map<string, { when: string; sentences: AlikeSentences; pairs: number }>();
  for (const { before, after, effect } of changes) {
    const [gate] = before.blockedBy;
    if (gate === undefined || effect === "worse" || !isVerdictWorse(before, after)) continue;
    const when = after.blockedBy.length > 0 ? "before and after" : "before";
    const key = `${when} ${kindOfSentence(gate.message)}`;
    const line = lines.get(key) ?? { when, sentences: new AlikeSentences(gate.message), pairs: 0 };
    line.sentences.add(gate.message);
    line.pairs++;
    lines.set(key, line);
  }
  return [...lines.values()].map(({ when, sentences, pairs }): Rich => {
    const [whose, are] =
      pairs === 1 ? ["the verdict of 1 pair", "it was"] : [`the verdicts of ${pairs} pairs`, "they were"];
    const is =
      when === "before"
        ? `${are} blocked before`
        : pairs === 1
          ? "it is blocked before and after"
          : "they are blocked before and after";
    return `${whose} got worse, but ${is}: ${sentences.text}`;
  });
}

/** How many of those that got neither better nor worse are known to work on neither side. */
export function idleCount({ changes }: AnswerDifference): number {
  return changes.filter(
    ({ effect, before, after }) => effect === "other" && before.works !== true && after.works !== true,
  ).length;
}

/** Which functions the IOMMU no longer keeps apart, by what they are. */
export function isolationLines({ pastIommu }: AnswerDifference, after: Topology): readonly Rich[] {
  const [example] = pastIommu;
  if (example === undefined) return [];
  const kinds = new Map<string, number>();
  for (const pair of pastIommu) {
    const kind = pair
      .map((bdf) => roleOf(after.functionOf(bdf)))
      .sort()
      .join("–");
    kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
  }
  const counts = [...kinds].sort((a, b) => b[1] - a[1]).map(([kind, count]) => `${count} ${kind}`);
  const [pairs, reach, are] =
    pastIommu.length === 1 ? ["1 pair", "reaches", "is"] : [`${pastIommu.length} pairs`, "reach", "are"];
  const names = example.map((bdf) => nameIn(after, bdf)).join(" and ");
  return [
    rich`${painted("warn", "isolation")}: ${pairs} ${reach} each other past the IOMMU that did not (${counts.join(", ")}; as ${names}): for two guests that have one each they ${are} no longer apart`,
  ];
}

/** The whole in one sentence: whether an answer got worse; `idle` of those that got neither are known to work on neither side. */
export function judgementLine(counts: AnswerCounts, idle: number): Rich {
  const pairs = (count: number): string => (count === 1 ? "1 pair" : `${count} pairs`);
  const some = idle === counts.other ? "" : `${idle} of them `;
  const idleText = idle === 0 ? "" : ` (${some}known to work neither before nor after)`;
  const worse = [
    ...(counts.worse > 0 ? [pairs(counts.worse)] : []),
    ...(counts.gone > 0 ? [`${pairs(counts.gone)} gone with a device`] : []),
    ...(counts.pastIommu > 0 ? [`isolation of ${pairs(counts.pastIommu)}`] : []),
    ...(counts.groups > 0
      ? [counts.groups === 1 ? "1 change of IOMMU groups" : `${counts.groups} changes of IOMMU groups`]
      : []),
  ];
  const further = [
    ...(counts.better > 0 ? [`better: ${pairs(counts.better)}`] : []),
    ...(counts["no-longer-known"] > 0 ? [`no longer known: ${pairs(counts["no-longer-known"])}`] : []),
    ...(counts["now-known"] > 0 ? [`known only now: ${pairs(counts["now-known"])}`] : []),
    ...(counts.other > 0 ? [`neither better nor worse: ${pairs(counts.other)}${idleText}`] : []),
  ].join("; ");
  const rest = further === "" ? "" : `; ${further}`;
  if (worse.length > 0) return rich`${painted("no", "worse")}: ${worse.join(", ")}${rest}`;
  const open = [
    ...(counts.open > 0 ? [pairs(counts.open)] : []),
    ...(counts.openGroups > 0 ? ["IOMMU groups"] : []),
  ].join(" and ");
  if (open !== "") return rich`${painted("unknown", "unknown")}: it is not known whether ${open} got worse${rest}`;
  return `no answer got worse${rest}`;
}
