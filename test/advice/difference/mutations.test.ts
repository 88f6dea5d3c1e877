import { describe, expect, test } from "vitest";
import type { WholeDifference } from "../../../src/advice/difference/compare-all.ts";
import { countAnswers, gotWorse } from "../../../src/advice/difference/judge.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { topologyOf } from "../../../src/host/machine.ts";
import { linkGbps } from "../../../src/link/rate.ts";
import type { Bdf } from "../../../src/pci/bdf.ts";
import { busKeyOf, formatBdf } from "../../../src/pci/bdf.ts";
import { isBridge } from "../../../src/pci/device-kind.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { isUnknown, unknown } from "../../../src/pci/known.ts";
import { explainJson } from "../../../src/report/json.ts";
import type { ExplainJson } from "../../../src/report/json-types.ts";
import { PeerRoutes } from "../../../src/routes/peer-routes.ts";
import { expectedIommuGroups } from "../../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../../src/rules/verdict-table.ts";
import { linksOfPair } from "../../../src/summary/links.ts";
import { bootScenario, check } from "../../policy/machines.ts";
import { intel, zen } from "../../rules/by-hand.ts";
import { BASE, diff, shown } from "./machines.ts";
import { functionFields, type Mutation, machineFields, type Shows } from "./mutations.ts";

/** A machine of which everything is known, as sysfs shows it: what `lspci` and scenarios hide is there, too. */
function furnished(scenario: string): Machine {
  const machine = bootScenario(scenario);
  const registers = {
    ...{ deviceCapabilities: 1, deviceControl: 0x2810, deviceStatus: 0, linkCapabilities: 2, linkControl: 0x40 },
    ...{
      linkStatus: 0,
      deviceCapabilities2: 3,
      deviceControl2: 0,
      linkCapabilities2: 4,
      linkControl2: 0,
      linkStatus2: 0,
    },
  };
  const topology = topologyOf(machine);
  const functions = machine.functions.map((fn, index): PciFunction => {
    const express = isUnknown(fn.express) || fn.express === null ? null : fn.express;
    const isPort = express?.type === "root-port" || express?.type === "downstream-port";
    return {
      ...fn,
      vendorId: isUnknown(fn.vendorId) ? 0x1af4 : fn.vendorId,
      deviceId: isUnknown(fn.deviceId) ? 0x1000 + index : fn.deviceId,
      subsystem: { vendorId: 0x1028, deviceId: index },
      numaNode: isUnknown(fn.numaNode) ? 0 : fn.numaNode,
      driver: isUnknown(fn.driver) ? (isBridge(fn) ? "pcieport" : "nvme") : fn.driver,
      dmaMaskBits: isBridge(fn) ? 32 : 64,
      command: 6,
      acs: isUnknown(fn.acs) ? null : fn.acs,
      p2pmem: index % 5 === 4 ? null : isUnknown(fn.p2pmem) ? null : fn.p2pmem,
      physicalFunction: isUnknown(fn.physicalFunction) ? null : fn.physicalFunction,
      attachment: {
        upstream: topology.bridgeAbove(fn.bdf)?.bdf ?? null,
        rootBus: topology.rootBusOf(index)?.rootBus ?? busKeyOf(fn.bdf),
      },
      capabilities: [
        {
          space: "standard",
          id: 0x11,
          version: 0,
          offset: 0x50,
          name: "MSI-X",
          decoded: { enabled: true, tableSize: 4 },
        },
      ],
      express: express && {
        ...express,
        registers,
        slotImplemented: isPort,
        slotNumber: isPort ? index : null,
        linkCapable: express.linkCapable === null ? null : { speedGTps: 32, width: 16 },
        linkStatus: express.linkStatus === null ? null : { speedGTps: 16, width: 8 },
      },
    };
  });
  const groups = expectedIommuGroups({ ...machine, functions }, topologyOf({ ...machine, functions }));
  const groupOf = (bdf: Bdf): number | null => (isUnknown(groups) ? null : (groups.get(bdf) ?? null));
  return {
    ...machine,
    source: { format: "sysfs", name: "furnished" },
    functions: functions.map((fn) => ({ ...fn, iommuGroup: groupOf(fn.bdf) })),
    cpu: isIntel(machine) ? intel : zen,
    kernel: {
      ...machine.kernel,
      config: { CONFIG_PCI_P2PDMA: "y", CONFIG_HSA_AMD_P2P: "n" },
      modules: { amdgpu: { version: null, parameters: { pcie_p2p: "Y" } } },
    },
    iommu: {
      ...machine.iommu,
      groupTypes:
        isUnknown(groups) || groups.size === 0
          ? new Map()
          : new Map([...groups.values()].map((group) => [group, "DMA"])),
    },
  };
}

