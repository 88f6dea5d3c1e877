import type { Command } from "commander";
import { collectScript } from "../../host/collect/collect-script.ts";
import type { Printable } from "../../pci/visible.ts";
import { EXIT } from "../exit-codes.ts";
import type { Finish } from "../verb.ts";
import { writeOutput } from "../write-output.ts";

/** Its options and help. */
export function declareCollect(command: Command, finish: Finish): void {
  command
    .option("-o, --output <file>", "write the script here (replaces what is there) instead of to standard output")
    .addHelpText(
      "after",
      `
The script needs sh, awk, sed, grep and od; it reads, prints one text and writes nothing. Serial numbers, product data,
MAC addresses, host and user names are left out. Without root it tells less.

Exits with 0.

Examples:
  peerlane collect | ssh server sudo sh > server.txt      then: peerlane server.txt
  peerlane collect -o collect.sh                          read it, take it there, run: sudo sh collect.sh > server.txt
  sh collect.sh /mnt/copy > server.txt                    of a copy of sys/ and proc/`,
    )
    .action((options: { readonly output?: string }) => {
      finish(runCollect(options));
    });
}

/** `peerlane collect`: the script, as text. */
export function runCollect({ output }: { readonly output?: string }): number {
  writeOutput(output, collectScript() as Printable);
  return EXIT.yes;
}
