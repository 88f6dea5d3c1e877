import { closeSync, constants, fstatSync, openSync, readSync, statSync } from "node:fs";
import { askWhatIf } from "../advice/what-if/what-if.ts";
import { readLive, unpackKernelConfig } from "../host/live.ts";
import type { Machine } from "../host/machine.ts";
import { type ReadOptions, readMachine } from "../host/read-machine.ts";
import { namesOfSource } from "../host/redaction/names-of-source.ts";
import { scrubber } from "../host/redaction/scrub.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { FleetItem } from "./items.ts";
import type { SnapshotLines } from "./snapshot-lines.ts";

/** What reading takes from the system that it runs on. */
export type ReadingTools = Pick<ReadOptions, "decoders" | "pciIds">;

const CHUNK = 1024 * 1024;
/** A name may lead to a pipe or a device, on which nobody should wait. */
const FLAGS = constants.O_RDONLY | constants.O_NONBLOCK;

/** What is taken into memory whole at once: most snapshots. */
const WHOLE = 512 * 1024;

/** Reads a snapshot as `capture` writes it; `undefined` where the source is something else, or has more than such a one. */
export function takeSnapshot({ name, source }: FleetItem, lines: SnapshotLines): Machine | undefined {
  if (source.kind === "fault") return undefined;
  const bytes = source.kind === "bytes" ? source.bytes : smallFile(source.path);
  if (bytes === undefined || bytes.length > WHOLE || bytes[0] !== OPENING) return undefined;
  return lines.read(decoder.decode(bytes), name);
}

const OPENING = 0x7b;
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
let buffer: Buffer | undefined;

/** The bytes of a file, until the next is read. */
function smallFile(path: string): Uint8Array | undefined {
  try {
    const file = openSync(path, FLAGS);
    try {
      buffer ??= Buffer.allocUnsafe(WHOLE);
      const count = fstatSync(file).isFile() ? readSync(file, buffer) : 0;
      return count === WHOLE ? undefined : buffer.subarray(0, count);
    } finally {
      closeSync(file);
    }
  } catch {
    // Why it cannot be read is said where it is read in the usual way.
    return undefined;
  }
}

/** Reads one machine of a fleet, as it stands booted. Throws what {@link readMachine} throws, and `not-found`. */
export async function takeMachine(item: FleetItem, tools: ReadingTools): Promise<Machine> {
  const { source } = item;
  if (source.kind === "fault") throw new PeerlaneError("bad-input", source.reason);
  if (source.kind === "file" && isFolder(source.path)) return readLive(source.path);
  const chunks = source.kind === "file" ? fileChunks(source.path) : [source.bytes];
  const { machine, isBooted } = await readMachine(chunks, {
    // In place of a path, which may name people: messages quote it.
    name: item.name,
    gunzip: unpackKernelConfig,
    ...tools,
  });
  return isBooted ? machine : askWhatIf(machine, {}, false).before;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** A file piece by piece; most are one. */
function* fileChunks(path: string): Generator<Uint8Array> {
  let file: number;
  try {
    file = openSync(path, FLAGS);
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    throw new PeerlaneError("not-found", `it cannot be opened (${code ?? "no reason given"})`, { cause });
  }
  try {
    const stats = fstatSync(file);
    if (!stats.isFile()) throw new PeerlaneError("bad-input", "it is no regular file");
    for (let left = stats.size; ; left = Math.max(0, left - CHUNK)) {
      // One byte more than there should be: a file that is read while it grows.
      const chunk = Buffer.allocUnsafe(Math.min(left + 1, CHUNK));
      const count = readSync(file, chunk);
      if (count === 0) return;
      yield chunk.subarray(0, count);
    }
  } finally {
    closeSync(file);
  }
}

/** Why a machine could not be read, in one line and without what its file may hold of names, addresses and serials. */
export function reasonOf(error: unknown, item: FleetItem): string {
  const isOurs = error instanceof PeerlaneError;
  const { line } = (isOurs ? error.place : undefined) ?? {};
  const text = isOurs ? error.headline : "it cannot be read (an error of Peerlane's own)";
  const { files, names } = namesOfSource(item.name);
  const clean = scrubber({ files: new Set(files), names: new Set(names) });
  const told = clean(text.replaceAll(/'[^'\n]*'|"[^"\n]*"|`[^`\n]*`/g, "'…'"));
  return `${told.slice(0, MOST_CHARACTERS)}${line === undefined ? "" : ` (line ${line})`}`;
}

const MOST_CHARACTERS = 300;