function isIntel({ cpu }: Machine): boolean {
  return cpu.vendor === "GenuineIntel";
}

const machines = {
  "Intel, strict": furnished(BASE),
  "AMD Zen, passthrough, Linux 6.12, redirecting": furnished(
    BASE.replace("cpu: intel", "cpu: amd-zen")
      .replace("kernel: 7.2", "kernel: 6.12")
      .replace("iommu: strict", "iommu: passthrough")
      .replace('acs: "SV+"', 'acs: "SV+ RR+"')
      .replace("iommu=strict ", "")
      .replace("pci=disable_acs_redir=pci:1000:c030", ""),
  ),
};

/** A machine that was changed in one field, and which record became which. */
interface Mutant {
  readonly what: string;
  readonly machine: Machine;
  readonly shows: Shows;
  /** The address of each record after, by the one before; those that are gone are not in it. */
  readonly later: ReadonlyMap<Bdf, Bdf>;
}

const MUTATED = ["gpu0", "nic0", "nvme0"];

function* mutants(machine: Machine): Generator<Mutant> {
  const same = new Map(machine.functions.map(({ bdf }) => [bdf, bdf]));
  for (const [field, mutations] of Object.entries<readonly Mutation<Machine>[]>(machineFields)) {
    for (const [index, { change, shows }] of mutations.entries()) {
      const changed = change(machine);
      if (changed === undefined) continue;
      const kept = new Set(changed.functions.map(({ bdf }) => bdf));
      yield {
        what: `${field} ${index}`,
        machine: changed,
        shows,
        later: new Map([...same].filter(([, bdf]) => kept.has(bdf))),
      };
    }
  }
  const port = machine.functions.find(({ names }) => names.includes("rp2"));
  if (port === undefined) throw new Error("no other root port");
  const fields = functionFields({ upstream: port.bdf, rootBus: busKeyOf(port.bdf) });
  const topology = topologyOf(machine);
  const named = machine.functions.filter(({ names }) => names.some((name) => MUTATED.includes(name)));
  const [gpu] = named;
  // The ports at both ends of the way up; the switch between them has no register that they have not.
  const way = gpu === undefined ? [] : topology.bridgesAbove(topology.indexOf(gpu.bdf));
  const above = [way[0], way.at(-1)].filter((index) => index !== undefined);
  const subjects = [...named, ...above.map((index) => topology.functionAt(index)), machine.functions[0] as PciFunction];
  for (const fn of subjects) {
    for (const [field, mutations] of Object.entries<readonly Mutation<PciFunction>[]>(fields)) {
      for (const [index, { change, shows }] of mutations.entries()) {
        const changed = change(fn);
        if (changed === undefined) continue;
        const functions = machine.functions.map((one) => (one === fn ? changed : one)).sort((a, b) => a.bdf - b.bdf);
        // What hangs below a bridge names it; another address of a bridge alone is another machine.
        if (changed.bdf !== fn.bdf && isBridge(fn)) continue;
        yield {
          what: `${field} ${index} of ${fn.names[0] ?? formatBdf(fn.bdf)}`,
          machine: { ...machine, functions },
          shows,
          later: new Map([...same].map(([bdf]) => [bdf, bdf === fn.bdf ? changed.bdf : bdf])),
        };
      }
    }
  }
}

