import { expect, test } from "vitest";
import { Answers } from "../../../src/answers/answer.ts";
import type { FileTree } from "../../../src/host/file-tree.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { topologyOf } from "../../../src/host/machine.ts";
import { readSysfs } from "../../../src/host/sysfs.ts";
import type { Bdf } from "../../../src/pci/bdf.ts";
import { formatBdf, parseBdf } from "../../../src/pci/bdf.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { expectedIommuGroups } from "../../../src/rules/iommu-groups.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { captureNames, readCapture, readCapturedTree } from "../../machines/captures.ts";
import { type Random, randomOf } from "../pastes/random.ts";
import { type AllClaims, allClaims, otherClaims } from "./claims.ts";
import { DAMAGES, type Place } from "./damages.ts";
import { DamagedFiles, Files } from "./files.ts";
import { GATES_OF_DRIVERS, gatesOf, judge, madeMachine, NOT_MADE } from "./machine.ts";
import { folderOf, nameOf, printedTree } from "./printed-tree.ts";

/**
 * The files of whole machines, damaged as copies of them are: whatever is known afterwards must be right. Two judges say
 * what is right: the kernels that were recorded with their machines, and a walk of the rules of its own for machines that
 * are made up and printed as files. PEERLANE_TREE_RUNS pairs are judged (`npm run fuzz:trees`: a million), from
 * PEERLANE_TREE_SEED on.
 */

const runs = Number(process.env["PEERLANE_TREE_RUNS"] ?? 80_000);
const firstSeed = Number(process.env["PEERLANE_TREE_SEED"] ?? 1);
const PATIENT = { timeout: Math.max(600_000, runs * 10) };

/** A pair of functions with what is right for it. */
interface JudgedPair {
  readonly provider: Bdf;
  readonly client: Bdf;
  readonly mapType: string;
  readonly hops: number | null;
  /** Kinds of gates. */
  readonly gates: readonly string[];
}

/** A whole machine with what is right of it. */
interface Truth {
  readonly files: Files;
  readonly places: readonly Place[];
  readonly machine: Machine;
  readonly claims: AllClaims;
  readonly pairs: readonly JudgedPair[];
  readonly groups: ReadonlyMap<Bdf, number> | undefined;
}

const bdfOf = (name: string): Bdf => parseBdf(name) as Bdf;

function placesOf(tree: FileTree): readonly Place[] {
  return (tree.list("sys/bus/pci/devices") ?? []).toSorted().map((name) => {
    const folder = (tree.readLink(`sys/bus/pci/devices/${name}`) ?? "").replace("../../../", "sys/");
    return { name, folder, isTop: /\/pci[0-9a-f:]+\/[^/]+$/.test(folder) };
  });
}

const FOLDERS = ["sys/bus/pci/devices", "sys/devices", "sys/kernel/iommu_groups", "sys/class/iommu", "proc"];
const recorded = new Map<string, Truth>();

/** A recorded machine, and what its kernel decided and did. */
function recordedTruth(name: string): Truth {
  const known = recorded.get(name);
  if (known !== undefined) return known;
  const files = Files.copyOf(readCapturedTree(name), FOLDERS);
  const machine = readSysfs(files);
  const functions = machine.functions.map(({ bdf }) => bdf);
  const answers = new Answers(decideAll(machine, { providers: functions, clients: functions }));
  const pairs = readCapture(name).pairs.map(({ provider, client, mapType, hops }) => ({
    provider,
    client,
    mapType,
    hops,
    // Of guests of QEMU, with its own devices and others: that they are guests may always be said.
    gates: [
      "virtual-machine",
      ...(machine.iommu.mode === "strict" ? ["iommu-translates"] : []),
      ...answers.gates(functions.indexOf(provider), functions.indexOf(client)).map(({ kind }) => kind),
    ],
  }));
  const groups = new Map<Bdf, number>();
  for (const { bdf, iommuGroup } of machine.functions) {
    if (!isUnknown(iommuGroup) && iommuGroup !== null) groups.set(bdf, iommuGroup);
  }
  const truth = { files, places: placesOf(files), machine, claims: allClaims(machine), pairs, groups };
  recorded.set(name, truth);
  return truth;
}

/** A machine that is made up, printed as files. */
function printedTruth(random: Random): Truth {
  const made = madeMachine(random);
  const files = printedTree(made);
  const machine = readSysfs(files);
  const ends = made.functions.filter(({ kind }) => kind === "endpoint").slice(0, 9);
  const pairs = ends.flatMap((provider) =>
    ends
      .filter((client) => client !== provider)
      .map((client) => {
        const mapType = judge(made, provider, client);
        return {
          provider: bdfOf(nameOf(provider)),
          client: bdfOf(nameOf(client)),
          mapType,
          hops: null,
          gates: gatesOf(made, provider, client),
        };
      }),
  );
  const places = made.functions.map((fn) => ({ name: nameOf(fn), folder: folderOf(fn), isTop: fn.above === null }));
  return { files, places, machine, claims: allClaims(machine), pairs, groups: undefined };
}

/** Whether the files still name each function of a root bus: without any trace of one they are those of another machine. */
function namesAllTops(files: DamagedFiles, places: readonly Place[]): boolean {
  const names = new Set(files.list("sys/bus/pci/devices"));
  return places.every(({ name, folder, isTop }) => !isTop || names.has(name) || files.list(folder) !== undefined);
}

