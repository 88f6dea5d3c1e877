import { isUnknown, type Known } from "../../pci/known.ts";

/** Named values of one thing, as a source shows them. */
export type Entries = ReadonlyMap<string, Known<string | null>>;

/** A value on both sides. */
export interface Sides {
  readonly before: Known<string | null>;
  readonly after: Known<string | null>;
}

/** Both sides of a value; `undefined` where they are the same, or one of them is hidden: that is no difference. */
export function differing(before: Known<string | null>, after: Known<string | null>): Sides | undefined {
  return isUnknown(before) || isUnknown(after) || before === after ? undefined : { before, after };
}

/** The entries that differ, as one text for each side; `undefined` where none does. A key that one side lacks is `null` there. */
export function differingEntries(before: Known<Entries>, after: Known<Entries>): Sides | undefined {
  if (isUnknown(before) || isUnknown(after)) return undefined;
  const keys = [...new Set([...before.keys(), ...after.keys()])].filter(
    (key) => differing(before.get(key) ?? null, after.get(key) ?? null) !== undefined,
  );
  if (keys.length === 0) return undefined;
  const text = (entries: Entries): string | null => {
    const shown = keys.flatMap((key) => {
      const value = entries.get(key) ?? null;
      return value === null || isUnknown(value) ? [] : [value === "" ? key : `${key} ${value}`];
    });
    return shown.length === 0 ? null : shown.join(", ");
  };
  return { before: text(before), after: text(after) };
}

/** The same of what is behind a value that may be hidden. */
export function mapKnown<T, Result>(value: Known<T>, map: (value: T) => Known<Result>): Known<Result> {
  return isUnknown(value) ? value : map(value as T);
}
