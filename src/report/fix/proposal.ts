import { BOOT_LOADERS, DEFAULT_BOOT_LOADER } from "../../advice/boot-loaders/boot-loaders.ts";
import type { Advice } from "../../advice/fix/advise.ts";
import type { RejectedIdea } from "../../advice/fix/attempts.ts";
import type { GoingUp } from "../../advice/fix/going-up.ts";
import type { ProvedFix } from "../../advice/fix/prove.ts";
import { parameterNotes } from "../../advice/what-if/parameter-notes.ts";
import { isSureBlock } from "../../answers/gate.ts";
import { commandLineWords } from "../../host/command-line.ts";
import { topologyOf } from "../../host/machine.ts";
import { type Bdf, parseBdf } from "../../pci/bdf.ts";
import { deviceKind } from "../../pci/device-kind.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Topology } from "../../pci/topology.ts";
import type { Verdict } from "../../rules/verdict.ts";
import { fullName } from "../device-names.ts";
import { mapTypeSpan } from "../difference.ts";
import { type Block, code, heading, list } from "../document.ts";
import { withCode } from "../parameters.ts";
import { conditionText } from "../reasons.ts";
import { painted, plainText, type Rich, rich, type Span } from "../rich.ts";
import { carriesTexts, isolationText, otherTexts, placesText } from "./changes.ts";
import { pairsText } from "./outcome.ts";

/** More pairs than this are told without their hops. */
const MAX_PAIRS = 6;

/** Some advice, and how it is told. */
export interface Telling {
  readonly advice: Advice;
  readonly topology: Topology;
  /** All that each does, and all of its commands. */
  readonly isWhole: boolean;
  /** In a report, which has no options of `fix`. */
  readonly isPart: boolean;
  /** Kernel parameters that the machine has only in a what-if. */
  readonly asked: readonly string[];
}

/** One proposal with everything that it does, and how it is done. */
export function proposalBlocks(telling: Telling, fix: ProvedFix): readonly Block[] {
  const { advice, isWhole, topology } = telling;
  const index = advice.fixes.indexOf(fix);
  const effects: readonly Rich[] = [
    rich`${outcomeText(advice, fix)}; ${lastingText(fix)}`,
    ...goingUpTexts(fix.goingUp, fix.verdicts.length, "iommu=pt as well"),
    ...carriesTexts(fix, topology),
    ...otherTexts(fix, topology, advice.fixes),
    ...placesText(fix, isWhole, topology),
    ...isolationText(fix, topology),
    ...fix.cautions.map((caution) => rich`${painted("warn", "mind")}: ${withCode(caution)}`),
    ...newGates(advice, fix).map(gateText),
    ...loaderTexts(telling, fix),
  ];
  return [
    heading(rich`${String(index + 1)}. ${withCode(shortTitle(fix, topology))}`),
    list(effects),
    ...stepBlocks(advice, fix, isWhole),
  ];
}

/**
 * Proposals after which the pairs are what they are after the one told before, each in what it does otherwise. One that is
 * done at once is done before the next boot anyhow: its commands stand here.
 */
export function otherWayBlocks(
  { advice, topology, isPart }: Telling,
  like: ProvedFix,
  ways: readonly ProvedFix[],
): readonly Block[] {
  if (ways.length === 0) return [];
  const number = advice.fixes.indexOf(like) + 1;
  return [
    heading(`The same outcome as ${number} by other means (all of each with ${inVerb(isPart, "--full")})`),
    ...ways.flatMap((fix) => [
      list([otherWayText(advice, fix, like, topology)]),
      ...(fix.lasting === "until-reboot" ? fix.steps.slice(0, 1).map(({ lines }) => code("", lines)) : []),
    ]),
  ];
}

