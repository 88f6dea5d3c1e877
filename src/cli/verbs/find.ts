import { existsSync } from "node:fs";
import type { Command } from "commander";
import { findNearest, type NearestSearch, nearestQuestions } from "../../advice/find-nearest.ts";
import { findProvider } from "../../advice/find-provider.ts";
import type { WhatIf } from "../../advice/what-if/what-if.ts";
import type { Machine } from "../../host/machine.ts";
import { findDevices } from "../../host/select.ts";
import { isKindHidden } from "../../pci/device-kind.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { findBlocks, findJson } from "../../report/find.ts";
import { nearestBlocks, nearestText } from "../../report/nearest.ts";
import { nearestJson } from "../../report/nearest-json.ts";
import { askedBlocks, askedJson } from "../../report/what-if.ts";
import { EXIT } from "../exit-codes.ts";
import { addMachineOptions, listed, type MachineOptions, rulesOf, SOURCE_HELP } from "../options.ts";
import { looksLikeSource, readSource, refuseSourceAsDevice } from "../read-source.ts";
import { shownMachine } from "../sent-on.ts";
import { belowAsked, show } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `find`. */
export interface FindOptions extends MachineOptions {
  readonly p2pmem?: boolean;
  readonly providers?: readonly string[];
}

/** Its arguments, options and help. */
export function declareFind(command: Command, finish: Finish): void {
  command
    .argument("[names...]", `devices, or two classes as gpu:nic, then a source (${SOURCE_HELP})`)
    .option("--p2pmem", "the devices share peer memory: the provider that the kernel would take for all of them")
    .option("--providers <names>", "with --p2pmem: only these, whether or not they have peer memory now", listed);
  addMachineOptions(command)
    .addHelpText(
      "after",
      `
Without names: of each GPU the nearest NICs and SSDs, and the other way round. A device or a class: its nearest of every
other class. gpu:nic: of each GPU the nearest NICs, of each NIC the nearest GPUs.
Nearest is what works, direct before through the host bridge, then by hops, locality (PIX … SYS) and NUMA node.

Exits with 0 where every device that was asked about has one that works, 1 where one has none, 3 where the source hides
what decides. With --p2pmem: 0 where there is a provider, 1 where none reaches all of them, 3 likewise.

Examples:
  sudo peerlane find
  peerlane find gpu0 server.tar.gz
  peerlane find gpu:nic server.tar.gz --json
  peerlane find --p2pmem mlx5_0 nvme1 server.tar.gz`,
    )
    .action(async (names: readonly string[], options: FindOptions) => {
      finish(await runFind(names, options));
    });
}

/** `peerlane find [NAME…] [SRC]`: the last word is a source where it is written as one or names a file. */
export async function runFind(names: readonly string[], options: FindOptions): Promise<number> {
  const last = names.at(-1);
  const isSource = last !== undefined && (looksLikeSource(last) || existsSync(last));
  const devices = isSource ? names.slice(0, -1) : names;
  refuseSourceAsDevice(devices);
  const asked = await readSource(isSource ? last : undefined, options);
  const isOfMemory = options.p2pmem === true || options.providers !== undefined;
  return isOfMemory ? runProvider(asked, devices, options) : runNearest(asked, devices, options);
}

function runNearest({ before, after, changes }: WhatIf, names: readonly string[], options: FindOptions): number {
  const machine = shownMachine(after, options);
  const searchIn = (shown: Machine, whole: Machine): NearestSearch =>
    findNearest(shown, nearestQuestions(whole, names), rulesOf(options));
  const search = searchIn(machine, after);
  const old = changes.length === 0 ? undefined : searchIn(shownMachine(before, options), before);
  show(options, {
    machine,
    json: () => ({ ...nearestJson(search, old), ...askedJson(changes) }),
    text: (screen) => belowAsked(changes, nearestText(search, screen, old), screen),
    blocks: () => [...askedBlocks(changes), ...nearestBlocks(search, old)],
  });
  return exitCodeOf(search);
}

function exitCodeOf({ answers, table }: NearestSearch): number {
  const works = answers.flatMap(({ found }) => found.map(({ reach }) => reach?.works ?? null));
  if (works.length === 0) return table.machine.functions.some(isKindHidden) ? EXIT.unknown : EXIT.no;
  if (works.includes(false)) return EXIT.no;
  return works.includes(null) ? EXIT.unknown : EXIT.yes;
}

function runProvider({ before, after, changes }: WhatIf, names: readonly string[], options: FindOptions): number {
  if (names.length === 0) {
    throw new PeerlaneError("usage", "find --p2pmem takes the devices that share the memory", {
      remedy: "as in: peerlane find --p2pmem mlx5_0 nvme1 dump.txt; peerlane p2pmem lists the pools of this host",
    });
  }
  const clients = [...new Set(names.flatMap((name) => findDevices(after, name)))];
  const providers = options.providers?.flatMap((name) => findDevices(after, name));
  const machine = shownMachine(after, options);
  const asked = { ...rulesOf(options), ...(providers === undefined ? {} : { providers: [...new Set(providers)] }) };
  const search = findProvider(machine, clients, asked);
  const asIs = changes.length === 0 ? undefined : findProvider(shownMachine(before, options), clients, asked);
  show(options, {
    machine,
    json: () => ({ ...findJson(search), ...askedJson(changes) }),
    blocks: () => [...askedBlocks(changes), ...findBlocks(search, asIs)],
  });
  if (isUnknown(search.chosen)) return EXIT.unknown;
  return search.chosen.length === 0 ? EXIT.no : EXIT.yes;
}
