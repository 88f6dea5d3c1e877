import { type Machine, topologyOf } from "../host/machine.ts";
import { type Device, type DeviceSelection, devicesOfInterest, resolveDevice } from "../host/select.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import { ROOT_BUS_HIDDEN, type Topology } from "../pci/topology.ts";
import { allReleases, isThroughSupported, type MergedOutcome, mergeOutcomes } from "./by-release.ts";
import { decidePairs, HOPS_HIDDEN, type HostBridgeDecisions, type PairArrays } from "./decide-all.ts";
import { decideHostBridge, type HostBridgeFacts, type HostBridgeOutcome } from "./host-bridge.ts";
import { type InferredCpu, inferCpu } from "./inferred-cpu.ts";
import { chooseRules, type RulesChoice } from "./kernels/choose-rules.ts";
import { type KernelRules, verdictKey } from "./kernels/kernel-rules.ts";
import { BUS_ADDR, mapTypeName, NOT_SUPPORTED, UNKNOWN } from "./map-type.ts";
import { acsOnPath, findPath, type Path } from "./path.ts";
import type { MapType, PairPath, Verdict } from "./verdict.ts";

/** What to decide; without it, every device of interest, by the rules of the machine's own kernel. */
export interface DecideOptions {
  readonly providers?: readonly Bdf[];
  readonly clients?: readonly Bdf[];
  /** A release (`6.12`) whose rules to use instead of the machine's. */
  readonly rules?: string;
}

/** The path of a pair, by its position in the table. */
interface FoundPath {
  readonly position: number;
  readonly path: Path;
  readonly pair: PairPath;
}

/** More pairs than this are refused: a table of them would not fit in memory, let alone be read. */
const MAX_PAIRS = 100_000_000;

/** Verdicts of providers × clients. Pairs are named by their positions in `providers` and `clients`. */
export class VerdictTable {
  readonly machine: Machine;
  readonly topology: Topology;
  readonly rules: RulesChoice;
  readonly providers: readonly Bdf[];
  readonly clients: readonly Bdf[];
  /** What the machine's functions say of a CPU that its source does not name; `null` where nothing, or it does. */
  readonly inferredCpu: InferredCpu | null;
  readonly #providerIndices: Int32Array;
  readonly #clientIndices: Int32Array;
  readonly #pairs: PairArrays;
  readonly #hostBridges: HostBridges;

  #last: FoundPath | undefined;

  constructor(machine: Machine, selection: DeviceSelection, rules: RulesChoice, topology: Topology) {
    this.machine = machine;
    this.topology = topology;
    this.rules = rules;
    this.providers = selection.providers;
    this.clients = selection.clients;
    if (this.providers.length * this.clients.length > MAX_PAIRS) {
      throw new PeerlaneError(
        "too-large",
        `${this.providers.length} providers × ${this.clients.length} clients are too many pairs`,
        {
          remedy: "name the devices of interest with --providers and --clients",
        },
      );
    }
    this.#providerIndices = indicesOf(topology, this.providers);
    this.#clientIndices = indicesOf(topology, this.clients);
    this.inferredCpu = inferCpu(machine);
    this.#hostBridges = new HostBridges({ ...machine, inferredCpu: this.inferredCpu }, topology, rules);
    this.#pairs = decidePairs(topology, this.#providerIndices, this.#clientIndices, this.#hostBridges);
    // A kernel without P2PDMA decides nothing: no pair works.
    if (rules.candidates.length === 0) this.#pairs.mapTypes.fill(NOT_SUPPORTED);
  }

