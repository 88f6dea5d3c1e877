import { expect, test } from "vitest";
import { SnapshotLines } from "../../src/fleet/snapshot-lines.ts";
import { readSnapshot } from "../../src/host/snapshot/read-snapshot.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { captureNames, readCapturedMachine } from "../machines/captures.ts";
import { BASES, FAULTS } from "./planted.ts";

const lines = new SnapshotLines();

test.each(captureNames.filter((_, index) => index % 6 === 0))(
  "%s is the same machine by its lines, also the second time",
  (name) => {
    const text = writeSnapshot(readCapturedMachine(name), name);
    for (let turn = 0; turn < 2; turn++) expect(lines.read(text, "x")).toEqual(readSnapshot(text, "x"));
  },
);

test.each(Object.keys(FAULTS))("a machine with %s is not taken for the one before it", (name) => {
  const machine = (BASES["recorded-switch"] as NonNullable<(typeof BASES)[string]>)();
  const fault = FAULTS[name] as (typeof FAULTS)[string];
  lines.read(writeSnapshot(machine), "x");
  const text = writeSnapshot(fault.plant(machine, 1));
  expect(lines.read(text, "x")).toEqual(readSnapshot(text, "x"));
});

const plain = writeSnapshot(readCapturedMachine("one-switch.intel.strict"));

test.each([
  ["cut short", plain.slice(0, -200)],
  ["a function twice", plain.replace(/(\n {2}\{"bdf".*),\n/, "$1,$1,\n")],
  ["a line that is no JSON", plain.replace('"headerType"', "headerType")],
  ["a key that no function has", plain.replace('"headerType"', '"__proto__"')],
  ["something behind its end", `${plain}{}`],
  ["another version", plain.replace("peerlane.snapshot/1", "peerlane.snapshot/9")],
  ["all on one line", JSON.stringify(JSON.parse(plain))],
])("%s is left to the usual way", (_, text) => {
  expect(lines.read(text, "x")).toBeUndefined();
});
