import { type Command, InvalidArgumentError } from "commander";
import { addOutputOptions, listed } from "../options.ts";
import type { LabVerbOptions } from "../verbs/lab.ts";
import type { Finish } from "./finish.ts";

const SEEDS = 1e9;

function parseSeed(text: string): number {
  const seed = Number(text);
  if (!Number.isInteger(seed) || seed < 0 || seed >= SEEDS)
    throw new InvalidArgumentError(`a seed is 0 to ${SEEDS - 1}`);
  return seed;
}

function parseLength(text: string): number {
  const length = Number(text);
  if (!Number.isInteger(length) || length < 1) throw new InvalidArgumentError("a list has at least one segment");
  return length;
}

/** The verb that runs the designs of the mapping layer side by side: `lab`. */
export function addLab(program: Command, finish: Finish): void {
  const command = program
    .command("lab")
    .description("designs of the mapping layer side by side, each carried out on the fabric, each byte checked")
    .argument("[design]", "only this design, with what it says on each machine; or 'replay'")
    .argument("[id]", "the run to replay, as dma-map-resource:bus-offset:1:b")
    .option("--designs <names>", "only these designs", listed)
    .option("--classes <names>", "only these classes of machine", listed)
    .option("--longest <segments>", "lists up to this length, of 1, 2, 64 and 4096 segments", parseLength)
    .option("--seed <number>", "where the pages of the lists lie", parseSeed)
    .option("--time", "measure the time per segment of this implementation too");
  addOutputOptions(command)
    .addHelpText(
      "after",
      `
Exits with 0; replay with 0 where the run is right, 1 where it is not. All of it takes about half a minute.

Examples:
  peerlane lab --longest 64
  peerlane lab dma-map-resource --classes one-switch,bus-offset
  peerlane lab replay dma-map-resource:bus-offset:1:b
  peerlane lab --designs special-pages,provider-ranges --classes iommu-strict --time`,
    )
    .action(async (design: string | undefined, id: string | undefined, options: LabVerbOptions) => {
      const { runLabVerb } = await import("../verbs/lab.ts");
      finish(runLabVerb(design, id, options));
    });
}
