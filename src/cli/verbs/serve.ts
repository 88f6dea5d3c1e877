import { hostname } from "node:os";
import { type Command, InvalidArgumentError } from "commander";
import { PeerlaneError } from "../../pci/error.ts";
import type { Printable } from "../../pci/visible.ts";
import { code, paragraph } from "../../report/document.ts";
import { documentText } from "../../report/document-text.ts";
import { pageMachines, pageWith } from "../../server/page.ts";
import { type PageServer, servePage } from "../../server/serve-page.ts";
import { EXIT } from "../exit-codes.ts";
import { interruptible } from "../interruption.ts";
import { addWhatIfOptions, SOURCE_HELP, type WhatIfOptions } from "../options.ts";
import { print } from "../print.ts";
import { readSource } from "../read-source.ts";
import { screenOf } from "../show.ts";
import type { Finish } from "../verb.ts";

/** Options of `serve`. */
export interface ServeOptions extends WhatIfOptions {
  readonly port?: number;
}

/** Its arguments, options and help. */
export function declareServe(command: Command, finish: Finish): void {
  command
    .argument("[source]", SOURCE_HELP)
    .option("--port <number>", "the port; without it, one that is free", parsePort);
  addWhatIfOptions(command)
    .option("--debug", "show stack traces of errors")
    .addHelpText(
      "after",
      `
The page works out everything in the browser. It is served on 127.0.0.1 alone, to whoever has the token in its address, until
this ends: Ctrl-C, or the end of its terminal. Loading it again reads the machine again. What names the machine or its people
is left out. A source that is read once, as standard input, stays as it was.

Exits with 0 when it is ended.

Examples:
  sudo peerlane serve
  peerlane serve dump.txt
  peerlane serve --port 8080`,
    )
    .action(async (source: string | undefined, options: ServeOptions) => {
      finish(await runServe(source, options));
    });
}

function parsePort(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port >= 1 && port <= 65_535) return port;
  throw new InvalidArgumentError("a port is a number from 1 to 65535");
}

/** `peerlane serve [SRC]`: until it is asked to end. */
export async function runServe(source: string | undefined, options: ServeOptions): Promise<number> {
  refuseRules(options);
  const first = await pageOf(source, options);
  return interruptible(async (signal) => {
    // Standard input is read once; everything else is as it is by then.
    const page = (): Promise<Printable> => (source === "-" ? Promise.resolve(first) : pageOf(source, options));
    const served = await servePage(page, options.port ?? 0);
    print(servedText(served));
    if (!signal.aborted)
      await new Promise<void>((done) => signal.addEventListener("abort", () => done(), { once: true }));
    await served.close();
    return EXIT.yes;
  });
}

/** The page decides by the rules of a machine's kernel; throws where others are asked for. */
export function refuseRules({ rules }: WhatIfOptions): void {
  if (rules === undefined) return;
  throw new PeerlaneError("usage", "the page decides by the rules of the machine's kernel, and takes no others", {
    remedy: `for a machine with that kernel: --kernel ${rules}`,
  });
}

/** The machine as it is, and beside it as it would be where that was asked. */
async function pageOf(source: string | undefined, options: ServeOptions): Promise<Printable> {
  return pageWith(pageMachines(await readSource(source, options)));
}

function servedText({ url, port }: PageServer): Printable {
  const blocks = [
    paragraph([{ paint: "strong", text: url }]),
    paragraph("for whoever has this address, until Ctrl-C or the end of this terminal; from elsewhere, there:"),
    code("", [`ssh -N -L ${port}:127.0.0.1:${port} ${hostname()}`]),
  ];
  return documentText(blocks, screenOf({ color: "auto" }));
}