function otherWayText(advice: Advice, fix: ProvedFix, earlier: ProvedFix, topology: Topology): Rich {
  const plain = (texts: readonly Rich[]): string => texts.map(plainText).join("\n");
  const differs = (of: (one: ProvedFix) => readonly Rich[]): readonly Rich[] =>
    plain(of(fix)) === plain(of(earlier)) ? [] : of(fix);
  // At run time groups stay what they are: that is said by a caution.
  const isSameLoss = fix.lasting === "until-reboot" && lostPairs(fix) === lostPairs(earlier);
  const parts: readonly Rich[] = [
    ...differs((one) => [lastingText(one)]),
    ...(fix.carries.length === 0 && earlier.carries.length > 0
      ? ["no other GB/s are predicted after it"]
      : differs((one) => carriesTexts(one, topology))),
    ...differs((one) => otherTexts(one, topology, advice.fixes)),
    ...differs((one) => placesText(one, false, topology)),
    ...(isSameLoss ? [] : differs((one) => isolationText(one, topology))),
    ...fix.cautions
      .filter((caution) => !earlier.cautions.includes(caution))
      .map(withoutWhy)
      .map(withCode),
  ];
  const index = advice.fixes.indexOf(fix) + 1;
  return rich`${String(index)}. ${withCode(shortTitle(fix, topology))}${parts.flatMap((part, at): Span[] => [at === 0 ? ": " : "; ", ...rich`${part}`])}`;
}

/** A caution says what is so, and after a colon why or what comes of it. */
function withoutWhy(caution: string): string {
  return caution.replace(/: .*/s, "");
}

function lostPairs({ isolation }: ProvedFix): number | null {
  return isUnknown(isolation) ? null : isolation.pairs;
}

function lastingText({ lasting, kinds }: ProvedFix): string {
  if (lasting === "from-next-boot") return "takes effect at the next boot; persistent";
  return kinds.length > 1
    ? "the last step takes effect at once, and is gone after a reboot"
    : "takes effect at once, until a reboot";
}

/** A function as parameters and titles name it: by address or by its way from the root bus, with flags in front or not. */
const NAMED_FUNCTION = String.raw`(?:[01x]{7}@)?[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?:/[0-9a-f]{2}\.[0-7])*`;
/** The same, or all functions of some ids. */
const NAMED = `(?:${NAMED_FUNCTION}|(?:[01x]{7}@)?pci:[0-9a-f]{4}:[0-9a-f]{4})`;
/** More than six of them in a row. */
const LONG_LIST = new RegExp(`${NAMED}(?:(?:;|, )${NAMED}){6,}`, "g");

/** An address that stands in a sentence, and not in a parameter or a way from the root bus. */
const ADDRESS = /(?<![\w=;@/.])[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?![\w;/])/g;

/**
 * The title, functions by their ids where they may be, with long lists cut short: the steps have them whole. Devices have
 * their names beside their addresses.
 */
function shortTitle({ title, titleByIds = title }: ProvedFix, topology: Topology): string {
  const short = titleByIds.replaceAll(LONG_LIST, (all) => {
    const names = all.split(/;|, /);
    return all.includes(";")
      ? `${names.slice(0, 2).join(";")} … (${names.length} entries)`
      : `${names[0]} and ${names.length - 1} more`;
  });
  return short.replaceAll(ADDRESS, (address) => {
    const bdf = parseBdf(address);
    return bdf === undefined ? address : fullName(topology, bdf);
  });
}

/** That pairs are direct by the verdict alone, and what makes their requests go directly. */
export function goingUpTexts({ pairs, freed }: GoingUp, of: number, remedy: string): readonly Rich[] {
  if (pairs === 0) return [];
  const those = of === 1 ? "it is" : `${pairs === of ? "all" : pairs} ${pairs === 1 ? "is" : "are"}`;
  const how =
    freed === 0
      ? ""
      : `; with ${remedy} ${freed < pairs ? `${freed} of them go` : of === 1 ? "they go" : "they all go"} directly`;
  return [
    rich`${painted("warn", "mind")}: ${withCode(`${those} direct by the verdict alone: the drivers use addresses of the IOMMU, and the requests go up to the root complex all the same${how}`)}`,
  ];
}

