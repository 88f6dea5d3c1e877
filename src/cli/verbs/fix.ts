import { type Command, Option } from "commander";
import { BOOT_LOADER_NAMES, type BootLoader, likelyBootLoader } from "../../advice/boot-loaders/boot-loaders.ts";
import { type Advice, advise } from "../../advice/fix/advise.ts";
import { isBeyondMask, mayBeBlocked } from "../../advice/fix/gate-remedies.ts";
import type { Pair } from "../../advice/fix/idea.ts";
import { answersOf } from "../../advice/fix/prove.ts";
import type { Answer } from "../../answers/answer.ts";
import { isSureBlock } from "../../answers/gate.ts";
import type { Machine } from "../../host/machine.ts";
import { findDevice, findDevices } from "../../host/select.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { fixBlocks } from "../../report/fix/blocks.ts";
import { fixJson } from "../../report/fix/json.ts";
import { askedBlocks, askedJson } from "../../report/what-if.ts";
import type { MapType } from "../../rules/verdict.ts";
import { EXIT } from "../exit-codes.ts";
import {
  addHostOptions,
  addMachineOptions,
  type HostOptions,
  type MachineOptions,
  rulesOf,
  SOURCE_HELP,
} from "../options.ts";
import { readSource, refuseSourceAsDevice } from "../read-source.ts";
import { shownMachine } from "../sent-on.ts";
import { show } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `fix`. */
export interface FixOptions extends MachineOptions, HostOptions {
  readonly all?: string;
  readonly bootLoader?: BootLoader;
  readonly full?: boolean;
}

/** More pairs than this are too many for one piece of advice. */
const MAX_PAIRS = 10_000;

/** Its arguments, options and help. */
export function declareFix(command: Command, finish: Finish): void {
  command
    .argument("[names...]", `two devices, provider and client, then a source (${SOURCE_HELP})`)
    .option("--all <classes>", "all pairs of two classes instead of two devices, as gpu:nic")
    .option("--full", "tell all that each proposal does, with its commands, also of those that come to the same")
    .addOption(
      new Option("--boot-loader <name>", "print the commands of this boot loader, not of the likely one").choices([
        ...BOOT_LOADER_NAMES,
      ]),
    );
  addMachineOptions(addHostOptions(command))
    .addHelpText(
      "after",
      `
Searched are all single changes (ACS, kernel parameters, IOMMU, newer kernels, slots), then two of different kinds and
two cards in other slots, then a switch card for one pair; what was searched is said.

Exits with 0 where the pair works or something helps, 1 where nothing does but a switch card or something else blocks the
pair, 3 where the source hides what decides.
Nothing is written to any device: what is printed is for you to run.

Examples:
  sudo peerlane fix nvme0 mlx5_0
  peerlane fix 03:00.0 05:00.0 dump.txt --kernel 7.2 --cpu intel
  peerlane fix --all gpu:nic server.tar.gz`,
    )
    .action(async (names: readonly string[], options: FixOptions) => {
      finish(await runFix(names, options));
    });
}

/** `peerlane fix A B [SRC]` and `peerlane fix --all gpu:nic [SRC]`. */
export async function runFix(names: readonly string[], options: FixOptions): Promise<number> {
  const count = options.all === undefined ? 2 : 0;
  if (names.length < count || names.length > count + 1) {
    throw new PeerlaneError("usage", "fix takes two devices, or --all with two classes, and then a source", {
      remedy: "as in: peerlane fix nvme0 mlx5_0 dump.txt, or: peerlane fix --all gpu:nic dump.txt",
    });
  }
  refuseSourceAsDevice(names.slice(0, count));
  const { before, after, changes } = await readSource(names[count], options);
  const pairs = options.all === undefined ? onePair(after, names) : allPairs(after, options.all);
  const machine = shownMachine(after, options);
  // What boot loaders leave on the command line is not among the parameters that are shown.
  const likely = likelyBootLoader(after);
  const bootLoader =
    options.bootLoader === undefined ? likely : { name: options.bootLoader, why: "you asked for them" };
  const advice = advise(machine, pairs, { ...rulesOf(options), bootLoader });
  const asIs =
    changes.length === 0 ? undefined : answersOf(shownMachine(before, options), pairs, rulesOf(options).rules);
  show(options, {
    machine,
    json: () => ({ ...fixJson(advice), ...askedJson(changes) }),
    blocks: () => {
      const asked = changes.flatMap((change) => (change.kind === "parameters" ? [change.text] : []));
      return [...askedBlocks(changes), ...fixBlocks(advice, { isWhole: options.full === true, asIs, asked })];
    },
  });
  return exitCodeOf(advice);
}

function onePair(machine: Machine, [a = "", b = ""]: readonly string[]): readonly Pair[] {
  return [{ provider: findDevice(machine, a), client: findDevice(machine, b) }];
}

/** `gpu:nic`: every GPU as provider with every NIC as client. */
function allPairs(machine: Machine, text: string): readonly Pair[] {
  const match = /^([^:]+):([^:]+)$/.exec(text);
  if (match === null) {
    throw new PeerlaneError("usage", `'${text}' is not two classes`, {
      remedy: "write provider:client, as gpu:nic, nvme:gpu or all:nic",
    });
  }
  const clients = findDevices(machine, match[2] ?? "");
  const pairs = findDevices(machine, match[1] ?? "").flatMap((provider) =>
    clients.filter((client) => client !== provider).map((client) => ({ provider, client })),
  );
  if (pairs.length > 0 && pairs.length <= MAX_PAIRS) return pairs;
  const message = pairs.length === 0 ? `'${text}' is no pair on this machine` : `'${text}' means ${pairs.length} pairs`;
  throw new PeerlaneError("usage", message, { remedy: "peerlane matrix shows the devices; name two of them" });
}

/**
 * 0: all works, or something proved helps a pair that nothing else blocks then; 1: nothing helps, or all that could work is
 * blocked; 3: the source hides what decides.
 */
function exitCodeOf({ before, fixes }: Advice): number {
  const open = before.filter((verdict) => !isMapped(verdict.mapType) || mayBeBlocked(verdict));
  if (open.length === 0) return EXIT.yes;
  // A card that is not there is to be bought: nothing of this machine helps.
  const own = fixes.filter(({ kinds }) => !kinds.includes("switch-card"));
  const helped = own.flatMap(({ verdicts }) =>
    verdicts.filter((verdict, index) => {
      const old = before[index];
      const isUnmasked = old !== undefined && isBeyondMask(old) && !isBeyondMask(verdict);
      return isMapped(verdict.mapType) && (verdict.mapType !== old?.mapType || isUnmasked);
    }),
  );
  if (helped.some((verdict) => !mayBeBlocked(verdict))) return EXIT.yes;
  const isInDoubt = (verdict: Answer): boolean =>
    !verdict.gates.some(isSureBlock) &&
    (verdict.mapType === "unknown" || (isMapped(verdict.mapType) && mayBeBlocked(verdict)));
  return [...open, ...helped].some(isInDoubt) ? EXIT.unknown : EXIT.no;
}

function isMapped(mapType: MapType): boolean {
  return mapType === "bus-addr" || mapType === "thru-host-bridge";
}
