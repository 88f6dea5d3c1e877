import type { RoutedAnswer } from "../../answers/answer.ts";
import { linkGbps } from "../../link/rate.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import { memoryOf } from "../../pci/peer-roles.ts";
import { formatSize } from "../../pci/size.ts";
import type { DirectionFact } from "../../platforms/directions.ts";
import { provisosOn } from "../../platforms/who-asks.ts";
import { type PeerDirection, type PeerRoute, type PeerRouting, TRANSLATED_PAST } from "../../routes/peer-routes.ts";
import type { VerdictTable } from "../../rules/verdict-table.ts";
import { linksOfPair } from "../../summary/links.ts";

/** What is said of a pair beside its map type, hops and gates. */
export const ANSWER_PARTS = [
  "reason",
  "releases",
  "path",
  "redirects",
  "locality",
  "hint",
  "hardware-write",
  "hardware-read",
  "peer-memory",
  "largest-bar",
  "who-asks",
  "provisos",
  "address",
  "route-write",
  "route-read",
  "route-hops",
  "past-iommu",
  "slowest-link",
] as const;

/** One of {@link ANSWER_PARTS}. */
export type AnswerPart = (typeof ANSWER_PARTS)[number];

/** Each part in words to compare, `null` where it is hidden. */
export type AnswerParts = Readonly<Record<AnswerPart, string | null>>;

/** All parts of an answer, functions in the words of `name`. */
export function answerParts(
  answer: RoutedAnswer,
  table: VerdictTable,
  name: (bdf: Bdf) => string,
  past: Known<readonly PeerDirection[]>,
): AnswerParts {
  const { mapType, reason, hops, path, acsRedirect, acsHidden, locality, hint, routing } = answer;
  const names = (list: readonly Bdf[]): string => listText(list.map(name));
  const isHidden = acsHidden.length > 0;
  return {
    reason: mapType === "unknown" ? null : reason,
    releases: releasesText(answer),
    path: hops === null ? null : names(path),
    redirects: isHidden ? null : names(acsRedirect),
    locality: locality.is === null ? "itself" : isUnknown(locality.is) ? null : locality.is,
    hint: isHidden ? null : hint === null ? "none" : `clear redirect of ${names(acsRedirect)}`,
    "hardware-write": documentedText(answer.hardware.write),
    "hardware-read": documentedText(answer.hardware.read),
    "peer-memory": peerMemoryText(table.topology.functionOf(answer.provider)),
    "largest-bar": largestBarText(table.topology.functionOf(answer.provider)),
    "who-asks": askedText(answer),
    provisos: provisosText(answer, table),
    address: addressText(routing),
    "route-write": routeText(routing, ({ write }) => write, name),
    "route-read": routeText(routing, ({ read }) => read, name),
    "route-hops": routing === null ? "none" : `${hopsText(routing.write, name)}; ${hopsText(routing.read, name)}`,
    "past-iommu": pastText(past),
    "slowest-link": slowestText(table, answer),
  };
}

/** Which requests go past the IOMMU; that translated ones may is no gap in what the source shows. */
function pastText(past: Known<readonly PeerDirection[]>): string | null {
  if (!isUnknown(past)) return listText(past.map((direction) => `${direction}s`));
  return past.unknown.startsWith(TRANSLATED_PAST) ? "translated ones, if the client sends such" : null;
}

/** The slowest link on the way; an idle GPU lowers the speed of its own, which counts with what it can do. */
function slowestText({ topology }: VerdictTable, answer: RoutedAnswer): string | null {
  const { links, hidden } = linksOfPair(topology, answer);
  if (hidden.length > 0) return null;
  const states = links.map(({ is, status, bothCan }) => (is === "idle-gpu" ? (bothCan ?? status) : status));
  const [slowest] = states.toSorted((a, b) => linkGbps(a) - linkGbps(b));
  return slowest === undefined || slowest.speedGTps === 0 ? null : `x${slowest.width} at ${slowest.speedGTps} GT/s`;
}

