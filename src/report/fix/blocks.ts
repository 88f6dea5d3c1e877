import type { Advice } from "../../advice/fix/advise.ts";
import { type GateRemedy, mayBeBlocked } from "../../advice/fix/gate-remedies.ts";
import { outcomeOf } from "../../advice/fix/order.ts";
import type { ParameterEffect } from "../../advice/fix/parameter-effects.ts";
import type { ProvedFix } from "../../advice/fix/prove.ts";
import { isSureBlock } from "../../answers/gate.ts";
import { topologyOf } from "../../host/machine.ts";
import { formatBdf } from "../../pci/bdf.ts";
import type { Topology } from "../../pci/topology.ts";
import type { Verdict } from "../../rules/verdict.ts";
import { joinAlike } from "../alike.ts";
import { lettersOf } from "../change-text.ts";
import { portsText } from "../device-names.ts";
import { type Block, heading, list, paragraph } from "../document.ts";
import { machineLines } from "../facts.ts";
import { withCode } from "../parameters.ts";
import { joinRich, painted, type Rich, rich } from "../rich.ts";
import { MAX_HIDDEN, outcomeBlocks, pairsText } from "./outcome.ts";
import { commonGates, gateText, likelyOf, otherWayBlocks, proposalBlocks } from "./proposal.ts";

/** How much of each proposal is told. */
export interface FixDetail {
  /** All that each does, and all of its commands; otherwise of those that come to the same, the first. */
  readonly isWhole?: boolean;
  /** It stands in a report that has told the machine. */
  readonly isPart?: boolean;
  /** The verdicts of the pairs on the machine as it is, in their order, where the advice is for one with changes: what differs is marked. */
  readonly asIs?: readonly Verdict[] | undefined;
  /** Kernel parameters that the machine has only in a what-if: commands do not set them. */
  readonly asked?: readonly string[];
}

/** Advice as a report: what becomes of the pairs, each proposal with what else it does, what may help, what does not, what was searched. */
export function fixBlocks(
  advice: Advice,
  { isWhole = false, isPart = false, asIs, asked = [] }: FixDetail = {},
): readonly Block[] {
  const topology = topologyOf(advice.machine);
  const telling = { advice, topology, isWhole, isPart, asked };
  return [
    ...(isPart ? [] : machineLines(advice.machine, advice.rules, Number.MAX_SAFE_INTEGER)).map((text) =>
      paragraph([painted("strong", text)]),
    ),
    ...outcomeBlocks(advice, topology, asIs),
    ...blockedBlocks(advice),
    ...told(advice, isWhole).flatMap(({ like, fixes }) =>
      like === null ? fixes.flatMap((fix) => proposalBlocks(telling, fix)) : otherWayBlocks(telling, like, fixes),
    ),
    ...afterAnyBlocks(advice),
    ...unprovedBlocks(advice),
    ...rejectedBlocks(advice),
    ...remedyBlocks(advice),
    ...runningBlocks(advice, topology),
    ...searchedBlocks(advice, isWhole),
  ];
}

/**
 * The proposals as they stand under each other: those after which the pairs are what they are after one that was told before,
 * `like`, in short, unless all is told of each.
 */
function told(
  { fixes }: Advice,
  isWhole: boolean,
): readonly { readonly like: ProvedFix | null; readonly fixes: readonly ProvedFix[] }[] {
  const firsts = new Map<string, ProvedFix>();
  const all: { readonly like: ProvedFix | null; readonly fixes: ProvedFix[] }[] = [];
  for (const fix of fixes) {
    const like = isWhole ? null : (firsts.get(outcomeOf(fix)) ?? null);
    if (like === null) firsts.set(outcomeOf(fix), fix);
    const last = all.at(-1);
    if (last !== undefined && last.like === like) last.fixes.push(fix);
    else all.push({ like, fixes: [fix] });
  }
  return all;
}

/** What stops a pair whatever the kernel decides is said before anything that moves the kernel's decision. */
function blockedBlocks({ before, remedies }: Advice): readonly Block[] {
  const blocking = remedies.filter(({ gate }) => gate.effect === "blocks");
  if (blocking.length === 0) return [];
  const count = before.filter(mayBeBlocked).length;
  const isAll = count === before.length;
  const isSure = blocking.some(({ gate }) => isSureBlock(gate));
  const title = `${isSure ? "Blocked" : "May be blocked"} by something else${before.length === 1 ? "" : `: ${isAll ? `all ${pairsText(count)}` : `${count} of ${pairsText(before.length)}`}`}`;
  return [heading([painted("no", title)]), list(blocking.map(remedyText))];
}