/** What the pairs are after it; of several of which some only change, these: `16 of 64 pairs direct`. */
function outcomeText({ before }: Advice, fix: ProvedFix): Rich {
  const changed = fix.verdicts.filter((verdict, index) => verdict.mapType !== before[index]?.mapType);
  const [first] = changed;
  const isBlocked = ({ gates }: Advice["before"][number]): boolean => gates.some(isSureBlock);
  const freed = fix.verdicts.filter((verdict, index) => {
    const old = before[index];
    return old !== undefined && isBlocked(old) && !isBlocked(verdict);
  }).length;
  const ends =
    freed === 0 ? "" : rich`, ${painted("direct", `${freed === before.length ? "" : `${freed} `}no longer blocked`)}`;
  if (first === undefined || changed.length === before.length || changed.some((one) => one.mapType !== first.mapType)) {
    return rich`${countsText(fix)}${ends}`;
  }
  const blocked = fix.verdicts.filter(
    (verdict) => !changed.includes(verdict) && verdict.gates.some(isSureBlock),
  ).length;
  const still = blocked === 0 ? "" : rich`, ${painted("no", `${blocked} still blocked`)}`;
  return rich`${String(changed.length)} of ${pairsText(before.length)} ${mapTypeSpan(first.mapType, null)}${still}${ends}`;
}

/** What the pairs are after it: `direct, 4 hops`; of several how many are what. */
export function countsText({ verdicts }: Pick<ProvedFix, "verdicts">): readonly Span[] {
  const kinds = new Map<string, { readonly verdict: (typeof verdicts)[number]; count: number }>();
  for (const verdict of verdicts) {
    const key = verdicts.length > MAX_PAIRS ? verdict.mapType : `${verdict.mapType} ${verdict.hops}`;
    const known = kinds.get(key);
    if (known === undefined) kinds.set(key, { verdict, count: 1 });
    else known.count++;
  }
  return [...kinds.values()].flatMap(({ verdict, count }, index) => [
    ...(index === 0 ? [] : [", "]),
    ...(verdicts.length > 1 ? [`${pairsText(count)} `] : []),
    mapTypeSpan(verdict.mapType, verdicts.length > MAX_PAIRS ? null : verdict.hops),
  ]);
}

/** An idea that may help: its verdicts that stay open, and on what they hang; `null` where it does not help. */
export function likelyOf({ unproved }: Pick<RejectedIdea, "unproved">): {
  readonly open: readonly Verdict[];
  readonly of: number;
  /** Of several pairs each depends on ports of its own. */
  readonly condition: string | null;
  readonly hidden: readonly string[];
} | null {
  if (unproved === null) return null;
  const open = unproved.filter(({ mapType }) => mapType === "unknown");
  const [only, ...others] = open;
  const condition = only === undefined || others.length > 0 ? null : conditionText(only);
  return { open, of: unproved.length, condition, hidden: [...new Set(open.flatMap(({ hidden }) => hidden))] };
}

/** How a fix is done: of what each boot loader wants elsewhere, its commands; what was printed of an earlier fix, not again. */
function stepBlocks(advice: Advice, fix: ProvedFix, isWhole: boolean): readonly Block[] {
  const earlier = advice.fixes.slice(0, advice.fixes.indexOf(fix));
  const known = new Set(earlier.flatMap((one) => shownSteps(advice, one, isWhole)).map(textOf));
  return [
    ...shownSteps(advice, fix, isWhole)
      .filter((step) => !step.where.startsWith("after the boot") || !known.has(textOf(step)))
      .map(({ where, lines }) => code(where, lines)),
    ...unitBlocks(advice, fix, isWhole),
  ];
}

type ShownStep = ProvedFix["steps"][number];

function textOf({ where, lines }: ShownStep): string {
  return [where, ...lines].join("\n");
}

/** The steps for this machine's boot loader; those that only name the functions otherwise, or make a change last, where all is told. */
function shownSteps({ bootLoader }: Advice, { steps }: ProvedFix, isWhole: boolean): readonly ShownStep[] {
  const name = bootLoader?.name ?? DEFAULT_BOOT_LOADER;
  return steps.filter((step) => {
    if (step.bootLoader !== undefined && step.bootLoader !== name) return false;
    return isWhole || !/^(?:by ids, or by address|at each boot)/.test(step.where);
  });
}

function isForBootLoaders({ steps }: ProvedFix): boolean {
  return steps.some(({ bootLoader }) => bootLoader !== undefined);
}

