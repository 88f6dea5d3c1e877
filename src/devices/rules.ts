import type { DecidePeer, PeerMapType } from "../dma/dma-device.ts";
import type { Machine } from "../host/machine.ts";
import type { DistanceBetween } from "../memory/allocate-for-clients.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { decideAll, type VerdictTable } from "../rules/verdict-table.ts";

/** The rules as the model asks them: what is unknown is refused aloud, never guessed. */
export interface AskedRules {
  readonly decide: DecidePeer;
  readonly distance: DistanceBetween;
}

/** The rules of a machine's kernel, or of another release; each pair is decided once. */
export function rulesOf(machine: Machine, rules: string | undefined): AskedRules {
  const tables = new Map<Bdf, Map<Bdf, VerdictTable>>();
  const tableOf = (provider: Bdf, client: Bdf): VerdictTable => {
    let byClient = tables.get(provider);
    if (byClient === undefined) {
      byClient = new Map();
      tables.set(provider, byClient);
    }
    let table = byClient.get(client);
    if (table === undefined) {
      const pair = { providers: [provider], clients: [client] };
      table = decideAll(machine, rules === undefined ? pair : { ...pair, rules });
      byClient.set(client, table);
    }
    return table;
  };
  const refuseUnknown = (provider: Bdf, client: Bdf, table: VerdictTable): never => {
    const reason = table.why(0, 0).hidden.join("; ");
    const pair = `${formatBdf(provider)} for ${formatBdf(client)}`;
    throw new PeerlaneError("unsupported", `the verdict of ${pair} is unknown: ${reason}`, {
      place: { file: machine.source.name },
      remedy: "the model decides only what is known: take a source that shows what is missing",
    });
  };
  return {
    decide: ({ owner }, client): PeerMapType => {
      const table = tableOf(owner, client);
      const mapType = table.mapType(0, 0);
      return mapType === "unknown" ? refuseUnknown(owner, client, table) : mapType;
    },
    distance: (provider, client): number => {
      const table = tableOf(provider, client);
      return table.distance(0, 0) ?? refuseUnknown(provider, client, table);
    },
  };
}
