import type { Answer } from "../../answers/answer.ts";
import { dmaMaskGates, iommuGates, noPeerDmaGates } from "../../answers/driver-gates.ts";
import { type Gate, type GateKind, isSureBlock } from "../../answers/gate.ts";
import { type Machine, topologyOf } from "../../host/machine.ts";
import type { Topology } from "../../pci/topology.ts";
import type { MapType } from "../../rules/verdict.ts";
import type { Pair } from "./idea.ts";

/** Gates of providers without memory: nothing gives them some. */
const WITHOUT_MEMORY: readonly GateKind[] = ["bar-missing", "registers-only"];

/** What of a machine stops pairs beside their paths. */
type Behind = Pick<Machine, "iommu" | "kernel">;

/**
 * What stops pairs whatever the kernel decides: a provider without memory; drivers that never let a peer at it; an address
 * beyond the client's DMA mask, or one that a translating IOMMU rejects. What has a way out of its own (`gateRemedies`) stops
 * no idea.
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
    this.#always = before.map(
      ({ gates }) => gates.find((gate) => WITHOUT_MEMORY.includes(gate.kind) && isSureBlock(gate)) ?? null,
    );
  }

  /**
   * What stops a pair, by its place, with a map type on a machine with another IOMMU or kernel; `null` for nothing. A move
   * gives BARs other addresses: those that they have now are taken to stay where they are in the one thing that counts,
   * within the mask or beyond it.
   */
  of(pair: number, mapType: MapType, { iommu, kernel }: Behind): Gate | null {
    const always = this.#always[pair];
    if (always !== undefined && always !== null) return always;
    const [asked, answer] = [this.#pairs[pair], this.#before[pair]];
    if (asked === undefined || answer === undefined) return null;
    const { provider, client } = asked;
    const judged = { provider, client, mapType, askedBy: answer.askedBy };
    const isAsItIs = iommu === this.#machine.iommu && kernel === this.#machine.kernel;
    const machine = isAsItIs ? this.#machine : { ...this.#machine, iommu, kernel };
    const gates = [
      ...noPeerDmaGates(machine, answer.askedBy),
      ...dmaMaskGates(this.#topology.functionOf(provider), this.#topology.functionOf(client), judged, machine),
      ...iommuGates(judged, machine),
    ];
    return gates.find(isSureBlock) ?? null;
  }

  /** True where the way on which addresses are handed out decides about a pair: then translation may get it through. */
  get hangOnAddresses(): boolean {
    return this.#pairs.some(
      (_, pair) =>
        this.#always[pair] === null &&
        (["bus-addr", "thru-host-bridge"] as const).some((mapType) => this.of(pair, mapType, this.#machine) !== null),
    );
  }
}
