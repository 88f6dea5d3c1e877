import { expect, test } from "vitest";
import { formatPlace, PeerlaneError, type Place } from "../../src/pci/error.ts";

test("An error says what happened, and what another program said below it", () => {
  const excerpt = { title: "QEMU said", lines: ["no such machine", "exit 1"] };
  const error = new PeerlaneError("operation-failed", "the guest did not start", { excerpt, remedy: "look there" });
  expect(error.message).toBe("the guest did not start\nQEMU said:\nno such machine\nexit 1");
  expect(error.headline).toBe("the guest did not start");
  expect([error.name, error.code, error.remedy, error.facts]).toEqual([
    "PeerlaneError",
    "operation-failed",
    "look there",
    {},
  ]);
});

test("An error without more is its message", () => {
  const error = new PeerlaneError("usage", "no such verb");
  expect([error.message, error.headline]).toEqual(["no such verb", "no such verb"]);
  expect([error.excerpt, error.place, error.remedy, error.facts]).toEqual([undefined, undefined, undefined, {}]);
  expect("cause" in error).toBe(false);
});

test("An error keeps its cause, its place and its facts", () => {
  const cause = new Error("EIO");
  const place = { file: "a.yaml", line: 3 };
  const error = new PeerlaneError("bad-input", "it cannot be read", { cause, place, facts: { at: "0x10" } });
  expect([error.cause, error.place, error.facts]).toEqual([cause, place, { at: "0x10" }]);
});

test.each<[place: Place, text: string]>([
  [{ file: "a.yaml" }, "a.yaml"],
  [{ file: "a.yaml", line: 3 }, "a.yaml:3"],
  [{ file: "a.yaml", line: 3, column: 9 }, "a.yaml:3:9"],
])("%j is printed as %s", (place, text) => {
  expect(formatPlace(place)).toBe(text);
});