/** Gbit/s of a `slowest-link`. */
export function slowestGbps(text: string | null): number | undefined {
  const [, width, speed] = /^x(\d+) at ([\d.]+) GT\/s$/.exec(text ?? "") ?? [];
  return width === undefined || speed === undefined
    ? undefined
    : linkGbps({ width: Number(width), speedGTps: Number(speed) });
}

/** The memory that the provider's driver registered: without its driver there is none. */
function peerMemoryText({ p2pmem, driver }: PciFunction): string | null {
  // Nothing but a driver registers memory.
  if (isUnknown(p2pmem)) return driver === null ? "none" : null;
  if (p2pmem === null) return "none";
  if (driver === null) return "none, as no driver is bound";
  if (isUnknown(p2pmem.published)) return null;
  return `${p2pmem.published ? "published" : "not published"}, ${formatSize(p2pmem.sizeBytes)}`;
}

function largestBarText(provider: PciFunction): string | null {
  const { largestBar } = memoryOf(provider);
  return isUnknown(largestBar) ? null : largestBar === null ? "none" : formatSize(largestBar);
}

/** What stands between the entries of a part that is a list. */
export const LIST_SEPARATOR = "; ";

function listText(entries: readonly string[]): string {
  return entries.length === 0 ? "none" : entries.join(LIST_SEPARATOR);
}

/** Where the source names no kernel: for which it holds, or what each of them does. */
function releasesText({ releases, throughHostBridge, mapType }: RoutedAnswer): string | null {
  if (releases !== undefined) return `Linux ${releases.from} to ${releases.to ?? "newer ones"}`;
  if (mapType !== "unknown" || throughHostBridge === undefined) return null;
  return throughHostBridge
    .map(({ releases: of, mapType: is, otherwise }) => `${of?.from ?? ""}-${of?.to ?? ""}: ${is}/${otherwise ?? is}`)
    .join(", ");
}

function documentedText({ outcome, facts }: DirectionFact): string {
  return facts.length === 0 ? outcome : `${outcome} (${facts.join(", ")})`;
}

/** Class and ways, each with the drivers that have to be bound for it. */
function askedText({ askedBy }: RoutedAnswer): string {
  const ways = askedBy.ways.map(({ row, given }) => {
    const ifBound = given.map(({ end, driver }) => ` if the ${end}'s driver is ${driver ?? "another"}`).join("");
    return `${row.id}${ifBound}`;
  });
  return ways.length === 0 ? askedBy.class : `${askedBy.class}: ${ways.join("; ")}`;
}

/** What is other about the ways on this machine, or may be. */
function provisosText({ askedBy }: RoutedAnswer, { machine }: VerdictTable): string {
  const provisos = askedBy.ways.flatMap(({ row }) =>
    provisosOn(machine, row).map(({ holds, words }) => `${row.id}${holds === true ? "" : " perhaps"}: ${words}`),
  );
  return listText([...new Set(provisos)]);
}

/** Which address a client is given; its value is a fact of the BAR, and not of the pair. */
function addressText(routing: PeerRouting | null): string {
  if (routing === null) return "none";
  return isUnknown(routing.address) ? "unknown" : `BAR ${routing.address.bar}, ${routing.address.kind}`;
}

function routeText(
  routing: PeerRouting | null,
  way: (routing: PeerRouting) => Known<PeerRoute>,
  name: (bdf: Bdf) => string,
): string {
  if (routing === null) return "no address";
  const route = way(routing);
  if (isUnknown(route)) return "unknown";
  const { outcome, differs, target, endedAt } = route;
  const at = endedAt === "root-complex" ? "the root complex" : name(endedAt);
  if (outcome !== "delivered") return `fails at ${at}: ${outcome}`;
  const reached = target?.kind === "bar" ? `BAR ${target.bar} of ${name(target.fn)}` : "DRAM";
  return differs === null ? `arrives in ${reached}` : `arrives otherwise (${differs}) in ${reached}`;
}

function hopsText(route: Known<PeerRoute>, name: (bdf: Bdf) => string): string {
  if (isUnknown(route)) return "unknown";
  return route.hops.map(({ at, what }) => `${what} ${at === "root-complex" ? "root complex" : name(at)}`).join(", ");
}
