import { type Command, InvalidArgumentError } from "commander";
import { addNamingOptions, addOutputOptions } from "../options.ts";
import type { P2pmemOptions } from "../verbs/p2pmem.ts";
import type { Finish } from "./finish.ts";

const DEFAULT_SECONDS = 1;

/** The verb `p2pmem`. */
export function addP2pmem(program: Command, finish: Finish): void {
  const command = program
    .command("p2pmem")
    .description(
      "the pools of peer memory of this host: size, free space, whose it is, whether it may be used, who mapped it",
    )
    .option("--watch [seconds]", "look again and again (every second), until Ctrl-C", parseSeconds);
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
      const { runP2pmem } = await import("../verbs/p2pmem.ts");
      const { watch, ...others } = options;
      finish(
        await runP2pmem(watch === undefined ? others : { ...others, watch: watch === true ? DEFAULT_SECONDS : watch }),
      );
    });
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (!(seconds >= 0.1 && seconds <= 3600)) throw new InvalidArgumentError("an interval is 0.1 to 3600 seconds");
  return seconds;
}
