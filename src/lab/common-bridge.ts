import type { Machine } from "../host/machine.ts";
import type { Bdf } from "../pci/bdf.ts";
import { decideAll } from "../rules/verdict-table.ts";

/** Tells of two functions of a machine whether a bridge is above both, whatever ACS says. */
export function commonBridgeIn(machine: Machine): (provider: Bdf, client: Bdf) => boolean {
  return (provider, client) =>
    decideAll(machine, { providers: [provider], clients: [client] }).at(0, 0).meeting !== null;
}
