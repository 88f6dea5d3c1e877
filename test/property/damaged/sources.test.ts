import { deflateSync, inflateSync } from "node:zlib";
import { expect, test } from "vitest";
import { readHwloc } from "../../../src/host/hwloc/read-hwloc.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { readNccl } from "../../../src/host/nccl/read-nccl.ts";
import { readRdmaTopo } from "../../../src/host/rdma-topo/read-dump.ts";
import { readSnapshot } from "../../../src/host/snapshot/read-snapshot.ts";
import { writeSnapshot } from "../../../src/host/snapshot/write-snapshot.ts";
import { readSysfs } from "../../../src/host/sysfs.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { type Random, randomOf } from "../pastes/random.ts";
import { judge, type Made, type MadeMachine, madeMachine } from "./machine.ts";
import { dumpOf, type Element, flatMachine, flatNameOf, hwlocOf, ncclOf, xmlOf } from "./printed-sources.ts";
import { nameOf, printedTree } from "./printed-tree.ts";

/**
 * Machines that are made up, printed as the sources that show a part of a machine, with parts of that missing as well:
 * whatever is known must be right. What is no longer well-formed is refused with its place. PEERLANE_SOURCE_RUNS pairs are
 * judged of each kind of source, from PEERLANE_SOURCE_SEED on.
 */

const runs = Number(process.env["PEERLANE_SOURCE_RUNS"] ?? 20_000);
const firstSeed = Number(process.env["PEERLANE_SOURCE_SEED"] ?? 1);
const PATIENT = { timeout: Math.max(600_000, runs * 40) };

/** A source, or what is left of one. */
interface Case {
  readonly text: string;
  readonly machine: MadeMachine;
  readonly nameOf: (fn: Made) => string;
  /** What was done to it. */
  readonly done: readonly string[];
  /** What the source cannot say is given. */
  readonly given?: Partial<Machine>;
}

type Read = (text: string) => Machine | Promise<Machine>;

function ends({ functions }: MadeMachine): readonly Made[] {
  return functions.filter(({ kind }) => kind === "endpoint").slice(0, 8);
}

/** What is known and wrong: verdicts, and steps between functions. */
function faultsOf(machine: Machine, { machine: made, nameOf: name, given }: Case, counts: Counts): readonly string[] {
  const faults: string[] = [];
  const bdfs = machine.functions.map(({ bdf }) => bdf);
  const indices = new Map(bdfs.map((bdf, index) => [formatBdf(bdf), index]));
  const table = decideAll({ ...machine, ...given }, { providers: bdfs, clients: bdfs });
  const chainOf = (fn: Made): readonly Made[] => (fn.above === null ? [fn] : [fn, ...chainOf(fn.above)]);
  for (const provider of ends(made)) {
    for (const client of ends(made)) {
      if (provider === client) continue;
      counts.judged++;
      const [i, j] = [indices.get(name(provider)), indices.get(name(client))];
      if (i === undefined || j === undefined) continue;
      const right = judge(made, provider, client);
      const said = table.mapType(i, j);
      if (said !== "unknown") counts.known++;
      const pair = `${name(provider)} → ${name(client)}`;
      if (said !== "unknown" && said !== right) faults.push(`${pair} is ${right}, and ${said} after`);
      const [ups, others] = [chainOf(provider), chainOf(client)];
      const met = ups.findIndex((fn) => others.includes(fn));
      const steps = met < 0 ? ups.length + others.length : met + others.indexOf(ups[met] as Made);
      const hops = table.hops(i, j);
      if (hops !== null && hops !== steps) faults.push(`${pair} is ${steps} hops, and ${hops} after`);
    }
  }
  return faults;
}

interface Counts {
  judged: number;
  known: number;
  read: number;
  refused: number;
}