/** What a gate's sentence quotes of a machine: it may differ though the gate is the same. */
const EVIDENCE =
  /\b(?:0x[0-9a-f]+|\d+ address bits|\d+(?:\.\d+)? [KMGT]iB|Linux \d\S*|(?:strict|lazy)\b)|^\S+(?= is built without)|'[^']*'/g;

const ADDRESS = /\b[0-9a-f]{4}:[0-9a-f]{2}:[01][0-9a-f]\.[0-7]\b/g;

/** What `explain` says of a pair, in one direction, but for addresses in memory, names and roles of what is on the way. */
function said(json: ExplainJson, at: number): string {
  const direction = json.directions[at];
  if (direction === undefined) throw new Error("no such direction");
  const ways = new Set(direction.askedBy.ways.map(({ id }) => id));
  const asking = json.asking.filter(({ id }) => ways.has(id)).map(({ id, provisos }) => [id, provisos]);
  const { route, hardware, path, hidden: _, askedBy, gates, providerName: __, clientName: ___, ...rest } = direction;
  const way = (to: NonNullable<typeof route>["write"]): unknown =>
    "unknown" in to
      ? "unknown"
      : [to.outcome, to.endedAt, to.differs, to.hops.map(({ at: where, what }) => [where, what])];
  return JSON.stringify([
    rest,
    gates.map(({ kind, device, effect, message }) => [kind, device, effect, message.replaceAll(EVIDENCE, "…")]),
    path.map(({ bdf }) => bdf),
    hardware.write.outcome,
    hardware.write.facts,
    hardware.read.outcome,
    hardware.read.facts,
    askedBy.class,
    askedBy.ways,
    asking,
    route && [
      "unknown" in route.address ? "unknown" : [route.address.bar, route.address.kind],
      way(route.write),
      way(route.read),
    ],
  ]);
}

class Explained {
  readonly #table: VerdictTable;
  readonly #routes: PeerRoutes;
  readonly #known = new Map<string, ExplainJson>();
  readonly #said = new Map<string, readonly [explained: string, more: string]>();

  constructor(machine: Machine, devices: readonly Bdf[]) {
    this.#table = decideAll(machine, { providers: devices, clients: devices });
    this.#routes = new PeerRoutes(this.#table);
  }

  said(provider: Bdf, client: Bdf, name?: (bdf: string) => string): string {
    const pair = `${provider} ${client}`;
    const known = this.#said.get(pair) ?? this.#say(provider, client);
    this.#said.set(pair, known);
    const [text, more] = known;
    return `${name === undefined ? text : text.replaceAll(ADDRESS, name)} ${more}`;
  }

  #say(provider: Bdf, client: Bdf): readonly [string, string] {
    const [a, b] = provider < client ? [provider, client] : [client, provider];
    const key = `${a} ${b}`;
    let json = this.#known.get(key);
    if (json === undefined) {
      json = explainJson(this.#table, a, b, this.#routes);
      this.#known.set(key, json);
    }
    const more = [this.#pool(provider), this.#slowest(provider, client), this.#past(provider, client)];
    return [said(json, provider === a ? 0 : 1), more.join(" ")];
  }

  /** The slowest link, which explain has on its screen alone. */
  #slowest(provider: Bdf, client: Bdf): string {
    const { topology, providers, clients } = this.#table;
    const verdict = this.#table.at(providers.indexOf(provider), clients.indexOf(client));
    const { links, hidden } = linksOfPair(topology, verdict);
    const states = links.map(({ is, status, bothCan }) => (is === "idle-gpu" ? (bothCan ?? status) : status));
    const [slowest] = states.toSorted((one, other) => linkGbps(one) - linkGbps(other));
    return hidden.length > 0 ? "hidden" : JSON.stringify(slowest ?? null);
  }

