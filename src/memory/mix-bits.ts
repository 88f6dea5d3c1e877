/** A number of 32 bits, spread evenly over numbers that follow each other (MurmurHash3's finalizer, public domain). */
export function mixBits(number: number): number {
  let word = number | 0;
  word = Math.imul(word ^ (word >>> 16), 0x85eb_ca6b);
  word = Math.imul(word ^ (word >>> 13), 0xc2b2_ae35);
  return (word ^ (word >>> 16)) >>> 0;
}