  #position(i: number, j: number): number {
    const [rows, columns] = [this.providers.length, this.clients.length];
    if (!(Number.isInteger(i) && Number.isInteger(j) && i >= 0 && i < rows && j >= 0 && j < columns)) {
      throw this.#noPair(i, j);
    }
    return i * columns + j;
  }

  #noPair(i: number, j: number): PeerlaneError {
    const size = `${this.providers.length} × ${this.clients.length}`;
    return new PeerlaneError("usage", `no pair (${String(i)}, ${String(j)}) in a table of ${size}`, {
      remedy: "pairs are named by their positions in providers and clients; between(provider, client) takes names",
    });
  }

  /** One of the bytes of `map-type.ts`. */
  #mapTypeAt(i: number, j: number): number {
    return this.#pairs.mapTypes[this.#position(i, j)] ?? UNKNOWN;
  }

  mapType(i: number, j: number): MapType {
    return mapTypeName(this.#mapTypeAt(i, j));
  }

  /** Steps from the provider plus steps from the client; `null` when the topology is hidden. */
  hops(i: number, j: number): number | null {
    const hops = this.#pairs.hops[this.#position(i, j)] ?? HOPS_HIDDEN;
    return hops === HOPS_HIDDEN ? null : hops;
  }

  /** What the kernel returns: hops, -1 when not supported, `null` when unknown. */
  distance(i: number, j: number): number | null {
    return distanceOf(this.#mapTypeAt(i, j), this.hops(i, j), this.rules);
  }

  /** True when a function on the path is known to redirect. */
  redirected(i: number, j: number): boolean {
    return acsOnPath(this.topology, this.#path(i, j)).redirect.length > 0;
  }

  /** Indices of provider and client in the topology. */
  #ends(i: number, j: number): readonly [provider: number, client: number] {
    return [entryAt(this.#providerIndices, i), entryAt(this.#clientIndices, j)];
  }

  /** Several witnesses ask of one pair after another: its path is found once. */
  #found(i: number, j: number): FoundPath {
    const position = this.#position(i, j);
    if (this.#last?.position !== position) {
      const path = findPath(this.topology, ...this.#ends(i, j));
      this.#last = { position, path, pair: this.#pairPath(i, j, path) };
    }
    return this.#last;
  }

  #path(i: number, j: number): Path {
    return this.#found(i, j).path;
  }

  /** How a pair hangs together: cheaper than {@link at}. */
  path(i: number, j: number): PairPath {
    return this.#found(i, j).pair;
  }

  #pairPath(i: number, j: number, { meeting, providerArm, clientArm }: Path): PairPath {
    return {
      provider: this.providers[i] as Bdf,
      client: this.clients[j] as Bdf,
      meeting: meeting === undefined ? null : bdfAt(this.topology, meeting),
      path: [...providerArm, ...clientArm.toReversed()].map((index) => bdfAt(this.topology, index)),
    };
  }

  /** What decided a pair: cheaper than {@link at}. */
  why(i: number, j: number): Why {
    const path = this.#path(i, j);
    const acs = acsOnPath(this.topology, path);
    return {
      ...this.#why(i, j, this.#mapTypeAt(i, j), path, acs),
      acsRedirect: acs.redirect.map((index) => bdfAt(this.topology, index)),
    };
  }

  /**
   * The whole verdict of one pair, its devices by any name. Throws `unknown-device` for a device that the machine or the
   * table does not have.
   */
  between(provider: Device, client: Device): Verdict {
    return this.at(
      this.#positionOf(this.providers, provider, "provider"),
      this.#positionOf(this.clients, client, "client"),
    );
  }

  #positionOf(devices: readonly Bdf[], device: Device, role: string): number {
    const bdf = resolveDevice(this.machine, device);
    const position = devices.indexOf(bdf);
    if (position >= 0) return position;
    throw new PeerlaneError("unknown-device", `${formatBdf(bdf)} is no ${role} of this table`, {
      remedy: `make a table with it: { ${role}s: ["${formatBdf(bdf)}"] }`,
    });
  }

  /** The whole verdict of one pair: path and reasons. */
  at(i: number, j: number): Verdict {
    const mapType = this.#mapTypeAt(i, j);
    const path = this.#path(i, j);
    const acs = acsOnPath(this.topology, path);
    const bdfOf = (index: number): Bdf => bdfAt(this.topology, index);
    const hops = this.hops(i, j);
    const { provider, client, meeting, path: way } = this.path(i, j);
    const { reason, hidden, supported, throughHostBridge, releases } = this.#why(i, j, mapType, path, acs);
    // Written out, as tables have many pairs: spreading objects into another takes ten times as long.
    const verdict: { -readonly [Key in keyof Verdict]: Verdict[Key] } = {
      provider,
      client,
      meeting,
      path: way,
      reason,
      hidden: hidden.length < 2 ? hidden : [...new Set(hidden)],
      supported,
      mapType: mapTypeName(mapType),
      distance: distanceOf(mapType, hops, this.rules),
      hops,
      acsRedirect: acs.redirect.map(bdfOf),
      acsHidden: acs.hidden.map(bdfOf),
    };
    if (throughHostBridge !== undefined) verdict.throughHostBridge = throughHostBridge;
    if (releases !== undefined) verdict.releases = releases;
    return verdict;
  }

  #why(
    i: number,
    j: number,
    mapType: number,
    path: Path,
    acs: { redirect: number[]; hidden: number[] },
  ): Omit<Why, "acsRedirect"> {
    const [provider, client] = this.#ends(i, j);
    if (this.rules.candidates.length === 0) return { reason: "kernel-too-old", hidden: [], supported: false };
    if (mapType === BUS_ADDR) {
      const releases = allReleases(this.rules);
      return {
        reason: provider === client ? "same-function" : "common-upstream-bridge",
        hidden: [],
        supported: true,
        ...(releases === undefined ? {} : { releases }),
      };
    }
    const providerRoot = this.topology.rootOf(provider);
    const clientRoot = this.topology.rootOf(client);
    if (path.meeting !== undefined) {
      const redirected = this.#hostBridges.redirected(providerRoot ?? ROOT_BUS_HIDDEN);
      if (acs.redirect.length > 0) return whyOf(redirected);
      return {
        reason: "acs-hidden",
        hidden: acs.hidden.map((index) => hiddenReason(this.topology, index)),
        supported: isThroughSupported(redirected) === true ? true : null,
        throughHostBridge: redirected.byRelease,
      };
    }
    if (providerRoot === undefined || clientRoot === undefined) {
      const tops = [path.providerArm.at(-1), path.clientArm.at(-1)].filter(
        (top): top is number => top !== undefined && this.topology.rootOf(top) === undefined,
      );
      return {
        reason: "topology-hidden",
        hidden: tops.map((top) => {
          const what = `the source does not show what is above ${formatBdf(bdfAt(this.topology, top))}`;
          const { attachment } = this.topology.functionAt(top);
          return isUnknown(attachment) ? `${what}: ${attachment.unknown}` : what;
        }),
        supported: this.#isSupportedAnyway() ? true : null,
      };
    }
    return whyOf(this.#hostBridges.apart(providerRoot, clientRoot));
  }

  /** Whether every pair works, direct or through host bridges that nobody needs to name: on CPUs that the kernel trusts. */
  #isSupportedAnyway(): boolean {
    return [
      this.#hostBridges.redirected(ROOT_BUS_HIDDEN),
      this.#hostBridges.apart(ROOT_BUS_HIDDEN, ROOT_BUS_HIDDEN),
    ].every((outcome) => isThroughSupported(outcome) === true);
  }
}