  /** Where requests go past the IOMMU, which policies ask for. */
  #past(provider: Bdf, client: Bdf): string {
    const { providers, clients } = this.#table;
    const [i, j] = [providers.indexOf(provider), clients.indexOf(client)];
    return this.#table.mapType(i, j) === "bus-addr" ? "direct" : JSON.stringify(this.#routes.pastIommu(i, j));
  }

  /** Peer memory, which explain leaves to find and policies. */
  #pool(provider: Bdf): string {
    const { p2pmem, driver } = this.#table.topology.functionOf(provider);
    if (isUnknown(p2pmem) || p2pmem === null) return "null";
    return driver === null ? "no driver" : String(p2pmem.published);
  }
}

const known = new Map<string, Explained>();

/** What is explained of a machine as it is, once for all of its mutants. */
function explained(machine: Machine, devices: readonly Bdf[]): Explained {
  const key = `${Object.values(machines).indexOf(machine)} ${devices.join()}`;
  const before = known.get(key) ?? new Explained(machine, devices);
  known.set(key, before);
  return before;
}

/** The pairs of both machines of which `explain` says something else. */
function otherwise(machine: Machine, { machine: mutated, later }: Mutant, whole: WholeDifference): ReadonlySet<string> {
  const { providers, clients } = whole.before;
  const devices = [...new Set([...providers, ...clients])].filter((bdf) => later.has(bdf));
  const before = explained(machine, devices);
  const after = new Explained(
    mutated,
    devices.flatMap((bdf) => later.get(bdf) ?? []),
  );
  const apart = unmatched(whole);
  const isNamedAlike = apart.size === 0 && [...later].every(([bdf, now]) => bdf === now);
  const name = (text: string): string => {
    // What is on the way and another function now is another way.
    if (apart.has(text)) return `${text}, which is another`;
    const bdf = [...later.keys()].find((one) => formatBdf(one) === text);
    return bdf === undefined ? text : formatBdf(later.get(bdf) as Bdf);
  };
  const pairs = new Set<string>();
  for (const provider of providers) {
    for (const client of clients) {
      const [now, by] = [later.get(provider), later.get(client)];
      if (provider === client || now === undefined || by === undefined) continue;
      if (before.said(provider, client, isNamedAlike ? undefined : name) !== after.said(now, by))
        pairs.add(`${formatBdf(now)} → ${formatBdf(by)}`);
    }
  }
  return pairs;
}

/** The functions of which a difference says that they came, went or were replaced: nothing of theirs is compared. */
function unmatched({ difference: { added, removed, replaced } }: WholeDifference): ReadonlySet<string> {
  return new Set([...added, ...removed, ...replaced.flatMap(({ before, after }) => [before, after])].map(formatBdf));
}

const POLICY = `
require:
  - { name: direct, provider: gpu0, client: nic0, path: direct, gates: none }
  - { name: supported, provider: gpu0, client: nic0 }
  - { name: near, provider: gpu0, client: nic0, maxHops: 4, gates: ignore }
  - { name: far, provider: gpu0, client: nvme1, gates: ignore }
  - { name: back, provider: nvme0, client: gpu0 }
separate:
  - { name: apart, devices: [gpu0, nvme1] }
  - { name: below the switch, devices: [gpu0, nic0, nvme0] }
machine:
  kernel: ">=6.1"
  p2pdma: true
`;

function outcomes(machine: Machine): ReadonlyMap<string, string> {
  return new Map(check(machine, POLICY).results.map(({ rule, outcome }) => [rule.name, outcome]));
}

function isShown(shows: Shows, { difference }: WholeDifference): boolean {
  if ("fact" in shows) {
    return [...difference.facts, ...difference.functions].some(({ what }) => what === shows.fact);
  }
  if (!("word" in shows)) return true;
  if (shows.word === "groups") return difference.groups.length > 0;
  if (shows.word === "another" && difference.functions.some(({ what }) => what === "ids")) return true;
  const { renumbered, moved, swapped, replaced, added, removed } = difference;
  return [renumbered, moved, swapped, replaced, added, removed].some((list) => list.length > 0);
}

