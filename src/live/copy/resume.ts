import type { FileTree } from "../../host/file-tree.ts";
import type { ByteRange } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { BlockDevice } from "../block/block-device.ts";
import type { DataFile } from "../block/data-file.ts";
import { attachmentOf, partitionUuid } from "../block/lasting-identity.ts";
import { type CompareSlot, comparePart } from "./compare.ts";
import type { Journal, JournalSide } from "./journal.ts";
import type { CopyRanges } from "./ranges.ts";
import type { IoFailure, Sides } from "./sides.ts";

/** A side as a journal knows it again. */
export function journalSideOf(tree: FileTree, file: DataFile, role: "source" | "target"): JournalSide {
  const common = { kind: file.kind, path: file.path };
  if (file.kind === "device") {
    return {
      ...common,
      identity: file.identity ?? partitionUuid(tree, file),
      attachment: attachmentOf(tree, file),
      startBytes: file.disk.startBytes,
      ...{ fileSystem: null, inode: null, made: null, modified: null },
      sizeBytes: file.sizeBytes,
    };
  }
  return {
    ...common,
    ...{ identity: null, attachment: null, startBytes: 0 },
    fileSystem: file.device === null ? null : nameForLife(file.device),
    inode: String(file.inode),
    made: file.made,
    modified: role === "source" ? file.modified : null,
    sizeBytes: role === "source" ? file.sizeBytes : null,
  };
}

/** A disk keeps its name for life only where it has no identity; a partition of it is told by its place. */
function nameForLife({ identity, name, disk }: BlockDevice): string {
  return identity === null ? name : `${identity}+${disk.startBytes}`;
}

/** What makes a copy the same copy: both sides and the ranges. Its hash names the journal. */
export function copyKey(source: DataFile, target: DataFile, ranges: CopyRanges): unknown {
  const keyOf = (file: DataFile): unknown =>
    file.kind === "device" && file.identity !== null
      ? [file.identity, file.disk.startBytes, file.sizeBytes]
      : [file.path];
  return [keyOf(source), keyOf(target), ranges.sourceStart, ranges.targetStart, ranges.lengthBytes];
}

/** Both sides of a copy as a journal would have them now. */
export type JournalSides = Pick<Journal, "source" | "target">;

/** Why a journal does not belong to this copy any more; empty where it does. */
export function whatChanged(journal: Journal, now: JournalSides, ranges: CopyRanges): readonly string[] {
  return [
    ...sideChanges("source", journal.source, now.source),
    ...sideChanges("target", journal.target, now.target),
    ...(["sourceStart", "targetStart", "lengthBytes"] as const).flatMap((part) =>
      change(`the range (${part})`, journal.range[part], ranges[part]),
    ),
  ];
}

function sideChanges(role: "source" | "target", then: JournalSide, now: JournalSide): readonly string[] {
  const isNamedByPath = then.identity === null || now.identity === null;
  return [
    ...change(`the kind of the ${role}`, then.kind, now.kind),
    ...(isNamedByPath ? change(`the path of the ${role}`, then.path, now.path) : []),
    ...change(`the identity of the ${role}`, then.identity, now.identity),
    ...change(`the place on its disk of the ${role}`, then.startBytes, now.startBytes),
    ...change(`the file system of the ${role}`, then.fileSystem, now.fileSystem),
    ...change(`the inode of the ${role}`, then.inode, now.inode),
    ...change(`the time when the ${role} was made`, then.made, now.made),
    ...change(`the size of the ${role}`, then.sizeBytes, now.sizeBytes),
    ...change(`the time of the last change of the ${role}`, then.modified, now.modified),
  ];
}

function change(what: string, then: string | number | null, now: string | number | null): readonly string[] {
  return then === now ? [] : [`${what} was ${then ?? "none"} and is ${now ?? "none"}`];
}

/** Throws `usage` where the journal is of other data than what would be copied now. */
export function requireSameCopy(journal: Journal, file: string, now: JournalSides, ranges: CopyRanges): void {
  const changes = whatChanged(journal, now, ranges);
  if (changes.length > 0) throw cannotResume(file, changes.join("; "));
}

/**
 * The sides of which nothing but their content tells whether they are the same as before: disks without an identity that
 * were attached anew, files of a file system that does not keep when they were made.
 */
export function whoIsUncertain(journal: JournalSides, now: JournalSides): readonly ("source" | "target")[] {
  return (["source", "target"] as const).filter((role) => {
    const [then, is] = [journal[role], now[role]];
    if (is.kind === "file") return is.made === null;
    return is.identity === null && (is.attachment === null || is.attachment !== then.attachment);
  });
}

/** The part that the journal vouches for last. */
export function lastJournalledPart({ completedBytes, chunkBytes }: Journal): ByteRange | null {
  if (completedBytes === 0) return null;
  const start = Math.max(0, Math.ceil(completedBytes / chunkBytes) - 1) * chunkBytes;
  return { start, sizeBytes: completedBytes - start };
}

/** What is compared of the part that the journal vouches for. */
export interface ProofJob extends Sides {
  readonly journal: Journal;
  /** Of the journal, for messages. */
  readonly path: string;
  readonly slot: CompareSlot;
  /** All of it, or the last part. */
  readonly isWhole: boolean;
  readonly signal: AbortSignal;
}

/** How a proof ended; `compared` are the parts that are the same. */
export type Proof =
  | { readonly kind: "same"; readonly compared: readonly ByteRange[] }
  | { readonly kind: "failed"; readonly failure: IoFailure }
  | { readonly kind: "stopped" };

/** Compares what the journal says to be copied. Throws `usage` where it is not the same. */
export async function proveJournalledPart(job: ProofJob): Promise<Proof> {
  const { journal, path, slot, isWhole, signal } = job;
  const last = lastJournalledPart(journal);
  const compared: ByteRange[] = [];
  if (last === null) return { kind: "same", compared };
  for (let start = isWhole ? 0 : last.start; start < journal.completedBytes; start += journal.chunkBytes) {
    if (signal.aborted) return { kind: "stopped" };
    const part = { start, sizeBytes: Math.min(journal.chunkBytes, journal.completedBytes - start) };
    const result = await comparePart(job, slot, part);
    if (result.kind === "failed") return result;
    if (result.kind === "differs") {
      const { offset, source, target } = result.difference;
      const where = `source and target differ ${offset} bytes into the range, where the journal says they are the same`;
      throw cannotResume(path, `${where} (${source} and ${target})`);
    }
    compared.push(part);
  }
  return { kind: "same", compared };
}

function cannotResume(file: string, why: string): PeerlaneError {
  return new PeerlaneError("usage", `cannot resume: ${why}`, {
    place: { file },
    remedy: "copy it anew, without --resume",
  });
}
