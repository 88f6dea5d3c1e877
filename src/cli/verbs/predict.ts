import { type Command, Option } from "commander";
import { findDevice } from "../../host/select.ts";
import { isUnknown } from "../../pci/known.ts";
import { isSentNothing } from "../../predict/crossings.ts";
import { predictionsOf } from "../../predict/predict.ts";
import { predictJson } from "../../report/predict/json.ts";
import { predictBlocks } from "../../report/predict/screen.ts";
import { whatIfView } from "../../report/what-if.ts";
import { decideAll } from "../../rules/verdict-table.ts";
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
import { printForm, show } from "../show.ts";
import { parseSize } from "../sizes.ts";
import type { Finish } from "../verb.ts";

/** Options of `predict`. */
export interface PredictOptions extends MachineOptions, HostOptions {
  readonly svg?: boolean;
  readonly full?: boolean;
  readonly window?: number;
}

/** Its arguments, options and help. */
export function declarePredict(command: Command, finish: Finish): void {
  command
    .argument("<provider>", "the device whose memory is used: 0000:03:00.0, 03:00.0, nvme0, 10de:2330")
    .argument("<client>", "the device that reads and writes it")
    .argument("[source]", SOURCE_HELP);
  addMachineOptions(addHostOptions(command))
    .option("--full", "each hop, all sizes, and all that was assumed")
    .option("--window <size>", "over how much memory requests go, at random: 64M (an IOMMU looks pages up)", parseSize)
    .addOption(
      new Option("--svg", "print the curve of GB/s by size as a picture (SVG)").conflicts(["json", "markdown"]),
    )
    .addHelpText(
      "after",
      `
GB/s of one flow, one way, with a range, by the links on the way, MaxPayload, MaxReadReq and tags, and what is published of
the root complex; what the source does not show is assumed, and said to be. docs/time.md has each formula and its source.
It says nothing about whether the data arrives right: peerlane probe does.

Exits with 0 where writes or reads have a figure, 1 where nothing is sent, 3 where it is not known where
the data goes or what its links carry.

Examples:
  sudo peerlane predict gpu0 mlx5_0
  peerlane predict gpu0 nvme0 server.tar.gz --json
  peerlane predict gpu0 nvme0 server.tar.gz --window 64M
  peerlane predict gpu0 nvme0 server.tar.gz --svg > curve.svg
  peerlane predict gpu0 mlx5_0 server.tar.gz --append pci=disable_acs_redir=pci:1000:c030`,
    )
    .action(async (provider: string, client: string, source: string | undefined, options: PredictOptions) => {
      finish(await runPredict(provider, client, source, options));
    });
}

/** `peerlane predict A B [SRC]`: exits by whether there is a figure. */
export async function runPredict(
  a: string,
  b: string,
  source: string | undefined,
  options: PredictOptions,
): Promise<number> {
  refuseSourceAsDevice([a, b]);
  const { before, after, changes } = await readSource(source, options);
  const pair = { providers: [findDevice(after, a)], clients: [findDevice(after, b)] };
  const machine = shownMachine(after, options);
  const selection = { ...rulesOf(options), ...pair };
  const table = decideAll(machine, selection);
  const old = changes.length === 0 ? table : decideAll(shownMachine(before, options), selection);
  const whatIf = whatIfView(changes, old, table);
  const windowBytes = options.window ?? null;
  const screen = { isWhole: options.full === true, windowBytes };
  const isDrawn = await printForm(options, {
    svg: async () => (await import("../../drawing/predict-svg.ts")).predictSvg(table, whatIf, windowBytes),
  });
  if (!isDrawn)
    show(options, {
      machine,
      json: () => predictJson(table, windowBytes),
      blocks: () => predictBlocks(table, screen),
      whatIf,
    });
  const predictions = (["write", "read"] as const).map((operation) => predictionsOf(table).at(0, 0, operation));
  if (predictions.some((each) => !isUnknown(each))) return EXIT.yes;
  return isSentNothing(table, 0, 0) ? EXIT.no : EXIT.unknown;
}