/** What undoes a list unseen, with the first proposal that has one; for whom commands are, with the first that has such. */
function loaderTexts({ advice, isPart, asked }: Telling, fix: ProvedFix): readonly Rich[] {
  const isFirst = (isOne: (one: ProvedFix) => boolean): boolean => advice.fixes.find(isOne) === fix;
  return [
    ...(isFirst(hasPciList)
      ? [`commands of another pci= list, pasted later, replace this one${askAtOnce(advice)}`]
      : []),
    ...(isFirst(isForBootLoaders) ? loaderText(advice, isPart, asked) : []),
  ];
}

function hasPciList({ steps }: ProvedFix): boolean {
  return steps.some(({ bootLoader, lines }) => bootLoader !== undefined && lines.some((line) => line.includes("pci=")));
}

/** The unit, as a list of `pci=`, takes the place of one before it. */
function unitBlocks(advice: Advice, { kinds }: ProvedFix, isWhole: boolean): readonly Block[] {
  if (!isWhole || !kinds.includes("run-time")) return [];
  return [
    list([
      "the unit runs before drivers of the root file system, and after those of the initramfs",
      `one pasted later takes the place of this one${askAtOnce(advice)}`,
    ]),
  ];
}

/** How not to paste twice, for who asked about one pair. */
function askAtOnce(advice: Advice): string {
  return advice.pairs.length > 1 ? "" : `: for several pairs ask for all at once, as ${allOf(advice)}`;
}

/** `fix --all gpu:nic` for the first of the pairs. */
function allOf({ machine, pairs: [pair] }: Advice): string {
  const topology = topologyOf(machine);
  const kindOf = (bdf: Bdf): string => {
    const kind = deviceKind(topology.functionOf(bdf));
    return kind === "other" || kind === "bridge" ? "all" : kind;
  };
  return `fix --all ${pair === undefined ? "gpu:nic" : `${kindOf(pair.provider)}:${kindOf(pair.client)}`}`;
}

/** An option of `fix`, also where another verb tells it. */
function inVerb(isPart: boolean, option: string): string {
  return isPart ? `peerlane fix … ${option}` : option;
}

/** Why these commands, beside what they are, and where the others stand. */
function loaderText({ bootLoader, machine }: Advice, isPart: boolean, asked: readonly string[]): readonly Rich[] {
  const shown = bootLoader?.name ?? DEFAULT_BOOT_LOADER;
  const why = bootLoader === null ? "" : `, as ${bootLoader.why}`;
  const isAssumed = bootLoader === null ? "assumed: " : "for ";
  const others = `${isAssumed}${shown} (${BOOT_LOADERS[shown]})${why}; others: ${inVerb(isPart, "--boot-loader NAME")}`;
  // What Linux does not read as it was meant is not to be set.
  const meant = commandLineWords(asked.join(" ")).filter((word) => parameterNotes(machine, word).length === 0);
  if (meant.length === 0) return [others];
  const beside = `this machine has ${meant.join(" ")} in the what-if alone: set it as well`;
  return [rich`${painted("warn", "mind")}: ${withCode(beside)}`, others];
}

function messagesAfter({ verdicts }: ProvedFix): ReadonlySet<string> {
  return new Set(verdicts.flatMap(({ gates }) => gates.map(({ message }) => message)));
}

/** Gates that stand after every one of several fixes are told once. */
export function commonGates({ fixes, remedies }: Advice): readonly string[] {
  const [first, ...others] = fixes;
  if (first === undefined || others.length === 0) return [];
  const known = new Set(remedies.map(({ gate }) => gate.message));
  return [...messagesAfter(first)].filter(
    (message) => !known.has(message) && others.every((fix) => messagesAfter(fix).has(message)),
  );
}

function newGates(advice: Advice, fix: ProvedFix): readonly string[] {
  const told = new Set([...commonGates(advice), ...advice.remedies.map(({ gate }) => gate.message)]);
  return [...messagesAfter(fix)].filter((message) => !told.has(message));
}

export function gateText(message: string): Rich {
  return rich`${painted("warn", "mind after it")}: ${withCode(message)}`;
}
