import type { Cause } from "./causes.ts";
import { type Counted, nearestOf, referencesOf } from "./classes.ts";
import type { FleetItem } from "./items.ts";
import type { Pool } from "./pool.ts";
import type { Fleet, FleetClass, Gathered, GatheredClass, MachineRow } from "./result.ts";

/** Classes that are told from others by their machines; a fleet with more has no classes to speak of. */
const MOST_COMPARED = 1024;
const BATCH = 8;

/** Told while classes are compared. */
export type OnCompare = (done: number, of: number) => void;

/** Tells the classes of what was gathered apart; the same whoever gathered it, and in how many shards. */
export async function tellClasses(gathered: Gathered, pool: Pool, onCompare: OnCompare = () => {}): Promise<Fleet> {
  const { rows, classes } = gathered;
  const counted = [...classes]
    .map(([id, { first, marks, members }]): Counted => ({ id, first, marks, machines: members.length }))
    .sort((a, b) => a.first - b.first);
  const references = referencesOf(counted);
  const isReference = new Set(references.map(({ id }) => id));
  const nearest = new Map(counted.map((one) => [one.id, nearestOf(one, references)?.id ?? null]));
  const told = counted.filter(({ id }, at) => at < MOST_COMPARED || isReference.has(id));
  const examples = await examplesOf(told, classes, pool);
  const causes = await causesOfAll(told, nearest, examples, pool, onCompare);
  const size = (id: string): number => classes.get(id)?.members.length ?? 0;
  return {
    rows,
    classes: counted
      .toSorted(
        (a, b) =>
          Number(isReference.has(a.id)) - Number(isReference.has(b.id)) || size(a.id) - size(b.id) || a.first - b.first,
      )
      .map(({ id, first, marks }): FleetClass => {
        const { facts, members } = classes.get(id) as GatheredClass;
        const example = examples.get(id) ?? null;
        return {
          ...{ id, first, marks, facts, example },
          members: members.map(({ name }) => name),
          isReference: isReference.has(id),
          nearest: nearest.get(id) ?? null,
          causes: causes.get(id) ?? (nearest.get(id) === null ? [] : NOT_COMPARED),
          renumbered: renumberedOf(members),
        };
      }),
  };
}

const NOT_COMPARED: readonly Cause[] = [{ kind: "other", text: "not compared: the fleet has too many classes" }];

/** A snapshot of the first machine of each class. */
async function examplesOf(
  told: readonly Counted[],
  classes: ReadonlyMap<string, GatheredClass>,
  pool: Pool,
): Promise<ReadonlyMap<string, Uint8Array>> {
  const examples = new Map<string, Uint8Array>();
  const items = told.flatMap(({ id }): (readonly [string, FleetItem])[] => {
    const example = classes.get(id)?.example ?? null;
    return example === null ? [] : [[id, example]];
  });
  await Promise.all(
    batches(items).map(async (batch) => {
      const reply = await pool.run({ kind: "snapshot", items: batch.map(([, item]) => item) });
      if (reply.kind !== "snapshot") throw new RangeError("a worker answered something else");
      reply.snapshots.forEach((snapshot, at) => {
        const id = batch[at]?.[0];
        if (id !== undefined && snapshot !== null) examples.set(id, snapshot);
      });
    }),
  );
  return examples;
}

async function causesOfAll(
  told: readonly Counted[],
  nearest: ReadonlyMap<string, string | null>,
  examples: ReadonlyMap<string, Uint8Array>,
  pool: Pool,
  onCompare: OnCompare,
): Promise<ReadonlyMap<string, readonly Cause[]>> {
  const causes = new Map<string, readonly Cause[]>();
  const places = new Map(told.map(({ id, first }) => [id, first]));
  const itemOf = (id: string): FleetItem[] => {
    const bytes = examples.get(id);
    return bytes === undefined
      ? []
      : [{ index: places.get(id) ?? 0, name: "snapshot", source: { kind: "bytes", bytes } }];
  };
  const asked = told.flatMap(({ id }) => {
    const reference = nearest.get(id) ?? null;
    const [one, other] = [itemOf(id)[0], reference === null ? undefined : itemOf(reference)[0]];
    return one === undefined || other === undefined ? [] : [{ id, machine: one, reference: other }];
  });
  let done = 0;
  await Promise.all(
    batches(asked).map(async (batch) => {
      const pairs = batch.map(({ machine, reference }) => ({ machine, reference }));
      const reply = await pool.run({ kind: "compare", pairs });
      if (reply.kind !== "compare") throw new RangeError("a worker answered something else");
      reply.causes.forEach((list, at) => {
        const id = batch[at]?.id;
        if (id !== undefined) causes.set(id, list);
      });
      done += batch.length;
      onCompare(done, asked.length);
    }),
  );
  return causes;
}

function batches<T>(list: readonly T[]): readonly (readonly T[])[] {
  return Array.from({ length: Math.ceil(list.length / BATCH) }, (_, at) => list.slice(at * BATCH, (at + 1) * BATCH));
}

/** Those whose bus numbers are not the ones that most have; of two as common, the first in the order of the sources. */
function renumberedOf(members: readonly MachineRow[]): readonly string[] {
  const counts = new Map<string, number>();
  for (const { numbering } of members) counts.set(numbering ?? "", (counts.get(numbering ?? "") ?? 0) + 1);
  let usual = "";
  for (const [numbering, count] of counts) if (count > (counts.get(usual) ?? 0)) usual = numbering;
  return members.flatMap(({ name, numbering }) => (numbering === usual ? [] : [name]));
}
