import { existsSync } from "node:fs";
import { findProvider } from "../../advice/find-provider.ts";
import { findDevices } from "../../host/select.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { askedBlocks, askedJson, findBlocks, findJson } from "../../report/index.ts";
import { EXIT } from "../exit-codes.ts";
import { type MachineOptions, rulesOf } from "../options.ts";
import { looksLikeSource, readSource, refuseSourceAsDevice } from "../read-source.ts";
import { shownMachine } from "../sent-on.ts";
import { show } from "../show.ts";

/** Options of `find`. */
export interface FindOptions extends MachineOptions {
  readonly source?: string;
  readonly providers?: readonly string[];
}

/** `peerlane find CLIENT… [SRC]`: the last argument is a source where it is `-` or names a file. */
export async function runFind(names: readonly string[], options: FindOptions): Promise<number> {
  const last = names.at(-1) ?? "";
  const isSource = options.source === undefined && names.length > 1 && (looksLikeSource(last) || existsSync(last));
  const clientNames = isSource ? names.slice(0, -1) : names;
  refuseSourceAsDevice(clientNames);
  const { after, changes } = await readSource(isSource ? last : options.source, options);
  const clients = [...new Set(clientNames.flatMap((name) => findDevices(after, name)))];
  if (clients.length === 0) throw new PeerlaneError("usage", "find takes at least one client");
  const providers = options.providers?.flatMap((name) => findDevices(after, name));
  const machine = shownMachine(after, options);
  const search = findProvider(machine, clients, {
    ...rulesOf(options),
    ...(providers === undefined ? {} : { providers: [...new Set(providers)] }),
  });
  show(options, {
    machine,
    json: () => ({ ...findJson(search), ...askedJson(changes) }),
    blocks: () => [...askedBlocks(changes), ...findBlocks(search)],
  });
  if (isUnknown(search.chosen)) return EXIT.unknown;
  return search.chosen.length === 0 ? EXIT.no : EXIT.yes;
}
