import { PeerlaneError } from "../../pci/error.ts";
import type { Printable } from "../../pci/visible.ts";
import { EXIT } from "../exit-codes.ts";
import { readUnchanged } from "../read-source.ts";
import { writeOutput } from "../write-output.ts";
import type { CaptureOptions } from "./capture-options.ts";

/** `peerlane capture [SRC]`: the machine in one file, to be read anywhere. */
export async function runCapture(source: string | undefined, options: CaptureOptions): Promise<number> {
  const isText = options.plain === true || options.format === "rdma-topo";
  if ((options.output === undefined || options.output === "-") && !isText && process.stdout.isTTY) {
    throw new PeerlaneError("usage", "compressed data does not belong on a terminal", {
      remedy: "give -o server.json.gz, or --plain",
    });
  }
  const text = options.format === "snapshot" ? await snapshotOf(source, options) : await rdmaTopoOf(source, options);
  if (isText) {
    writeOutput(options.output, text);
    return EXIT.yes;
  }
  const { compressSnapshot } = await import("../../host/snapshot/index.ts");
  writeOutput(options.output, await compressSnapshot(text));
  return EXIT.yes;
}

async function snapshotOf(source: string | undefined, { root }: CaptureOptions): Promise<Printable> {
  const { machine, isBooted } = await readUnchanged(source, root);
  const [{ writeSnapshot }, { afterBoot }] = await Promise.all([
    import("../../host/snapshot/index.ts"),
    import("../../p2pdma/index.ts"),
  ]);
  return writeSnapshot(isBooted ? machine : afterBoot(machine));
}

/** `rdma_topo` wants config space as it is, which only a tree of files has. */
async function rdmaTopoOf(source: string | undefined, { root }: CaptureOptions): Promise<Printable> {
  const { tree, machine } = await readUnchanged(source, root);
  if (tree === undefined) {
    throw new PeerlaneError("unsupported", `${machine.source.name} has no config space to write`, {
      remedy: "rdma_topo's dump can be made of this host, of --root, or of an archive of sysfs",
    });
  }
  const { writeRdmaTopo } = await import("../../host/rdma-topo/index.ts");
  return writeRdmaTopo(tree);
}
