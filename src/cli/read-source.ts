import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import type { WhatIf, WhatIfRequest } from "../advice/what-if/what-if.ts";
import type { Machine } from "../host/machine.ts";
import type { ReadMachine } from "../host/read-machine.ts";
import { PeerlaneError } from "../pci/error.ts";
import { fileBehindForm } from "./file-behind-form.ts";
import type { HostOptions } from "./options.ts";
import { ProgressLine } from "./print.ts";

/** Where a machine is taken from, and what is asked of it. */
export interface SourceOptions extends WhatIfRequest, HostOptions {
  /** A folder that holds `sys/` and `proc/`. */
  readonly root?: string;
}

const CHUNK = 1024 * 1024;

/**
 * Reads the machine that the options name, by content, with what the user says of it put in, and as it would be with
 * what the user asks. `source` is a file, `-` for standard input, a folder with `sys/`, or nothing: this host.
 */
export async function readSource(source: string | undefined, options: SourceOptions): Promise<WhatIf> {
  const { machine, isBooted } = await readUnchanged(source, options.root);
  const { askWhatIf } = await import("../advice/what-if/what-if.ts");
  return askWhatIf(await onHost(machine, source, options), options, isBooted);
}

/** A guest with its host, where that is given. */
async function onHost(guest: Machine, source: string | undefined, { host, pair = [] }: HostOptions): Promise<Machine> {
  if (host === undefined) {
    if (pair.length === 0) return guest;
    throw new PeerlaneError("usage", "--pair names devices of the host, and no host is given", {
      remedy: "give it with --host FILE",
    });
  }
  if (host === "-" && source === "-") {
    throw new PeerlaneError("usage", "guest and host cannot both come from standard input", {
      remedy: "give one of them as a file",
    });
  }
  const { withHost } = await import("../answers/guest-pairing.ts");
  return withHost(guest, (await readUnchanged(host, undefined)).machine, pair);
}

/** Reads a source as it is. */
export async function readUnchanged(source: string | undefined, root: string | undefined): Promise<ReadMachine> {
  if (source !== undefined && root !== undefined) {
    throw new PeerlaneError("usage", "a source and --root are two machines", { remedy: "give one of them" });
  }
  if (source === undefined || (source !== "-" && isFolder(source))) {
    const { liveTree, readLive } = await import("../host/live.ts");
    const folder = root ?? source;
    return { machine: readLive(folder), isBooted: true, tree: liveTree(folder) };
  }
  const [{ readMachine }, { unpackKernelConfig }, { decodersOfNode }] = await Promise.all([
    import("../host/read-machine.ts"),
    import("../host/live.ts"),
    import("./decoders-of-node.ts"),
  ]);
  try {
    return await readMachine(readChunks(source), {
      name: source === "-" ? "standard input" : source,
      gunzip: unpackKernelConfig,
      decoders: decodersOfNode,
      pciIds: readPciIds,
    });
  } catch (error) {
    if (source !== "-" && error instanceof PeerlaneError && error.code === "bad-input") {
      const { refuseAsMachine } = await import("./file-kind.ts");
      refuseAsMachine(source, readFileSync(source, "latin1").slice(0, CHUNK));
    }
    throw error;
  }
}

/** Whether a word in a device's place is written as a file is, or as standard input: no device has such a name. */
export function looksLikeSource(word: string): boolean {
  return word === "-" || word.includes("/") || /\.[a-z]\w*$/i.test(word);
}

/** Refuses a source that stands where a device is due, which would be looked up on this host. */
export function refuseSourceAsDevice(names: readonly string[]): void {
  const source = names.find(looksLikeSource);
  if (source === undefined) return;
  throw new PeerlaneError("usage", `'${source}' is a source, and stands where a device is due`, {
    remedy: "name the devices first, then the source",
  });
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Chunks of a file or of standard input, with progress on a terminal once it takes a while. */
function* readChunks(source: string): Generator<Uint8Array> {
  const file = source === "-" ? 0 : openFile(source);
  const progress = new ProgressLine();
  let total = 0;
  try {
    for (;;) {
      const chunk = new Uint8Array(CHUNK);
      const count = readSome(file, chunk, source === "-" ? "standard input" : source);
      if (count === 0) return;
      total += count;
      if (total % (64 * CHUNK) < count) progress.show(`read ${Math.round(total / CHUNK)} MiB of ${source}`);
      yield chunk.subarray(0, count);
    }
  } finally {
    progress.clear();
    if (file !== 0) closeSync(file);
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, "r");
  } catch (cause) {
    throw new PeerlaneError("not-found", `cannot open ${path === "" ? "a file without a name" : path}`, {
      remedy:
        fileBehindForm(process.argv) ??
        "name a dump of lspci, an archive of sysfs, a snapshot, a scenario, or - for standard input",
      cause,
    });
  }
}

function readSome(file: number, chunk: Uint8Array, source: string): number {
  for (;;) {
    try {
      return readSync(file, chunk);
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      if (code === "EOF") return 0;
      // A terminal or pipe in non-blocking mode has nothing yet.
      if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      else throw new PeerlaneError("operation-failed", `cannot read ${source}: ${(cause as Error).message}`, { cause });
    }
  }
}

/** Where distributions keep the names of PCI ids. */
const PCI_IDS_FILES = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"];

/** The names of PCI ids, where this system has them. */
export function readPciIds(): string | undefined {
  const path = PCI_IDS_FILES.find((file) => existsSync(file));
  return path === undefined ? undefined : readFileSync(path, "utf8");
}
