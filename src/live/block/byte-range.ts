/** Half-open ranges of bytes: `[start, start + size)`. */
export interface ByteRange {
  readonly start: number;
  readonly size: number;
}

/** Whether two ranges share a byte. */
export function overlaps(a: ByteRange, b: ByteRange): boolean {
  return a.size > 0 && b.size > 0 && a.start < b.start + b.size && b.start < a.start + a.size;
}
