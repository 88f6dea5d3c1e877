import type { Command } from "commander";
import { verdictHistory } from "../../advice/history.ts";
import { answersOf } from "../../answers/answer.ts";
import { isSureBlock } from "../../answers/gate.ts";
import { findDevice } from "../../host/select.ts";
import { explainBlocks, explainText } from "../../report/explain-text.ts";
import { historyBlocks, historyJson } from "../../report/history.ts";
import { explainJson } from "../../report/json.ts";
import { whatIfView } from "../../report/what-if.ts";
import type { MapType } from "../../rules/verdict.ts";
import { decideAll } from "../../rules/verdict-table.ts";
import { type UnaskedWay, unaskedWay } from "../../summary/unasked-pairs.ts";
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

/** Options of `explain`. */
export interface ExplainOptions extends MachineOptions, HostOptions {
  readonly history?: boolean;
}

/** Its arguments, options and help. */
export function declareExplain(command: Command, finish: Finish): void {
  command
    .argument("<provider>", "the device whose memory is used: 0000:03:00.0, 03:00.0, nvme0, 10de:2330")
    .argument("<client>", "the device that reads and writes it")
    .argument("[source]", SOURCE_HELP)
    .option("--history", "what each kernel release says of the pair");
  addMachineOptions(addHostOptions(command))
    .addHelpText(
      "after",
      `
Exits with 0 where the client reaches the provider's memory, directly or through the host bridge; 1 where the kernel
refuses, or something blocks the transfer; 3 where the source hides what decides, or whether something blocks it. Where the
drivers do not ask the kernel, its refusal is none: 0 where the requests arrive all the same, 1 where they do not, 3 where
that is not known. --history too, by the machine's own kernel.

Examples:
  sudo peerlane explain nvme0 mlx5_0
  peerlane explain 03:00.0 05:00.0 dump.txt --kernel 6.12 --cpu intel
  peerlane explain gpu nic dump.txt --history
  peerlane explain 01:00.0 02:00.0 guest.txt --host host.txt --pair 01:00.0=17:00.0`,
    )
    .action(async (provider: string, client: string, source: string | undefined, options: ExplainOptions) => {
      finish(await runExplain(provider, client, source, options));
    });
}

/** `peerlane explain A B [SRC]`: exits by what B may do with A's memory. */
export async function runExplain(
  a: string,
  b: string,
  source: string | undefined,
  options: ExplainOptions,
): Promise<number> {
  refuseSourceAsDevice([a, b]);
  const { before, after, changes } = await readSource(source, options);
  const provider = findDevice(after, a);
  const client = findDevice(after, b);
  const machine = shownMachine(after, options);
  const both = provider === client ? [provider] : [provider, client];
  const selection = { ...rulesOf(options), providers: both, clients: both };
  const table = decideAll(machine, selection);
  const whatIf = whatIfView(
    changes,
    changes.length === 0 ? table : decideAll(shownMachine(before, options), selection),
    table,
  );
  if (options.history === true) {
    const one = decideAll(machine, { ...rulesOf(options), providers: [provider], clients: [client] });
    const entries = verdictHistory(machine, provider, client);
    show(options, {
      machine,
      json: () => historyJson(one, entries),
      blocks: () => historyBlocks(one, entries),
      whatIf,
    });
  } else {
    const { peerRoutesOf } = await import("../../routes/peer-routes.ts");
    const routes = peerRoutesOf(table);
    show(options, {
      machine,
      json: () => explainJson(table, provider, client, routes),
      text: (screen) => explainText(table, provider, client, screen, routes),
      blocks: () => explainBlocks(table, provider, client, routes),
      whatIf,
    });
  }
  const answers = answersOf(table);
  if (provider === client) return exitCodes[table.mapType(0, 0)];
  const gates = answers.gates(0, 1);
  if (gates.some(isSureBlock)) return EXIT.no;
  const code = exitCodes[unaskedWay(table, 0, 1) ?? table.mapType(0, 1)];
  return code === EXIT.yes && gates.some(({ effect }) => effect === "blocks") ? EXIT.unknown : code;
}

const exitCodes: Readonly<Record<MapType | UnaskedWay, number>> = {
  fails: EXIT.no,
  "bus-addr": EXIT.yes,
  "thru-host-bridge": EXIT.yes,
  "not-supported": EXIT.no,
  unknown: EXIT.unknown,
};
