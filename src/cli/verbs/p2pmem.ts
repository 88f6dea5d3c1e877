import { type Command, InvalidArgumentError } from "commander";
import { topologyOf } from "../../host/machine.ts";
import { type Host, readHost } from "../../live/host.ts";
import { watchPools } from "../../live/pools/memory-pool.ts";
import { poolUse } from "../../live/pools/pool-use.ts";
import { whatIsMissing } from "../../live/pools/preflight.ts";
import type { PoolsView } from "../../measured/pools.ts";
import { documentText } from "../../report/document-text.ts";
import { poolsBlocks, poolsJson } from "../../report/live/p2pmem.ts";
import { printableJson } from "../../report/printable.ts";
import { EXIT } from "../exit-codes.ts";
import { interruptible } from "../interruption.ts";
import { addNamingOptions, addOutputOptions, type OutputOptions } from "../options.ts";
import { print, redraw } from "../print.ts";
import { type NamingOptions, shownHost } from "../sent-on.ts";
import { screenOf, show } from "../show.ts";
import { terminalOutput } from "../terminal.ts";
import type { Finish } from "../verb.ts";

/** Options of `p2pmem`. */
export interface P2pmemOptions extends OutputOptions, NamingOptions {
  /** Seconds between two looks. */
  readonly watch?: number;
}

/** Its arguments, options and help. */
export function declareP2pmem(command: Command, finish: Finish): void {
  command.option("--watch [seconds]", "look again and again (every second), until Ctrl-C", parseSeconds);
  addOutputOptions(addNamingOptions(command))
    .addHelpText(
      "after",
      `
Memory of GPUs and accelerators is left alone by every verb, since jobs run in it; what a driver did not publish is
taken with --allow-unpublished only. Nothing is mapped by this verb.
Exits with 0 where this user may use peer memory here, 1 where not: what is missing is said, and how to get it.

Examples:
  sudo peerlane p2pmem
  sudo peerlane p2pmem --watch 0.5
  peerlane p2pmem --json | jq '.missing'`,
    )
    .action(async (options: Omit<P2pmemOptions, "watch"> & { readonly watch?: number | true }) => {
      const { watch, ...others } = options;
      finish(
        await runP2pmem(watch === undefined ? others : { ...others, watch: watch === true ? DEFAULT_SECONDS : watch }),
      );
    });
}

/** `peerlane p2pmem`: the pools of this host, once or again and again. */
export async function runP2pmem(options: P2pmemOptions): Promise<number> {
  const host = shownHost(readHost(), options);
  if (options.watch !== undefined) {
    await watch(host, options.watch, options);
    return EXIT.yes;
  }
  const view = viewOf(host, host.pools);
  show(options, { machine: host.machine, json: () => poolsJson(view), blocks: () => poolsBlocks(view) });
  return view.missing.length === 0 ? EXIT.yes : EXIT.no;
}

function viewOf(host: Host, pools: Host["pools"]): PoolsView {
  const { machine, tree } = host;
  return {
    machine,
    topology: topologyOf(machine),
    pools: pools.map(viewOfPool),
    missing: whatIsMissing(tree, machine, pools),
  };
}

function viewOfPool(pool: Host["pools"][number]): PoolsView["pools"][number] {
  return { ...pool, users: pool.users(), use: poolUse(pool) };
}

/** Draws over itself on a terminal; elsewhere prints what changed, or one line of JSON per look. */
async function watch(host: Host, intervalSeconds: number, options: OutputOptions): Promise<void> {
  await interruptible(async (signal) => {
    let previous = "";
    for await (const pools of watchPools(host, intervalSeconds, signal)) {
      const view = viewOf(host, pools);
      if (options.json === true) {
        print(printableJson(poolsJson(view)));
        continue;
      }
      const text = documentText(poolsBlocks(view), screenOf(options));
      const isTerminal = terminalOutput().isTTY === true;
      if (isTerminal) redraw(text, "Ctrl-C ends this");
      else if (text !== previous) print(text);
      previous = text;
    }
  });
}

const DEFAULT_SECONDS = 1;

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3600)) throw new InvalidArgumentError("an interval is 0.1 to 3600 seconds");
  return seconds;
}
