import { expect, test } from "vitest";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { Answer, Pair, Subject } from "./answer.ts";

/** What the suite needs to know of a machine. */
export interface ConformanceCase {
  readonly pairs: readonly Pair[];
  /** Made anew for the machine. */
  readonly subjects: () => readonly Subject[];
}

/** A pair as messages name it. */
export function pairName({ provider, client }: Pair): string {
  return `${formatBdf(provider)} for ${formatBdf(client)}`;
}

/** What one of them said of every pair, by {@link pairName}. */
interface Answers {
  readonly name: string;
  readonly of: ReadonlyMap<string, Answer>;
}

/** A check, with the sentence of fact that it holds. */
interface Check {
  readonly title: string;
  readonly hold: (pairs: readonly Pair[], answers: Answers) => void;
}

/** What holds for everybody who decides on peer memory. */
const checks: readonly Check[] = [
  {
    title: "a provider reaches its own memory by bus addresses",
    hold: (pairs, { of }) => {
      const own = pairs.filter(({ provider, client }) => provider === client);
      expect(own.map((pair) => of.get(pairName(pair))?.mapType)).toEqual(own.map(() => "bus-addr"));
    },
  },
  {
    title: "a pair of providers is decided alike both ways",
    hold: (pairs, { of }) => {
      for (const { provider, client } of pairs) {
        const reverse = of.get(pairName({ provider: client, client: provider }));
        if (reverse === undefined) continue;
        const { mapType, hops } = of.get(pairName({ provider, client })) ?? {};
        expect({ mapType, hops }).toEqual({ mapType: reverse.mapType, hops: reverse.hops });
      }
    },
  },
  {
    title: "I/O is reported as done where the pair is supported, and refused where it is not",
    hold: (_, { of }) => {
      for (const { mapType, read, write } of of.values()) {
        const isSupported = mapType !== "not-supported";
        if (read !== null) expect(read.isReported).toBe(isSupported);
        if (write !== null) expect(write.isReported).toBe(isSupported);
      }
    },
  },
];

function answersOf({ pairs, subjects }: ConformanceCase): readonly Answers[] {
  return subjects().map((subject) => ({
    name: subject.name,
    of: new Map(pairs.map((pair): [string, Answer] => [pairName(pair), subject.answer(pair)])),
  }));
}

function holdEqual(pairs: readonly Pair[], [first, ...others]: readonly Answers[]): void {
  for (const pair of pairs) {
    const name = pairName(pair);
    const { mapType, hops } = first?.of.get(name) ?? {};
    for (const other of others) {
      const said = other.of.get(name);
      expect([name, other.name, said?.mapType]).toEqual([name, other.name, mapType]);
      if (said !== undefined && said.hops !== null) expect([name, said.hops]).toEqual([name, hops]);
    }
  }
}

/** The suite: the checks for each who decides, and that all of them say the same of each pair. */
export function conformanceSuite(machine: ConformanceCase): void {
  const answers = answersOf(machine);
  for (const { title, hold } of checks) {
    test.for(answers)(`$name: ${title}`, (one) => hold(machine.pairs, one));
  }
  test("all say the same of each pair", () => holdEqual(machine.pairs, answers));
}

/** The same suite inside of a test, for a machine that is known only there. */
export function checkConformance(machine: ConformanceCase): void {
  const answers = answersOf(machine);
  for (const { hold } of checks) for (const one of answers) hold(machine.pairs, one);
  holdEqual(machine.pairs, answers);
}
