import { expect, test } from "vitest";
import { readLspci } from "../../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { parseBdf } from "../../../src/pci/bdf.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { unknown } from "../../../src/pci/known.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { intel, linux } from "../../rules/by-hand.ts";
import { type Handling, LOSSLESS, LOSSY } from "./handling.ts";
import { type JudgedPair, pairsOf } from "./judge.ts";
import { addressOf, headOf, type Printed, pastedMachine, recordOf, treeOf } from "./pasted-machine.ts";
import { type Random, randomOf } from "./random.ts";
import { evenTwinsOf, twinsOf } from "./twins.ts";

/**
 * Whole machines, printed as `lspci` prints them, then handled as people handle what they paste. Whatever is known
 * afterwards must be what an independent walk of the rules says of the machine, and what takes nothing out must lose
 * nothing. One thing no text shows: where one cut without a mark, or one of each record, leaves letter for letter what
 * `lspci` prints of another machine that can exist, the verdict is that machine's. Such pairs are counted, and are fewer than one in 5,000.
 * PEERLANE_PASTE_RUNS pairs are judged (`npm run fuzz:pastes`: a million), from PEERLANE_PASTE_SEED on.
 */

const runs = Number(process.env["PEERLANE_PASTE_RUNS"] ?? 100_000);
const firstSeed = Number(process.env["PEERLANE_PASTE_SEED"] ?? 1);
const encoder = new TextEncoder();
const PATIENT = { timeout: Math.max(600_000, runs * 10) };

type Verdicts = (provider: string, client: string) => string;

const noKernel = { ...linux(""), release: unknown("no uname") };

/** What is decided of a text, by names of functions; `not-there` for those that it does not show. */
function verdictsOf(text: string, isKernelNamed = true): Verdicts {
  const machine = read(text);
  if (machine === undefined) return () => "refused";
  const bdfs = machine.functions.map(({ bdf }) => bdf);
  const table = decideAll(
    {
      ...machine,
      cpu: intel,
      kernel: isKernelNamed ? linux("7.2") : noKernel,
      iommu: { kind: "none", mode: "off", groupTypes: new Map() },
    },
    { providers: bdfs, clients: bdfs },
  );
  const indexOf = (address: string): number => bdfs.indexOf(parseBdf(address) ?? (-1 as never));
  return (provider, client) => {
    const [i, j] = [indexOf(provider), indexOf(client)];
    if (i < 0 || j < 0) return "not-there";
    const mapType = table.mapType(i, j);
    const { releases } = table.why(i, j);
    return releases === undefined ? mapType : `${mapType} from ${releases.from}`;
  };
}

/** Whether a verdict with its releases, `thru-host-bridge from 5.10`, is what each of them decides. */
function holdsSince(said: string, byRelease: JudgedPair["byRelease"]): boolean {
  const [mapType, since] = said.split(" from ");
  if (since === undefined) return false;
  const number = (release: string): number => {
    const [major = 0, minor = 0] = release.split(".").map(Number);
    return major * 1000 + minor;
  };
  const first = byRelease.findLastIndex(({ from }) => number(from) <= number(since));
  return first >= 0 && byRelease.slice(first).every(({ judged }) => judged === mapType);
}

function read(text: string): Machine | undefined {
  try {
    return readLspci(encoder.encode(text), "paste");
  } catch (error) {
    if (error instanceof PeerlaneError) return undefined;
    throw error;
  }
}

/** One to three dumps of a machine in one text: the whole one, with a list and a tree or without. */
function print(functions: readonly Printed[], random: Random): string {
  const dump = functions.map((fn) => `${recordOf(fn).join("\n")}\n\n`).join("");
  const tree = `${treeOf(functions, random.chance(50)).join("\n")}\n`;
  const list = `${functions.map(headOf).join("\n")}\n`;
  return random.pick([dump, dump + tree, `${tree}\n${dump}`, `${list}\n${dump}\n${tree}`]);
}

/** A case: a machine, how it is printed, and what is done to the text; the seed says all of it. */
interface Case {
  readonly functions: readonly Printed[];
  readonly whole: string;
  readonly handlings: readonly Handling[];
  readonly isLossless: boolean;
  /** The text after each handling. */
  readonly texts: readonly string[];
}

function caseOf(seed: number, machine?: readonly Printed[], isCut = true): Case {
  const random = randomOf(seed);
  const made = pastedMachine(random);
  const functions = machine ?? made;
  const whole = print(functions, random);
  const isLossless = random.chance(25);
  const choice: readonly Handling[] = isLossless ? LOSSLESS : [...LOSSLESS, ...LOSSY, ...LOSSY];
  const handlings = Array.from({ length: 1 + random.below(4) }, () => random.pick(choice));
  const texts: string[] = [];
  for (const { apply, isUnmarkedCut } of handlings) {
    if (isUnmarkedCut === true && !isCut) break;
    texts.push(apply(texts.at(-1) ?? whole, random));
  }
  return { functions, whole, handlings, isLossless, texts };
}

