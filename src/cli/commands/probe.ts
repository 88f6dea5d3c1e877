import { type Command, InvalidArgumentError } from "commander";
import { addNamingOptions, addOutputOptions, repeated } from "../options.ts";
import { parseSize } from "../sizes.ts";
import type { ProbeOptions } from "../verbs/probe.ts";
import type { Finish } from "./finish.ts";

/** More memory of a provider is never taken for one I/O. */
const MAX_SIZE = 2 * 1024 * 1024;
const BLOCK_BYTES = 512;

/** The verb `probe`. */
export function addProbe(program: Command, finish: Finish): void {
  const command = program
    .command("probe")
    .description("does I/O through peer memory work here, and is the data right? Rules, kernel and data side by side")
    .argument(
      "[devices...]",
      "disks, partitions, controllers or PCI addresses; without them, every disk of a PCI device",
    )
    .option("--via <provider>", "only the memory of this provider (may be repeated)", repeated)
    .option("--allow-unpublished", "also memory that its driver did not publish, after a question; never that of GPUs")
    .option(
      "--allow-write <target>",
      "also test writes, on the end of this unused disk or partition: saved before, put back after (may be repeated)",
      repeated,
    )
    .option("--write-at <offset>", "where on the target, as 0 or 512M", parseBlocks)
    .option("--sizes <list>", "sizes of I/O (4K,64K,1M)", parseSizes)
    .option("--quick", "one size only (64K)")
    .option("--restore <file>", "put back what a killed probe left in a rescue file")
    .option(
      "--yes",
      "do not ask: with --restore, also where somebody else has written meanwhile, or a disk without a serial number may be another; with --allow-unpublished, go on",
    );
  addOutputOptions(addNamingOptions(command))
    .addHelpText(
      "after",
      `
Without --allow-write or --restore nothing is written to any disk. Memory of GPUs and accelerators is left alone: jobs
run in it. Needs Linux 6.2 or newer and root.
Exits with 0 where all named pairs work with right data (without names: where every pair behaves as the rules say),
1 where data is lost, rules and kernel disagree or a named pair does not work, 3 where something could not be told,
4 where nothing could be tested.

Examples:
  sudo peerlane probe
  sudo peerlane probe nvme1 --via nvme0
  sudo peerlane probe --allow-write nvme1n1p3
  sudo peerlane probe --quick --json | jq '.pairs[] | select(.class != "fine")'`,
    )
    .action(async (names: readonly string[], options: ProbeOptions) => {
      const { runProbe } = await import("../verbs/probe.ts");
      finish(await runProbe(names, options));
    });
}

/** A size of whole blocks. */
function parseBlocks(text: string): number {
  const bytes = parseSize(text);
  if (bytes % BLOCK_BYTES === 0) return bytes;
  throw new InvalidArgumentError("write whole blocks of 512 bytes, as 4096, 4K or 1M");
}

function parseSizes(text: string): readonly number[] {
  const sizes = text.split(",").map(parseBlocks);
  if (sizes.some((size) => size === 0 || size > MAX_SIZE)) {
    throw new InvalidArgumentError("a size is 512 to 2M: no more memory of a provider is taken");
  }
  return sizes;
}
