import type { Machine } from "../../src/host/machine.ts";
import { busKeyOf, deviceOf, functionOf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import type { Topology } from "../../src/pci/topology.ts";
import type { KernelRules } from "../../src/rules/kernels/kernel-rules.ts";

/**
 * A judge of pairs apart from Peerlane's: it takes every value that a machine's description leaves open (release, CPU, ACS
 * of each function, the first device of a root bus) and asks each combination by the rules of docs/rules.md. Of `src` it
 * uses the tables of releases and the tree that was read, nothing that decides.
 */
export class CandidateJudge {
  readonly #machine: Machine;
  readonly #topology: Topology;
  readonly #cpus: readonly CandidateCpu[];

  /** `cpus`: what the CPU may be, by somebody who looked at the machine. */
  constructor(machine: Machine, topology: Topology, cpus: readonly CandidateCpu[]) {
    this.#machine = machine;
    this.#topology = topology;
    this.#cpus = cpus;
  }

  /** All that a release may decide for a pair, over everything that is open. */
  verdicts(rules: KernelRules, provider: number, client: number): ReadonlySet<string> {
    const said = new Set<string>();
    const up = this.#chain(provider);
    const down = this.#chain(client);
    const meeting = up.find((index) => down.includes(index));
    if (meeting === undefined) {
      const tops = [up.at(-1), down.at(-1)].map((top) => (top === undefined ? undefined : this.#rootBus(top)));
      // Nothing is above both as far as the source shows; where it hides what is above, there may be.
      if (tops.includes(undefined)) return new Set(["bus-addr", "thru-host-bridge", "not-supported"]);
      this.#throughHost(rules, tops as number[], said);
      return said;
    }
    const way = [...up.slice(0, up.indexOf(meeting) + 1), ...down.slice(0, down.indexOf(meeting))];
    const acs = way.map((index) => this.#topology.functionAt(index).acs).filter((one) => one !== null);
    const redirects = acs.some((one) => !isUnknown(one) && (one.control & 0x2c) !== 0);
    if (!redirects) said.add("bus-addr");
    if (redirects || acs.some(isUnknown)) {
      if (rules.redirectedMayUseHostBridge) this.#throughHost(rules, [this.#rootBus(provider)], said);
      else said.add("not-supported");
    }
    return said;
  }

  #chain(index: number): number[] {
    const chain = [index];
    for (let above = this.#topology.parentOf(index); above !== undefined; above = this.#topology.parentOf(above))
      chain.push(above);
    return chain;
  }

  #rootBus(index: number): number | undefined {
    const top = this.#chain(index).at(-1);
    if (top === undefined || !this.#topology.isOnRootBus(top)) return undefined;
    return this.#topology.rootBusOf(top)?.rootBus ?? busKeyOf(this.#topology.functionAt(top).bdf);
  }

  #throughHost(rules: KernelRules, buses: readonly (number | undefined)[], said: Set<string>): void {
    const { mode } = this.#machine.iommu;
    if (rules.iommuClosesHostBridge && mode !== "off") {
      said.add("not-supported");
      if (!isUnknown(mode)) return;
    }
    for (const cpu of this.#cpus) {
      if (cpu === "zen" && rules.firstAmdFamily !== null) {
        said.add("thru-host-bridge");
        continue;
      }
      const isSame = new Set(buses).size === 1;
      let outcomes: readonly boolean[] = [true];
      for (const bus of new Set(buses)) {
        const here = new Set<boolean>();
        for (const ids of bus === undefined ? this.#anyIds(rules) : this.#firstDevices(rules, bus))
          here.add(isListed(rules, ids, isSame));
        outcomes = outcomes.flatMap((before) => [...here].map((one) => before && one));
      }
      for (const isAllowed of outcomes) said.add(isAllowed ? "thru-host-bridge" : "not-supported");
    }
  }

  /** Ids that the kernel may look up for a root bus; `null` where it finds no device that it could. */
  #firstDevices(rules: KernelRules, bus: number): readonly (string | null)[] {
    const members = this.#machine.functions.filter(
      (fn, index) =>
        busKeyOf(fn.bdf) === bus &&
        this.#topology.isOnRootBus(index) &&
        (isUnknown(fn.physicalFunction) || fn.physicalFunction === null),
    );
    const [first] = members;
    const isFirst = first !== undefined && deviceOf(first.bdf) === 0 && functionOf(first.bdf) === 0;
    if (isFirst) return this.#idsOf(rules, first);
    if (this.#mayMissFirst(bus)) return this.#anyIds(rules);
    if (first === undefined || !rules.rootPortStandsForHostBridge) return [null];
    const type = isUnknown(first.express) ? "?" : first.express === null ? "none" : first.express.type;
    if (typeof type === "string" && type !== "?") return type === "root-port" ? this.#idsOf(rules, first) : [null];
    return [null, ...this.#idsOf(rules, first)];
  }

  #mayMissFirst(bus: number): boolean {
    const { functionsMayBeMissing, source, hostBridges } = this.#machine;
    if (functionsMayBeMissing !== undefined) return true;
    if ((source.madeOf ?? source.format) !== "lspci") return false;
    // A tree draws every root bus from its first device on.
    return isUnknown(hostBridges) || !hostBridges.some(({ rootBus }) => rootBus === bus);
  }

  #idsOf(rules: KernelRules, { vendorId, deviceId, idsAmong }: PciFunction): readonly string[] {
    if (idsAmong !== undefined) return idsAmong.map((ids) => `${ids.vendorId}:${ids.deviceId}`);
    if (isUnknown(vendorId)) return this.#anyIds(rules);
    if (!isUnknown(deviceId)) return [`${vendorId}:${deviceId}`];
    return this.#anyIds(rules)
      .filter((ids) => ids.startsWith(`${vendorId}:`) || ids === UNLISTED)
      .map((ids) => (ids === UNLISTED ? `${vendorId}:65534` : ids));
  }

  #anyIds(rules: KernelRules): readonly string[] {
    return [
      UNLISTED,
      ...rules.allowList.map((entry) => `${entry.vendorId}:${entry.deviceId === "any" ? 1 : entry.deviceId}`),
    ];
  }
}

/** What the rules ask of a CPU. */
export type CandidateCpu = "zen" | "other";

/** Of no vendor that any list has. */
const UNLISTED = "65533:65534";

function isListed({ allowList }: KernelRules, ids: string | null, isSameHostBridge: boolean): boolean {
  if (ids === null) return false;
  const [vendorId, deviceId] = ids.split(":").map(Number);
  return allowList.some(
    (entry) =>
      entry.vendorId === vendorId &&
      (entry.deviceId === "any" || entry.deviceId === deviceId) &&
      (isSameHostBridge || !entry.sameHostBridgeOnly),
  );
}

/** What is known of a pair: the one verdict, and from which release on; `undefined` where there is none. */
export interface KnownPair {
  readonly mapType: string;
  readonly from: string;
}

/**
 * The one verdict of all candidates, if every release from `oldest` on has it, claimed from there on or, if all have it,
 * from the first on; `rules` oldest first.
 */
export function agreed(
  judge: CandidateJudge,
  rules: readonly KernelRules[],
  oldest: string,
  pair: readonly [provider: number, client: number],
): KnownPair | undefined {
  const number = (release: string): number => {
    const [major = 0, minor = 0] = release.split(".").map(Number);
    return major * 1000 + minor;
  };
  let known: KnownPair | undefined;
  for (const one of rules.toReversed()) {
    const said = judge.verdicts(one, ...pair);
    const [only] = said;
    if (said.size !== 1 || only === undefined || (known !== undefined && only !== known.mapType)) break;
    known = { mapType: only, from: one.release };
  }
  if (known === undefined || number(known.from) > number(oldest)) return undefined;
  return known.from === rules[0]?.release ? known : { ...known, from: oldest };
}
