import { type Command, InvalidArgumentError } from "commander";
import { MAX_DEPTH } from "../../live/copy/request.ts";
import { addOutputOptions } from "../options.ts";
import { parseSize } from "../sizes.ts";
import type { CopyOptions } from "../verbs/copy.ts";
import type { Finish } from "./finish.ts";

/** The verb `copy`. */
export function addCopy(program: Command, finish: Finish): void {
  const command = program
    .command("copy")
    .description("copy a disk or file to another from device to device, through peer memory and past DRAM")
    .argument(
      "<source>",
      "a disk, partition, NVMe controller, PCI address or file: nvme0n1, /dev/nvme0n1p2, nvme0, 03:00.0",
    )
    .argument("<target>", "likewise; a file that is not there is made")
    .option("--via <provider>", "the device whose memory to use, instead of the one the kernel would choose")
    .option("--allow-unpublished", "also memory that its driver did not publish, after a question; never that of GPUs")
    .option("--source-offset <bytes>", "start there in the source, as 64M", parseSize)
    .option("--target-offset <bytes>", "start there in the target", parseSize)
    .option("--length <bytes>", "copy so much; without it, up to the end of the source", parseSize)
    .option("--chunk <bytes>", "read and write so much at once (1M)", parseSize)
    .option("--depth <number>", "chunks in flight (4; at most 64)", parseDepth)
    .option("--verify", "read all back afterwards and compare every byte")
    .option("--resume", "go on where an earlier run ended")
    .option("--journal <file>", "where to note how far the copy came")
    .option(
      "--sync-every <bytes>",
      "flush the target and write the journal after so much (256M, and each second)",
      parseSize,
    )
    .option("--fallback", "copy through DRAM where no peer memory serves")
    .option("--yes", "overwrite the target, and take unpublished memory, without asking")
    .option("--dry-run", "show what would be done, and write nothing");
  addOutputOptions(command)
    .addHelpText(
      "after",
      `
The first chunk and some of the others are always read back and compared: memory that loses data is found out before
more is written.
Exits with 0 where all is copied, 1 where data was lost or the kernel takes no peer memory for the two, 4 where it ended
early: --resume goes on then.

Examples:
  sudo peerlane copy nvme0n1 nvme1n1 --verify
  sudo peerlane copy nvme0n1p2 /mnt/fast/image.raw --via nvme2
  sudo peerlane copy nvme0n1 nvme1n1 --length 1G --source-offset 64M --yes
  sudo peerlane copy nvme0n1 nvme1n1 --dry-run
  sudo peerlane copy nvme0n1 nvme1n1 --resume`,
    )
    .action(async (source: string, target: string, options: CopyOptions) => {
      const { runCopyVerb } = await import("../verbs/copy.ts");
      finish(await runCopyVerb(source, target, options));
    });
}

function parseDepth(text: string): number {
  const depth = Number(text);
  if (!Number.isInteger(depth) || depth < 1 || depth > MAX_DEPTH)
    throw new InvalidArgumentError(`a depth is 1 to ${MAX_DEPTH}`);
  return depth;
}
