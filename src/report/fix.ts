import { BOOT_LOADER_NAMES, BOOT_LOADERS, DEFAULT_BOOT_LOADER } from "../advice/boot-loaders/boot-loaders.ts";
import type { Advice } from "../advice/fix/advise.ts";
import { type GateRemedy, mayBeBlocked } from "../advice/fix/gate-remedies.ts";
import type { ClassPair } from "../advice/fix/pair-classes.ts";
import type { ParameterEffect } from "../advice/fix/parameter-effects.ts";
import type { ProvedFix } from "../advice/fix/prove.ts";
import type { RequestsEnd } from "../advice/fix/side-effects.ts";
import { topologyOf } from "../host/machine.ts";
import { formatBdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { joinAlike } from "./alike.ts";
import { askedSentences, askingWaysJson } from "./asked-by.ts";
import { changeText, lettersOf } from "./change-text.ts";
import { fullName, nameIn, roleOf } from "./device-names.ts";
import { groupChangesJson, groupTexts, mapTypeSpan, verdictChangeJson } from "./difference.ts";
import { type Block, code, heading, list, type Rich, type Span } from "./document.ts";
import { hardwareTexts } from "./explain-text.ts";
import { machineLines } from "./facts.ts";
import { pairJson } from "./json.ts";
import type { FixJson } from "./json-types.ts";
import { machineJson, notesJson } from "./machine-json.ts";
import { type DecidedBy, decidedBy, verdictSentences } from "./reasons.ts";
import { rich } from "./rich.ts";

/** More pairs than this are told by what the kernel says of them. */
const MAX_PAIRS = 6;
/** So many of a kind are named. */
const NAMED = 3;
/** And so many classes of pairs that change beside them. */
const MAX_CLASSES = 6;
/** And so many kinds of hidden things. */
const MAX_HIDDEN = 12;

/** Advice as a report: what is, what helps with everything else that it does, what does not help, what was searched. */
export function fixBlocks(advice: Advice): readonly Block[] {
  const topology = topologyOf(advice.machine);
  return [
    ...machineLines(advice.machine, advice.rules, Number.MAX_SAFE_INTEGER).map((text) => heading(text)),
    ...pairBlocks(advice, topology),
    ...blockedBlocks(advice),
    ...answerBlocks(advice),
    ...advice.fixes.flatMap((fix, index) => fixSection(advice, fix, index, topology)),
    ...afterAnyBlocks(advice),
    ...outcomeBlocks(advice),
    ...askedBlocks(advice),
    ...rejectedBlocks(advice),
    ...remedyBlocks(advice),
    ...runningBlocks(advice),
    ...searchedBlocks(advice),
  ];
}

function pairBlocks({ pairs, before, machine, rules }: Advice, topology: Topology): readonly Block[] {
  const by = decidedBy(machine, rules);
  if (pairs.length > MAX_PAIRS) return [list(pairKinds(before, by, topology))];
  const shown = before.flatMap((verdict): Rich[] => {
    const decided: Rich = [
      { text: fullName(topology, verdict.client), paint: "strong" },
      " reaches memory of ",
      { text: fullName(topology, verdict.provider), paint: "strong" },
      ": ",
      mapTypeSpan(verdict.mapType, verdict.hops),
      ` (${verdictSentences(verdict, by).join("; ")})`,
    ];
    return [
      decided,
      ...(machine.host === undefined ? [] : hardwareTexts(verdict).map((text) => rich`hardware, ${text}`)),
    ];
  });
  return [list(shown)];
}

/** Many pairs by what the kernel says of them, most pairs first. */
function pairKinds(before: Advice["before"], by: DecidedBy, topology: Topology): readonly Rich[] {
  const kinds = new Map<string, (typeof before)[number][]>();
  for (const verdict of before) {
    const key = `${verdict.mapType} ${verdict.reason} ${verdict.acsRedirect.length > 0}`;
    kinds.set(key, [...(kinds.get(key) ?? []), verdict]);
  }
  return [...kinds.values()]
    .sort((a, b) => b.length - a.length)
    .map((verdicts): Rich => {
      const names = verdicts.map(
        ({ provider, client }) => `${nameIn(topology, provider)} → ${nameIn(topology, client)}`,
      );
      return [
        { text: `${verdicts.length} of ${before.length} pairs`, paint: "strong" },
        ": ",
        mapTypeSpan(verdicts[0]?.mapType ?? "unknown", null),
        ` (${kindSentences(verdicts, by).join("; ")}): ${someOf(names)}`,
      ];
    });
}

/** Why, for verdicts of one reason: each port once. */
function kindSentences(verdicts: Advice["before"], by: DecidedBy): readonly string[] {
  const ports = [...new Set(verdicts.flatMap(({ acsRedirect }) => acsRedirect))].map(formatBdf);
  const sentences = verdicts.flatMap((verdict) => verdictSentences({ ...verdict, acsRedirect: [] }, by));
  const redirected = ports.length === 0 ? [] : [`ACS redirects peer requests at ${someOf(ports)}`];
  return [...redirected, ...joinAlike(sentences)].slice(0, MAX_HIDDEN);
}

function someOf(names: readonly string[]): string {
  const more = names.length - NAMED;
  return `${names.slice(0, NAMED).join(", ")}${more > 0 ? ` and ${more} more` : ""}`;
}

/** What stops a pair whatever the kernel decides is said before anything that moves the kernel's decision. */
function blockedBlocks({ before, remedies }: Advice): readonly Block[] {
  const blocking = remedies.filter(({ gate }) => gate.effect === "blocks");
  if (blocking.length === 0) return [];
  const isAll = before.every(mayBeBlocked);
  const title = isAll ? "Blocked by something else" : "Some pairs are blocked by something else";
  return [heading([{ text: title, paint: "no" }]), list(blocking.map(remedyText))];
}

/** The answer in a line or a few, in front of how it is done. */
function answerBlocks({ fixes, before }: Advice): readonly Block[] {
  const [first] = fixes;
  if (first === undefined) return [];
  const lines = fixes.map((fix): Rich => [`${shortTitle(fix)}: `, ...afterSpans(fix)]);
  if (first.kinds.includes("switch-card")) {
    const works = before.every(({ supported }) => supported === true);
    const what = works ? "makes it direct" : "helps";
    return [heading(`Nothing that the machine has ${what}; a switch card would`)];
  }
  return fixes.length === 1 ? [] : [heading("What helps"), list(lines)];
}

/** Who asks the kernel: what is proposed moves the kernel's verdict, and binds only who asks for it. */
function askedBlocks({ machine, before }: Advice): readonly Block[] {
  const sentences = askedSentences(machine, before);
  return sentences.length === 0 ? [] : [heading("Who asks the kernel"), list(sentences)];
}

function fixSection(advice: Advice, fix: ProvedFix, index: number, topology: Topology): readonly Block[] {
  const lasting =
    fix.lasting === "until-reboot"
      ? "takes hold at once, is gone after a reboot"
      : "takes hold at the next boot, and lasts";
  const effects: Rich[] = [
    ["after it: ", ...afterSpans(fix), " (shown by the rules on the changed machine)"],
    fix.lasting === "until-reboot" && fix.kinds.length > 1 ? "the last step is gone after a reboot" : lasting,
    ...otherTexts(fix, topology),
    ...groupLines(fix),
    ...isolationTexts(fix, topology),
    ...fix.cautions.map((caution): Rich => [{ text: "mind", paint: "warn" }, `: ${caution}`]),
    ...newGates(advice, fix).map(gateText),
  ];
  return [heading([`${index + 1}. `, shortTitle(fix)]), list(effects), ...stepBlocks(advice, fix, index)];
}

/** A function as parameters and titles name it: by address or by its way from the root bus, with flags in front or not. */
const NAMED_FUNCTION = String.raw`(?:[01x]{7}@)?[0-9a-f]{4}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?:/[0-9a-f]{2}\.[0-7])*`;
/** More than six of them in a row. */
const LONG_LIST = new RegExp(`${NAMED_FUNCTION}(?:(?:;|, )${NAMED_FUNCTION}){6,}`, "g");

/** The title with long lists cut short: the steps have them whole. */
function shortTitle({ title }: ProvedFix): string {
  return title.replaceAll(LONG_LIST, (all) => {
    const names = all.split(/;|, /);
    return `${names.slice(0, 2).join(all.includes(";") ? ";" : ", ")} … (${names.length} functions)`;
  });
}

/** Groups that change without bringing devices together are counted where they are many. */
function groupLines({ groups }: ProvedFix): readonly Rich[] {
  if (isUnknown(groups)) return [`what it does to IOMMU groups cannot be told: ${groups.unknown}`];
  const harmless = groups.filter(
    ({ before, after, joined }) => joined.length === 0 && 0 < after.length && after.length <= before.length,
  );
  if (groups.length === 0) return ["no IOMMU group changes"];
  if (harmless.length <= 2) return groupTexts(groups);
  return [
    ...groupTexts(groups.filter((change) => !harmless.includes(change))),
    `IOMMU groups change in ${harmless.length} places; no two devices that were apart come together there`,
  ];
}

/** What two guests can no longer have apart, by classes of devices. */
function isolationTexts({ isolation }: ProvedFix, topology: Topology): readonly Rich[] {
  if (isUnknown(isolation) || isolation.pairs === 0) return [];
  const { classes, unseen, pairs } = isolation;
  const shown = byName(classes, topology).slice(0, MAX_CLASSES);
  const kinds = shown.map(
    ({ first, second, names, count }) =>
      `${names} (${countOf(count)}, as ${nameIn(topology, first)} and ${nameIn(topology, second)})`,
  );
  const hidden = unseen === 0 ? "" : `, ${unseen === pairs ? "" : `${unseen} of them `}still in two groups`;
  return [
    [
      { text: "isolation lost", paint: "warn" },
      `: ${countOf(pairs)} of devices that the IOMMU kept apart${hidden}: ${kinds.join(", ")}`,
    ],
  ];
}

function countOf(pairs: number): string {
  return pairs === 1 ? "1 pair" : `${pairs} pairs`;
}

/** Classes of which people say the same word are one. */
function byName<T extends ClassPair>(
  classes: readonly T[],
  topology: Topology,
  arrow = " and ",
  more: (one: T) => string = () => "",
): readonly (T & { readonly names: string; readonly count: number })[] {
  const found = new Map<string, T & { names: string; count: number }>();
  for (const one of classes) {
    const names = [one.first, one.second].map((bdf) => roleOf(topology.functionOf(bdf))).join(arrow);
    const key = `${names} ${more(one)}`;
    const known = found.get(key);
    if (known === undefined) found.set(key, { ...one, names, count: one.pairs });
    else known.count += one.pairs;
  }
  return [...found.values()];
}

/** Between a class of providers and one of clients. */
const ARROW = " → ";

/** Classes of which the way back is as many pairs of the same kind are told once, as `GPU ↔ NIC`. */
function eachWay<T extends ClassPair>(
  classes: readonly T[],
  topology: Topology,
  kindOf: (one: T) => string,
): readonly (T & { readonly names: string; readonly pairs: string })[] {
  const oneWay = byName(classes, topology, ARROW, kindOf);
  return oneWay.flatMap((one) => {
    const [providers = "", clients = ""] = one.names.split(ARROW);
    const isBack = (other: (typeof oneWay)[number]): boolean =>
      other.names === clients + ARROW + providers && other.count === one.count && kindOf(other) === kindOf(one);
    if (providers === clients || !oneWay.some(isBack)) return [{ ...one, pairs: countOf(one.count) }];
    if (providers > clients) return [];
    return [{ ...one, names: `${providers} ↔ ${clients}`, pairs: `${countOf(one.count)} each way` }];
  });
}

const endWords: Readonly<Record<RequestsEnd, string>> = {
  arrive: "arrive as the verdict says",
  "arrive otherwise": "arrive by another way than the verdict says",
  fail: "fail",
  unknown: "not known",
};

/** Other pairs by their classes: `GPU → NVMe (8 pairs): direct → through the host bridge`, `(2 pairs): 2 hops more`. */
function otherTexts({ others }: ProvedFix, topology: Topology): readonly Rich[] {
  const routes = others.routes ?? [];
  const isAlike = others.count + others.localities.length + routes.length === 0;
  if (isAlike) return [others.routes === null ? "no other pair changes its verdict" : "no other pair changes"];
  const paths = eachWay(others.classes, topology, ({ before, after }) => `${before} ${after}`).map(
    ({ names, pairs, before, after }): Rich => [
      `other pairs: ${names} (${pairs}): `,
      mapTypeSpan(before, null),
      " → ",
      mapTypeSpan(after, null),
    ],
  );
  const hops = eachWay(others.hops, topology, ({ more }) => String(more)).map(
    ({ names, pairs, more }): Rich => [`other pairs: ${names} (${pairs}): keep their verdict, ${hopsText(more)}`],
  );
  const places = eachWay(others.localities, topology, ({ before, after }) => `${before} ${after}`).map(
    ({ names, pairs, before, after }): Rich => [`other pairs: ${names} (${pairs}): ${before} → ${after}`],
  );
  const ends = eachWay(routes, topology, ({ direction, before, after }) => `${direction} ${before} ${after}`).map(
    ({ names, pairs, direction, before, after }): Rich => [
      `other pairs: ${names} (${pairs}): ${direction}s ${endWords[before]} → ${endWords[after]}`,
    ],
  );
  return [paths, hops, places, ends].flatMap((texts) => {
    const more = texts.length - MAX_CLASSES;
    if (more <= 0) return texts;
    return [
      ...texts.slice(0, MAX_CLASSES),
      `and ${more} more ${more === 1 ? "kind" : "kinds"} of pairs (--json has all)`,
    ];
  });
}

function hopsText(more: number): string {
  const count = Math.abs(more);
  return `${count} ${count === 1 ? "hop" : "hops"} ${more > 0 ? "more" : "fewer"}`;
}

function afterSpans({ verdicts }: ProvedFix): readonly Span[] {
  const kinds = new Map<string, { readonly verdict: (typeof verdicts)[number]; count: number }>();
  for (const verdict of verdicts) {
    const key = verdicts.length > MAX_PAIRS ? verdict.mapType : `${verdict.mapType} ${verdict.hops}`;
    const known = kinds.get(key);
    if (known === undefined) kinds.set(key, { verdict, count: 1 });
    else known.count++;
  }
  return [...kinds.values()].flatMap(({ verdict, count }, index) => [
    ...(index === 0 ? [] : [", "]),
    mapTypeSpan(verdict.mapType, verdicts.length > MAX_PAIRS ? null : verdict.hops),
    ...(kinds.size > 1 ? [` (${countOf(count)})`] : []),
  ]);
}

/** How a fix is done: of what each boot loader wants elsewhere, its commands; what was printed of an earlier fix, not again. */
function stepBlocks(advice: Advice, fix: ProvedFix, index: number): readonly Block[] {
  const known = new Set(
    advice.fixes
      .slice(0, index)
      .flatMap((earlier) => shownSteps(advice, earlier))
      .map(textOf),
  );
  const isFirst = !advice.fixes.slice(0, index).some(isForBootLoaders);
  return [
    ...shownSteps(advice, fix)
      .filter((step) => !step.where.startsWith("after the boot") || !known.has(textOf(step)))
      .map(({ where, lines }) => code(where, lines)),
    ...(isFirst && isForBootLoaders(fix) ? [list([otherLoadersText(advice)])] : []),
  ];
}

type ShownStep = ProvedFix["steps"][number];

function textOf({ where, lines }: ShownStep): string {
  return [where, ...lines].join("\n");
}

function shownSteps({ bootLoader }: Advice, { steps }: ProvedFix): readonly ShownStep[] {
  const name = bootLoader?.name ?? DEFAULT_BOOT_LOADER;
  return steps.filter((step) => step.bootLoader === undefined || step.bootLoader === name);
}

function isForBootLoaders({ steps }: ProvedFix): boolean {
  return steps.some(({ bootLoader }) => bootLoader !== undefined);
}

/** Why these commands, and where the others are. */
function otherLoadersText({ bootLoader }: Advice): Rich {
  const shown = bootLoader?.name ?? DEFAULT_BOOT_LOADER;
  const why =
    bootLoader === null
      ? `which boot loader this machine has is not known: these commands are for ${BOOT_LOADERS[shown]}`
      : `commands for ${shown} (${BOOT_LOADERS[shown]}), as ${bootLoader.why}`;
  const others = BOOT_LOADER_NAMES.filter((name) => name !== shown).map((name) => `${name} (${BOOT_LOADERS[name]})`);
  return `${why}; --boot-loader prints those of ${others.join(", ")}`;
}

function messagesAfter({ verdicts }: ProvedFix): ReadonlySet<string> {
  return new Set(verdicts.flatMap(({ gates }) => gates.map(({ message }) => message)));
}

/** Gates that stand after every one of several fixes are told once. */
function commonGates({ fixes, remedies }: Advice): readonly string[] {
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

function gateText(message: string): Rich {
  return [{ text: "then mind", paint: "warn" }, `: ${message}`];
}

function afterAnyBlocks(advice: Advice): readonly Block[] {
  const messages = commonGates(advice);
  return messages.length === 0 ? [] : [heading("After any of these"), list(messages.map(gateText))];
}

const WORKS = "It works; nothing makes it shorter";

function outcomeBlocks({ before, fixes, machine }: Advice): readonly Block[] {
  if (fixes.length > 0) return [];
  const isGuests = before.some(({ gates }) => gates.some(({ kind }) => kind === "virtual-machine"));
  const isMapped = before.every(({ mapType }) => mapType === "bus-addr" || mapType === "thru-host-bridge");
  if (isGuests && isMapped)
    return [heading("The guest's kernel maps it; whether the hardware carries it, only the host shows")];
  if (isMapped && machine.host !== undefined) return [heading(`The guest's kernel maps it; ${onHostText(before)}`)];
  if (before.every(({ mapType }) => mapType === "bus-addr")) {
    const title = before.some(mayBeBlocked) ? "The path is direct as it is" : "Nothing to fix on the path";
    return [heading(title), ...(before.some(mayBeBlocked) ? [] : [list(["direct as it is"])])];
  }
  const hidden = joinAlike(before.flatMap((verdict) => verdict.hidden));
  const more = hidden.length - MAX_HIDDEN;
  const shown = hidden.slice(0, MAX_HIDDEN);
  if (shown.length > 0) return [heading("Cannot be told"), list(more > 0 ? [...shown, `and ${more} more`] : shown)];
  if (!isMapped) return [heading("Nothing helps")];
  const title = before.some(mayBeBlocked) ? "The kernel maps it as it is; nothing on the path helps" : WORKS;
  return [heading(title)];
}

/** What the host's hardware does, for the worst of the pairs and directions. */
function onHostText(before: Advice["before"]): string {
  const outcomes = new Set(before.flatMap(({ hardware: { write, read } }) => [write.outcome, read.outcome]));
  if (outcomes.has("fails")) return "the host's hardware is documented to fail, or the way leads astray";
  if (outcomes.has("unknown")) return "what the host's hardware does is unknown";
  return outcomes.has("limited") ? "the host's hardware carries it with limits" : "the host's hardware carries it";
}

function rejectedBlocks({ rejected }: Advice): readonly Block[] {
  if (rejected.length === 0) return [];
  return [heading("What does not help"), list(rejected.map(({ title, why }) => `${title}: ${why}`))];
}

function remedyText({ gate, remedy }: GateRemedy): Rich {
  const isBlocking = gate.effect === "blocks";
  return [
    { text: isBlocking ? "blocked" : "mind", paint: isBlocking ? "no" : "warn" },
    `: ${gate.message} → ${remedy}`,
  ];
}

/** Gates that only warn: what blocks is told first of all. */
function remedyBlocks({ remedies }: Advice): readonly Block[] {
  const warning = remedies.filter(({ gate }) => gate.effect !== "blocks");
  return warning.length === 0 ? [] : [heading("Beside the verdict"), list(warning.map(remedyText))];
}

/** How much was looked through: what is not here was not thought of. */
function searchedBlocks({ searched, watched, fixes, before }: Advice): readonly Block[] {
  const machines = searched.tried.reduce((sum, { machines: count }) => sum + count, 0);
  if (machines === 0 && before.every(({ mapType }) => mapType === "bus-addr")) return [];
  const each = searched.tried.map(({ what, machines: count }) => `${what} (${count})`).join(", ");
  const isOfSlots = searched.tried.some(({ what }) => what.includes("slot"));
  const isOfTwo = searched.tried.some(({ what }) => what === "another slot for one of the two");
  const alike = isOfTwo
    ? "; of slots that no verdict tells apart one is tried"
    : isOfSlots
      ? "; of the slots of a bridge that no verdict tells apart two are tried"
      : "";
  const items: Rich[] = [
    machines === 0
      ? "nothing that could be changed is known on this machine"
      : `${machines} changed ${machines === 1 ? "machine was" : "machines were"} decided: ${each}${alike}`,
    ...(fixes.length > 0 && watched.functions < watched.of
      ? [`what else a proposal changes was looked at for ${watched.functions} of ${watched.of} functions`]
      : []),
    ...(searched.cut === null ? [] : [`there may be more: ${searched.cut}`]),
  ];
  return [heading("What was searched"), list(items)];
}

const effectWords: Readonly<Record<ParameterEffect["effect"], string>> = {
  "took-effect": "took effect",
  "still-redirects": "did not help: a function that it names still redirects",
  "matches-nothing": "matches no function that has ACS",
  hidden: "cannot be checked: the source hides ACS of what it names",
};

function runningBlocks({ parameters, changedSinceBoot }: Advice): readonly Block[] {
  const items: Rich[] = [
    ...parameters.map(
      ({ parameter, devices, effect }): Rich => [
        `${parameter} ${devices.length === 0 ? "" : `(${devices.map(formatBdf).join(", ")}) `}`,
        { text: effectWords[effect], paint: effect === "took-effect" ? "direct" : "warn" },
      ],
    ),
    ...changedSinceBoot.map(
      ({ device, bits }): Rich =>
        `${formatBdf(device)}: ACS ${lettersOf(bits)} changed after boot (setpci?); the next boot undoes that, and IOMMU groups are those of the last one`,
    ),
  ];
  return items.length === 0 ? [] : [heading("What runs now"), list(items)];
}

/** `peerlane.fix/1`. */
export function fixJson(advice: Advice): FixJson {
  const topology = topologyOf(advice.machine);
  return {
    schema: "peerlane.fix/1",
    machine: machineJson(advice),
    pairs: advice.before.map((answer) => pairJson(answer, topology)),
    fixes: advice.fixes.map((fix) => ({
      kinds: fix.kinds,
      title: fix.title,
      changes: fix.changes.map(changeText),
      lasting: fix.lasting,
      steps: fix.steps,
      cautions: fix.cautions,
      pairs: fix.verdicts.map((answer) => pairJson(answer, topology)),
      otherVerdicts: fix.others.listed.map(verdictChangeJson),
      otherPairs: otherPairsJson(fix, topology),
      groups: isUnknown(fix.groups) ? fix.groups : groupChangesJson(fix.groups),
      isolationLost: isolationJson(fix, topology),
    })),
    bootLoader: advice.bootLoader,
    rejected: advice.rejected,
    searched: advice.searched,
    watched: advice.watched,
    remedies: advice.remedies.map(({ gate, remedy, isPossible }) => ({
      gate: gate.kind,
      message: gate.message,
      remedy,
      possible: isPossible,
    })),
    parameters: advice.parameters.map((effect) => ({ ...effect, devices: effect.devices.map(formatBdf) })),
    changedSinceBoot: advice.changedSinceBoot.map(({ device, bits }) => ({ device: formatBdf(device), bits })),
    asking: askingWaysJson(advice.machine, [...advice.before, ...advice.fixes.flatMap(({ verdicts }) => verdicts)]),
    notes: notesJson(advice.machine),
  };
}

function classPairJson(
  { first, second, pairs }: ClassPair,
  topology: Topology,
): {
  readonly providers: string;
  readonly clients: string;
  readonly pairs: number;
  readonly example: { readonly provider: string; readonly client: string };
} {
  return {
    providers: roleOf(topology.functionOf(first)),
    clients: roleOf(topology.functionOf(second)),
    pairs,
    example: { provider: formatBdf(first), client: formatBdf(second) },
  };
}

function otherPairsJson({ others }: ProvedFix, topology: Topology): FixJson["fixes"][number]["otherPairs"] {
  return {
    changed: others.count,
    hopsOnly: others.hopsOnly,
    localities: others.localities.map((one) => ({
      ...classPairJson(one, topology),
      before: one.before,
      after: one.after,
    })),
    ...(others.routes === null
      ? {}
      : {
          routes: others.routes.map((one) => ({
            ...classPairJson(one, topology),
            direction: one.direction,
            before: one.before,
            after: one.after,
          })),
        }),
    classes: others.classes.map((one) => ({ ...classPairJson(one, topology), before: one.before, after: one.after })),
  };
}

function isolationJson({ isolation }: ProvedFix, topology: Topology): FixJson["fixes"][number]["isolationLost"] {
  if (isUnknown(isolation)) return isolation;
  return {
    pairs: isolation.pairs,
    inTwoGroups: isolation.unseen,
    classes: isolation.classes.map(({ first, second, pairs }) => ({
      of: [roleOf(topology.functionOf(first)), roleOf(topology.functionOf(second))],
      pairs,
      example: [formatBdf(first), formatBdf(second)],
    })),
  };
}
