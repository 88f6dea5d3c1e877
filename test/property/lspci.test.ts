import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { looksLikeLspci } from "../../src/host/lspci/detect.ts";
import { createLspciReader, readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { compare, sharedTexts, verbose } from "../host/lspci/support.ts";

const encoder = new TextEncoder();
const tree = `-[0000:00]-+-00.0  Intel Corporation Host
           \\-1c.0-[01-02]----00.0  Samsung Electronics Co Ltd NVMe SSD
`;
const machineForm =
  '00:1f.3 "Audio device" "Intel" "Device 9d71" -r21 "" ""\n\nSlot:\t00:1f.4\nClass:\tSMBus\nVendor:\tIntel\n\n';
const texts: readonly string[] = [
  verbose,
  tree,
  machineForm,
  ...sharedTexts.map((path) => readFileSync(path, "latin1").slice(0, 40_000)),
];

/** Reads a text; refusals with a place are as good as a machine, anything else is a failure. */
function readOrRefuse(bytes: Uint8Array): Machine | undefined {
  try {
    return readLspci(bytes, "paste.txt");
  } catch (error) {
    if (error instanceof PeerlaneError && error.place?.file === "paste.txt") return undefined;
    throw error;
  }
}

/** What a verdict hangs on, and more; wherever both machines know it, it must be the same. */
function expectNothingChanged(whole: Machine, part: Machine): void {
  const byAddress = new Map(whole.functions.map((fn) => [fn.bdf, fn]));
  const found: string[] = [];
  for (const fn of part.functions) {
    const original = byAddress.get(fn.bdf);
    expect(original, "a function that the whole text does not have").toBeDefined();
    if (original === undefined) continue;
    for (const key of keys) compare(key, original[key], fn[key], found);
  }
  expect(found).toEqual([]);
}

const keys = [
  "vendorId",
  "deviceId",
  "revision",
  "command",
  "bridge",
  "express",
  "acs",
  "sriov",
  "resizableBars",
  "bars",
  "subsystem",
  "headerType",
  "driver",
] as const;

describe("a text that ends too early", () => {
  it("never tells anything else than the whole, wherever it ends", () => {
    for (const text of [verbose, verbose + tree, tree + verbose.replaceAll("\n", "\n\n"), machineForm]) {
      const bytes = encoder.encode(text);
      const whole = readLspci(bytes, "whole");
      for (let end = 0; end < bytes.length; end++) {
        const part = readOrRefuse(bytes.subarray(0, end));
        if (part !== undefined) expectNothingChanged(whole, part);
      }
    }
  });

  it("never tells anything else than the whole: real machines", () => {
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.double({ min: 0, max: 1, noNaN: true }), (text, share) => {
        const bytes = encoder.encode(text);
        const whole = readLspci(bytes, "whole");
        const part = readOrRefuse(bytes.subarray(0, Math.floor(share * bytes.length)));
        if (part !== undefined) expectNothingChanged(whole, part);
      }),
      { numRuns: 300 },
    );
  });
});

describe("a text that was mangled", () => {
  const vocabulary = texts.flatMap((text) => text.split("\n"));
  const line = fc.oneof(
    { weight: 8, arbitrary: fc.constantFrom(...vocabulary) },
    {
      weight: 2,
      arbitrary: fc.constantFrom("", "--", "```", "...", "> ", "\t", "\u001b[31m", "Capabilities: <access denied>"),
    },
    { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
  );

  it("of lines in any order gives a machine or a refusal with its place", () => {
    fc.assert(
      fc.property(fc.array(line, { maxLength: 60 }), fc.constantFrom("\n", "\r\n", "\n\n"), (lines, end) => {
        readOrRefuse(encoder.encode(lines.join(end)));
      }),
      { numRuns: 3000 },
    );
  });

  it("in any byte gives a machine or a refusal with its place", () => {
    const change = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 255 }));
    fc.assert(
      fc.property(fc.constantFrom(...texts), fc.array(change, { maxLength: 30 }), (text, changes) => {
        const bytes = encoder.encode(text);
        for (const [share, value] of changes) bytes[Math.floor(share * (bytes.length - 1))] = value;
        readOrRefuse(bytes);
      }),
      { numRuns: 500 },
    );
  });

  it("of any bytes gives a machine or a refusal, and is not taken for lspci's", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 500 }), (bytes) => {
        expect(looksLikeLspci(bytes)).toBe(readOrRefuse(bytes) !== undefined);
      }),
      { numRuns: 2000 },
    );
  });

  it("with functions in another order tells the same", () => {
    const records = verbose.split("\n\n").filter((record) => record !== "");
    const more = [
      "02:00.0 USB controller: X\n\tControl: I/O+\n\tCapabilities: [80] Express (v2) Endpoint, MSI 00",
      tree.trimEnd(),
    ];
    const join = (list: readonly string[]): string => list.map((record) => `${record}\n\n`).join("");
    const whole = readLspci(encoder.encode(join([...records, ...more])), "x");
    fc.assert(
      fc.property(fc.shuffledSubarray([...records, ...more], { minLength: records.length + more.length }), (list) => {
        expect(readLspci(encoder.encode(join(list)), "x").functions).toEqual(whole.functions);
      }),
    );
  });

  it("with capabilities hidden from some functions never tells anything else", () => {
    const blocks = verbose.split("\n\n").filter((record) => record !== "");
    const hide = (record: string): string =>
      record.replaceAll(/\tCapabilities: \[.*\n(\t\t.*\n)*/g, "\tCapabilities: <access denied>\n");
    const whole = readLspci(encoder.encode(verbose), "x");
    fc.assert(
      fc.property(fc.array(fc.boolean(), { minLength: blocks.length, maxLength: blocks.length }), (hidden) => {
        const text = blocks.map((record, index) => `${hidden[index] === true ? hide(record) : record}\n\n`).join("");
        expectNothingChanged(whole, readLspci(encoder.encode(text), "x"));
      }),
    );
  });
});

describe("a text in pieces", () => {
  it("is read as if it were whole, whatever the pieces", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...texts),
        fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1 }),
        (text, sizes) => {
          const bytes = encoder.encode(text);
          const reader = createLspciReader("x");
          for (let from = 0, turn = 0; from < bytes.length; turn++) {
            const to = from + (sizes[turn % sizes.length] ?? 1);
            reader.push(bytes.subarray(from, to));
            from = to;
          }
          expect(reader.finish()).toEqual(readLspci(bytes, "x"));
        },
      ),
      { numRuns: 100 },
    );
  });
});
