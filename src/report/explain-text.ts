import { type Answer, Answers } from "../answers/answer.ts";
import type { Locality, PairLocality } from "../answers/locality.ts";
import { isTranslating } from "../host/machine.ts";
import { formatAddress } from "../pci/addresses.ts";
import type { Bar } from "../pci/bar.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { memoryBars } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import { formatSize } from "../pci/size.ts";
import type { Printable } from "../pci/visible.ts";
import type { AddressRule } from "../platforms/asking.ts";
import type { DirectionFact } from "../platforms/directions.ts";
import { type AskedBy, addressKind, addressRuleOf, addressWords } from "../platforms/who-asks.ts";
import type { PeerRoutes, PeerRouting } from "../routes/peer-routes.ts";
import { bootWorlds } from "../rules/boot-acs.ts";
import type { Verdict } from "../rules/verdict.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { askedTexts, isAskedAlike } from "./asked-by.ts";
import { displayName, roleOf } from "./device-names.ts";
import { acsText, machineLines, wayToKnow } from "./facts.ts";
import { linkText } from "./link-text.ts";
import { screenText } from "./printable.ts";
import {
  intervalText,
  MAP_TYPE_PAINTS,
  MAP_TYPE_WORDS,
  OUTCOME_PAINTS,
  olderText,
  verdictSentences,
} from "./reasons.ts";
import { painted, type Rich, rich } from "./rich.ts";
import { routeTexts } from "./route-text.ts";
import type { ScreenOptions } from "./style.ts";
import { truncate, wrap } from "./width.ts";

/**
 * A pair explained both ways: `table` holds the two devices as providers and as clients. With `routes`, also where the
 * fabric leads the requests.
 */
export function explainText(
  table: VerdictTable,
  a: Bdf,
  b: Bdf,
  options: ScreenOptions,
  routes?: PeerRoutes,
): Printable {
  return screenText(explainLines(table, a, b, options.width, routes), options);
}

/** The lines of {@link explainText}. */
export function explainLines(table: VerdictTable, a: Bdf, b: Bdf, width: number, routes?: PeerRoutes): readonly Rich[] {
  const lines: Rich[] = machineLines(table.machine, table.rules, width).map((line) => [painted("strong", line)]);
  const answers = new Answers(table);
  const directions = a === b ? [[a, b] as const] : [[a, b] as const, [b, a] as const];
  let said: AskedBy | null = null;
  let isOpen = false;
  for (const [provider, client] of directions) {
    const [i, j] = [table.providers.indexOf(provider), table.clients.indexOf(client)];
    const routing = routes === undefined || provider === client ? null : routes.at(i, j);
    const answer = answers.at(i, j);
    lines.push("", ...directionLines(table, answer, routing, width, said));
    said = answer.askedBy;
    isOpen ||= answer.mapType === "unknown";
  }
  const way = isOpen ? wayToKnow(table.machine) : null;
  if (way !== null) lines.push("", ...wrap(way, width));
  return lines;
}

function directionLines(
  table: VerdictTable,
  answer: Answer,
  routing: PeerRouting | null,
  width: number,
  said: AskedBy | null,
): readonly Rich[] {
  const provider = table.topology.functionOf(answer.provider);
  const client = table.topology.functionOf(answer.client);
  const labelled = (label: string, text: Rich): readonly Rich[] =>
    wrap(text, Math.max(width - 12, 20)).map((line, index) =>
      index === 0 ? rich`  ${painted("faint", label.padEnd(10))}${line}` : rich`${" ".repeat(12)}${line}`,
    );
  const { hint } = answer;
  const older = olderText(answer);
  const decision = painted(MAP_TYPE_PAINTS[answer.mapType], verdictWords(answer));
  return [
    ...wrap(
      rich`${painted("strong", displayName(client))} reaches memory of ${painted("strong", displayName(provider))}: ${decision}`,
      width,
    ),
    ...pathLines(table, answer, width),
    ...verdictSentences(answer, table).flatMap((text, index) => labelled(index === 0 ? "why" : "", text)),
    ...(older === null ? [] : labelled("older", older)),
    ...labelled("locality", localityText(answer.locality)),
    ...addressTexts(table, answer, provider).flatMap((text, index) => labelled(index === 0 ? "address" : "", text)),
    ...routingTexts(table, routing).flatMap((text, index) => labelled(index === 0 ? "route" : "", text)),
    ...hardwareTexts(answer).flatMap((text, index) => labelled(index === 0 ? "hardware" : "", text)),
    ...askedLines(table, answer, said).flatMap((text, index) => labelled(index === 0 ? "asks" : "", text)),
    ...answer.gates.flatMap((gate) =>
      labelled(
        gate.effect === "blocks" ? "blocked" : "mind",
        gate.effect === "blocks" ? [painted("no", gate.message)] : gate.message,
      ),
    ),
    ...(hint === null
      ? []
      : labelled(
          "hint",
          rich`the kernel itself proposes ${painted("strong", hint.value)}: the path would be ${MAP_TYPE_WORDS[hint.mapType]}${mixesAcs(table.machine) ? ", where firmware had left redirection off: this kernel puts back what firmware left" : ""}`,
        )),
  ];
}

