import { createReadStream, existsSync, readdirSync, statSync } from "node:fs";
import { join, relative, resolve } from "node:path";
import type { Readable } from "node:stream";
import { createGunzip } from "node:zlib";
import { looksLikeTar } from "../host/archive.ts";
import { looksCompressed } from "../host/compression.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { ItemSource } from "./items.ts";
import { type Line, linesOf } from "./lines.ts";
import { Head } from "./stream-head.ts";
import { archiveMembers } from "./tar-members.ts";

/** A machine by name, before it has its place. */
export interface Found {
  /** The path as the source has it, or what its maker calls it. */
  readonly path: string;
  readonly source: ItemSource;
}

/** Where machines are looked for. */
export interface SourceOptions {
  /** What `-` reads. */
  readonly input: () => Readable;
  /** A folder that is not looked into: that of the results. */
  readonly except?: string;
}

/**
 * The machines of sources, in their order: of a folder all files below it, sorted by path; of an archive its members; of
 * standard input paths, one a line, or snapshots, one a line. A folder with `sys/` is one machine, and so is an archive of
 * one. Throws `not-found` for a source that is not there, and `bad-input` for an archive that ends early.
 */
export async function* findMachines(sources: readonly string[], options: SourceOptions): AsyncGenerator<Found> {
  for (const source of sources) {
    if (source === "-") yield* fromStream(options.input(), "standard input", undefined);
    else if (statSync(source, { throwIfNoEntry: false }) === undefined) {
      throw new PeerlaneError("not-found", `there is no ${source}`, {
        remedy: "name a folder or an archive of snapshots and dumps, files of them, or - for standard input",
      });
    } else if (isTree(source)) yield fileOf(source, baseOf(source));
    else if (statSync(source).isDirectory()) yield* fromFolder(source, options.except);
    else if (/\.(?:ndjson|jsonl)$/i.test(source) || (await isArchive(source))) {
      yield* fromStream(createReadStream(source, { highWaterMark: CHUNK }), source, source);
    } else yield fileOf(source, baseOf(source));
  }
}

const CHUNK = 1024 * 1024;

function fileOf(path: string, name: string): Found {
  return { path: name, source: { kind: "file", path } };
}

function baseOf(path: string): string {
  return path.replace(/\/+$/, "").split("/").at(-1) ?? path;
}

/** A copied tree of one machine. */
function isTree(path: string): boolean {
  return existsSync(join(path, "sys", "bus", "pci"));
}

/** Files and trees below a folder, by their paths in code units; hidden ones are left out, and no link to a folder is followed. */
function* fromFolder(root: string, except: string | undefined): Generator<Found> {
  const skipped = except === undefined ? undefined : resolve(except);
  const waiting: string[] = [root];
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (!statSync(path, { throwIfNoEntry: false })?.isDirectory()) {
      yield fileOf(path, relative(root, path));
      continue;
    }
    if (path !== root && isTree(path)) {
      yield { path: relative(root, path), source: { kind: "file", path } };
      continue;
    }
    const entries = readdirSync(path, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith("."))
      .filter((entry) => !(entry.isSymbolicLink() && isFolder(join(path, entry.name))))
      .map((entry) => join(path, entry.name))
      .filter((entry) => resolve(entry) !== skipped)
      .sort((a, b) => (a < b ? 1 : -1));
    for (const entry of entries) waiting.push(entry);
  }
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}

/** Whether a file is a tar archive whose first file is no part of a machine's own tree. */
async function isArchive(path: string): Promise<boolean> {
  if (!statSync(path).isFile()) return false;
  const stream = createReadStream(path, { highWaterMark: HEAD });
  try {
    const head = await Head.of(stream, HEAD);
    const content = head.isGzip() ? await unpackedHead(head) : head;
    if (!looksLikeTar(content.bytes)) return false;
    for await (const member of archiveMembers(content.rest(), path)) {
      return !isPartOfTree(member.name);
    }
    return true;
  } catch {
    // What is wrong with it is said where it is read.
    return false;
  } finally {
    stream.destroy();
  }
}

const HEAD = 64 * 1024;

function isPartOfTree(path: string): boolean {
  return /(?:^|\/)(?:sys|proc)\//.test(path);
}

async function unpackedHead(head: Head): Promise<Head> {
  const gunzip = createGunzip();
  return Head.of(head.pipeInto(gunzip), 512);
}

/** A stream of an archive, of paths or of snapshots; `file` where it is one. */
async function* fromStream(stream: Readable, name: string, file: string | undefined): AsyncGenerator<Found> {
  try {
    yield* readStream(stream, name, file);
  } catch (error) {
    if (error instanceof PeerlaneError && error.code === "unsupported") throw error;
    // What came before it ends stays; the rest of it is one row.
    const reason = error instanceof PeerlaneError ? error.headline : "it cannot be unpacked to its end";
    yield { path: baseOf(name), source: { kind: "fault", reason } };
  }
}

async function* readStream(stream: Readable, name: string, file: string | undefined): AsyncGenerator<Found> {
  let head = await Head.of(stream, 512);
  if (head.isGzip()) head = await unpackedHead(head);
  if (looksLikeTar(head.bytes)) {
    for await (const { name: path, bytes, reason } of archiveMembers(head.rest(), name)) {
      if (/(?:^|\/)\./.test(path.replace(/^(?:\.\/)+/, ""))) continue;
      const source: ItemSource = bytes === undefined ? { kind: "fault", reason } : { kind: "bytes", bytes };
      yield { path: path.replace(/^(?:\.\/)+/, ""), source };
    }
    return;
  }
  if (looksCompressed(head.bytes)) {
    throw new PeerlaneError("unsupported", `${name} is packed in a way that is not read as a stream`, {
      remedy: "unpack it: zstd -dc FILE | peerlane fleet -",
    });
  }
  yield* fromLines(linesOf(head.rest()), file);
}

/** Lines that begin as JSON does are snapshots; others are paths. */
async function* fromLines(lines: AsyncIterable<Line>, file: string | undefined): AsyncGenerator<Found> {
  let number = 0;
  for await (const { bytes, isTooLong } of lines) {
    number++;
    if (isTooLong) {
      yield { path: `line ${number}`, source: { kind: "fault", reason: "the line has more than 64 MiB" } };
      continue;
    }
    if (bytes.length === 0) continue;
    if (bytes[0] === OPENING) yield { path: labelOf(bytes) ?? `line ${number}`, source: { kind: "bytes", bytes } };
    else if (file !== undefined) {
      yield { path: `line ${number}`, source: { kind: "fault", reason: "the line is no JSON" } };
    } else {
      const path = new TextDecoder().decode(bytes).replace(/\r$/, "");
      yield existsSync(path)
        ? fileOf(path, path.replace(/^(?:\.\/)+/, "").replace(/\/+$/, ""))
        : { path, source: { kind: "fault", reason: "there is no such file" } };
    }
  }
}

const OPENING = 0x7b;
const LABEL = /"source"\s*:\s*\{[^{}]{0,200}"label"\s*:\s*("(?:[^"\\\n]|\\.){1,300}")/;

/** What the maker of a snapshot called its machine. */
function labelOf(bytes: Uint8Array): string | undefined {
  const quoted = LABEL.exec(new TextDecoder().decode(bytes.subarray(0, 4096)))?.[1];
  try {
    return quoted === undefined ? undefined : String(JSON.parse(quoted));
  } catch {
    return undefined;
  }
}
