import { existsSync } from "node:fs";
import type { Command } from "commander";
import { findProvider } from "../../advice/find-provider.ts";
import { findDevices } from "../../host/select.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { findBlocks, findJson } from "../../report/find.ts";
import { askedBlocks, askedJson } from "../../report/what-if.ts";
import { EXIT } from "../exit-codes.ts";
import { addMachineOptions, listed, type MachineOptions, rulesOf } from "../options.ts";
import { looksLikeSource, readSource, refuseSourceAsDevice } from "../read-source.ts";
import { shownMachine } from "../sent-on.ts";
import { show } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `find`. */
export interface FindOptions extends MachineOptions {
  readonly source?: string;
  readonly providers?: readonly string[];
}

/** Its arguments, options and help. */
export function declareFind(command: Command, finish: Finish): void {
  command
    .argument("<clients...>", "devices or classes that share the memory; the last may be a source (a file or -)")
    .option("--source <file>", "read the machine from here")
    .option("--providers <names>", "only these candidates, whether or not they have peer memory now", listed);
  addMachineOptions(command)
    .addHelpText(
      "after",
      `
Exits with 0 where there is one, 1 where no provider reaches all clients, 3 where the source hides what decides.

Examples:
  sudo peerlane find mlx5_0 nvme1
  peerlane find nvme1 nvme2 server.tar.gz
  peerlane find nic --providers gpu --source dump.txt`,
    )
    .action(async (names: readonly string[], options: FindOptions) => {
      finish(await runFind(names, options));
    });
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
