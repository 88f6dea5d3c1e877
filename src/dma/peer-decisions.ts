import type { CostCounters } from "../memory/cost.ts";
import type { Provider } from "../memory/provider.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { DecidePeer, PeerMapType } from "./dma-device.ts";

/** The rules' answers: each pair is asked about once, and kept for the provider's life (`map_types`, Linux 7.2). */
export class PeerDecisions {
  readonly #decide: DecidePeer;
  readonly #cost: CostCounters;
  readonly #decided = new WeakMap<Provider, Map<Bdf, PeerMapType>>();

  constructor(decide: DecidePeer, cost: CostCounters) {
    this.#decide = decide;
    this.#cost = cost;
  }

  mapType(provider: Provider, client: Bdf): PeerMapType {
    let byClient = this.#decided.get(provider);
    if (byClient === undefined) {
      byClient = new Map();
      this.#decided.set(provider, byClient);
    }
    let type = byClient.get(client);
    if (type === undefined) {
      this.#cost.mapTypeDecisions++;
      type = this.#decide(provider, client);
      byClient.set(client, type);
    }
    return type;
  }
}
