import type { LinkState } from "../pci/express.ts";

/** How bits are put on a lane: `flit` in 256-byte flits with error correction, the others packet by packet. */
export type Coding = "8b/10b" | "128b/130b" | "flit";

/** What a generation's rate is and what it carries (PCIe 6.0 sec 4.2). */
export interface Generation {
  readonly generation: 1 | 2 | 3 | 4 | 5 | 6;
  /** Transfers per second and lane, 10^9. */
  readonly speedGTps: number;
  readonly coding: Coding;
}

/** The generations of the specification, by their top speed. */
export const GENERATIONS: readonly Generation[] = [
  { generation: 1, speedGTps: 2.5, coding: "8b/10b" },
  { generation: 2, speedGTps: 5, coding: "8b/10b" },
  { generation: 3, speedGTps: 8, coding: "128b/130b" },
  { generation: 4, speedGTps: 16, coding: "128b/130b" },
  { generation: 5, speedGTps: 32, coding: "128b/130b" },
  { generation: 6, speedGTps: 64, coding: "flit" },
];

/**
 * The part of the bits that packets of the data link and transaction layers have: 8 of 10, 128 of 130, and of a flit of 256
 * bytes the 236 for TLPs (6 are for DLLPs, 8 for the CRC, 6 for error correction; PCIe 6.0 sec 4.2.3.4).
 */
const SHARES: Readonly<Record<Coding, number>> = { "8b/10b": 8 / 10, "128b/130b": 128 / 130, flit: 236 / 256 };

/**
 * The part of the time that SKP ordered sets take. 8b/10b: 4 symbols every 1,538 at most (PCIe 6.0 sec 4.2.8.1);
 * 128b/130b: a block every 375 at most. MODEL: flits, whose interval is alike, as 128b/130b.
 */
const SKIP_SHARES: Readonly<Record<Coding, number>> = { "8b/10b": 4 / 1538, "128b/130b": 1 / 375, flit: 1 / 375 };

/** Lanes that a link may have: PCIe 6.0 sec 7.5.3.6, and x12 and x32 of earlier ones. */
const WIDTHS: readonly number[] = [1, 2, 4, 8, 12, 16, 32];
/** GT/s that the newest registers can name (PCIe 7.0). */
const FASTEST = 128;

/** False for what registers may hold and no link has: a speed or a number of lanes that is reserved. */
export function isLinkState({ speedGTps, width }: LinkState): boolean {
  return speedGTps > 0 && speedGTps <= FASTEST && WIDTHS.includes(width);
}

/** The generation of a speed; `undefined` where the specification knows none of that speed. */
export function generationOf({ speedGTps }: Pick<LinkState, "speedGTps">): Generation | undefined {
  return GENERATIONS.find((each) => each.speedGTps === speedGTps);
}

/** Gbit/s of a link in one direction that its coding leaves for packets; 0 where the speed is not known. */
export function linkGbps({ speedGTps, width }: LinkState): number {
  return speedGTps * width * SHARES[codingOf(speedGTps)];
}

/** 10^9 bytes per second in one direction for packets, without the SKP ordered sets that clocks need. */
export function packetGBps(link: LinkState): number {
  return (linkGbps(link) / 8) * (1 - SKIP_SHARES[codingOf(link.speedGTps)]);
}

/** How a link of a speed is coded; of one that the specification does not know, as the next slower one. */
export function codingOf(speedGTps: number): Coding {
  return GENERATIONS.findLast((each) => each.speedGTps <= speedGTps)?.coding ?? "8b/10b";
}
