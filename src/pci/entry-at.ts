/**
 * The entry of a list or typed array that is there by construction. Throws `RangeError` where it is not: an index that is
 * one off is then a bug that shows, and no zero that looks like a value.
 */
export function entryAt<T>(entries: { readonly [index: number]: T; readonly length: number }, index: number): T {
  const entry = entries[index];
  return entry === undefined ? noEntry(index) : entry;
}

/** {@link entryAt} for loops that count each nanosecond: `lengths[index] ?? noEntry(index)`. */
export function noEntry(index: number): never {
  throw new RangeError(`no entry ${index}`);
}
