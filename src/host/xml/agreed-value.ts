import { type Known, unknown } from "../../pci/known.ts";

/**
 * The one value that all parts of a file give which give one; unknown with `missing` where none does, and where two
 * differ. `what` is said of the value, in the plural.
 */
export function agreedValue<T>(values: readonly (T | undefined)[], what: string, missing: string): Known<T> {
  const given = new Set(values.filter((value): value is T => value !== undefined));
  const [first] = given;
  if (first === undefined) return unknown(missing);
  return given.size === 1 ? first : unknown(`the file names several ${what}: ${[...given].slice(0, 4).join(", ")}`);
}
