import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import type { FileTree } from "./file-tree.ts";
import { detectEncoding } from "./lspci/text-cleaner.ts";
import type { Machine } from "./machine.ts";

/** A machine as its source has it. */
export interface ReadMachine {
  readonly machine: Machine;
  /** False for a machine as firmware hands it to the kernel, as a scenario is: the kernel's boot still sets ACS. */
  readonly isBooted: boolean;
  /** The files behind it, where the source is a tree of files. */
  readonly tree?: FileTree;
}

/** What reading needs from the system that it runs on; all of it may be left out. */
export interface ReadOptions {
  /** What to call the source in messages. */
  readonly name: string;
  /** Unpacks `/proc/config.gz` of an archive. */
  readonly gunzip?: (bytes: Uint8Array) => Uint8Array;
  /** The text of `pci.ids`, for dumps that name devices without their numbers. */
  readonly pciIds?: () => string | undefined;
}

/** Formats other than lspci text are taken into memory whole. */
const MAX_WHOLE_FILE = 512 * 1024 * 1024;
/** No JSON, XML or YAML of a machine is larger. */
const MAX_WHOLE_TEXT = 64 * 1024 * 1024;

/**
 * Reads a machine in any supported format, found by content: lspci text, a scenario, a snapshot, rdma_topo's dump, hwloc
 * or NCCL XML, a tar archive of sysfs, each also compressed. Text of lspci is read as it comes and may be of any size.
 * Throws `bad-input` with the place for what is none of these, `too-large` beyond 64 MiB of other text and 512 MiB of archives.
 */
export async function readMachine(chunks: Iterable<Uint8Array>, options: ReadOptions): Promise<ReadMachine> {
  const rest = chunks[Symbol.iterator]();
  const head = readHead(rest, options.name);
  if (head.length === 0) throw emptyInput(options.name, "the input is empty");
  const others: Iterable<Uint8Array> = { [Symbol.iterator]: () => rest };
  const { decompress, looksCompressed } = await import("./compression.ts");
  if (looksCompressed(head)) {
    const bytes = await decompress(joined(head, others, options.name), options.name);
    if (bytes.length === 0) throw emptyInput(options.name, "the input unpacks to nothing");
    return readPlain(bytes, [], options);
  }
  return readPlain(head, others, options);
}

function emptyInput(file: string, message: string): PeerlaneError {
  return new PeerlaneError("bad-input", message, { place: { file }, remedy: "pipe lspci -vvv into it, as root" });
}

/** Enough to tell formats apart by; a pipe may deliver it in small pieces. */
const HEAD = 64 * 1024;

function readHead(chunks: Iterator<Uint8Array>, name: string): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < HEAD) {
    const next = chunks.next();
    if (next.done === true) break;
    parts.push(next.value);
    length += next.value.length;
  }
  return joined(new Uint8Array(), parts, name);
}

async function readPlain(head: Uint8Array, rest: Iterable<Uint8Array>, options: ReadOptions): Promise<ReadMachine> {
  const { looksLikeTar } = await import("./archive.ts");
  if (looksLikeTar(head)) return readArchive(joined(head, rest, options.name), options);
  // Not the whole: a character that the end cuts in two is no matter here. A byte order mark is left out.
  const { encoding } = detectEncoding(head);
  const start = new TextDecoder(encoding, { fatal: false }).decode(head.subarray(0, HEAD)).trimStart();
  if (start.startsWith("{") || start.startsWith("[")) return readJson(start, textOf(head, rest, options), options);
  if (start.startsWith("<")) return readXml(start, textOf(head, rest, options), options);
  if (looksLikeScenario(start, options.name)) {
    const { readScenario } = await import("./scenario/index.ts");
    return { machine: readScenario(textOf(head, rest, options), options.name), isBooted: false };
  }
  const { createLspciReader } = await import("./lspci/index.ts");
  const reader = createLspciReader(options.name);
  reader.push(head);
  for (const chunk of rest) reader.push(chunk);
  return { machine: await withIds(reader.finish(), options), isBooted: true };
}

function textOf(head: Uint8Array, rest: Iterable<Uint8Array>, { name }: ReadOptions): string {
  const { encoding } = detectEncoding(head);
  return new TextDecoder(encoding, { fatal: false }).decode(joined(head, rest, name, MAX_WHOLE_TEXT));
}

async function readJson(start: string, text: string, { name }: ReadOptions): Promise<ReadMachine> {
  const { looksLikeSnapshot, readSnapshot } = await import("./snapshot/index.ts");
  if (looksLikeSnapshot(start)) return { machine: readSnapshot(text, name), isBooted: true };
  const { looksLikeRdmaTopo, readRdmaTopo } = await import("./rdma-topo/index.ts");
  if (looksLikeRdmaTopo(start)) return { machine: await readRdmaTopo(text, name), isBooted: true };
  throw unknownFormat(name, "this JSON is neither a snapshot of peerlane capture nor a dump of rdma_topo");
}

async function readXml(start: string, text: string, { name }: ReadOptions): Promise<ReadMachine> {
  const { looksLikeHwloc, readHwloc } = await import("./hwloc/index.ts");
  if (looksLikeHwloc(start)) return { machine: readHwloc(text, name), isBooted: true };
  const { looksLikeNccl, readNccl } = await import("./nccl/index.ts");
  if (looksLikeNccl(start)) return { machine: readNccl(text, name), isBooted: true };
  throw unknownFormat(name, "this XML is neither hwloc's nor NCCL's");
}

function unknownFormat(file: string, message: string): PeerlaneError {
  return new PeerlaneError("bad-input", message, {
    place: { file, line: 1 },
    remedy: "peerlane --help lists what can be read; lspci -vvv as root shows most",
  });
}

function joined(head: Uint8Array, rest: Iterable<Uint8Array>, name: string, limit = MAX_WHOLE_FILE): Uint8Array {
  const parts = [head];
  let length = head.length;
  const refuseBeyondLimit = (): void => {
    if (length <= limit) return;
    throw new PeerlaneError("too-large", `the file is larger than ${limit / 2 ** 20} MiB`, {
      place: { file: name },
      remedy: "no machine has as much to say: check what the file holds",
    });
  };
  refuseBeyondLimit();
  for (const part of rest) {
    parts.push(part);
    length += part.length;
    refuseBeyondLimit();
  }
  if (parts.length === 1) return head;
  const whole = new Uint8Array(length);
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}

async function readArchive(bytes: Uint8Array, { name, gunzip }: ReadOptions): Promise<ReadMachine> {
  const [{ ArchiveTree }, { readSysfs }] = await Promise.all([import("./archive.ts"), import("./sysfs.ts")]);
  const tree = new ArchiveTree(bytes, name);
  const machine = readSysfs(tree, { format: "archive", ...(gunzip === undefined ? {} : { gunzip }) });
  return { machine, isBooted: true, tree };
}

/** Looks ids up by name where a text has names only and the system knows them. */
async function withIds(machine: Machine, { pciIds }: ReadOptions): Promise<Machine> {
  if (!machine.functions.some((fn) => isUnknown(fn.vendorId) && fn.label !== null)) return machine;
  const text = pciIds?.();
  if (text === undefined) return machine;
  const { withIdsFromNames } = await import("./ids-from-names.ts");
  return withIdsFromNames(machine, text);
}

/** A scenario has its host bridges as a top-level key; by name alone a YAML file is one as well. */
function looksLikeScenario(start: string, name: string): boolean {
  return /\.ya?ml$/i.test(name) || /^\s*["']?hostBridges["']?\s*:/m.test(start);
}
