import { type Command, Option } from "commander";
import type { ReadMachine } from "../../host/read-machine.ts";
import { leftOut } from "../../host/redaction/left-out.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { Printable } from "../../pci/visible.ts";
import { EXIT } from "../exit-codes.ts";
import { SOURCE_HELP } from "../options.ts";
import { sayNote } from "../print.ts";
import { readUnchanged } from "../read-source.ts";
import { terminalOutput } from "../terminal.ts";
import type { Finish } from "../verb.ts";
import { writeOutput } from "../write-output.ts";

/** What it writes. */
const CAPTURE_FORMATS = ["snapshot", "rdma-topo"] as const;

/** Options of `capture`. */
interface CaptureOptions {
  readonly root?: string;
  readonly output?: string;
  readonly format: (typeof CAPTURE_FORMATS)[number];
  readonly plain?: boolean;
  readonly debug?: boolean;
}

/** Its arguments, options and help. */
export function declareCapture(command: Command, finish: Finish): void {
  command
    .argument("[source]", SOURCE_HELP)
    .option("--root <dir>", "read a folder that holds sys/ and proc/ instead of this host")
    .option(
      "-o, --output <file>",
      "write here (replaces what is there), compressed unless its name ends in .json; without it, to standard output, where that is no terminal",
    )
    .addOption(new Option("--format <name>", "what to write").choices([...CAPTURE_FORMATS]).default(CAPTURE_FORMATS[0]))
    .option("--plain", "do not compress")
    .option("--debug", "show stack traces of errors")
    .addHelpText(
      "after",
      "\nExits with 0.\n\nExamples:\n  sudo peerlane capture -o server.json.gz     then, anywhere: peerlane matrix server.json.gz\n  sudo peerlane capture --format rdma-topo -o server.dump",
    )
    .action(async (source: string | undefined, options: CaptureOptions) => {
      finish(await runCapture(source, options));
    });
}

/** `peerlane capture [SRC]`: the machine in one file, to be read anywhere. */
export async function runCapture(source: string | undefined, options: CaptureOptions): Promise<number> {
  const isText = !isPacked(options);
  if ((options.output === undefined || options.output === "-") && !isText && terminalOutput().isTTY) {
    throw new PeerlaneError("usage", "compressed data does not belong on a terminal", {
      remedy: "give -o server.json.gz, or --plain",
    });
  }
  const read = await readUnchanged(source, options.root);
  const text = options.format === "snapshot" ? await snapshotOf(read) : await rdmaTopoOf(read);
  writeOutput(options.output, isText ? text : await packed(text));
  if (!isText && options.output !== undefined && options.output !== "-" && !/\.gz$/i.test(options.output)) {
    sayNote(`${options.output} is packed with gzip`);
  }
  sayLeftOut(read, options);
  return EXIT.yes;
}

/** Whether the file is packed with gzip: as its name says, where it says it; else a snapshot is, and a tool's dump is not. */
function isPacked({ output, plain, format }: CaptureOptions): boolean {
  const name = output?.toLowerCase() ?? "";
  if (plain === true && name.endsWith(".gz")) {
    throw new PeerlaneError("usage", `'${output}' is the name of compressed data, and --plain writes text`, {
      remedy: `give -o ${output?.slice(0, -".gz".length)}, or leave --plain out`,
    });
  }
  if (name.endsWith(".gz")) return true;
  return plain !== true && !name.endsWith(".json") && format === "snapshot";
}

async function packed(text: Printable): Promise<Uint8Array> {
  const { compressSnapshot } = await import("../../host/snapshot/write-snapshot.ts");
  return compressSnapshot(text);
}

/** Says what a file that was written does not have. */
function sayLeftOut({ machine }: ReadMachine, { format, output }: CaptureOptions): void {
  if (output === undefined || output === "-") return;
  const kinds = leftOut(machine);
  // The tool's dump has no texts: of what names people it could hold names of devices alone.
  const all =
    format === "snapshot" ? kinds : [...kinds.filter((kind) => /device/.test(kind)), "registers that no rule needs"];
  if (all.length > 0) sayNote(`left out: ${all.join(", ")}`);
}

async function snapshotOf({ machine, isBooted }: ReadMachine): Promise<Printable> {
  const [{ writeSnapshot }, { afterBoot }] = await Promise.all([
    import("../../host/snapshot/write-snapshot.ts"),
    import("../../rules/boot-acs.ts"),
  ]);
  return writeSnapshot(isBooted ? machine : afterBoot(machine));
}

/** `rdma_topo` wants config space, which only a tree of files has. */
async function rdmaTopoOf({ tree, machine }: ReadMachine): Promise<Printable> {
  if (tree === undefined) {
    throw new PeerlaneError("unsupported", `${machine.source.name} has no config space to write`, {
      remedy: "rdma_topo's dump can be made of this host, of --root, or of an archive of sysfs",
    });
  }
  const { writeRdmaTopo } = await import("../../host/rdma-topo/write-dump.ts");
  return writeRdmaTopo(tree);
}