function read(tree: FileTree): Machine | undefined {
  try {
    return readSysfs(tree);
  } catch (error) {
    if (error instanceof PeerlaneError) return undefined;
    throw error;
  }
}

interface Counts {
  judged: number;
  known: number;
  trees: number;
  refused: number;
}

/** What is known and wrong of a machine that was read from damaged files. */
function faultsOf(machine: Machine, truth: Truth, counts: Counts): readonly string[] {
  const faults = [...otherClaims(machine, truth.claims)];
  const bdfs = machine.functions.map(({ bdf }) => bdf);
  const indices = new Map(bdfs.map((bdf, index) => [bdf, index]));
  const answers = new Answers(decideAll(machine, { providers: bdfs, clients: bdfs }));
  const { table } = answers;
  for (const { provider, client, mapType, hops, gates } of truth.pairs) {
    counts.judged++;
    const [i, j] = [indices.get(provider), indices.get(client)];
    if (i === undefined || j === undefined) continue;
    const pair = `${formatBdf(provider)} → ${formatBdf(client)}`;
    const said = table.mapType(i, j);
    if (said !== "unknown") counts.known++;
    if (said !== "unknown" && said !== mapType) faults.push(`${pair} is ${mapType}, and ${said} after`);
    const counted = table.hops(i, j);
    if (hops !== null && counted !== null && counted !== hops)
      faults.push(`${pair} is ${hops} hops, and ${counted} after`);
    for (const { kind, message } of answers.gates(i, j)) {
      if (!gates.includes(kind) && !NOT_MADE.includes(kind)) faults.push(`${pair} has no gate ${kind}: ${message}`);
    }
  }
  return [...faults, ...groupFaults(machine, truth)];
}

/** Functions that are put into one group, or apart, where the kernel did it otherwise. */
function groupFaults(machine: Machine, { groups }: Truth): readonly string[] {
  if (groups === undefined) return [];
  const expected = expectedIommuGroups(machine, topologyOf(machine));
  if (isUnknown(expected)) return [];
  const real = new Map<number, number>();
  const seen = new Map<number, number>();
  for (const [bdf, group] of expected) {
    const right = groups.get(bdf);
    if (right === undefined) return [`${formatBdf(bdf)} is in no group, and in ${group} after`];
    if ((real.get(group) ?? right) !== right || (seen.get(right) ?? group) !== group)
      return [`${formatBdf(bdf)} is in another group after`];
    real.set(group, right);
    seen.set(right, group);
  }
  return [];
}

function damagedCase(seed: number, truth: Truth, counts: Counts): readonly string[] {
  const random = randomOf(seed + 0x5eed);
  const files = new DamagedFiles(truth.files);
  const damages = Array.from({ length: 1 + random.below(3) }, () => random.pick(DAMAGES));
  for (const { apply } of damages) apply(files, truth.places, random);
  if (!namesAllTops(files, truth.places)) return [];
  counts.trees++;
  const machine = read(files);
  if (machine === undefined) {
    counts.refused++;
    return [];
  }
  const names = damages.map(({ name }) => name).join(", ");
  return faultsOf(machine, truth, counts).map((fault) => `seed ${seed} (${truth.files.name}): ${fault}: ${names}`);
}

function expectNoneWrong(truthOf: (seed: number) => Truth, pairs: number): void {
  const counts: Counts = { judged: 0, known: 0, trees: 0, refused: 0 };
  const faults: string[] = [];
  for (let seed = firstSeed; counts.judged < pairs; seed++) faults.push(...damagedCase(seed, truthOf(seed), counts));
  expect(faults.slice(0, 40)).toEqual([]);
  // Trees that say nothing are no proof.
  expect(counts.known / counts.judged).toBeGreaterThan(0.3);
}

test(
  `${runs / 2} pairs of recorded machines in damaged trees, from seed ${firstSeed} on: none is known and wrong`,
  PATIENT,
  () => {
    expectNoneWrong((seed) => recordedTruth(captureNames[(seed * 37) % captureNames.length] as string), runs / 2);
  },
);

test(`${runs / 2} pairs of machines that are made up: none is known and wrong`, PATIENT, () => {
  expectNoneWrong((seed) => printedTruth(randomOf(seed)), runs / 2);
});

test("whole, all that is made up is known and as it was made", () => {
  for (let seed = 1; seed <= 100; seed++) {
    const { machine, pairs } = printedTruth(randomOf(seed));
    const functions = machine.functions.map(({ bdf }) => bdf);
    const answers = new Answers(decideAll(machine, { providers: functions, clients: functions }));
    for (const { provider, client, mapType, gates } of pairs) {
      const [i, j] = [functions.indexOf(provider), functions.indexOf(client)];
      expect([
        answers.table.mapType(i, j),
        answers
          .gates(i, j)
          .map(({ kind }) => kind)
          .filter((kind) => !GATES_OF_DRIVERS.includes(kind))
          .sort(),
      ]).toEqual([mapType, gates.filter((kind) => !GATES_OF_DRIVERS.includes(kind)).sort()]);
    }
  }
});