/** Whether the kernel may be one on which `disable_acs_redir` puts back the redirect bits of firmware (6.11 to 6.14.1). */
function mixesAcs(machine: VerdictTable["machine"]): boolean {
  return bootWorlds(machine).worlds.some(({ variant }) => variant.acsAtBoot === "mixes");
}

/** Who asks the kernel; in the second direction only what differs from the first. */
function askedLines(table: VerdictTable, answer: Answer, said: AskedBy | null): readonly Rich[] {
  if (answer.provider === answer.client) return [];
  if (said !== null && isAskedAlike(said, answer.askedBy)) return ["as the other way"];
  return askedTexts(table.machine, answer);
}

function routingTexts(table: VerdictTable, routing: PeerRouting | null): readonly Rich[] {
  return routing === null ? [] : routeTexts(routing, (bdf) => displayName(table.topology.functionOf(bdf)));
}

/** What is documented of the hardware, per direction; nothing for a function with itself. */
export function hardwareTexts({ hardware: { write, read }, provider, client }: Answer): readonly Rich[] {
  if (provider === client) return [];
  const text = (what: string, { outcome, why }: DirectionFact): Rich =>
    rich`${what}: ${painted(OUTCOME_PAINTS[outcome], outcome)}${outcome === "unknown" ? ":" : "."} ${why}`;
  if (write.outcome === read.outcome && write.why === read.why) return [text("writes and reads", write)];
  return [text("writes", write), text("reads", read)];
}

function verdictWords({ mapType, distance, hops, releases, supported }: Verdict): string {
  const since = releases === undefined ? "" : ` ${intervalText(releases)}`;
  const words = `${MAP_TYPE_WORDS[mapType]} (${mapType})${since}`;
  if (mapType === "unknown") {
    const both = supported === true ? ", supported either way" : "";
    return hops === null ? `${words}${both}` : `${words}${both}, ${hops} hops${both === "" ? " either way" : ""}`;
  }
  return mapType === "not-supported"
    ? `${words}, distance -1 (${hops} ${hops === 1 ? "hop" : "hops"})`
    : `${words}, ${distance === null ? `${hops} hops` : `distance ${distance}`}`;
}

const LOCALITIES: Readonly<Record<Locality, string>> = {
  PIX: "one switch or bridge between them at most",
  PXB: "several switches or bridges between them, no host bridge",
  PHB: "through one host bridge",
  NODE: "through two host bridges of one NUMA node",
  SYS: "across NUMA nodes",
};

function localityText({ is }: PairLocality): string {
  if (is === null) return "X: itself";
  return isUnknown(is) ? is.unknown : `${is}: ${LOCALITIES[is]}`;
}

/** The path as hops: up from the provider, over the meeting point or the host bridges, down to the client. */
function pathLines(table: VerdictTable, verdict: Verdict, width: number): readonly Rich[] {
  const { path, meeting } = verdict;
  const redirecting = new Set(verdict.acsRedirect);
  const turn = meeting === null ? providerArmLength(table, verdict) : path.indexOf(meeting);
  const lines: Rich[] = [];
  path.forEach((bdf, position) => {
    if (meeting === null && position === turn) lines.push(rich`  ${painted("faint", "⇅")} host bridge`);
    const fn = table.topology.functionOf(bdf);
    const arrow = bdf === meeting ? "↷" : position < turn ? "↑" : "↓";
    const details = [
      roleOf(fn),
      linkText(table.topology, table.topology.indexOf(bdf)).text,
      isUnknown(fn.acs) || fn.acs !== null || bdf === meeting ? acsText(fn).replace(" (redirects)", "") : "",
    ].filter((text) => text !== "");
    const mark = redirecting.has(bdf) ? painted("no", "  ← redirects") : "";
    const name = fn.names.length > 0 ? ` ${displayName(fn)}` : "";
    const meets = bdf === meeting && path.length > 1 ? painted("faint", "  ← the two meet here") : "";
    lines.push(
      truncate(
        rich`  ${painted("faint", arrow)} ${formatBdf(bdf)}${name}  ${details.join(", ")}${mark}${meets}`,
        width,
      ),
    );
  });
  return lines;
}

