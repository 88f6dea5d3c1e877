import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { topologyOf } from "../../src/host/machine.ts";
import { redact } from "../../src/host/redaction/redact.ts";
import { readSnapshot } from "../../src/host/snapshot/read-snapshot.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { randomMachine } from "./random-machine.ts";

describe("A snapshot", () => {
  it("of any machine gives the same verdicts and groups", () => {
    fc.assert(
      fc.property(randomMachine, (machine) => {
        for (const one of [machine, afterBoot(machine)]) {
          const back = readSnapshot(writeSnapshot(one), one.source.name);
          expect(back.functions).toEqual(redact(one).functions);
          const verdicts = (of: typeof one) => {
            const table = decideAll(of);
            return table.providers.flatMap((_, i) =>
              table.clients.map((__, j) => [table.mapType(i, j), table.hops(i, j)]),
            );
          };
          expect(verdicts(back)).toEqual(verdicts(one));
          expect(expectedIommuGroups(back, topologyOf(back))).toEqual(expectedIommuGroups(one, topologyOf(one)));
        }
      }),
      { numRuns: 100 },
    );
  });

  const text = writeSnapshot(readCapturedMachine("mixed-acs.intel.strict"));
  const json = JSON.parse(text) as unknown;

  it("that is damaged anywhere is refused with its name, or still one", () => {
    const damage = fc.oneof(
      fc.nat(text.length).map((at) => text.slice(0, at)),
      fc
        .tuple(fc.nat(text.length), fc.string({ maxLength: 4 }))
        .map(([at, more]) => text.slice(0, at) + more + text.slice(at + 1)),
      fc.tuple(fc.nat(10_000), fc.jsonValue()).map(([seed, value]) => JSON.stringify(withOther(json, seed, value))),
    );
    fc.assert(
      fc.property(damage, (damaged) => {
        try {
          decideAll(readSnapshot(damaged, "damaged.json"));
        } catch (error) {
          expect(error).toBeInstanceOf(PeerlaneError);
          expect((error as PeerlaneError).place?.file).toBe("damaged.json");
        }
      }),
      { numRuns: 500 },
    );
  });
});

/** The value with one part of it, chosen by `seed`, in exchange for another value. */
function withOther(value: unknown, seed: number, other: unknown): unknown {
  if (typeof value !== "object" || value === null) return other;
  const keys = Object.keys(value);
  const key = keys[seed % Math.max(keys.length, 1)];
  if (key === undefined || seed % 5 === 0) return other;
  const members = value as Record<string, unknown>;
  const changed = { ...members, [key]: withOther(members[key], Math.floor(seed / 3), other) };
  return Array.isArray(value) ? Object.values(changed) : changed;
}