describe.for(Object.entries(machines))("Each field of a machine (%s), changed alone", ([, machine]) => {
  const policy = outcomes(machine);
  let mutations = 0;
  let answersThatDiffer = 0;

  test("is shown as what it is, with exactly the pairs of which explain says something else", () => {
    const wrong: string[] = [];
    for (const mutant of mutants(machine)) {
      mutations++;
      const whole = diff(machine, mutant.machine);
      const about = mutant.what;
      if (!isShown(mutant.shows, whole)) wrong.push(`${about} is not shown`);
      const apart = unmatched(whole);
      const wanted = [...otherwise(machine, mutant, whole)].filter(
        (pair) => !pair.split(" → ").some((name) => apart.has(name)),
      );
      const found = whole.answers.changes.map(
        ({ provider, client }) => `${formatBdf(provider)} → ${formatBdf(client)}`,
      );
      answersThatDiffer += wanted.length;
      const missed = wanted.filter((pair) => !found.includes(pair));
      const claimed = found.filter((pair) => !wanted.includes(pair));
      if (missed.length > 0) wrong.push(`${about}: missed ${missed.join()}`);
      if (claimed.length > 0) wrong.push(`${about}: claimed ${claimed.join()}`);
    }
    expect(wrong).toEqual([]);
    expect(mutations).toBeGreaterThan(400);
    expect(answersThatDiffer).toBeGreaterThan(500);
  });

  test("is no 'no difference' where a policy's outcome differs, and is worse where a pair or group is broken by it", () => {
    let broken = 0;
    for (const mutant of mutants(machine)) {
      const now = outcomes(mutant.machine);
      const changed = [...policy].filter(([name, outcome]) => now.get(name) !== outcome).map(([name]) => name);
      // A policy that names a device is about another one where the name is another's.
      if (changed.length === 0 || mutant.what.startsWith("names")) continue;
      const whole = diff(machine, mutant.machine);
      expect(shown(whole), `${mutant.what}: ${changed.join()}`).not.toContain("no difference");
      const isBroken = changed.some(
        (name) => policy.get(name) === "pass" && now.get(name) === "fail" && isAnswer(name),
      );
      if (!isBroken) continue;
      broken++;
      const isWorse = gotWorse(countAnswers(whole.answers, whole.difference.groups));
      expect(isWorse, `${mutant.what}: ${changed.join()} broken`).toBe(true);
    }
    expect(broken).toBeGreaterThan(2);
  });

  test("is no difference where one side hides it, and nothing got better or worse", () => {
    const hidden = unknown("hidden by the test");
    for (const fn of machine.functions) {
      for (const field of Object.keys(fn) as (keyof PciFunction)[]) {
        if (["bdf", "names", "label", "drawnBelow", "idsAmong"].includes(field)) continue;
        const functions = machine.functions.map((one) => (one === fn ? { ...one, [field]: hidden } : one));
        const partial = { ...machine, functions };
        for (const [before, after] of [
          [machine, partial],
          [partial, machine],
        ] as const) {
          const { difference, answers } = diff(before, after);
          const about = `${field} of ${formatBdf(fn.bdf)}`;
          const { facts, functions: changes, groups, moved, renumbered, replaced } = difference;
          expect([facts, changes, groups, moved, renumbered, replaced].flat(), about).toEqual([]);
          const effects = new Set(answers.changes.map(({ effect }) => effect));
          expect(effects.has("better") || effects.has("worse"), about).toBe(false);
        }
      }
    }
  });
});

/** Rules about pairs and groups, whose outcomes are answers; those about the machine itself are facts. */
function isAnswer(name: string): boolean {
  return ["direct", "supported", "near", "far", "back", "apart", "below the switch"].includes(name);
}