/** What decided a pair, as far as a verdict says it. */
export type Why = Pick<Verdict, "reason" | "acsRedirect" | "hidden" | "releases" | "throughHostBridge" | "supported">;

function whyOf(outcome: MergedOutcome): Omit<Why, "acsRedirect"> {
  const { reason, hidden, byRelease, releases } = outcome;
  return {
    reason,
    hidden,
    supported: isThroughSupported(outcome),
    throughHostBridge: byRelease,
    ...(releases === undefined ? {} : { releases }),
  };
}

function bdfAt(topology: Topology, index: number): Bdf {
  return topology.functionAt(index).bdf;
}

function hiddenReason(topology: Topology, index: number): string {
  const { acs } = topology.functionAt(index);
  return acs !== null && isUnknown(acs) ? acs.unknown : "";
}

function distanceOf(mapType: number, hops: number | null, { candidates, chosenBy }: RulesChoice): number | null {
  if (mapType === NOT_SUPPORTED) return -1;
  if (mapType === UNKNOWN || hops === null) return null;
  if (mapType === BUS_ADDR) return hops;
  // Where the source names no kernel, the newest release speaks.
  const asked = chosenBy === "nothing" ? candidates.slice(-1) : candidates;
  const [extra, ...others] = new Set(asked.map((rules) => rules.distanceThroughHostBridge));
  return extra === undefined || others.length > 0 ? null : hops + extra;
}

