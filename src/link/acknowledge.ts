/**
 * How often a receiver tells that TLPs came and that there is room for more: the limits that the specification gave up to
 * 5.0 (tables 2-46 to 2-48 and 3-7 to 3-9), which follow one formula. The same one holds for both.
 */

/** A DLLP of any kind: 6 bytes and its two framing symbols. */
export const DLLP_BYTES = 8;

/** Bytes of a TLP beside its payload, as the limits count. */
const TLP_OVERHEAD = 28;

/** Symbol times that a device takes inside: by rate (PCIe 5.0 sec 3.6.3.1). */
const INTERNAL_DELAYS: Readonly<Record<number, number>> = { 2.5: 19, 5: 70 };
const INTERNAL_DELAY = 115;

/** TLPs that one Ack may stand for, by width, of payloads of 128 and 256 bytes and of larger ones. */
const FACTORS: Readonly<Record<number, readonly [small: number, large: number]>> = {
  1: [1.4, 1],
  2: [1.4, 1],
  4: [1.4, 1],
  8: [2.5, 1],
  12: [3, 2],
  16: [3, 2],
  32: [3, 2],
};

/**
 * Symbol times after which a receiver has to acknowledge, and is advised to give credits anew; that is as many bytes on a
 * lane. `speedGTps` above 5 all have the same limits. Throws a `RangeError` for a width that links do not have.
 */
export function acknowledgeLimit(speedGTps: number, width: number, maxPayloadBytes: number): number {
  const factors = FACTORS[width];
  if (factors === undefined) throw new RangeError(`no link has ${width} lanes`);
  const factor = factors[maxPayloadBytes <= 256 ? 0 : 1];
  const delay = INTERNAL_DELAYS[speedGTps] ?? INTERNAL_DELAY;
  return Math.floor(((maxPayloadBytes + TLP_OVERHEAD) * factor) / width + delay);
}