function afterAnyBlocks(advice: Advice): readonly Block[] {
  const messages = commonGates(advice);
  return messages.length === 0 ? [] : [heading("After any of these"), list(messages.map(gateText))];
}

/** What would help in a case that the source leaves open. */
function unprovedBlocks({ rejected }: Advice): readonly Block[] {
  const items = rejected.flatMap((idea): Rich[] => {
    const likely = likelyOf(idea);
    if (likely === null) return [];
    const { open, of, condition, hidden } = likely;
    const told = joinAlike(hidden).slice(0, MAX_HIDDEN);
    const count = of === 1 ? [] : [`${pairsText(open.length)} of ${of}`];
    return [
      rich`${withCode(idea.title)}: ${[...count, ...(condition === null ? [] : [condition]), ...told].join("; ")}`,
    ];
  });
  return items.length === 0 ? [] : [heading("Likely to help, and not proved"), list(items)];
}

/** What does not help, each with why. */
function rejectedTexts({ rejected }: Advice): readonly Rich[] {
  return rejected.flatMap(({ title, why, unproved }) =>
    unproved === null ? [rich`${withCode(title)}: ${withCode(why)}`] : [],
  );
}

/** One thing alone stands with what was searched, where something was. */
function rejectedBlocks(advice: Advice): readonly Block[] {
  const items = rejectedTexts(advice);
  const [only, ...others] = items;
  if (only === undefined) return [];
  if (others.length > 0) return [heading("What does not help"), list(items)];
  return machinesOf(advice) > 0 ? [] : [heading(rich`What does not help: ${only}`)];
}

/** So many changed machines were decided. */
function machinesOf({ searched }: Advice): number {
  return searched.tried.reduce((sum, { machines }) => sum + machines, 0);
}

function remedyText({ gate, remedy }: GateRemedy): Rich {
  const label =
    gate.effect !== "blocks"
      ? painted("warn", "mind")
      : isSureBlock(gate)
        ? painted("no", "blocked")
        : painted("unknown", "may be blocked");
  return rich`${label}: ${withCode(gate.message)} → ${withCode(remedy)}`;
}

/** Gates that only warn: what blocks is told first of all. */
function remedyBlocks({ remedies }: Advice): readonly Block[] {
  const warning = remedies.filter(({ gate }) => gate.effect !== "blocks");
  return warning.length === 0 ? [] : [heading("Beside the verdict"), list(warning.map(remedyText))];
}

/** How much was looked through: what is not here was not thought of. */
function searchedBlocks(advice: Advice, isWhole: boolean): readonly Block[] {
  const { searched, watched, fixes, before } = advice;
  const machines = machinesOf(advice);
  if (machines === 0 && before.every(({ mapType }) => mapType === "bus-addr")) return [];
  const [only, ...others] = rejectedTexts(advice);
  const noHelp = only === undefined || others.length > 0 ? [] : [rich`no help: ${only}`];
  const items: Rich[] = [
    machines === 0
      ? "searched: nothing that could be changed is known on this machine"
      : joinRich([`searched: ${machines} changed ${machines === 1 ? "machine" : "machines"}`, ...noHelp], "; "),
    ...(isWhole && machines > 0 ? [`by kinds: ${kindsText(searched)}`] : []),
    ...(fixes.length > 0 && watched.functions < watched.of
      ? [`what else a proposal changes was looked at for ${watched.functions} of ${watched.of} functions`]
      : []),
    ...(searched.cut === null ? [] : [`there may be more: ${searched.cut}`]),
  ];
  return items.map((text) => paragraph(text));
}

/** What was tried, with how many machines of each kind. */
function kindsText({ tried }: Advice["searched"]): string {
  const each = tried.map(({ what, machines }) => `${what} (${machines})`).join(", ");
  if (tried.some(({ what }) => what === "another slot for one of the two")) {
    return `${each}; of slots that no verdict tells apart one is tried`;
  }
  const isOfSlots = tried.some(({ what }) => what.includes("slot"));
  return `${each}${isOfSlots ? "; of the slots of a bridge that no verdict tells apart two are tried" : ""}`;
}

const effectWords: Readonly<Record<ParameterEffect["effect"], string>> = {
  "took-effect": "took effect",
  "still-redirects": "did not help: a function that it names still redirects",
  "matches-nothing": "matches no function that has ACS",
  hidden: "effect unknown: the source hides ACS of what it names",
};

function runningBlocks({ parameters, changedSinceBoot }: Advice, topology: Topology): readonly Block[] {
  const items: Rich[] = [
    ...parameters.map(
      ({ parameter, devices, effect }): Rich => [
        `${parameter} ${devices.length === 0 ? "" : `(${portsText(topology, devices)}) `}`,
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
