import type { Machine } from "../host/machine.ts";
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
import { isUnknown, type Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { Link } from "../summary/links.ts";
import { awakeLink, type Crossing, type DataPath } from "./crossings.ts";
import { oneWayNs, readNs } from "./latency.ts";
import { LOOK_UP, type LookUps, lookUpsOf, walkWords, withWalks } from "./look-ups.ts";
import { type PathPackets, packetsOf, type ReadPackets } from "./packets.ts";
import { LINK_EFFICIENCY, type Ranged, rootComplexLimit, type Sureness } from "./platform-limits.ts";

/** What one thing on the way carries of this data, in 10^9 data bytes per second. */
export interface HopLimit extends Ranged {
  readonly kind: "link" | "root-complex" | "reads-in-flight" | "iommu";
  /** The function at the lower end of a link; who reads, of reads in flight; `null` for the root complex and the IOMMU. */
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

/** What a limit says of a link where it is none's. */
const NO_LINK = { at: null, towards: null, taken: null, link: null, otherWay: 0, recutBytes: null } as const;

/** A path that is asked about, and what is known of it. */
export interface AskedPath {
  readonly machine: Machine;
  readonly path: DataPath;
  readonly packets: PathPackets;
  /** Who reads or writes. */
  readonly requester: Bdf;
  readonly sizeBytes: number;
  /** Bytes over which the requests go, at random; `null`: not said. */
  readonly windowBytes: number | null;
  /** `null` where no IOMMU translates on the way; where that is unknown, figures are as if none did. */
  readonly lookUps: Known<LookUps | null>;
  /** The way that the data would take if it turned in a switch, where it does not; else `null`. */
  readonly direct: DataPath | null;
}

/** How much is moved: bytes of each read or write, and over how many bytes they go where that is said. */
export interface Amount {
  readonly sizeBytes: number;
  readonly windowBytes: number | null;
}

/** A path of a machine, with its packets and its look-ups; `requester` reads or writes. */
export function askedPath(
  machine: Machine,
  topology: Topology,
  path: DataPath,
  requester: Bdf,
  { sizeBytes, windowBytes }: Amount,
  direct: DataPath | null = null,
): AskedPath {
  const packets = packetsOf(topology, path, requester);
  const lookUps = lookUpsOf(machine, topology, path, requester, windowBytes);
  return { machine, path, packets, requester, sizeBytes, windowBytes, lookUps, direct };
}

/** Nanoseconds of one transfer of so many bytes, unloaded: of a write one way, of a read there and back. */
export function latencyOf({ path, lookUps }: AskedPath, bytes: number): Ranged {
  const way = path.operation === "write" ? oneWayNs(path, bytes) : readNs(path, bytes);
  if (lookUps === null || isUnknown(lookUps)) return way;
  const { missed } = lookUps;
  const [value, low, high] = LOOK_UP.walkLatencyNs;
  return {
    ...way,
    value: way.value + missed.value * value,
    low: way.low + missed.low * low,
    high: way.high + missed.high * high,
  };
}

/** What each thing on the way carries, in the order of the data. */
export function hopsOf(asked: AskedPath): readonly HopLimit[] {
  const { path, packets, machine } = asked;
  const hops: HopLimit[] = [];
  let form: FormRange = { value: formOf(asked, "value"), low: formOf(asked, "low"), high: formOf(asked, "high") };
  for (const crossing of path.crossings) {
    if (crossing.kind === "link") hops.push(linkHop(asked, crossing, form));
    if (crossing.kind !== "root-complex") continue;
    const links = linksOf(path).map((each) => linkHop(asked, each, form));
    const [least, most] = (["value", "high"] as const).map((of) => Math.min(...links.map((hop) => hop[of])));
    const limit = rootComplexLimit(machine, crossing.distance, least ?? 0, most);
    const { payload, gbps } = limit;
    if (gbps !== null) {
      hops.push({
        ...gbps,
        kind: "root-complex",
        ...NO_LINK,
      });
    }
    if (payload !== null && path.operation === "write") form = repacked(form, payload);
  }
  if (packets.reads !== null) hops.push(inFlightHop(asked, packets.reads));
  const { lookUps } = asked;
  if (lookUps === null || isUnknown(lookUps) || lookUps.missed.high === 0 || hops.length === 0) return hops;
  hops.push(lookUpHop(asked, lookUps, hops));
  return hops;
}

type Case = "value" | "low" | "high";
type FormRange = Readonly<Record<Case, StreamForm>>;
/** A link on the way whose state is shown. */
export type LinkCrossing = Extract<Crossing, { readonly kind: "link" }>;

/** The links of a path whose states are shown, in the order of the data. */
export function linksOf({ crossings }: DataPath): readonly LinkCrossing[] {
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

/** What look-ups leave of what all else on the way carries: that itself where none waits for a walk. */
function lookUpHop({ path, sizeBytes }: AskedPath, lookUps: LookUps, others: readonly HopLimit[]): HopLimit {
  const { missed } = lookUps;
  const [usual, least, most] = LOOK_UP.walkNs;
  const leaves = (of: Case, part: number, walkNs: number): number =>
    withWalks(path.operation, Math.min(...others.map((hop) => hop[of])), sizeBytes, part, walkNs);
  return {
    kind: "iommu",
    ...NO_LINK,
    value: leaves("value", missed.value, usual),
    low: leaves("low", missed.high, most),
    high: leaves("high", missed.low, least),
    why: walkWords(lookUps),
    sure: "assumption",
  };
}

function inFlightHop(asked: AskedPath, { tags, request }: ReadPackets): HopLimit {
  const takes = (bytes: number): Ranged => latencyOf(asked, bytes);
  const usual = takes(request.value);
  return {
    kind: "reads-in-flight",
    at: asked.requester,
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

/** The hop with the least; a link before a root complex that is taken to carry as much as the links. */
export function leastOf(hops: readonly HopLimit[]): HopLimit {
  return hops.reduce((least, hop) => {
    const isSooner = hop.value === least.value && hop.kind === "link" && least.kind === "root-complex";
    return hop.value < least.value || isSooner ? hop : least;
  });
}
