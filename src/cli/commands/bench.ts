import { type Command, InvalidArgumentError, Option } from "commander";
import { READ_WRITE } from "../../report/live/bench/view.ts";
import { addNamingOptions, addOutputOptions } from "../options.ts";
import { parseSize } from "../sizes.ts";
import type { BenchOptions } from "../verbs/bench.ts";
import type { Finish } from "./finish.ts";

/** The verb `bench`. */
export function addBench(program: Command, finish: Finish): void {
  const command = program
    .command("bench")
    .description("measure reads and writes of a disk through peer memory and through DRAM, side by side")
    .argument("<device>", "a disk, partition or file: nvme0n1, nvme0, /dev/nvme0n1p2, a PCI address");
  addJobOptions(command);
  addSideOptions(command);
  addOutputOptions(addNamingOptions(command))
    .addHelpText(
      "after",
      `
Names and meanings of the options are fio's where fio has them. The sides take turns in slices of about a second, so that
a drift hits both alike, and go through the same offsets. Before anything is measured, one block is moved through peer
memory and compared with DRAM: a path that loses data is not measured.
Writing destroys what is in the range, and needs the target's name a second time, with --allow-write.

Exits with 0 where it was measured, 1 where the kernel refuses the path or the path loses data, 4 where I/O failed or it
was interrupted (the figures until then are shown).

Examples:
  sudo peerlane bench nvme1
  sudo peerlane bench nvme1 --rw randread --bs 4k --iodepth 32 --via nvme0 --svg result.svg
  sudo peerlane bench nvme1 --rw write --allow-write nvme1 --json
  sudo peerlane bench nvme1 --rw randrw --fio > job.fio`,
    )
    .action(async (device: string, options: BenchOptions) => {
      const { runBenchVerb } = await import("../verbs/bench.ts");
      finish(await runBenchVerb(device, options));
    });
}

function addJobOptions(command: Command): void {
  command
    .addOption(new Option("--rw <kind>", "what to do").choices(READ_WRITE).default("read"))
    .option("--rwmixread <percent>", "reads of a mixed job (70)", parseNumber)
    .option("--bs <size>", "bytes of one read or write (128k)", parseSize)
    .option("--iodepth <count>", "reads and writes in flight, up to 64 (8)", parseCount)
    .option("--runtime <seconds>", "how long each side is measured (10)", parseSeconds)
    .option("--ramp <seconds>", "how long each side runs before that (1)", parseSeconds)
    .option("--offset <size>", "where the range begins (0)", parseSize)
    .option("--size <size>", "bytes of the range (all that follow)", parseSize)
    .option("--seed <number>", "what random offsets are made of (1)", parseCount);
}

function addSideOptions(command: Command): void {
  command
    .option("--via <provider>", "whose memory to use, instead of the one that the kernel would choose")
    .addOption(
      new Option(
        "--allow-unpublished",
        "also memory that its driver did not publish, after a question; never that of GPUs",
      ).conflicts("dramOnly"),
    )
    .addOption(new Option("--peer-only", "leave DRAM out").conflicts("dramOnly"))
    .addOption(new Option("--dram-only", "leave peer memory out").conflicts(["peerOnly", "via"]))
    .option("--allow-write <device>", "let it write to this target; has to name the same one")
    .option("--yes", "do not ask before writing, or taking unpublished memory")
    .option("--fio", "print the equal job file for fio instead of running")
    .option("--svg <file>", "draw throughput and latency (replaces what is there)");
}

function parseNumber(text: string): number {
  const value = Number(text);
  if (!/^\d+(\.\d+)?$/.test(text) || !Number.isFinite(value)) throw new InvalidArgumentError("it is no number");
  return value;
}

function parseCount(text: string): number {
  const value = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(value)) throw new InvalidArgumentError("it is no whole number");
  return value;
}

/** `10`, `2.5`, `10s`, `500ms`, `2m`. */
function parseSeconds(text: string): number {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text);
  if (match === null) throw new InvalidArgumentError("a time is a number of seconds, or as 500ms, 10s, 2m");
  const factor = match[2] === "ms" ? 0.001 : match[2] === "m" ? 60 : 1;
  return Number(match[1]) * factor;
}
