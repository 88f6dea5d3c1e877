import { topologyOf } from "../../host/machine.ts";
import { type Host, poolUse, readHost, watchPools, whatIsMissing } from "../../live/index.ts";
import { documentText, printableJson } from "../../report/index.ts";
import { type PoolsView, poolsBlocks, poolsJson } from "../../report/live/p2pmem.ts";
import { EXIT } from "../exit-codes.ts";
import { interruptible } from "../interruption.ts";
import type { OutputOptions } from "../options.ts";
import { print, redraw } from "../print.ts";
import { type NamingOptions, shownHost } from "../sent-on.ts";
import { screenOf, show } from "../show.ts";

/** Options of `p2pmem`. */
export interface P2pmemOptions extends OutputOptions, NamingOptions {
  /** Seconds between two looks. */
  readonly watch?: number;
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
      const isTerminal = process.stdout.isTTY === true;
      if (isTerminal) redraw(text, "Ctrl-C ends this");
      else if (text !== previous) print(text);
      previous = text;
    }
  });
}
