import { describe, expect, test } from "vitest";
import type { Bdf } from "../../src/pci/bdf.ts";
import { type Known, unknown } from "../../src/pci/known.ts";
import {
  bestProviders,
  byWorth,
  nearestProviders,
  type ProviderCandidate,
  sumOfDistances,
} from "../../src/rules/nearest-provider.ts";

const hidden = unknown("not shown");
const clients = [1, 2, 3] as Bdf[];

interface Named extends ProviderCandidate {
  readonly name: string;
}

/** A provider by its name; hops are the distance unless told. */
function provider(name: string, published: Known<boolean>, distance: Known<number>, hops?: number | null): Named {
  return { name, provider: 0 as Bdf, published, distance, hops: hops === undefined ? (distance as number) : hops };
}

const namesOf = (found: Known<readonly Named[]>): Known<readonly string[]> =>
  "unknown" in found ? found : found.map(({ name }) => name);

describe("the sum of distances", () => {
  test.for([
    ["is that to each client", [4, 8, 2], 14],
    ["is -1 where one is refused", [4, -1, 2], -1],
    ["is hidden where one is", [4, null, 2], null],
    ["is -1 where one is refused, whatever else is hidden", [null, 4, -1], -1],
    ["is 0 to oneself", [0, 0, 0], 0],
  ] as const)("%s", ([, distances, sum]) => {
    expect(sumOfDistances(clients, (_, index) => distances[index] ?? null)).toBe(sum);
  });

  test("is -1 to no client, as the kernel has it", () => {
    expect(sumOfDistances([], () => 4)).toBe(-1);
  });

  test("asks for nothing behind a client that is refused", () => {
    const asked: number[] = [];
    sumOfDistances(clients, (_, index) => {
      asked.push(index);
      return index === 1 ? -1 : 4;
    });
    expect(asked).toEqual([0, 1]);
  });
});

describe("the kernel takes", () => {
  const near = provider("near", true, 4);
  const far = provider("far", true, 8);
  test.for<readonly [string, readonly Named[], Known<readonly string[]>]>([
    ["the nearest", [far, near], ["near"]],
    ["any of those as near", [near, far, provider("as near", true, 4)], ["near", "as near"]],
    ["nobody who did not publish", [provider("own", false, 2), far], ["far"]],
    ["nobody who is refused", [provider("refused", true, -1, 2), far], ["far"]],
    ["nobody where all are refused", [provider("refused", true, -1, 2)], []],
    ["nobody where there is none", [], []],
    ["nobody where nobody published", [provider("own", false, 2)], []],
    [
      "the nearest, whatever is hidden of one that is not published",
      [near, provider("own", false, hidden, 2)],
      ["near"],
    ],
    ["an unknown one, where a nearer one may be published", [near, provider("may be", hidden, 2)], hidden],
    ["an unknown one, where one as near may be published", [near, provider("may be", hidden, 4)], hidden],
    ["the nearest, where a farther one may be published", [near, provider("may be", hidden, 6)], ["near"]],
    ["an unknown one, where a published one may be nearer", [near, provider("may be", true, hidden, 2)], hidden],
    ["an unknown one, where the topology is hidden", [near, provider("may be", true, hidden, null)], hidden],
    ["the nearest, where what may be published is refused", [near, provider("no", hidden, -1, 2)], ["near"]],
  ])("%s", ([, candidates, taken]) => {
    expect(namesOf(nearestProviders(candidates))).toEqual(taken);
  });
});

test("worth goes by what is published and supported, then by hops", () => {
  const sorted = [
    provider("near", true, 4),
    provider("far", true, 8),
    provider("may be published", hidden, 2),
    provider("may be supported", true, hidden, 4),
    provider("may be both", hidden, hidden, 2),
    provider("not published", false, 2),
    provider("refused", true, -1, 2),
  ];
  expect([...sorted].reverse().sort(byWorth)).toEqual(sorted);
});

describe("who may take memory that is not published", () => {
  const own = provider("own", false, 2);
  test.for<readonly [string, readonly Named[], readonly string[]]>([
    ["takes it where nothing is published", [provider("refused", true, -1, 2), own], ["own"]],
    ["takes what is published before it", [own, provider("far", true, 8)], ["far"]],
    ["takes what is published before it, where that is as near", [own, provider("near", true, 2)], ["near"]],
    ["takes any of those as near", [own, provider("far", false, 4), provider("as near", false, 2)], ["own", "as near"]],
    ["takes nothing that the kernel refuses", [provider("refused", false, -1, 2)], []],
    [
      "has no choice between one that is known and one that is not",
      [provider("a", hidden, hidden, 2), provider("b", hidden, hidden, 2)],
      ["a"],
    ],
  ])("%s", ([, candidates, best]) => {
    expect(bestProviders(candidates).map(({ name }) => name)).toEqual(best);
  });
});