async function expectNoneWrong(caseOf: (random: Random) => Case, read: Read, leastKnown: number): Promise<void> {
  const counts: Counts = { judged: 0, known: 0, read: 0, refused: 0 };
  const faults: string[] = [];
  for (let seed = firstSeed; counts.judged < runs; seed++) {
    const damaged = caseOf(randomOf(seed));
    try {
      const machine = await read(damaged.text);
      counts.read++;
      const found = faultsOf(machine, damaged, counts);
      faults.push(...found.map((fault) => `seed ${seed}: ${fault}: ${damaged.done.join(", ")}`));
    } catch (error) {
      if (!(error instanceof PeerlaneError)) throw error;
      if (error.place?.file === undefined) faults.push(`seed ${seed}: refused without a place: ${error.message}`);
      counts.refused++;
    }
  }
  expect(faults.slice(0, 40)).toEqual([]);
  // What says nothing, and what nobody reads, is no proof.
  expect(counts.known / counts.judged).toBeGreaterThanOrEqual(leastKnown);
  expect(counts.read).toBeGreaterThan(counts.refused);
}

/** All elements below one, each with its parent. */
function allOf(parent: Element): readonly (readonly [parent: Element, child: Element])[] {
  return parent.children.flatMap((child) => [[parent, child] as const, ...allOf(child)]);
}

const isFunction = ({ attributes, name }: Element): boolean =>
  name === "pci" || ["Bridge", "PCIDev"].includes(attributes["type"] ?? "");

/** What parts of a document may be missing, and how. */
const XML_DAMAGES: readonly (readonly [name: string, apply: (root: Element, random: Random) => void])[] = [
  ["nothing", () => undefined],
  [
    "functions gone",
    (root, random) => {
      for (const [parent, child] of allOf(root))
        if (isFunction(child) && random.chance(20))
          parent.children = parent.children.filter((other) => other !== child);
    },
  ],
  [
    "a function gone, what was in it not",
    (root, random) => {
      const inside = allOf(root).filter(([parent, child]) => isFunction(child) && isFunction(parent));
      if (inside.length === 0) return;
      const [parent, child] = random.pick(inside);
      parent.children = parent.children.flatMap((other) => (other === child ? child.children : [other]));
    },
  ],
  [
    "elements gone",
    (root, random) => {
      for (const [parent, child] of allOf(root))
        if (!isFunction(child) && random.chance(25) && !["Machine"].includes(child.attributes["type"] ?? ""))
          parent.children = parent.children.filter((other) => other !== child);
    },
  ],
  [
    "attributes gone",
    (root, random) => {
      const percent = random.pick([1, 5]);
      for (const [, { attributes }] of allOf(root))
        for (const name of Object.keys(attributes)) if (random.chance(percent)) delete attributes[name];
    },
  ],
  [
    "ids of zeros or ones",
    (root, random) => {
      const digit = random.pick(["0", "f"]);
      for (const [, { attributes }] of allOf(root)) {
        if (!random.chance(20)) continue;
        for (const name of ["vendor", "device", "class"]) {
          if (attributes[name] !== undefined)
            attributes[name] = `0x${digit.repeat((attributes[name] as string).length - 2)}`;
        }
        const type = attributes["pci_type"];
        if (type !== undefined) attributes["pci_type"] = type.replaceAll(/[0-9a-f]/g, digit);
      }
    },
  ],
  [
    "numbers of the CPU zeroed",
    (root) => {
      for (const [, { attributes }] of allOf(root)) {
        if (attributes["familyid"] !== undefined) attributes["familyid"] = "0";
        if (attributes["name"] === "CPUFamilyNumber") attributes["value"] = "0";
      }
    },
  ],
];

function damagedXml(root: Element, random: Random): Pick<Case, "text" | "done"> {
  const damages = Array.from({ length: 1 + random.below(2) }, () => random.pick(XML_DAMAGES));
  for (const [, apply] of damages) apply(root, random);
  const text = `<?xml version="1.0" encoding="UTF-8"?>\n${xmlOf(root)}`;
  const isCut = random.chance(3);
  return {
    text: isCut ? text.slice(0, random.below(text.length - 2)) : text,
    done: [...damages.map(([name]) => name), ...(isCut ? ["cut"] : [])],
  };
}

test(`${runs} pairs of partial hwloc XML, from seed ${firstSeed} on: none is known and wrong`, PATIENT, () =>
  expectNoneWrong(
    (random) => {
      const machine = madeMachine(random);
      return { machine, nameOf, ...damagedXml(hwlocOf(machine, random), random) };
    },
    (text) => readHwloc(text, "topology.xml"),
    0.02,
  ),
);