/** The machines of which the text, cut in one place or at one length without a mark, is the whole print. */
function printedTwins(seed: number, paste: Case): readonly (readonly Printed[])[] {
  return [...cutTwins(seed, paste), ...evenTwins(seed, paste)];
}

function evenTwins(seed: number, { functions, handlings, texts }: Case): readonly (readonly Printed[])[] {
  const at = handlings.findIndex(({ isEvenCut }) => isEvenCut === true);
  const text = texts[at];
  if (text === undefined) return [];
  return [...evenTwinsOf(functions)].filter((twin) => caseOf(seed, twin).texts[at] === text);
}

function cutTwins(seed: number, { functions, handlings, texts }: Case): readonly (readonly Printed[])[] {
  const at = handlings.findIndex(({ isUnmarkedCut }) => isUnmarkedCut === true);
  const text = texts[at];
  if (text === undefined) return [];
  const lines = new Set(text.split("\n").map((line) => /[0-9a-f]{2}:[0-9a-f]{2}\.[0-7](?= )/.exec(line)?.[0]));
  const found: (readonly Printed[])[] = [];
  for (const twin of twinsOf(functions, (fn) => lines.has(addressOf(fn)))) {
    const other = caseOf(seed, twin, false);
    if ((other.texts[at - 1] ?? other.whole) === text) found.push(twin);
  }
  return found;
}

const judgedOf = (functions: readonly Printed[], { provider, client }: JudgedPair): string | undefined =>
  pairsOf(functions).find((pair) => pair.provider === provider && pair.client === client)?.judged;

const KNOWN = ["bus-addr", "thru-host-bridge", "not-supported"];

test(
  `${runs} pairs of machines in handled pastes, from seed ${firstSeed} on: none is known and wrong, and wrapping, quoting, indenting and prompts lose none`,
  PATIENT,
  () => {
    const faults: string[] = [];
    let judged = 0;
    let known = 0;
    let knownWhole = 0;
    let knownUnnamed = 0;
    let ofTwins = 0;
    for (let seed = firstSeed; judged < runs; seed++) {
      const paste = caseOf(seed);
      const before = verdictsOf(paste.whole);
      const after = verdictsOf(paste.texts.at(-1) ?? "");
      const unnamed = verdictsOf(paste.texts.at(-1) ?? "", false);
      let twins: readonly (readonly Printed[])[] | undefined;
      for (const pair of pairsOf(paste.functions)) {
        const { provider, client, judged: right } = pair;
        judged++;
        const first = before(provider, client);
        const then = after(provider, client);
        if (KNOWN.includes(first)) knownWhole++;
        if (KNOWN.includes(then)) known++;
        const open = unnamed(provider, client);
        const isOpenWrong = open.includes(" from ") && !holdsSince(open, pair.byRelease);
        if (open.includes(" from ")) knownUnnamed++;
        // Without a release that is named nothing is known that 7.2 does not do.
        const isMore = open.includes(" from ") && !open.startsWith(then);
        const isWrong = isOpenWrong || isMore || [first, then].some((said) => KNOWN.includes(said) && said !== right);
        if (!isWrong && (!paste.isLossless || first === then)) continue;
        twins ??= printedTwins(seed, paste);
        if (!isMore && twins.some((twin) => judgedOf(twin, pair) === then)) {
          ofTwins++;
          continue;
        }
        const names = paste.handlings.map(({ name }) => name).join(", ");
        faults.push(
          `seed ${seed}: ${provider} → ${client} is ${right}, was ${first}, is ${then}, and ${open} without a kernel, after ${names}`,
        );
      }
    }
    expect(faults).toEqual([]);
    expect(ofTwins / judged).toBeLessThan(1 / 5000);
    // The texts that say nothing are no proof.
    expect(known / judged).toBeGreaterThan(0.4);
    expect(knownWhole / judged).toBeGreaterThan(0.9);
    expect(knownUnnamed / judged).toBeGreaterThan(0.2);
  },
);

test("the machines have pairs of each verdict", () => {
  const said = new Set<string>();
  for (let seed = 1; seed <= 40; seed++) {
    for (const { judged } of pairsOf(pastedMachine(randomOf(seed)))) said.add(judged);
  }
  expect([...said].sort()).toEqual([...KNOWN].sort());
});
