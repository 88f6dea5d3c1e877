import { describe, expect, test } from "vitest";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { readHere, tarOf } from "./folders.ts";
import { BASES, FAULTS, otherNumbers } from "./planted.ts";

/** Of so many machines; `npm run test:fleet` has 10,000. */
const MACHINES = Number(process.env["PEERLANE_FLEET_MACHINES"] ?? 1000);
/** One machine in so many has a fault, or other bus numbers. */
const FAULTY = 40;

const kinds = Object.values(BASES).map((make) => make());
const plain = kinds.map((machine) => writeSnapshot(machine));
const faults = Object.entries(FAULTS);

/** What is planted in one machine of the fleet. */
function planted(at: number): { readonly text: string; readonly fault: string | null; readonly kind: number } {
  const kind = at % kinds.length;
  const machine = kinds[kind] as (typeof kinds)[number];
  if (at % FAULTY !== 7) return { text: plain[kind] ?? "", fault: null, kind };
  const turn = Math.floor(at / FAULTY) % (faults.length + 2);
  const fault = faults[turn];
  if (fault !== undefined) return { text: writeSnapshot(fault[1].plant(machine, turn)), fault: fault[0], kind };
  if (turn === faults.length) return { text: writeSnapshot(otherNumbers(machine)), fault: "other bus numbers", kind };
  return { text: (plain[kind] ?? "").slice(0, 5000), fault: "corrupted file", kind };
}

describe(`A fleet of ${MACHINES} machines of ${kinds.length} kinds with planted faults`, async () => {
  const all = Array.from({ length: MACHINES }, (_, at) => ({
    name: `m${String(at).padStart(5, "0")}`,
    ...planted(at),
  }));
  const expected = new Map<string, string[]>();
  for (const { name, fault, kind } of all) {
    if (fault === null) continue;
    const key = fault === "corrupted file" || fault === "other bus numbers" ? fault : `${fault} ${kind}`;
    expected.set(key, [...(expected.get(key) ?? []), name]);
  }
  const fleet = await readHere(["-"], { input: tarOf(all.map(({ name, text }) => [`${name}.json`, text])) });
  const outliers = fleet.classes.filter(({ isReference }) => !isReference);

  test("every kind of machine is one, and nothing else is", () => {
    expect(fleet.classes.filter(({ isReference }) => isReference)).toHaveLength(kinds.length);
  });

  test("every fault is found in all machines that have it, by its cause and no other; none is invented", () => {
    const found = outliers.map(({ members, causes }) => ({
      members: members.join(),
      kinds: causes.map(({ kind }) => kind),
    }));
    const due = [...expected]
      .filter(([key]) => key !== "corrupted file" && key !== "other bus numbers")
      .map(([key, members]) => ({
        members: members.join(),
        kinds: [FAULTS[key.replace(/ \d+$/, "")]?.kind],
      }));
    const byMembers = (a: { members: string }, b: { members: string }): number => (a.members < b.members ? -1 : 1);
    expect(found.sort(byMembers)).toEqual(due.sort(byMembers));
  });

  test("other bus numbers are told, and are no class", () => {
    expect(fleet.classes.flatMap(({ renumbered }) => renumbered).sort()).toEqual(
      expected.get("other bus numbers") ?? [],
    );
  });

  test("corrupted files are rows", () => {
    const failed = fleet.rows.filter(({ state }) => state === "failed").map(({ name }) => name);
    expect(failed).toEqual(expected.get("corrupted file") ?? []);
  });
});
