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

/** The rules of a machine's kernel, or of another release; each provider is decided once, for all functions. */
export function rulesOf(machine: Machine, rules: string | undefined): AskedRules {
  const clients = machine.functions.map(({ bdf }) => bdf);
  const places = new Map(clients.map((bdf, place) => [bdf, place]));
  const tables = new Map<Bdf, VerdictTable>();
  const tableOf = (provider: Bdf): VerdictTable => {
    let table = tables.get(provider);
    if (table === undefined) {
      const selection = { providers: [provider], clients };
      table = decideAll(machine, rules === undefined ? selection : { ...selection, rules });
      tables.set(provider, table);
    }
    return table;
  };
  const placeOf = (client: Bdf): number => {
    const place = places.get(client);
    if (place !== undefined) return place;
    throw new PeerlaneError("unknown-device", `no function ${formatBdf(client)} in ${machine.source.name}`);
  };
  const refuseUnknown = (provider: Bdf, client: Bdf): never => {
    const reason = tableOf(provider).why(0, placeOf(client)).hidden.join("; ");
    const pair = `${formatBdf(provider)} for ${formatBdf(client)}`;
    throw new PeerlaneError("unsupported", `the verdict of ${pair} is unknown: ${reason}`, {
      place: { file: machine.source.name },
      remedy: "the model decides only what is known: take a source that shows what is missing",
    });
  };
  return {
    decide: ({ owner }, client): PeerMapType => {
      const mapType = tableOf(owner).mapType(0, placeOf(client));
      return mapType === "unknown" ? refuseUnknown(owner, client) : mapType;
    },
    distance: (provider, client): number =>
      tableOf(provider).distance(0, placeOf(client)) ?? refuseUnknown(provider, client),
  };
}
