import { decideAll, findDevice, type MapType } from "../../p2pdma/index.ts";
import { explainJson, explainText } from "../../report/index.ts";
import { EXIT } from "../exit-codes.ts";
import type { MachineOptions } from "../options.ts";
import { readSource } from "../read-source.ts";
import { show } from "../show.ts";

/** `peerlane explain A B [SRC]`: exits by what B may do with A's memory. */
export async function runExplain(
  a: string,
  b: string,
  source: string | undefined,
  options: MachineOptions,
): Promise<number> {
  const machine = await readSource({ ...options, ...(source === undefined ? {} : { source }) });
  const provider = findDevice(machine, a);
  const client = findDevice(machine, b);
  const both = provider === client ? [provider] : [provider, client];
  const rules = options.rules === undefined ? {} : { rules: options.rules };
  const table = decideAll(machine, { ...rules, providers: both, clients: both });
  show(
    options,
    machine,
    () => explainJson(table, provider, client),
    (screen) => explainText(table, provider, client, screen),
  );
  return exitCodes[table.mapType(0, both.length - 1)];
}

const exitCodes: Readonly<Record<MapType, number>> = {
  "bus-addr": EXIT.yes,
  "thru-host-bridge": EXIT.yes,
  "not-supported": EXIT.no,
  unknown: EXIT.unknown,
};
