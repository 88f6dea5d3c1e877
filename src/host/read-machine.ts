import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import { type ForeignDecoders, joinBytes, looksCompressed, unpackInto } from "./compression.ts";
import type { FileTree } from "./file-tree.ts";
import { HEAD_BYTES, Intake, kindOf, refuseBeyond } from "./intake.ts";
import { detectEncoding } from "./lspci/text-cleaner.ts";
import type { Machine, Note } from "./machine.ts";

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
  readonly decoders?: ForeignDecoders;
  /** The text of `pci.ids`, for dumps that name devices without their numbers. */
  readonly pciIds?: () => string | undefined;
}

/**
 * Reads a machine in any supported format, found by content: lspci text, a text of `peerlane collect`, a scenario,
 * a snapshot, rdma_topo's dump, hwloc
 * or NCCL XML, a tar archive of sysfs, each also compressed. Text of lspci is read as it comes. Throws `bad-input` with the
 * place for what is none of these, `too-large` beyond 64 MiB of JSON, XML, YAML or compressed data and 512 MiB of
 * anything else.
 */
export async function readMachine(chunks: Iterable<Uint8Array>, options: ReadOptions): Promise<ReadMachine> {
  const { name } = options;
  const rest = chunks[Symbol.iterator]();
  const head = readHead(rest);
  if (head.length === 0) throw emptyInput(name, "the input is empty");
  const others: Iterable<Uint8Array> = { [Symbol.iterator]: () => rest };
  const isPacked = looksCompressed(head);
  // A reader that may not be needed is not loaded, but where only unpacking shows it.
  const lspci = isPacked || kindOf(head, name) === "lspci" ? await import("./lspci/read-lspci.ts") : undefined;
  const intake = new Intake(name, (file) => {
    if (lspci === undefined) throw new RangeError("no text of lspci was seen");
    return lspci.createLspciReader(file);
  });
  if (isPacked) {
    await unpackInto(packedBytes(head, others, name), (chunk) => intake.push(chunk), name, options.decoders);
  } else {
    intake.push(head);
    for (const chunk of others) intake.push(chunk);
  }
  if (intake.length === 0) throw emptyInput(name, "the input unpacks to nothing");
  return readTaken(intake, options);
}

/** Bytes of a compressed source. */
const MAX_PACKED = 64 * 2 ** 20;

function emptyInput(file: string, message: string): PeerlaneError {
  return new PeerlaneError("bad-input", message, { place: { file }, remedy: "pipe lspci -vvv into it, as root" });
}

function readHead(chunks: Iterator<Uint8Array>): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  while (length < HEAD_BYTES) {
    const next = chunks.next();
    if (next.done === true) break;
    parts.push(next.value);
    length += next.value.length;
  }
  return joinBytes(parts);
}

function packedBytes(head: Uint8Array, rest: Iterable<Uint8Array>, name: string): Uint8Array {
  const parts = [head];
  let length = head.length;
  for (const part of rest) {
    parts.push(part);
    length += part.length;
    refuseBeyond(length, MAX_PACKED, name);
  }
  return joinBytes(parts);
}

async function readTaken(intake: Intake, options: ReadOptions): Promise<ReadMachine> {
  const { kind, bytes, reader } = intake.end();
  if (reader !== undefined) return { machine: await withIds(reader.finish(), options), isBooted: true };
  if (kind === "tar") return readArchive(bytes, options);
  const { encoding } = detectEncoding(bytes);
  const text = new TextDecoder(encoding, { fatal: false }).decode(bytes);
  const start = text.slice(0, HEAD_BYTES).trimStart();
  if (kind === "json") return readJson(start, text, options);
  if (kind === "collected") return readCollectedText(text, options);
  if (kind === "xml") return readXml(start, text, options);
  const { readScenario } = await import("./scenario/scenario-machine.ts");
  return { machine: readScenario(text, options.name), isBooted: false };
}

async function readJson(start: string, text: string, { name }: ReadOptions): Promise<ReadMachine> {
  const { looksLikeSnapshot, quickSnapshot } = await import("./snapshot/quick-snapshot.ts");
  if (looksLikeSnapshot(start)) {
    // The codecs, of which the validator is a large part, are loaded where there is something to refuse.
    const quick = quickSnapshot(text, name);
    const machine = quick ?? (await import("./snapshot/read-snapshot.ts")).readByCodecs(text, name);
    return { machine, isBooted: true };
  }
  const { looksLikeRdmaTopo, readRdmaTopo } = await import("./rdma-topo/read-dump.ts");
  if (looksLikeRdmaTopo(start)) return { machine: await readRdmaTopo(text, name), isBooted: true };
  throw unknownFormat(name, "this JSON is neither a snapshot of peerlane capture nor a dump of rdma_topo");
}

async function readXml(start: string, text: string, { name }: ReadOptions): Promise<ReadMachine> {
  const { looksLikeHwloc, readHwloc } = await import("./hwloc/read-hwloc.ts");
  if (looksLikeHwloc(start)) return { machine: readHwloc(text, name), isBooted: true };
  const { looksLikeNccl, readNccl } = await import("./nccl/read-nccl.ts");
  if (looksLikeNccl(start)) return { machine: readNccl(text, name), isBooted: true };
  throw unknownFormat(name, "this XML is neither hwloc's nor NCCL's");
}

function unknownFormat(file: string, message: string): PeerlaneError {
  return new PeerlaneError("bad-input", message, {
    place: { file, line: 1 },
    remedy: "peerlane matrix --help lists what can be read; lspci -vvv as root shows most",
  });
}

const CHANGED: Note = {
  severity: "warning",
  message:
    "this text of peerlane collect is not as the script printed it: its check sum differs, so it is read as a paste, and what it may have lost is hidden",
  remedy: "send the file itself, packed or as an attachment",
};

async function readCollectedText(text: string, options: ReadOptions): Promise<ReadMachine> {
  const { readCollected } = await import("./collect/read-collected.ts");
  const tree = readCollected(text, options.name);
  if (tree !== undefined) {
    const { readSysfs } = await import("./sysfs.ts");
    return { machine: readSysfs(tree, { format: "collected" }), isBooted: true, tree };
  }
  const { createLspciReader } = await import("./lspci/read-lspci.ts");
  const reader = createLspciReader(options.name);
  reader.push(new TextEncoder().encode(text));
  const machine = await withIds(reader.finish(), options);
  return { machine: { ...machine, notes: [CHANGED, ...machine.notes] }, isBooted: true };
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
