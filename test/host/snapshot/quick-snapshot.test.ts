import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { quickSnapshot } from "../../../src/host/snapshot/quick-snapshot.ts";
import { readByCodecs, readSnapshot } from "../../../src/host/snapshot/read-snapshot.ts";
import { writeSnapshot } from "../../../src/host/snapshot/write-snapshot.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { captureNames, readCapturedMachine } from "../../machines/captures.ts";
import { randomMachine } from "../../property/random-machine.ts";

/** What a reader makes of a text, or the error that it throws. */
function outcome(read: () => Machine): unknown {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof PeerlaneError)) throw error;
    const { code, message, place, facts, remedy } = error;
    return { code, message, place, facts, remedy };
  }
}

const byCodecs = (text: string): unknown => outcome(() => readByCodecs(text, "s.json"));

/** What is read is the same either way, key by key; a whole snapshot is read without the codecs. */
function expectQuick(text: string): void {
  expect(quickSnapshot(text, "s.json")).toBeDefined();
  expect(readSnapshot(text, "s.json")).toEqual(readByCodecs(text, "s.json"));
}

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

/** All places of a JSON value, as the object or list that holds them and the key there. */
function places(value: Json): (readonly [holder: { [key: string]: Json } | Json[], key: string])[] {
  if (typeof value !== "object" || value === null) return [];
  const holder = value;
  return Object.entries(value).flatMap(([key, member]) => [[holder, key] as const, ...places(member)]);
}

const text = writeSnapshot(readCapturedMachine("mixed-acs.intel.strict"));
const ODD: readonly Json[] = [
  ...[null, true, 0, -0, -1, 1.5, 255, 256, 0xffff, 0x10000, 2 ** 53, 2 ** 53 - 1, 1e300],
  ...["", "0", "0x", "0x0", "0xg", "0xff", "0xFF", "0x00ff", "0x000000ff", "0x1fffffffffffff", "0x2fffffffffffff"],
  ...["0x80000000000000", "0x80000000000001", "0x800000000000000000000", "0x8000000000000000000000"],
  ...[
    "0000:03:00.0",
    "0000:03:20.0",
    "0000:03:00.8",
    "0000:3:00.0",
    "0000:03:1F.0",
    "12345678:ff:1f.7",
    "0000-03-00.0",
  ],
  ...["0000:40", "0000:4g", "12345678:40", "123456789:40", "00:40", "io", "memory", "none", "reserved", "info"],
  ...[
    [],
    [null],
    ["a"],
    {},
    { unknown: 0 },
    { unknown: 999 },
    { unknown: -1 },
    { unknown: "0" },
    { unknown: 0, more: 1 },
  ],
];

describe("A snapshot read without the codecs", () => {
  test.for(captureNames)("is what they make of it: %s", (name) =>
    expectQuick(writeSnapshot(readCapturedMachine(name))),
  );

  test("of any machine is what they make of it", () => {
    fc.assert(
      fc.property(randomMachine, (machine) => expectQuick(writeSnapshot(machine))),
      { numRuns: 100 },
    );
  });

  test("with anything else in a place is what they make of it, or has their error", () => {
    const count = places(JSON.parse(text) as Json).length;
    const damage = fc.record({
      at: fc.nat(count - 1),
      how: fc.constantFrom("replace", "replace", "replace", "add", "remove"),
      odd: fc.constantFrom(...ODD),
    });
    fc.assert(
      fc.property(damage, ({ at, how, odd }) => {
        const value = JSON.parse(text) as Json;
        const [holder, key] = places(value)[at] as readonly [Record<string, Json>, string];
        if (how === "replace") holder[key] = odd;
        else if (how === "add") holder[`${key}More`] = odd;
        else delete holder[key];
        const damaged = JSON.stringify(value);
        expect(outcome(() => readSnapshot(damaged, "s.json"))).toEqual(byCodecs(damaged));
      }),
      { numRuns: Number(process.env["PEERLANE_SOURCE_RUNS"] ?? 400) },
    );
  });

  test.for([
    ["a key that every object has", text.replace('"notes"', '"__proto__": {}, "notes"')],
    ["bytes that are no UTF-8", text.replace("peerlane", "peerlane\uFFFD")],
    ["half of it", text.slice(0, text.length / 2)],
    ["another version", text.replace("peerlane.snapshot/1", "peerlane.snapshot/2")],
    ["a function twice", text.replace(/^( {2}\{"bdf".*)$/m, "$1,\n$1").replace(",,", ",")],
    ["nothing", ""],
  ] as const)("with %s has their error", ([, damaged]) => {
    const expected = byCodecs(damaged);
    expect(expected).toMatchObject({ code: "bad-input" });
    expect(outcome(() => readSnapshot(damaged, "s.json"))).toEqual(expected);
  });
});
