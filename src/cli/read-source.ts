import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import type { Machine } from "../host/machine.ts";
import { type Overrides, withOverrides } from "../host/override.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import { ProgressLine } from "./terminal.ts";

/** Where a machine is taken from. */
export interface SourceOptions extends Overrides {
  /** A file, `-` for standard input, or a folder with `sys/`; without it this host. */
  readonly source?: string;
  /** A folder that holds `sys/` and `proc/`. */
  readonly root?: string;
}

/** Formats other than lspci text are taken into memory whole. */
const MAX_WHOLE_FILE = 512 * 1024 * 1024;
const CHUNK = 1024 * 1024;

/** Reads the machine that the options name, by content, with what the user says of it put in. */
export async function readSource({ source, root, ...overrides }: SourceOptions): Promise<Machine> {
  if (source !== undefined && root !== undefined) {
    throw new PeerlaneError("usage", "a source and --root are two machines", { remedy: "give one of them" });
  }
  const { machine, isBooted } = await readUnchanged(source, root);
  const changed = withOverrides(machine, overrides);
  if (isBooted) return changed;
  const { afterBoot } = await import("../p2pdma/boot-acs.ts");
  return afterBoot(changed);
}

/** A machine as its source has it; a scenario is one before the kernel's boot, which sets ACS. */
interface Unchanged {
  readonly machine: Machine;
  readonly isBooted: boolean;
}

const booted = (machine: Machine): Unchanged => ({ machine, isBooted: true });

async function readUnchanged(source: string | undefined, root: string | undefined): Promise<Unchanged> {
  if (source === undefined || (source !== "-" && isFolder(source))) {
    const { readLive } = await import("../host/live.ts");
    return booted(readLive(root ?? source));
  }
  return readFile(source);
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
      const count = readSome(file, chunk);
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
    throw new PeerlaneError("not-found", `cannot open ${path}`, {
      remedy: "name a dump of lspci, an archive of sysfs, a scenario, or - for standard input",
      cause,
    });
  }
}

function readSome(file: number, chunk: Uint8Array): number {
  for (;;) {
    try {
      return readSync(file, chunk);
    } catch (cause) {
      const code = (cause as NodeJS.ErrnoException).code;
      if (code === "EOF") return 0;
      // A terminal or pipe in non-blocking mode has nothing yet.
      if (code === "EAGAIN") Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
      else throw new PeerlaneError("operation-failed", `cannot read: ${(cause as Error).message}`, { cause });
    }
  }
}

async function readFile(source: string): Promise<Unchanged> {
  const name = source === "-" ? "standard input" : source;
  const chunks = readChunks(source);
  const first = chunks.next();
  if (first.done === true) {
    throw new PeerlaneError("bad-input", "the input is empty", {
      place: { file: name },
      remedy: "pipe lspci -vvv into it, as root",
    });
  }
  const head = first.value;
  const { gunzip, looksLikeGzip, looksLikeTar } = await import("../host/archive.ts");
  if (looksLikeGzip(head)) {
    const unpacked = await gunzip(readWhole(head, chunks, name), name);
    return looksLikeTar(unpacked) ? booted(await readArchive(unpacked, name)) : readText(unpacked, [], name);
  }
  if (looksLikeTar(head)) return booted(await readArchive(readWhole(head, chunks, name), name));
  return readText(head, chunks, name);
}

function readWhole(head: Uint8Array, rest: Iterable<Uint8Array>, name: string): Uint8Array {
  const parts = [head];
  let length = head.length;
  for (const part of rest) {
    parts.push(part);
    length += part.length;
    if (length > MAX_WHOLE_FILE)
      throw new PeerlaneError("too-large", "the file is larger than 512 MiB", { place: { file: name } });
  }
  return new Uint8Array(Buffer.concat(parts));
}

async function readArchive(bytes: Uint8Array, name: string): Promise<Machine> {
  const [{ ArchiveTree }, { readSysfs }, { gunzipSync }] = await Promise.all([
    import("../host/archive.ts"),
    import("../host/sysfs.ts"),
    import("node:zlib"),
  ]);
  return readSysfs(new ArchiveTree(bytes, name), { format: "archive", gunzip: gunzipSync });
}

async function readText(head: Uint8Array, rest: Iterable<Uint8Array>, name: string): Promise<Unchanged> {
  if (looksLikeScenario(head, name)) {
    const { readScenario } = await import("../host/scenario/index.ts");
    const text = new TextDecoder("utf-8", { fatal: false }).decode(readWhole(head, rest, name));
    return { machine: readScenario(text, name), isBooted: false };
  }
  const { createLspciReader } = await import("../host/lspci/index.ts");
  const reader = createLspciReader(name);
  reader.push(head);
  for (const chunk of rest) reader.push(chunk);
  return booted(await withIds(reader.finish()));
}

/** Where distributions keep the names of PCI ids. */
const PCI_IDS_FILES = ["/usr/share/misc/pci.ids", "/usr/share/hwdata/pci.ids", "/usr/share/pci.ids"];

/** Looks ids up by name where a text has names only and this host knows them. */
async function withIds(machine: Machine): Promise<Machine> {
  if (!machine.functions.some((fn) => isUnknown(fn.vendorId) && fn.label !== null)) return machine;
  const path = PCI_IDS_FILES.find((file) => existsSync(file));
  if (path === undefined) return machine;
  const { withIdsFromNames } = await import("../host/ids-from-names.ts");
  return withIdsFromNames(machine, readFileSync(path, "utf8"));
}

/** A scenario has its host bridges as a top-level key; by name alone a YAML file is one as well. */
function looksLikeScenario(head: Uint8Array, name: string): boolean {
  if (/\.ya?ml$/i.test(name)) return true;
  return /^\s*["']?hostBridges["']?\s*:/m.test(new TextDecoder("latin1").decode(head.subarray(0, 64 * 1024)));
}
