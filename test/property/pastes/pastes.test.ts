import { expect, test } from "vitest";
import { readLspci } from "../../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { parseBdf } from "../../../src/pci/bdf.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { intel, linux } from "../../rules/by-hand.ts";
import { type Handling, LOSSLESS, LOSSY } from "./handling.ts";
import { pairsOf } from "./judge.ts";
import { headOf, type Printed, pastedMachine, recordOf, treeOf } from "./pasted-machine.ts";
import { type Random, randomOf } from "./random.ts";

/**
 * Whole machines, printed as `lspci` prints them, then handled as people handle what they paste. Whatever is known
 * afterwards must be what an independent walk of the rules says of the machine, and what takes nothing out must lose
 * nothing. PEERLANE_PASTE_RUNS pairs are judged (`npm run fuzz:pastes`: a million), from PEERLANE_PASTE_SEED on.
 */

const runs = Number(process.env["PEERLANE_PASTE_RUNS"] ?? 100_000);
const firstSeed = Number(process.env["PEERLANE_PASTE_SEED"] ?? 1);
const encoder = new TextEncoder();
const PATIENT = { timeout: Math.max(600_000, runs * 10) };

type Verdicts = (provider: string, client: string) => string;

/** What is decided of a text, by names of functions; `not-there` for those that it does not show. */
function verdictsOf(text: string): Verdicts {
  const machine = read(text);
  if (machine === undefined) return () => "refused";
  const bdfs = machine.functions.map(({ bdf }) => bdf);
  const table = decideAll(
    { ...machine, cpu: intel, kernel: linux("7.2"), iommu: { kind: "none", mode: "off", groupTypes: new Map() } },
    { providers: bdfs, clients: bdfs },
  );
  const indexOf = (address: string): number => bdfs.indexOf(parseBdf(address) ?? (-1 as never));
  return (provider, client) => {
    const [i, j] = [indexOf(provider), indexOf(client)];
    return i < 0 || j < 0 ? "not-there" : table.mapType(i, j);
  };
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

const KNOWN = ["bus-addr", "thru-host-bridge", "not-supported"];

test(
  `${runs} pairs of machines in handled pastes, from seed ${firstSeed} on: none is known and wrong, and wrapping, quoting, indenting and prompts lose none`,
  PATIENT,
  () => {
    const faults: string[] = [];
    let judged = 0;
    let known = 0;
    let knownWhole = 0;
    for (let seed = firstSeed; judged < runs; seed++) {
      const random = randomOf(seed);
      const functions = pastedMachine(random);
      const whole = print(functions, random);
      const isLossless = random.chance(25);
      const choice: readonly Handling[] = isLossless ? LOSSLESS : [...LOSSLESS, ...LOSSY, ...LOSSY];
      const handlings = Array.from({ length: 1 + random.below(4) }, () => random.pick(choice));
      const text = handlings.reduce((handled, { apply }) => apply(handled, random), whole);
      const before = verdictsOf(whole);
      const after = verdictsOf(text);
      for (const { provider, client, judged: right } of pairsOf(functions)) {
        judged++;
        const first = before(provider, client);
        const then = after(provider, client);
        if (KNOWN.includes(first)) knownWhole++;
        if (KNOWN.includes(then)) known++;
        const isWrong = [first, then].some((said) => KNOWN.includes(said) && said !== right);
        if (!isWrong && (!isLossless || first === then)) continue;
        const names = handlings.map(({ name }) => name).join(", ");
        faults.push(`seed ${seed}: ${provider} → ${client} is ${right}, was ${first}, is ${then} after ${names}`);
      }
    }
    expect(faults).toEqual([]);
    // The texts that say nothing are no proof.
    expect(known / judged).toBeGreaterThan(0.4);
    expect(knownWhole / judged).toBeGreaterThan(0.9);
  },
);

test("the machines have pairs of each verdict", () => {
  const said = new Set<string>();
  for (let seed = 1; seed <= 40; seed++) {
    for (const { judged } of pairsOf(pastedMachine(randomOf(seed)))) said.add(judged);
  }
  expect([...said].sort()).toEqual([...KNOWN].sort());
});
