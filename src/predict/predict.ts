import { isTranslating, type Machine } from "../host/machine.ts";
import {
  acknowledgeShare,
  inFlightGBps,
  readBytes,
  readGBps,
  type StreamForm,
  USUAL_PACKETS,
  writeGBps,
} from "../link/stream.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { LinkState } from "../pci/express.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import type { PeerDirection } from "../routes/peer-routes.ts";
import { onceOfTable } from "../rules/kept-answers.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import type { Link } from "../summary/links.ts";
import { awakeLink, type Crossing, type DataPath, dataPath, directPath } from "./crossings.ts";
import { oneWayNs, readNs } from "./latency.ts";
import { type PathPackets, packetsOf, type ReadPackets } from "./packets.ts";
import { LINK_EFFICIENCY, type Ranged, rootComplexLimit, type Sureness } from "./platform-limits.ts";

/** What one thing on the way carries of this data, in 10^9 data bytes per second. */
export interface HopLimit extends Ranged {
  readonly kind: "link" | "root-complex" | "reads-in-flight";
  /** The function at the lower end of a link; who reads, of reads in flight; `null` for the root complex. */
  readonly at: Bdf | null;
  /** Which way the data goes over a link; else `null`. */
  readonly towards: "up" | "down" | null;
  /** The link as it is taken here, and as the source shows it; else `null`. */
  readonly taken: LinkState | null;
  readonly link: Link | null;
  /**
   * What it takes of a link's other direction, for each part of its own: what acknowledges the data, and what asks for it.
   * 0 for a link that the data crosses both ways: there it is part of the figure.
   */
  readonly otherWay: number;
  /** Data bytes of the packets on a link where the root complex has cut them smaller than they came; else `null`. */
  readonly recutBytes: number | null;
}

/** What holds a path back, and what it would carry without that. */
export interface Loss {
  readonly kind: "slow-link" | "narrow-slot" | "small-payload" | "up-to-the-root-complex";
  /** The function at the lower end of the link; `null` where it is no link's, or that of several. */
  readonly at: Bdf | null;
  /** 10^9 data bytes per second without it, all else as it is. */
  readonly gbpsWithout: number;
  readonly why: string;
}

/** 10^9 data bytes per second of a path, and what it may be. */
export interface Figure extends Pick<Ranged, "value" | "low" | "high"> {
  /** True where a link is hidden: it may be less than any figure here. */
  readonly isUpperBound: boolean;
}

/** What a path can carry of one kind of data, one way, one flow, and why: a forecast, and no word about whether the data is right. */
export interface Prediction extends Figure, Ranged {
  readonly operation: PeerDirection;
  /** Bytes of each read or write; the figure is of many that follow each other. */
  readonly sizeBytes: number;
  readonly path: DataPath;
  readonly packets: PathPackets;
  readonly hops: readonly HopLimit[];
  /** The hop with the least. */
  readonly bottleneck: HopLimit;
  readonly losses: readonly Loss[];
  /** What was taken for given as the source does not show it. */
  readonly assumptions: readonly string[];
  /** Nanoseconds, unloaded: of one write, one way; of one read, there and back. */
  readonly latencyNs: Ranged;
}

/** Bytes of a transfer where none is asked for: large enough that only what repeats counts. */
export const LARGE_BYTES: number = 1 << 20;

const noLink = unknown("no link is on the way, and so nothing that is known to limit it");

/** The predictions for a table's pairs, which are named by their positions, as in the table. */
export class Predictions {
  readonly #table: VerdictTable;

  constructor(table: VerdictTable) {
    this.#table = table;
  }

  /** Of one pair and direction; unknown where nothing arrives or it is not known where it goes. */
  at(i: number, j: number, operation: PeerDirection, sizeBytes: number = LARGE_BYTES): Known<Prediction> {
    const asked = this.#asked(i, j, operation, sizeBytes);
    return isUnknown(asked) ? asked : predictPath(asked);
  }

  /** The figure of many large transfers alone, without what it would be otherwise: for many pairs, of which no more is told. */
  figureAt(i: number, j: number, operation: PeerDirection): Known<Figure> {
    const asked = this.#asked(i, j, operation, LARGE_BYTES);
    return isUnknown(asked) ? asked : figureOf(asked, hopsOf(asked));
  }

  /** 10^9 data bytes per second that it would carry with all that holds it back away at once; its own figure where nothing does. */
  possibleAt(i: number, j: number, operation: PeerDirection): Known<number> {
    const asked = this.#asked(i, j, operation, LARGE_BYTES);
    return isUnknown(asked) ? asked : possibleOf(asked);
  }

