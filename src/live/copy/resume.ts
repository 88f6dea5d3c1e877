import { PeerlaneError } from "../../pci/error.ts";
import type { DataFile } from "../block/data-file.ts";
import { type CompareSlot, type Comparison, comparePart } from "./compare.ts";
import type { Journal, JournalSide } from "./journal.ts";
import type { ByteRange, CopyRanges } from "./ranges.ts";
import type { Sides } from "./sides.ts";

/** A side as a journal knows it again. */
export function journalSideOf(file: DataFile, role: "source" | "target"): JournalSide {
  const isFile = file.kind === "file";
  return {
    kind: file.kind,
    path: file.path,
    identity: isFile ? null : file.identity,
    startBytes: isFile ? 0 : file.disk.startBytes,
    inode: isFile ? file.inode : null,
    modified: isFile && role === "source" ? file.modified : null,
    sizeBytes: file.sizeBytes,
  };
}

/** What makes a copy the same copy: both sides and the ranges. Its hash names the journal. */
export function copyKey(source: DataFile, target: DataFile, ranges: CopyRanges): unknown {
  // A disk keeps its name for life only where it has no identity; a partition of it is told by its place.
  const keyOf = (file: DataFile): unknown =>
    file.kind === "device" && file.identity !== null
      ? [file.identity, file.disk.startBytes, file.sizeBytes]
      : [file.path];
  return [keyOf(source), keyOf(target), ranges.sourceStart, ranges.targetStart, ranges.lengthBytes];
}

/** Why a journal does not belong to this copy any more; empty where it does. */
export function whatChanged(
  journal: Journal,
  source: DataFile,
  target: DataFile,
  ranges: CopyRanges,
): readonly string[] {
  const now = { source: journalSideOf(source, "source"), target: journalSideOf(target, "target") };
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
  // The copy itself lets a target file grow.
  const hasFixedSize = role === "source" || then.kind === "device";
  return [
    ...change(`the kind of the ${role}`, then.kind, now.kind),
    ...(isNamedByPath ? change(`the path of the ${role}`, then.path, now.path) : []),
    ...change(`the identity of the ${role}`, then.identity, now.identity),
    ...change(`the place on its disk of the ${role}`, then.startBytes, now.startBytes),
    ...change(`the inode of the ${role}`, then.inode, now.inode),
    ...(hasFixedSize ? change(`the size of the ${role}`, then.sizeBytes, now.sizeBytes) : []),
    ...change(`the time of the last change of the ${role}`, then.modified, now.modified),
  ];
}

function change(what: string, then: string | number | null, now: string | number | null): readonly string[] {
  return then === now ? [] : [`${what} was ${then ?? "none"} and is ${now ?? "none"}`];
}

/** Throws `usage` where the journal is of other data than what would be copied now. */
export function requireSameCopy(
  journal: Journal,
  file: string,
  source: DataFile,
  target: DataFile,
  ranges: CopyRanges,
): void {
  const changes = whatChanged(journal, source, target, ranges);
  if (changes.length > 0) throw cannotResume(file, changes.join("; "));
}

/** The part that the journal vouches for last. */
export function lastJournalledPart({ completedBytes, chunkBytes }: Journal): ByteRange | null {
  if (completedBytes === 0) return null;
  const start = Math.max(0, Math.ceil(completedBytes / chunkBytes) - 1) * chunkBytes;
  return { start, size: completedBytes - start };
}

/** Compares the last part of which the journal says that it is copied. Throws `usage` where it is not the same. */
export async function proveLastPart(
  journal: Journal,
  file: string,
  sides: Sides,
  slot: CompareSlot,
): Promise<Comparison & { readonly kind: "same" | "failed" }> {
  const part = lastJournalledPart(journal);
  if (part === null) return { kind: "same" };
  const result = await comparePart(sides, slot, part);
  if (result.kind !== "differs") return result;
  const { offset, source, target } = result.difference;
  const where = `source and target differ ${offset} bytes into the range, where the journal says they are the same`;
  throw cannotResume(file, `${where} (${source} and ${target})`);
}

function cannotResume(file: string, why: string): PeerlaneError {
  return new PeerlaneError("usage", `cannot resume: ${why}`, {
    place: { file },
    remedy: "copy it anew, without --resume",
  });
}