test(`${runs} pairs of partial NCCL and RCCL XML: none is known and wrong`, PATIENT, () =>
  expectNoneWrong(
    (random) => {
      const isFlat = random.chance(50);
      const whole = madeMachine(random);
      const machine = isFlat ? flatMachine(whole) : whole;
      const { cpu: _, ...rest } = givenOf(machine);
      const xml = damagedXml(ncclOf(machine, isFlat, random), random);
      return { machine, nameOf: isFlat ? flatNameOf : nameOf, ...xml, given: rest };
    },
    (text) => readNccl(text, "topology.xml"),
    0.05,
  ),
);

/** What a user gives beside a source that does not say it. */
function givenOf({ release, cpu }: MadeMachine): Pick<Machine, "cpu" | "kernel" | "iommu"> {
  return {
    cpu: { architecture: "x86_64", ...cpu },
    kernel: { release, commandLine: "", config: { CONFIG_PCI_P2PDMA: "y" } },
    iommu: { kind: "none", mode: "off", groupTypes: new Map() },
  };
}

const LENGTHS = [0, 1, 4, 16, 63, 64, 65, 128, 255, 256, 257, 512, 4095];
const repacked = (entry: Record<string, unknown>, change: (config: Uint8Array) => Uint8Array): void => {
  entry["config"] = deflateSync(change(inflateSync(Buffer.from(String(entry["config"]), "base64")))).toString("base64");
};

const DUMP_DAMAGES: readonly (readonly [
  name: string,
  apply: (entry: Record<string, unknown>, random: Random) => void,
])[] = [
  ["nothing", () => undefined],
  ["config cut", (entry, random) => repacked(entry, (config) => config.subarray(0, random.pick(LENGTHS)))],
  ["config of zeros", (entry) => repacked(entry, (config) => new Uint8Array(config.length))],
  ["config of ones", (entry) => repacked(entry, (config) => new Uint8Array(config.length).fill(0xff))],
  [
    "config filled up with zeros",
    (entry, random) => {
      const from = random.pick([64, 512, 1024]);
      repacked(entry, (config) => Uint8Array.from(config).fill(0, from));
    },
  ],
  ["config filled up with ones", (entry) => repacked(entry, (config) => Uint8Array.from(config).fill(0xff, 64))],
  ["no group", (entry) => delete entry["iommu_group"]],
  ["no NUMA node", (entry) => delete entry["numa_node"]],
  ["no class devices", (entry) => delete entry["subsystems"]],
];

test(`${runs} pairs of partial dumps of rdma_topo: none is known and wrong`, PATIENT, () =>
  expectNoneWrong(
    (random) => {
      const machine = madeMachine(random);
      const isByTool = random.chance(60);
      const entries = dumpOf(machine, printedTree(machine), isByTool);
      const [name, apply] = random.pick(DUMP_DAMAGES);
      const percent = random.pick([5, 30, 100]);
      for (const entry of entries) if (random.chance(percent)) apply(entry, random);
      // Of a whole dump one that lacks a function of a root bus is the dump of another machine.
      const isTop = (entry: Record<string, unknown>): boolean => String(entry["realpath"]).split("/").length === 5;
      const dropped = random.pick([0, 0, 15, 50]);
      const left = entries.filter((entry) => !random.chance(dropped) || (!isByTool && isTop(entry)));
      const done = [name, `of ${percent} %`, `${dropped} % of entries gone`, isByTool ? "by the tool" : "whole"];
      const text = JSON.stringify(left, null, 1);
      const isCut = random.chance(3);
      return {
        machine,
        nameOf,
        text: isCut ? text.slice(0, random.below(text.length)) : text,
        done: [...done, ...(isCut ? ["cut"] : [])],
        given: givenOf(machine),
      };
    },
    (text) => readRdmaTopo(text, "dump.json"),
    0.2,
  ),
);

interface Snapshot {
  functions: Record<string, unknown>[];
  hostBridges: unknown;
  reasons: string[];
  functionsMayBeMissing?: string;
  kernel: Record<string, unknown>;
  cpu: Record<string, unknown>;
  iommu: Record<string, unknown>;
}

/** Parts that a snapshot may hide. */
const HIDEABLE = [
  "acs",
  "express",
  "vendorId",
  "deviceId",
  "bridge",
  "attachment",
  "headerType",
  "bars",
  "command",
  "driver",
  "sriov",
  "iommuGroup",
  "physicalFunction",
  "multifunction",
  "subsystem",
  "classCode",
];

