import type { Answer } from "../../answers/answer.ts";
import { dmaMaskGates } from "../../answers/driver-gates.ts";
import type { Gate } from "../../answers/gate.ts";
import { type Iommu, type Machine, topologyOf } from "../../host/machine.ts";
import type { Topology } from "../../pci/topology.ts";
import type { MapType } from "../../rules/verdict.ts";
import type { Pair } from "./idea.ts";

/**
 * What stops pairs whatever the kernel decides, and hangs on the path or on nothing: an address beyond the client's DMA mask,
 * and a provider without memory. What has a way out beside the path (`gateRemedies`) stops no idea.
 */
export class Blockers {
  readonly #machine: Machine;
  readonly #topology: Topology;
  readonly #pairs: readonly Pair[];
  readonly #before: readonly Answer[];
  readonly #always: readonly (Gate | null)[];

  constructor(machine: Machine, pairs: readonly Pair[], before: readonly Answer[]) {
    this.#machine = machine;
    this.#topology = topologyOf(machine);
    this.#pairs = pairs;
    this.#before = before;
    this.#always = before.map(({ gates }) => gates.find(({ kind }) => kind === "bar-missing") ?? null);
  }

  /**
   * What stops a pair, by its place, with a map type and an IOMMU; `null` for nothing. A move gives BARs other addresses:
   * those that they have now are taken to stay where they are in the one thing that counts, within the mask or beyond it.
   */
  of(pair: number, mapType: MapType, iommu: Iommu): Gate | null {
    const always = this.#always[pair];
    if (always !== undefined && always !== null) return always;
    const [asked, answer] = [this.#pairs[pair], this.#before[pair]];
    if (asked === undefined || answer === undefined) return null;
    const { provider, client } = asked;
    const judged = { provider, client, mapType, askedBy: answer.askedBy };
    const machine = iommu === this.#machine.iommu ? this.#machine : { ...this.#machine, iommu };
    const gates = dmaMaskGates(this.#topology.functionOf(provider), this.#topology.functionOf(client), judged, machine);
    return gates.find(({ effect, doubt }) => effect === "blocks" && doubt === undefined) ?? null;
  }

  /** True where the way on which addresses are handed out decides about a pair: then translation may get it through. */
  get hangOnAddresses(): boolean {
    const { iommu } = this.#machine;
    return this.#pairs.some(
      (_, pair) =>
        this.#always[pair] === null &&
        (["bus-addr", "thru-host-bridge"] as const).some((mapType) => this.of(pair, mapType, iommu) !== null),
    );
  }
}
