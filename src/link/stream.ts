import type { LinkState } from "../pci/express.ts";
import { acknowledgeLimit, DLLP_BYTES } from "./acknowledge.ts";
import { completionOverhead, type PacketForm, readRequestBytes, writeOverhead } from "./packet.ts";
import { codingOf, packetGBps } from "./rate.ts";

/** How a device's requests and their answers are cut, and what stands around them. */
export interface StreamForm extends Omit<PacketForm, "coding"> {
  /** Data bytes of a write, and of a completion, at most: MaxPayload, or less where an end makes them smaller. */
  readonly payloadBytes: number;
  /** Bytes that one read asks for at most: MaxReadReq. */
  readonly readRequestBytes: number;
}

/** What most devices send: addresses of 64 bits, no prefix, no ECRC. */
export const USUAL_PACKETS: Pick<StreamForm, "addressBits" | "prefixes" | "ecrc"> = {
  addressBits: 64,
  prefixes: 0,
  ecrc: false,
};

/**
 * 10^9 data bytes per second of writes of `sizeBytes` each that follow each other without a gap, over one link, one way: the
 * link's rate times data bytes, divided by all bytes. What acknowledges them goes the other way and costs nothing here.
 */
export function writeGBps(link: LinkState, form: StreamForm, sizeBytes: number): number {
  return packetGBps(link) * (sizeBytes / writeBytes(link, form, sizeBytes));
}

/**
 * The same of reads, by the data: completions fill the one direction, or requests the other, whichever is full first.
 * MODEL: enough reads are in flight.
 */
export function readGBps(link: LinkState, form: StreamForm, sizeBytes: number): number {
  const { answers, requests } = readBytes(link, form, sizeBytes);
  return packetGBps(link) * (sizeBytes / Math.max(answers, requests));
}

/** The same of writes one way while another stream of them goes the other way: each carries what acknowledges the other. */
export function bothWaysGBps(link: LinkState, form: StreamForm, sizeBytes: number): number {
  return writeGBps(link, form, sizeBytes) * (1 - acknowledgeShare(link, form.payloadBytes));
}

/**
 * 10^9 data bytes per second of reads of which no more than `inFlightBytes` are asked for at once and of which one comes
 * back after `roundTripNs`: what tags and buffers allow, whatever the link can.
 */
export function inFlightGBps(inFlightBytes: number, roundTripNs: number): number {
  return inFlightBytes / roundTripNs;
}

/** Bytes on the link of a write of that size. */
export function writeBytes({ speedGTps }: LinkState, form: StreamForm, sizeBytes: number): number {
  const packets = Math.ceil(sizeBytes / form.payloadBytes);
  return packets * writeOverhead({ ...form, coding: codingOf(speedGTps) }) + sizeBytes;
}

/** Bytes on the link of a read of that size: of its completions, towards who asks, and of its requests. */
export function readBytes(
  { speedGTps }: LinkState,
  form: StreamForm,
  sizeBytes: number,
): { readonly answers: number; readonly requests: number } {
  const packet = { ...form, coding: codingOf(speedGTps) };
  const answers = Math.ceil(sizeBytes / Math.min(form.payloadBytes, form.readRequestBytes));
  return {
    answers: answers * completionOverhead(packet) + sizeBytes,
    requests: Math.ceil(sizeBytes / form.readRequestBytes) * readRequestBytes(packet),
  };
}

/** The part of a direction that acknowledgements and new credits of the other one take, at the specification's limits. */
export function acknowledgeShare({ speedGTps, width }: LinkState, payloadBytes: number): number {
  if (codingOf(speedGTps) === "flit") return 0;
  return (2 * DLLP_BYTES) / acknowledgeLimit(speedGTps, width, maxPayloadAbove(payloadBytes)) / width;
}

/** MaxPayload is a power of two from 128 on: what is sent may be less. */
function maxPayloadAbove(payloadBytes: number): number {
  return Math.max(128, 2 ** Math.ceil(Math.log2(payloadBytes)));
}
