import type { Bdf } from "../pci/bdf.ts";
import { formatBdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import { PACKET_SIZES, type PacketControl, packetControlOf } from "../pci/packet-control.ts";
import type { Topology } from "../pci/topology.ts";
import { physicalOf } from "../pci/virtual-functions.ts";
import type { DataPath } from "./crossings.ts";
import { emittedPayload, type Ranged } from "./platform-limits.ts";

/** What is taken where the source does not show it. */
export const ASSUMED_PACKETS = {
  /** MaxPayload in bytes: what firmware of servers sets as a rule. */
  payload: 256,
  /** MaxReadReq in bytes: Linux leaves what firmware set, most often this. */
  readRequest: 512,
  /** Reads in flight, as of Extended Tags. */
  tags: 256,
} as const;
/** Less than this is seen on switch ports that fix it, and nowhere else. */
const LEAST_READ_REQUEST = 256;
const LEAST_PAYLOAD = PACKET_SIZES[0] as number;
const MOST_PAYLOAD = 512;
/** From this speed on every function takes requests with tags of 10 bits, and its own have 8 or more (PCIe 4.0 sec 2.2.6.2). */
const LONG_TAGS_GTPS = 16;
/** Requests in flight: with tags of 5 bits, and with Extended Tags of 8 (PCIe 6.0 sec 2.2.6.2). */
const PLAIN_TAGS = 32;
const EXTENDED_TAGS = 256;

/** How the data of a path is cut into packets. */
export interface PathPackets {
  readonly payload: Ranged;
  /** What MaxPayload of all functions on the way could be, where that is more than it is; else `null`. */
  readonly possiblePayload: number | null;
  /** Of reads; of writes `null`. */
  readonly reads: ReadPackets | null;
}

/** What binds whoever reads. */
export interface ReadPackets {
  /** Bytes that one read asks for at most. */
  readonly request: Ranged;
  /** Reads in flight at once. */
  readonly tags: Ranged;
}

/** The packets of a path, from the registers of the functions on it; what they do not show is assumed, and said to be. */
export function packetsOf(
  topology: Topology,
  { functions, sender, operation, crossings }: DataPath,
  reader: Bdf,
): PathPackets {
  const controls = functions.flatMap((bdf) => controlOf(topology, bdf) ?? []);
  return {
    payload: payloadOf(topology, controls, functions.length, sender),
    possiblePayload: possibleOf(controls, functions.length),
    reads:
      operation === "read"
        ? { request: readRequestOf(topology, reader), tags: tagsOf(topology, reader, crossings) }
        : null,
  };
}

function controlOf(topology: Topology, bdf: Bdf): PacketControl | null {
  const fn = topology.functionOf(bdf);
  const physical = physicalOf(fn);
  const { express } = physical === undefined ? fn : (topology.find(physical) ?? fn);
  return isUnknown(express) || express === null ? null : packetControlOf(express);
}

function payloadOf(topology: Topology, controls: readonly PacketControl[], among: number, sender: Bdf): Ranged {
  const shown = controls.flatMap(({ maxPayloadBytes }) => (isUnknown(maxPayloadBytes) ? [] : [maxPayloadBytes]));
  const emitted = emittedPayload(topology.functionOf(sender));
  const set = Math.min(...shown);
  const isWhole = shown.length > 0 && shown.length === among;
  const bound = shown.length === 0 ? ASSUMED_PACKETS.payload : set;
  const why =
    shown.length === 0
      ? `MaxPayload is not shown: assumed to be ${ASSUMED_PACKETS.payload} bytes`
      : isWhole
        ? `MaxPayload ${set} bytes`
        : `MaxPayload ${set} bytes, of the functions that show it`;
  if (emitted !== null && emitted.bytes <= bound) {
    return { value: emitted.bytes, low: emitted.bytes, high: emitted.bytes, why: emitted.why, sure: "measured" };
  }
  const sure = isWhole ? "specification" : "assumption";
  const low = emitted === null && !isWhole ? LEAST_PAYLOAD : Math.min(bound, emitted?.bytes ?? bound);
  return { value: bound, low, high: shown.length === 0 ? MOST_PAYLOAD : bound, why, sure };
}

/** What all could have, where all show it and it is more than what is set. */
function possibleOf(controls: readonly PacketControl[], among: number): number | null {
  const both = controls.flatMap(({ possiblePayloadBytes: can, maxPayloadBytes: set }) =>
    isUnknown(can) || isUnknown(set) ? [] : [{ can, set }],
  );
  if (both.length === 0 || both.length < among) return null;
  const possible = Math.min(...both.map(({ can }) => can));
  return possible > Math.min(...both.map(({ set }) => set)) ? possible : null;
}

function readRequestOf(topology: Topology, reader: Bdf): Ranged {
  const size = controlOf(topology, reader)?.maxReadRequestBytes;
  if (size !== undefined && !isUnknown(size)) {
    return { value: size, low: size, high: size, why: `MaxReadReq ${size} bytes`, sure: "specification" };
  }
  const why = `MaxReadReq of ${formatBdf(reader)} is not shown: assumed to be ${ASSUMED_PACKETS.readRequest} bytes`;
  return { value: ASSUMED_PACKETS.readRequest, low: LEAST_READ_REQUEST, high: 4096, why, sure: "assumption" };
}

function tagsOf(topology: Topology, reader: Bdf, crossings: DataPath["crossings"]): Ranged {
  const isExtended = controlOf(topology, reader)?.extendedTags;
  if (isExtended === undefined || isUnknown(isExtended)) {
    const why = `Extended Tags of ${formatBdf(reader)} are not shown: assumed to be on, ${EXTENDED_TAGS} reads in flight`;
    const own = crossings.find((crossing) => crossing.kind === "link" && crossing.below === reader);
    const isNew = own?.kind === "link" && (own.link.belowCan ?? own.link.status).speedGTps >= LONG_TAGS_GTPS;
    return {
      value: EXTENDED_TAGS,
      low: isNew ? EXTENDED_TAGS : PLAIN_TAGS,
      high: EXTENDED_TAGS * 3,
      why,
      sure: "assumption",
    };
  }
  const tags = isExtended ? EXTENDED_TAGS : PLAIN_TAGS;
  const high = isExtended ? EXTENDED_TAGS * 3 : tags;
  const why = `Extended Tags ${isExtended ? "on" : "off"}: ${tags} reads in flight`;
  return { value: tags, low: tags, high, why, sure: "specification" };
}
