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

/** The checks that hold for everybody who decides on peer memory, and that all of them say the same of each pair. */
export function conformanceSuite({ pairs, subjects }: ConformanceCase): void {
  const answers = subjects().map((subject) => ({
    name: subject.name,
    of: new Map(pairs.map((pair): [string, Answer] => [pairName(pair), subject.answer(pair)])),
  }));

  test.for(answers)("$name: a provider reaches its own memory by bus addresses", ({ of }) => {
    const own = pairs.filter(({ provider, client }) => provider === client);
    expect(own.map((pair) => of.get(pairName(pair))?.mapType)).toEqual(own.map(() => "bus-addr"));
  });

  test.for(answers)("$name: a pair of providers is decided alike both ways", ({ of }) => {
    for (const { provider, client } of pairs) {
      const reverse = of.get(pairName({ provider: client, client: provider }));
      if (reverse === undefined) continue;
      const { mapType, hops } = of.get(pairName({ provider, client })) ?? {};
      expect({ mapType, hops }).toEqual({ mapType: reverse.mapType, hops: reverse.hops });
    }
  });

  test.for(answers)(
    "$name: I/O is reported as done where the pair is supported, and refused where it is not",
    ({ of }) => {
      for (const { mapType, read, write } of of.values()) {
        const isSupported = mapType !== "not-supported";
        if (read !== null) expect(read.isReported).toBe(isSupported);
        if (write !== null) expect(write.isReported).toBe(isSupported);
      }
    },
  );

  test("all say the same of each pair", () => {
    const [first, ...others] = answers;
    for (const pair of pairs) {
      const name = pairName(pair);
      const { mapType, hops } = first?.of.get(name) ?? {};
      for (const other of others) {
        const said = other.of.get(name);
        expect([name, other.name, said?.mapType]).toEqual([name, other.name, mapType]);
        if (said !== undefined && said.hops !== null) expect([name, said.hops]).toEqual([name, hops]);
      }
    }
  });
}