function providerArmLength({ topology }: VerdictTable, { provider }: Verdict): number {
  return topology.bridgesAbove(topology.indexOf(provider)).length + 1;
}

/**
 * What the client would be given as DMA address, by BAR of the provider: by the kernel's verdict where a driver of the pair
 * obeys it or none is known, else what their drivers take.
 */
function addressTexts({ machine, rules }: VerdictTable, verdict: Answer, provider: PciFunction): string[] {
  const rule = addressRuleOf(verdict.askedBy);
  if (rule !== "of-the-verdict") return driverAddressTexts(machine, rule, verdict, provider);
  if (verdict.mapType === "not-supported") return [refusalText(rules)];
  if (verdict.mapType === "unknown") return [];
  const bars = memoryBars(provider);
  if (bars === undefined) return ["the source hides the provider's BARs"];
  if (verdict.mapType === "bus-addr") return bars.map((bar) => busAddressText(bar, isSubtracted(rules)));
  const { mode } = machine.iommu;
  if (isUnknown(mode))
    return ["a CPU physical address, or an IOVA where the IOMMU translates; the source does not show which"];
  if (isTranslating(mode)) return ["an IOVA that the IOMMU driver picks outside of the host bridges' windows"];
  return bars.map(physAddressText);
}

/** What a mapping comes to that the rules refuse, by release. */
function refusalText({ candidates }: VerdictTable["rules"]): string {
  const refusals = new Set(candidates.map(({ mapping }) => mapping.refusal));
  if (refusals.size === 1 && refusals.has("EREMOTEIO")) return "none: mapping fails with EREMOTEIO";
  if (!refusals.has("EREMOTEIO"))
    return "none: a driver that asks is refused; the DMA API itself looks from Linux 6.0 on";
  return "none: a driver that asks is refused, and from Linux 6.0 on mapping fails with EREMOTEIO";
}

function driverAddressTexts(
  machine: VerdictTable["machine"],
  rule: AddressRule,
  { mapType, askedBy }: Answer,
  provider: PciFunction,
): string[] {
  if (rule === "dma-api" && mapType === "unknown") return [];
  if (rule === "dma-api" && mapType === "not-supported")
    return [`none of the provider's: ${askedBy.ways[0]?.row.onNo}`];
  const kind = addressKind(rule, machine);
  const bars = memoryBars(provider);
  if (bars === undefined || (kind !== "bus" && kind !== "physical")) return [addressWords(rule, machine)];
  const mind = rule === "nvidia" ? ["taken by the driver itself, whatever the verdict"] : [];
  return [...bars.map((bar) => (kind === "bus" ? busAddressText(bar, false) : physAddressText(bar))), ...mind];
}

function barName(bar: Bar): string {
  const size = isUnknown(bar.sizeBytes)
    ? ""
    : ` (${formatSize(bar.sizeBytes)}${bar.prefetchable ? ", prefetchable" : ""})`;
  return `BAR ${bar.index}${size}`;
}

/** Whether all kernels that may decide take the offset of a window's bus addresses with the wrong sign (up to 5.15). */
function isSubtracted({ candidates }: VerdictTable["rules"]): boolean {
  return candidates.length > 0 && candidates.every(({ mapping }) => mapping.busOffset === "subtracted");
}

function busAddressText(bar: Bar, subtracted: boolean): string {
  if (bar.busAddress === null) return `${barName(bar)}: unassigned`;
  if (isUnknown(bar.busAddress)) return `${barName(bar)}: its bus address; ${bar.busAddress.unknown}`;
  const address = `${barName(bar)}: bus address ${formatAddress(bar.busAddress)}`;
  if (isUnknown(bar.physAddress) || bar.physAddress === null) return address;
  const offset = bar.busAddress - bar.physAddress;
  const wrong = bar.physAddress - offset;
  if (subtracted && offset !== 0 && wrong >= 0) {
    return `${barName(bar)}: ${formatAddress(wrong)}, which is wrong: kernels up to 5.15 subtract the offset of ${formatAddress(Math.abs(offset))}, and the bus address is ${formatAddress(bar.busAddress)}`;
  }
  const sign = offset < 0 ? "-" : "+";
  return `${address} = CPU ${formatAddress(bar.physAddress)} ${sign} offset ${formatAddress(Math.abs(offset))}`;
}

function physAddressText(bar: Bar): string {
  if (bar.physAddress === null) return `${barName(bar)}: unassigned`;
  if (isUnknown(bar.physAddress)) return `${barName(bar)}: its CPU address; ${bar.physAddress.unknown}`;
  return `${barName(bar)}: CPU physical address ${formatAddress(bar.physAddress)}`;
}
