import type { Advice } from "../advice/fix/advise.ts";
import type { ParameterEffect } from "../advice/fix/parameter-effects.ts";
import type { ProvedFix } from "../advice/fix/prove.ts";
import { topologyOf } from "../host/machine.ts";
import { formatBdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import { joinAlike } from "./alike.ts";
import { askedSentences, askingWaysJson } from "./asked-by.ts";
import { changeText, lettersOf } from "./change-text.ts";
import { fullName } from "./device-names.ts";
import { groupChangesJson, groupTexts, mapTypeSpan, verdictChangeJson, verdictChangeTexts } from "./difference.ts";
import { type Block, code, heading, list, type Rich, type Span } from "./document.ts";
import { hardwareTexts } from "./explain-text.ts";
import { machineLines } from "./facts.ts";
import { pairJson } from "./json.ts";
import type { FixJson } from "./json-types.ts";
import { machineJson, notesJson } from "./machine-json.ts";
import { decidedBy, verdictSentences } from "./reasons.ts";
import { rich } from "./rich.ts";

/** So many pairs are named one by one. */
const MAX_PAIRS = 12;
/** And so many that change beside them. */
const MAX_OTHERS = 6;
/** And so many kinds of hidden things. */
const MAX_HIDDEN = 12;

/** Advice as a report: what is, what helps with everything else that it does, what does not help. */
export function fixBlocks(advice: Advice): readonly Block[] {
  const topology = topologyOf(advice.machine);
  return [
    ...machineLines(advice.machine, advice.rules, Number.MAX_SAFE_INTEGER).map((text) => heading(text)),
    ...pairBlocks(advice, topology),
    ...advice.fixes.flatMap((fix, index) => fixSection(advice, fix, index, topology)),
    ...afterAnyBlocks(advice),
    ...outcomeBlocks(advice),
    ...askedBlocks(advice),
    ...rejectedBlocks(advice),
    ...remedyBlocks(advice),
    ...runningBlocks(advice),
  ];
}

function pairBlocks({ pairs, before, machine, rules }: Advice, topology: Topology): readonly Block[] {
  const shown = pairs.slice(0, MAX_PAIRS).flatMap(({ provider, client }, index): Rich[] => {
    const verdict = before[index];
    if (verdict === undefined) return [];
    const why = verdictSentences(verdict, decidedBy(machine, rules)).join("; ");
    const decided: Rich = [
      { text: fullName(topology, client), paint: "strong" },
      " reaches memory of ",
      { text: fullName(topology, provider), paint: "strong" },
      ": ",
      mapTypeSpan(verdict.mapType, verdict.hops),
      ` (${why})`,
    ];
    return [
      decided,
      ...(machine.host === undefined ? [] : hardwareTexts(verdict).map((text) => rich`hardware, ${text}`)),
    ];
  });
  const more = pairs.length - Math.min(pairs.length, MAX_PAIRS);
  return [list(more > 0 ? [...shown, `and ${more} more pairs`] : shown)];
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
  const others = verdictChangeTexts(fix.otherVerdicts, topology);
  const effects: Rich[] = [
    ["after it: ", ...afterSpans(fix), " (shown by the rules on the changed machine)"],
    lasting,
    ...shortened(others, "other pair", "other pairs"),
    ...groupLines(fix),
    ...fix.cautions.map((caution): Rich => [{ text: "mind", paint: "warn" }, `: ${caution}`]),
    ...newGates(advice, fix).map(gateText),
  ];
  return [heading([`${index + 1}. `, fix.title]), list(effects), ...stepBlocks(advice, fix, index)];
}

function groupLines({ groups }: ProvedFix): readonly Rich[] {
  if (isUnknown(groups)) return [`what it does to IOMMU groups cannot be told: ${groups.unknown}`];
  return groups.length === 0 ? ["no IOMMU group changes"] : groupTexts(groups);
}

function afterSpans({ verdicts }: ProvedFix): readonly Span[] {
  const kinds = new Map(verdicts.map((verdict) => [`${verdict.mapType} ${verdict.hops}`, verdict]));
  return [...kinds.values()].flatMap((verdict, index) => [
    ...(index === 0 ? [] : [" or "]),
    mapTypeSpan(verdict.mapType, verdict.hops),
  ]);
}

/** A second parameter goes to the same places as the first: saying so is shorter. */
function stepBlocks({ fixes }: Advice, fix: ProvedFix, index: number): readonly Block[] {
  const places = (other: ProvedFix): string => other.steps.map(({ where }) => where).join();
  const earlier = fixes.findIndex((other) => other.kind === "kernel-parameter" && places(other) === places(fix));
  if (fix.kind === "kernel-parameter" && earlier >= 0 && earlier < index) {
    return [list([`in the same places as ${earlier + 1}, and with the same quotes`])];
  }
  return fix.steps.map(({ where, lines }) => code(where, lines));
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

function shortened(texts: readonly Rich[], one: string, many: string): readonly Rich[] {
  if (texts.length === 0) return [`no ${one} changes`];
  const shown = texts
    .slice(0, MAX_OTHERS)
    .map((text): Rich => [`${one}: `, ...(typeof text === "string" ? [text] : text)]);
  return texts.length > shown.length ? [...shown, `and ${texts.length - shown.length} more ${many}`] : shown;
}

function outcomeBlocks({ before, fixes, machine }: Advice): readonly Block[] {
  if (fixes.length > 0) return [];
  const isGuests = before.some(({ gates }) => gates.some(({ kind }) => kind === "virtual-machine"));
  const isMapped = before.every(({ mapType }) => mapType === "bus-addr" || mapType === "thru-host-bridge");
  if (isGuests && isMapped)
    return [heading("The guest's kernel maps it; whether the hardware carries it, only the host shows")];
  if (isMapped && machine.host !== undefined) return [heading(`The guest's kernel maps it; ${onHostText(before)}`)];
  if (before.every(({ mapType }) => mapType === "bus-addr")) {
    const isBlocked = before.some(({ gates }) => gates.some(({ effect }) => effect === "blocks"));
    return [
      heading(isBlocked ? "The path is direct, and blocked by something else" : "Nothing to fix on the path"),
      list(["direct as it is"]),
    ];
  }
  const hidden = joinAlike(before.flatMap((verdict) => verdict.hidden));
  const more = hidden.length - MAX_HIDDEN;
  const shown = hidden.slice(0, MAX_HIDDEN);
  if (shown.length > 0) return [heading("Cannot be told"), list(more > 0 ? [...shown, `and ${more} more`] : shown)];
  const isWorking = before.every(({ mapType }) => mapType === "bus-addr" || mapType === "thru-host-bridge");
  return [heading(isWorking ? "It works; nothing makes it shorter" : "Nothing helps")];
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

function remedyBlocks({ remedies }: Advice): readonly Block[] {
  if (remedies.length === 0) return [];
  return [
    heading("Beside the verdict"),
    list(
      remedies.map(
        ({ gate, remedy }): Rich => [
          { text: gate.effect === "blocks" ? "blocked" : "mind", paint: gate.effect === "blocks" ? "no" : "warn" },
          `: ${gate.message} → ${remedy}`,
        ],
      ),
    ),
  ];
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
  return {
    schema: "peerlane.fix/1",
    machine: machineJson(advice),
    pairs: advice.before.map(pairJson),
    fixes: advice.fixes.map((fix) => ({
      kind: fix.kind,
      title: fix.title,
      changes: fix.changes.map(changeText),
      lasting: fix.lasting,
      steps: fix.steps,
      cautions: fix.cautions,
      pairs: fix.verdicts.map(pairJson),
      otherVerdicts: fix.otherVerdicts.map(verdictChangeJson),
      groups: isUnknown(fix.groups) ? fix.groups : groupChangesJson(fix.groups),
    })),
    rejected: advice.rejected,
    remedies: advice.remedies.map(({ gate, remedy }) => ({ gate: gate.kind, message: gate.message, remedy })),
    parameters: advice.parameters.map((effect) => ({ ...effect, devices: effect.devices.map(formatBdf) })),
    changedSinceBoot: advice.changedSinceBoot.map(({ device, bits }) => ({ device: formatBdf(device), bits })),
    asking: askingWaysJson(advice.machine, [...advice.before, ...advice.fixes.flatMap(({ verdicts }) => verdicts)]),
    notes: notesJson(advice.machine),
  };
}
