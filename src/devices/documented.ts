import { type Machine, topologyOf } from "../host/machine.ts";
import type { Provider } from "../memory/provider.ts";
import type { Bdf } from "../pci/bdf.ts";
import { directionsIn, platformContext } from "../platforms/directions.ts";
import { decideAll } from "../rules/verdict-table.ts";

/** Whether requests of a device to a peer arrive, as documented; `null` where nothing is. */
export interface Documented {
  readonly write: boolean | null;
  readonly read: boolean | null;
  readonly facts: readonly string[];
}

/** What the documented facts of a machine's hardware say of peers without a common bridge, for a client. */
export function documentedIn(machine: Machine, client: Bdf): (provider: Provider) => Documented {
  const context = platformContext(machine, topologyOf(machine));
  return ({ owner }) => {
    const { meeting } = decideAll(machine, { providers: [owner], clients: [client] }).at(0, 0);
    if (meeting !== null) return { write: null, read: null, facts: [] };
    const { write, read } = directionsIn(context, { provider: owner, client, meeting: null, path: [] });
    const known = (outcome: string): boolean | null => (outcome === "unknown" ? null : outcome !== "fails");
    return {
      write: known(write.outcome),
      read: known(read.outcome),
      facts: [...new Set([...write.facts, ...read.facts])],
    };
  };
}