function indicesOf(topology: Topology, bdfs: readonly Bdf[]): Int32Array {
  return Int32Array.from(bdfs, (bdf) => topology.indexOf(bdf));
}

/** What the host bridges of a machine decide, for whoever asks of places rather than of pairs. */
export function hostBridgesOf(machine: Machine, topology: Topology, rules?: string): HostBridgeDecisions {
  const choice = chooseRules(machine, rules);
  return new HostBridges({ ...machine, inferredCpu: inferCpu(machine) }, topology, choice);
}

/** Answers for the host bridges of one machine, each looked up once. */
class HostBridges implements HostBridgeDecisions {
  readonly #facts: HostBridgeFacts;
  readonly #topology: Topology;
  readonly #rules: RulesChoice;
  /** The candidates that decide differently, and which of them each candidate decides as. */
  readonly #distinct: readonly KernelRules[];
  readonly #decidesAs: readonly number[];
  readonly #redirected = new Map<number, MergedOutcome>();
  readonly #apart = new Map<number, MergedOutcome>();

  constructor(facts: HostBridgeFacts, topology: Topology, rules: RulesChoice) {
    this.#facts = facts;
    this.#topology = topology;
    this.#rules = rules;
    const keys = rules.candidates.map(verdictKey);
    const distinct = [...new Set(keys)];
    this.#decidesAs = keys.map((key) => distinct.indexOf(key));
    this.#distinct = distinct.map((key) => rules.candidates[keys.indexOf(key)] as KernelRules);
  }

  #merged(decide: (rules: KernelRules) => HostBridgeOutcome): MergedOutcome {
    const outcomes = this.#distinct.map(decide);
    return mergeOutcomes(
      this.#decidesAs.map((index) => outcomes[index] as HostBridgeOutcome),
      this.#rules,
    );
  }

  #decide(rules: KernelRules, providerRoot: number, clientRoot: number): HostBridgeOutcome {
    return decideHostBridge(this.#topology, this.#facts, rules, providerRoot, clientRoot);
  }

  redirected(root: number): MergedOutcome {
    let outcome = this.#redirected.get(root);
    if (outcome === undefined) {
      outcome = this.#merged((rules) =>
        rules.redirectedMayUseHostBridge
          ? this.#decide(rules, root, root)
          : { mapType: NOT_SUPPORTED, reason: "acs-redirect-refused", hidden: [] },
      );
      this.#redirected.set(root, outcome);
    }
    return outcome;
  }

  apart(providerRoot: number, clientRoot: number): MergedOutcome {
    const key = providerRoot * 0x10000 + clientRoot;
    let outcome = this.#apart.get(key);
    if (outcome === undefined) {
      outcome = this.#merged((rules) => this.#decide(rules, providerRoot, clientRoot));
      this.#apart.set(key, outcome);
    }
    return outcome;
  }
}

/** Decides every pair of `options.providers` × `options.clients`; without them, of all devices of interest, both ways. */
export function decideAll(machine: Machine, options: DecideOptions = {}): VerdictTable {
  const { providers = devicesOfInterest(machine), clients = devicesOfInterest(machine) } = options;
  return new VerdictTable(machine, { providers, clients }, chooseRules(machine, options.rules), topologyOf(machine));
}

/** Decides one pair. */
export function decide(
  machine: Machine,
  provider: Bdf,
  client: Bdf,
  options: { readonly rules?: string } = {},
): Verdict {
  return decideAll(machine, { ...options, providers: [provider], clients: [client] }).at(0, 0);
}