  #asked(i: number, j: number, operation: PeerDirection, sizeBytes: number): Known<AskedPath> {
    const path = dataPath(this.#table, i, j, operation);
    if (isUnknown(path)) return path;
    const { machine } = this.#table;
    const reader = this.#table.clients[j] as Bdf;
    const hidden = path.crossings.find((crossing) => crossing.kind === "hidden-link");
    if (!path.crossings.some(({ kind }) => kind === "link")) return hidden === undefined ? noLink : unknown(hidden.why);
    const packets = packetsOf(this.#table.topology, path, reader);
    const direct = path.turn === "root-complex" ? directPath(this.#table, i, j, operation) : null;
    return { machine, path, packets, reader, sizeBytes, direct };
  }
}

/** The predictions of a table, for whoever asks. */
export const predictionsOf: (table: VerdictTable) => Predictions = onceOfTable((table) => new Predictions(table));

/** What {@link predictPath} is asked about. */
export interface AskedPath {
  readonly machine: Machine;
  readonly path: DataPath;
  readonly packets: PathPackets;
  /** Who reads, of a read. */
  readonly reader: Bdf;
  readonly sizeBytes: number;
  /** The way that the data would take if it turned in a switch, where it does not; else `null`. */
  readonly direct: DataPath | null;
}

/** What a path carries. Throws a `TypeError` for one that crosses no link whose state is shown. */
export function predictPath(asked: AskedPath): Prediction {
  const { path, packets, sizeBytes } = asked;
  const hops = hopsOf(asked);
  const bottleneck = leastOf(hops);
  return {
    ...figureOf(asked, hops),
    operation: path.operation,
    sizeBytes,
    path,
    packets,
    hops,
    bottleneck,
    why: bottleneck.why,
    sure: sureOf(asked, hops),
    losses: lossesOf(asked, bottleneck.value),
    assumptions: assumptionsOf(asked, hops),
    latencyNs:
      packets.reads === null
        ? oneWayNs(path, Math.min(sizeBytes, packets.payload.value))
        : readNs(path, Math.min(sizeBytes, packets.reads.request.value)),
  };
}

function leastOf(hops: readonly HopLimit[]): HopLimit {
  return hops.reduce((least, hop) => (hop.value < least.value ? hop : least));
}

function figureOf({ path }: AskedPath, hops: readonly HopLimit[]): Figure {
  const isUpperBound = path.crossings.some(({ kind }) => kind === "hidden-link");
  return {
    value: leastOf(hops).value,
    low: isUpperBound ? 0 : Math.min(...hops.map((hop) => hop.low)),
    high: Math.min(...hops.map((hop) => hop.high)),
    isUpperBound,
  };
}

/** What each thing on the way carries, in the order of the data. */
function hopsOf(asked: AskedPath): readonly HopLimit[] {
  const { path, packets, machine } = asked;
  const hops: HopLimit[] = [];
  let form: FormRange = { value: formOf(asked, "value"), low: formOf(asked, "low"), high: formOf(asked, "high") };
  for (const crossing of path.crossings) {
    if (crossing.kind === "link") hops.push(linkHop(asked, crossing, form));
    if (crossing.kind !== "root-complex") continue;
    const links = Math.min(...linksOf(path).map((each) => linkHop(asked, each, form).value));
    const limit = rootComplexLimit(machine, crossing.distance, links);
    const { payload, gbps } = limit;
    if (gbps !== null) {
      hops.push({
        ...gbps,
        kind: "root-complex",
        at: null,
        towards: null,
        taken: null,
        link: null,
        otherWay: 0,
        recutBytes: null,
      });
    }
    if (payload !== null && path.operation === "write") form = repacked(form, payload);
  }
  if (packets.reads !== null) hops.push(inFlightHop(asked, packets.reads));
  return hops;
}

type Case = "value" | "low" | "high";
type FormRange = Readonly<Record<Case, StreamForm>>;
type LinkCrossing = Extract<Crossing, { readonly kind: "link" }>;

function linksOf({ crossings }: DataPath): readonly LinkCrossing[] {
  return crossings.flatMap((crossing) => (crossing.kind === "link" ? [crossing] : []));
}

function formOf({ packets }: AskedPath, of: Case): StreamForm {
  return {
    ...USUAL_PACKETS,
    payloadBytes: packets.payload[of],
    readRequestBytes: packets.reads?.request[of] ?? packets.payload[of],
  };
}

function repacked(form: FormRange, payload: Ranged): FormRange {
  const cut = (of: Case): StreamForm => ({
    ...form[of],
    payloadBytes: Math.min(form[of].payloadBytes, payload[of]),
  });
  return { value: cut("value"), low: cut("low"), high: cut("high") };
}

function linkHop(
  { path, packets, sizeBytes }: AskedPath,
  { below, towards, link }: LinkCrossing,
  form: FormRange,
): HopLimit {
  const taken = takenAs(link);
  const isWrite = path.operation === "write";
  const otherWay = (state: LinkState, of: Case): number => {
    const acknowledged = acknowledgeShare(state, form[of].payloadBytes);
    if (isWrite) return acknowledged;
    const { answers, requests } = readBytes(state, form[of], sizeBytes);
    return acknowledged + requests / Math.max(answers, requests);
  };
  // Data that turns at the root complex crosses a switch's uplink both ways, and so does what belongs to it.
  const isBothWays = linksOf(path).some((other) => other.below === below && other.towards !== towards);
  const gbps = (state: LinkState, of: Case): number => {
    const one = isWrite ? writeGBps(state, form[of], sizeBytes) : readGBps(state, form[of], sizeBytes);
    return (LINK_EFFICIENCY[of] * one) / (isBothWays ? 1 + otherWay(state, of) : 1);
  };
  const value = gbps(taken.value, "value");
  return {
    kind: "link",
    at: below,
    towards,
    taken: taken.value,
    link,
    otherWay: isBothWays ? 0 : otherWay(taken.value, "value"),
    recutBytes: form.value.payloadBytes < packets.payload.value ? form.value.payloadBytes : null,
    value,
    low: Math.min(value, gbps(taken.low, "low")),
    high: Math.max(value, gbps(taken.high, "high")),
    why: `the link of ${formatBdf(below)}, x${taken.value.width} at ${taken.value.speedGTps} GT/s${taken.why}`,
    sure: taken.sure,
  };
}

interface TakenLink {
  readonly value: LinkState;
  readonly low: LinkState;
  readonly high: LinkState;
  readonly why: string;
  readonly sure: Sureness;
}

/** A link as it is taken: awake, where a GPU lowers it while idle. */
function takenAs(link: Link): TakenLink {
  const { is, status } = link;
  const awake = awakeLink(link);
  if (awake === null) return { value: status, low: status, high: status, why: "", sure: "specification" };
  const why = `, taken as awake (now ${status.speedGTps} GT/s, as an idle GPU has it)`;
  return { value: awake, low: is === "idle-gpu" ? awake : status, high: awake, why, sure: "assumption" };
}

function inFlightHop({ path, reader }: AskedPath, { tags, request }: ReadPackets): HopLimit {
  const takes = (bytes: number): Ranged => readNs(path, bytes);
  const usual = takes(request.value);
  return {
    kind: "reads-in-flight",
    at: reader,
    towards: null,
    taken: null,
    link: null,
    otherWay: 0,
    recutBytes: null,
    value: inFlightGBps(tags.value * request.value, usual.value),
    low: Math.min(...[request.low, request.high].map((bytes) => inFlightGBps(tags.low * bytes, takes(bytes).high))),
    high: Math.max(...[request.low, request.high].map((bytes) => inFlightGBps(tags.high * bytes, takes(bytes).low))),
    why: `${tags.value} reads of ${request.value} bytes in flight, each of which takes about ${Math.round(usual.value)} ns`,
    sure: "assumption",
  };
}

function sureOf({ machine, path, packets }: AskedPath, hops: readonly HopLimit[]): Sureness {
  const roots = path.crossings.flatMap((each) =>
    each.kind === "root-complex" ? [rootComplexLimit(machine, each.distance, 1).sure] : [],
  );
  const all = [packets.payload.sure, ...hops.map(({ sure }) => sure), ...roots];
  if (all.includes("assumption")) return "assumption";
  return all.includes("measured") ? "measured" : "specification";
}

function assumptionsOf({ path, packets, machine }: AskedPath, hops: readonly HopLimit[]): readonly string[] {
  const said: string[] = [];
  if (packets.payload.sure !== "specification") said.push(packets.payload.why);
  for (const each of packets.reads === null ? [] : [packets.reads.request, packets.reads.tags]) {
    if (each.sure === "assumption") said.push(each.why);
  }
  for (const hop of hops) if (hop.kind === "link" && hop.sure === "assumption") said.push(hop.why);
  for (const crossing of path.crossings) {
    if (crossing.kind === "hidden-link") said.push(crossing.why);
    if (crossing.kind === "root-complex") said.push(rootComplexLimit(machine, crossing.distance, 1).why);
  }
  const { mode } = machine.iommu;
  if (path.turn === "root-complex" && !isUnknown(mode) && isTranslating(mode)) {
    // MODEL: of reads of 4 KiB pages at random over more than 512 KiB a published test shows a third of the rate gone.
    said.push("the IOMMU translates what passes the root complex: what its look-ups cost is left out");
  }
  return said;
}

/** What holds a path back, the dearest first: only what would give more if it were away. */
function lossesOf(asked: AskedPath, now: number): readonly Loss[] {
  const { packets, direct } = asked;
  const losses: Loss[] = [];
  const without = (changed: Partial<AskedPath>): number => withoutLosses({ ...asked, ...changed });
  const isMore = ({ gbpsWithout }: Loss): boolean => gbpsWithout > now * 1.001;
  const links = lessLinks(asked.path);
  const ofLinks = links.map(({ below, kind, can, why }): Loss => {
    const path = withLinks(asked.path, new Map([[below, can]]));
    return { kind, at: below, gbpsWithout: without({ path }), why };
  });
  if (links.length > 1 && !ofLinks.some(isMore)) {
    // None of them alone helps, as the others hold the data back as much.
    const path = withLinks(asked.path, new Map(links.map(({ below, can }) => [below, can])));
    const why = links.map((link) => link.why).join("; ");
    losses.push({ kind: "slow-link", at: null, gbpsWithout: without({ path }), why });
  }
  losses.push(...ofLinks);
  const larger = largerPackets(packets);
  if (larger !== null) {
    losses.push({
      kind: "small-payload",
      at: null,
      gbpsWithout: without({ packets: larger }),
      why: `MaxPayload is ${packets.payload.value} bytes, and all on the way can ${larger.payload.value}`,
    });
  }
  if (direct !== null) {
    losses.push({
      kind: "up-to-the-root-complex",
      at: null,
      gbpsWithout: without({ path: direct, direct: null }),
      why: "the data goes up to the root complex and down again, and both devices are below one switch",
    });
  }
  return losses.filter(isMore).sort((one, other) => other.gbpsWithout - one.gbpsWithout);
}

/** With the MaxPayload that all on the way can; `null` where they have that, or it is not known. */
function largerPackets({ possiblePayload, payload, ...others }: PathPackets): PathPackets | null {
  if (possiblePayload === null || possiblePayload <= payload.value || payload.sure === "measured") return null;
  const larger = { ...payload, value: possiblePayload, low: possiblePayload, high: possiblePayload };
  return { ...others, possiblePayload, payload: larger };
}

/** Without any of {@link lossesOf}. */
function possibleOf(asked: AskedPath): number {
  const path = asked.direct ?? asked.path;
  const links = new Map(lessLinks(path).map(({ below, can }) => [below, can]));
  const packets = largerPackets(asked.packets) ?? asked.packets;
  const whole = withoutLosses({ ...asked, path: withLinks(path, links), packets, direct: null });
  return Math.max(whole, withoutLosses(asked));
}

/** A link that is less than it could be, and what it could be. */
interface LessLink {
  readonly kind: "slow-link" | "narrow-slot";
  readonly below: Bdf;
  readonly can: LinkState;
  readonly why: string;
}

/** Those of a path, each once, also where the data crosses it both ways. */
function lessLinks(path: DataPath): readonly LessLink[] {
  const links = new Map(linksOf(path).map(({ below, link }) => [below, link]));
  return [...links].flatMap(([below, { is, status, bothCan, belowCan }]): readonly LessLink[] => {
    if (is === "slow" && bothCan !== null) {
      const why = `the link of ${formatBdf(below)} is ${stateWords(status)}, and both ends can ${stateWords(bothCan)}`;
      return [{ kind: "slow-link", below, can: bothCan, why }];
    }
    if (is === "held-by-port" && belowCan !== null) {
      const why = `${formatBdf(below)} can ${stateWords(belowCan)}, and its port only ${stateWords(status)}`;
      return [{ kind: "narrow-slot", below, can: belowCan, why }];
    }
    return [];
  });
}

function withLinks(path: DataPath, states: ReadonlyMap<Bdf, LinkState>): DataPath {
  const crossings = path.crossings.map((crossing): Crossing => {
    const state = crossing.kind === "link" ? states.get(crossing.below) : undefined;
    if (crossing.kind !== "link" || state === undefined) return crossing;
    return { ...crossing, link: { ...crossing.link, status: state, is: "full" } };
  });
  return { ...path, crossings };
}

function withoutLosses(asked: AskedPath): number {
  return Math.min(...hopsOf(asked).map(({ value }) => value));
}

/** `x8 8 GT/s`. */
function stateWords({ width, speedGTps }: LinkState): string {
  return `x${width} ${speedGTps} GT/s`;
}
