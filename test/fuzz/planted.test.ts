import { readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { ArchiveTree } from "../../src/host/archive.ts";
import type { FileTree } from "../../src/host/file-tree.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readMachine } from "../../src/host/read-machine.ts";
import { readSysfs } from "../../src/host/sysfs.ts";
import { checkPolicy } from "../../src/policy/check-policy.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { PolicyResult } from "../../src/policy/result.ts";
import { checkJunit } from "../../src/report/check/junit.ts";
import { checkMarkdown } from "../../src/report/check/markdown.ts";
import { checkText } from "../../src/report/check/text.ts";
import { readCapture, readCapturedMachine } from "../machines/captures.ts";
import { lspciTexts, PATIENT, runsEach, settings } from "./inputs.ts";
import { expectClean, readsOrRefuses, readsOrRefusesLater, refusedOr, sayCases } from "./reads-or-refuses.ts";
import { hwlocXml, ncclXml, policyYaml, rdmaTopoText, snapshotText } from "./valid-files.ts";

afterAll(() => sayCases("planted controls"));

/** Each kind of what a screen obeys, hides or reorders by, and line ends with a line of ours behind. */
const evil = fc.constantFrom(
  ...[
    "\u001b[2J\u001b[H",
    "\u001b]0;x\u0007",
    "\u009b31m",
    "\u009d8;;x\u009c",
    "\b\b\b",
    "\r",
    "\u007f",
    "\u0085",
    "\t",
  ],
  ...["\u202egpj", "\u2066x\u2069", "\u200f", "\u061c", "\u2028x", "\u2029", "\u200b", "\ufeff", "\u{e0041}", "\u3164"],
  ...["\ud800", "\ufffe", "\npeerlane: all is well", "\r\n| x | y |\n", "`|<b>&[x](y)@a http://x"],
);

/** Where a text is planted, among as many places as there are, and where in it. */
const spot = fc.record({ text: evil, place: fc.nat(1_000_000), at: fc.nat(40) });
type Spot = typeof spot extends fc.Arbitrary<infer T> ? T : never;

function insert(original: string, { text, at }: Spot): string {
  const from = Math.min(at, original.length);
  return original.slice(0, from) + text + original.slice(from);
}

/** Every text in a JSON document, as a function that changes the one of a number. */
function inJson(json: string): (spot: Spot) => string {
  const count = countTexts(JSON.parse(json));
  return (planted) => {
    let left = planted.place % count;
    return JSON.stringify(JSON.parse(json), (_, value) =>
      typeof value === "string" && left-- === 0 ? insert(value, planted) : value,
    );
  };
}

function countTexts(value: unknown): number {
  if (typeof value === "string") return 1;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce((sum: number, member) => sum + countTexts(member), 0);
}

/** Every match of a pattern in a text, likewise; `write` puts a planted one as the format writes it. */
function inMatches(text: string, pattern: RegExp, write: (planted: string) => string): (spot: Spot) => string {
  const matches = [...text.matchAll(pattern)];
  return (planted) => {
    const match = matches[planted.place % matches.length];
    if (match === undefined) throw new Error("nothing to plant in");
    return text.slice(0, match.index) + write(insert(match[0], planted)) + text.slice(match.index + match[0].length);
  };
}

const references = (text: string): string =>
  [...text].map((one) => (/[\w .:-]/.test(one) ? one : `&#${one.codePointAt(0)};`)).join("");

const scenario = readFileSync(join(import.meta.dirname, "../../examples/one-switch.yaml"), "utf8");
const words = /(?<=[:,] |- )[\w.-]+/g;
const values = /(?<==")[^"]*(?=")/g;

describe("What is planted in every text of a source is read or refused, and printed harmless:", () => {
  test("formats that are read whole", PATIENT, async () => {
    const plant: readonly (readonly [name: string, plant: (spot: Spot) => string])[] = [
      ["fuzz.json", inJson(snapshotText())],
      ["fuzz.json", inJson(await rdmaTopoText())],
      ["fuzz.xml", inMatches(hwlocXml, values, references)],
      ["fuzz.xml", inMatches(hwlocXml, values, (text) => text.replaceAll(/[&<"]/g, ""))],
      ["fuzz.xml", inMatches(ncclXml, values, references)],
      ["fuzz.yaml", inMatches(scenario, words, (text) => JSON.stringify(text))],
      ...lspciTexts().map((text): readonly [string, (spot: Spot) => string] => [
        "fuzz.txt",
        inMatches(new TextDecoder().decode(text), /(?<=: |\[)[^\n]+/g, (planted) => planted),
      ]),
    ];
    await fc.assert(
      fc.asyncProperty(fc.nat(), spot, async (form, planted) => {
        const [name, make] = plant[form % plant.length] ?? ["", () => ""];
        const bytes = new TextEncoder().encode(make(planted));
        await readsOrRefusesLater(async () => (await readMachine([bytes], { name })).machine);
      }),
      { ...settings, numRuns: 2 * runsEach },
    );
  });

  test("files, links and names of sysfs", PATIENT, () => {
    const name = "one-switch.intel.strict";
    const tree = new ArchiveTree(new Uint8Array(gunzipSync(readFileSync(readCapture(name).archive))), "fuzz tree");
    const asked = askedOf(tree);
    fc.assert(
      fc.property(spot, (planted) => {
        const path = asked[planted.place % asked.length] ?? "";
        readsOrRefuses(() => readSysfs(new PlantedTree(tree, path, planted)));
      }),
      { ...settings, numRuns: Math.ceil(runsEach / 2) },
    );
  });

  test("policies", PATIENT, () => {
    const machine = readCapturedMachine("mixed-acs.intel.strict");
    const plant = inMatches(policyYaml, words, (text) => JSON.stringify(text));
    const screen = { width: 80, color: false };
    const forms = [(result: PolicyResult) => checkText(result, screen), checkMarkdown, checkJunit] as const;
    fc.assert(
      fc.property(spot, (planted) => {
        const policy = refusedOr(() => parsePolicy(plant(planted), "fuzz.yaml"));
        if (policy === null) return;
        const result = checkPolicy(machine, policy);
        const form = forms[planted.at % forms.length] ?? checkMarkdown;
        expectClean(["check", form(result)]);
      }),
      { ...settings, numRuns: Math.ceil(runsEach / 2) },
    );
  });

  test("a tree that is planted in shows it", () => {
    const tree = new ArchiveTree(
      new Uint8Array(gunzipSync(readFileSync(readCapture("one-switch.intel.strict").archive))),
      "x",
    );
    const planted = { text: "\u009b2J", place: 0, at: 3 };
    const machine: Machine = readSysfs(new PlantedTree(tree, "proc/sys/kernel/osrelease", planted));
    expect(machine.kernel.release).toContain("\u009b2J");
  });
});

/** Paths that the reader of sysfs asks a tree for. */
function askedOf(tree: FileTree): readonly string[] {
  const paths = new Set<string>();
  const remember = <T>(path: string, answer: T): T => {
    if (answer !== undefined) paths.add(path);
    return answer;
  };
  readSysfs({
    name: tree.name,
    read: (path, most) => remember(path, tree.read(path, most)),
    list: (path) => remember(path, tree.list(path)),
    readLink: (path) => remember(path, tree.readLink(path)),
  });
  return [...paths];
}

/** A tree with a text planted in what one path holds, leads to or lists. */
class PlantedTree implements FileTree {
  readonly name: string;
  readonly #tree: FileTree;
  readonly #path: string;
  readonly #spot: Spot;

  constructor(tree: FileTree, path: string, planted: Spot) {
    this.name = tree.name;
    this.#tree = tree;
    this.#path = path;
    this.#spot = planted;
  }

  read(path: string, maxBytes: number): Uint8Array | undefined {
    const bytes = this.#tree.read(path, maxBytes);
    if (path !== this.#path || bytes === undefined) return bytes;
    const text = new TextDecoder("latin1").decode(bytes);
    return new TextEncoder().encode(insert(text, this.#spot)).subarray(0, maxBytes);
  }

  list(path: string): readonly string[] | undefined {
    const names = this.#tree.list(path);
    return path === this.#path && names !== undefined ? names.map((name) => insert(name, this.#spot)) : names;
  }

  readLink(path: string): string | undefined {
    const target = this.#tree.readLink(path);
    return path === this.#path && target !== undefined ? insert(target, { ...this.#spot, at: target.length }) : target;
  }
}