const SNAPSHOT_DAMAGES: readonly (readonly [name: string, apply: (snapshot: Snapshot, random: Random) => void])[] = [
  ["nothing", () => undefined],
  [
    "parts of functions hidden",
    (snapshot, random) => {
      const percent = random.pick([3, 20, 60]);
      for (const fn of snapshot.functions)
        for (const part of HIDEABLE) if (random.chance(percent)) fn[part] = { unknown: 0 };
    },
  ],
  [
    "parts of the machine hidden",
    (snapshot, random) => {
      for (const part of [snapshot.kernel, snapshot.cpu, snapshot.iommu])
        for (const key of Object.keys(part)) if (random.chance(30)) part[key] = { unknown: 0 };
      if (random.chance(30)) snapshot.hostBridges = { unknown: 0 };
    },
  ],
  [
    "functions gone, and said to be",
    (snapshot, random) => {
      snapshot.functionsMayBeMissing = "somebody took them out";
      const percent = random.pick([10, 50]);
      snapshot.functions = snapshot.functions.filter(() => !random.chance(percent));
    },
  ],
  [
    "ids of zeros or ones",
    (snapshot, random) => {
      const id = random.pick(["0x0000", "0xffff"]);
      for (const fn of snapshot.functions) if (random.chance(30)) Object.assign(fn, { vendorId: id, deviceId: id });
    },
  ],
];

test(`${runs} pairs of partial snapshots: none is known and wrong`, PATIENT, () =>
  expectNoneWrong(
    (random) => {
      const machine = madeMachine(random);
      const snapshot = JSON.parse(writeSnapshot(readSysfs(printedTree(machine)))) as Snapshot;
      if (snapshot.reasons.length === 0) snapshot.reasons.push("hidden by the test");
      const damages = Array.from({ length: 1 + random.below(2) }, () => random.pick(SNAPSHOT_DAMAGES));
      for (const [, apply] of damages) apply(snapshot, random);
      const text = JSON.stringify(snapshot, null, 1);
      const isCut = random.chance(3);
      return {
        machine,
        nameOf,
        text: isCut ? text.slice(0, random.below(text.length - 2)) : text,
        done: [...damages.map(([name]) => name), ...(isCut ? ["cut"] : [])],
      };
    },
    (text) => readSnapshot(text, "snapshot.json"),
    0.2,
  ),
);

test("a snapshot without any of its members is refused with the place of it", () => {
  const text = writeSnapshot(readSysfs(printedTree(madeMachine(randomOf(3)))));
  const refusal = (value: unknown): PeerlaneError | undefined => {
    try {
      readSnapshot(JSON.stringify(value, null, 1), "snapshot.json");
    } catch (error) {
      return error as PeerlaneError;
    }
    return undefined;
  };
  const snapshot = JSON.parse(text) as Record<string, unknown> & Snapshot;
  expect(refusal(snapshot)).toBeUndefined();
  for (const key of Object.keys(snapshot).filter((key) => key !== "schema")) {
    const { [key]: _, ...rest } = snapshot;
    expect(refusal(rest)).toMatchObject({ code: "bad-input", place: { file: "snapshot.json" } });
  }
  const [first = {}] = snapshot.functions;
  for (const key of Object.keys(first)) {
    const { [key]: _, ...rest } = first;
    const functions = [rest, ...snapshot.functions.slice(1)];
    const place = { file: "snapshot.json", line: expect.any(Number) as number };
    expect(refusal({ ...snapshot, functions })).toMatchObject({ code: "bad-input", place });
  }
});

test("an id that no device has is unknown in a snapshot", () => {
  const snapshot = JSON.parse(writeSnapshot(readSysfs(printedTree(madeMachine(randomOf(3)))))) as Snapshot;
  for (const id of ["0x0000", "0xffff"]) {
    const functions = snapshot.functions.map((fn) => ({ ...fn, vendorId: id }));
    const machine = readSnapshot(JSON.stringify({ ...snapshot, functions }), "snapshot.json");
    expect(machine.functions.every(({ vendorId, deviceId }) => isUnknown(vendorId) && isUnknown(deviceId))).toBe(true);
  }
});
