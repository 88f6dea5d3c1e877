import { expect, test } from "vitest";
import { entryAt } from "../../src/pci/entry-at.ts";
import { present } from "../../src/pci/present.ts";

test.each<[entries: readonly number[] | Uint8Array, index: number, entry: number | string]>([
  [[7, 8], 0, 7],
  [[7, 8], 1, 8],
  [[0], 0, 0],
  [new Uint8Array([9]), 0, 9],
  [[7, 8], 2, "no entry 2"],
  [[7, 8], -1, "no entry -1"],
  [new Uint8Array(1), 1, "no entry 1"],
])("of %j, entry %i is %s", (entries, index, entry) => {
  const read = (): number => entryAt(entries, index);
  if (typeof entry === "number") expect(read()).toBe(entry);
  else expect(read).toThrow(new RangeError(entry));
});

test("present keeps what has a value, null and 0 too", () => {
  expect(present({ a: 1, b: undefined, c: null, d: 0, e: "" })).toStrictEqual({ a: 1, c: null, d: 0, e: "" });
});
