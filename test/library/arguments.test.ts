import { describe, expect, test } from "vitest";
import { readCapturedMachine } from "../machines/captures.ts";
import * as peerlane from "./entries.ts";

const machine = readCapturedMachine("wide-switch.amd-zen.off");
const promise = Promise.resolve(machine);
const table = peerlane.verdicts(machine);

describe("a wrong argument is told by name, with what was given and what is expected", () => {
  test.for<[string, () => unknown, RegExp]>([
    [
      "a text for a machine",
      () => peerlane.verdicts("x" as never),
      /^verdicts: 'machine' is the text "x", and a Machine/,
    ],
    ["no machine", () => peerlane.verdicts(undefined as never), /^verdicts: 'machine' is missing, and a Machine is/],
    ["null for a machine", () => peerlane.verdicts(null as never), /'machine' is null, and a Machine is expected/],
    [
      "a forgotten await",
      () => peerlane.explain(promise as never, "nvme0", "nvme1"),
      /'machine' is a Promise, and a Mac/,
    ],
    [
      "half a machine",
      () => peerlane.verdicts({ functions: [] } as never),
      /is an object with functions, and a Machine/,
    ],
    ["a table for a machine", () => peerlane.decideAll(table as never), /is a VerdictTable, and a Machine is expected/],
    [
      "a machine for a table",
      () => peerlane.compareVerdicts(machine as never, table),
      /^compareVerdicts: 'before' is an/,
    ],
    ["a number, and no client", () => peerlane.explain(machine, 5 as never, undefined as never), /'client' is missing/],
    [
      "a list for a device",
      () => peerlane.explain(machine, ["nvme0"] as never, "nvme1"),
      /'provider' is a list of 1, an/,
    ],
    [
      "an empty name",
      () => peerlane.explain(machine, "", "nvme1"),
      /'provider' is the text "", and an address or a name/,
    ],
    [
      "half an address",
      () => peerlane.decide(machine, 1.5 as never, "nvme1"),
      /'provider' is the number 1.5, and an add/,
    ],
    [
      "one device for a list",
      () => peerlane.findProvider(machine, "nvme0" as never),
      /'clients' is the text "nvme0", a/,
    ],
    [
      "a wrong option",
      () => peerlane.verdicts(machine, { provider: [] } as never),
      /no option "provider"; did you mean 'p/,
    ],
    [
      "an unlike option",
      () => peerlane.explain(machine, "nvme0", "nvme1", { x: 1 } as never),
      /no option "x"; there are r/,
    ],
    [
      "an option of a wrong kind",
      () => peerlane.verdicts(machine, { rules: 7.2 } as never),
      /its 'rules' is no good: a t/,
    ],
    [
      "null for options",
      () => peerlane.verdicts(machine, null as never),
      /'options' is null, and an object with providers/,
    ],
    [
      "a flow that is neither a read nor a write",
      () => peerlane.sharesOf(machine, [{ provider: "nvme0", client: "nvme1", operation: "copy" as never }]),
      /^sharesOf: .*its 'operation' is no good: 'write' or 'read' is expected/,
    ],
    [
      "a working set of no bytes",
      () => peerlane.sharesOf(machine, [], { windowBytes: 0 }),
      /its 'windowBytes' is no good: a whole number of bytes from 1 on is expected/,
    ],
    [
      "a release for options",
      () => peerlane.fixes(machine, "nvme0", "nvme1", "7.2" as never),
      /'options' is the text "7.2/,
    ],
    [
      "a word for a change",
      () => peerlane.applyChanges(machine, ["kernel"] as never),
      /number 0 of the list is not a Cha/,
    ],
    [
      "a change without its value",
      () => peerlane.applyChanges(machine, [{ kind: "kernel" }] as never),
      /its 'release' is/,
    ],
    [
      "a change of no kind",
      () => peerlane.changeText({ kind: "toString" } as never),
      /^changeText: 'change' is an object/,
    ],
    [
      "a machine for routes",
      () => new peerlane.PeerRoutes(machine as never),
      /^PeerRoutes: 'table' is an object with sou/,
    ],
    [
      "a text for an archive",
      () => new peerlane.ArchiveTree("x" as never, "x"),
      /^ArchiveTree: 'bytes' is the text "x", /,
    ],
    [
      "a name for a function",
      () => peerlane.nameOf("nvme0" as never),
      /^nameOf: 'fn' is the text "nvme0", and a PciFunction/,
    ],
    [
      "a number for a text",
      () => peerlane.parseBdf(3 as never),
      /^parseBdf: 'text' is the number 3, and a text is expect/,
    ],
    [
      "a screen without a width",
      () => peerlane.matrixText(table, { color: true } as never),
      /its 'width' is no good: a n/,
    ],
    ["a position that is none", () => table.at("x" as never, 1), /^no pair \(x, 1\) in a table of 3 × 6/],
    ["a long text, cut", () => peerlane.verdicts("y".repeat(999) as never), /is the text "y{40}…", and/],
    ["what would forge a line", () => peerlane.verdicts("a\u001b[2J\nb" as never), /the text "a\\u001b\[2J\\nb", and/],
  ])("%s", ([, call, message]) => {
    expect(call).toThrow(expect.objectContaining({ code: "usage", message: expect.stringMatching(message) }));
    expect(call).toThrow(peerlane.PeerlaneError);
  });

  test("and what is forgotten to be awaited says so", () => {
    expect(() => peerlane.verdicts(promise as never)).toThrow(
      expect.objectContaining({
        remedy: expect.stringMatching(/await it first/),
        facts: { argument: "machine", given: "a Promise", expected: "a Machine" },
      }),
    );
  });

  test("a function that returns a Promise rejects", async () => {
    const usage = expect.objectContaining({ code: "usage" });
    await expect(peerlane.readMachine(5 as never)).rejects.toEqual(usage);
    await expect(peerlane.readMachine(new ArrayBuffer(4) as never)).rejects.toEqual(usage);
    await expect(peerlane.readMachine("x", 5 as never)).rejects.toEqual(usage);
    await expect(peerlane.decompress("x" as never, "x")).rejects.toEqual(usage);
  });

  test("an option that is undefined counts as left out", () => {
    expect(peerlane.verdicts(machine, { rules: undefined, providers: undefined } as never).providers).toEqual(
      table.providers,
    );
  });
});

/** Functions that take anything, or nothing that could be of a wrong kind. */
const TAKE_ANYTHING: readonly string[] = ["isUnknown", "PeerlaneError", "VerdictTable"];

const WRONG: readonly unknown[] = [
  undefined,
  null,
  "x",
  5,
  -1,
  Number.NaN,
  true,
  [],
  [5],
  {},
  promise,
  () => 1,
  machine,
  table,
];

describe("no exported function answers a wrong argument with anything but an error of Peerlane's own", () => {
  const exported: readonly [string, unknown][] = Object.entries(peerlane);
  const calls = exported.flatMap(([name, value]): [string, (...values: readonly unknown[]) => unknown][] =>
    typeof value === "function" ? [[name, value as (...values: readonly unknown[]) => unknown]] : [],
  );

  test("and there are such functions", () => expect(calls.length).toBeGreaterThan(60));

  test.for(calls.filter(([name]) => !TAKE_ANYTHING.includes(name)))("%s", async ([name, call]) => {
    const isClass = /^class/.test(Function.prototype.toString.call(call));
    const Constructor = call as unknown as new (...values: readonly unknown[]) => unknown;
    for (const first of WRONG) {
      for (const second of WRONG) {
        try {
          await (isClass ? new Constructor(first, second) : call(first, second));
        } catch (error) {
          if (!(error instanceof peerlane.PeerlaneError))
            throw new Error(`${name}(${String(first)}, ${String(second)})`, { cause: error });
          expect(error.message).not.toBe("");
        }
      }
    }
  });
});

describe("a device goes by any name", () => {
  const [bdf, other] = [peerlane.findDevice(machine, "nvme0"), peerlane.findDevice(machine, "nvme1")];
  const text = peerlane.formatBdf(bdf);

  test.for<[string, peerlane.Device]>([
    ["its address as a number", bdf],
    ["its address", text],
    ["its address without the domain", text.slice(5)],
    ["the system's name", "nvme0"],
  ])("%s", ([, name]) => {
    const verdict = table.between(bdf, other);
    expect(peerlane.decide(machine, name, other)).toMatchObject(verdict);
    expect(table.between(name, "nvme1")).toEqual(verdict);
    expect(peerlane.explain(machine, name, "nvme1").verdict).toMatchObject(verdict);
    expect(peerlane.fixes(machine, name, "nvme1").pairs).toEqual([{ provider: bdf, client: other }]);
    expect(peerlane.advise(machine, [{ provider: name, client: "nvme1" }]).pairs).toEqual([
      { provider: bdf, client: other },
    ]);
    expect(peerlane.verdictHistory(machine, name, "nvme1").at(-1)?.verdict.provider).toBe(bdf);
    expect(peerlane.findProvider(machine, [name]).clients).toEqual([bdf]);
    expect(peerlane.verdicts(machine, { providers: [name] }).providers).toEqual([bdf]);
    const screen = { width: 100, color: false };
    expect(peerlane.explainText(table, name, "nvme1", screen)).toBe(peerlane.explainText(table, bdf, other, screen));
    const change = { kind: "acs", device: name, set: 0, clear: 0 } as never;
    expect(() => peerlane.applyChanges(machine, [change])).toThrow(`${text} has no ACS capability`);
  });

  test("a class stands for all that are of it in a list, and for the only one elsewhere", () => {
    expect(peerlane.verdicts(machine, { providers: ["nvme"], clients: ["nvme0", "nvme"] }).clients).toHaveLength(6);
    expect(() => peerlane.decide(machine, "nvme", "nvme0")).toThrow(/'nvme' means 6 devices/);
    const functions = machine.functions.filter(({ names }) => names.length === 0 || names[0] === "nvme0");
    expect(peerlane.decide({ ...machine, functions }, "nvme", "nvme").provider).toBe(bdf);
  });

  test("ids name the only one that has them", () => {
    const { vendorId, deviceId } = machine.functions.find(({ classCode }) => classCode === 0x060000) ?? {};
    const ids = [vendorId, deviceId].map((id) => Number(id).toString(16).padStart(4, "0")).join(":");
    expect(peerlane.formatBdf(peerlane.decide(machine, "nvme0", ids).client)).toBe("0000:00:00.0");
  });

  test("one that is not there is told, with near names", () => {
    expect(() => peerlane.explain(machine, "nvme9", "nvme1")).toThrow(
      expect.objectContaining({ code: "unknown-device", remedy: expect.stringMatching(/did you mean nvme/) }),
    );
    expect(() => peerlane.explain(machine, 5 as never, "nvme1")).toThrow(/no function 0000:00:00\.5 in/);
    expect(() => peerlane.verdicts(machine, { providers: ["nvme0"] }).between("nvme1", "nvme0")).toThrow(
      /is no provider of this table/,
    );
  });
});
