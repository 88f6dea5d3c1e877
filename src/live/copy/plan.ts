import { PeerlaneError } from "../../pci/error.ts";
import { nameOf } from "../block/data-file.ts";
import type { Host } from "../host.ts";
import { type CopyEnds, extentOf, findEnds } from "./ends.ts";
import type { Journal, JournalSide } from "./journal.ts";
import { defaultJournalPath, readJournal } from "./journal-file.ts";
import { type CopyPath, choosePath } from "./path.ts";
import { type CopyRanges, resolveRanges, roundUp } from "./ranges.ts";
import { refuseHarm } from "./refusals.ts";
import { type CopyRequest, PAGE_BYTES } from "./request.ts";
import { copyKey, journalSideOf, requireSameCopy } from "./resume.ts";

/** All that is decided before anything is opened for writing. */
export interface CopyPlan {
  readonly host: Host;
  readonly request: CopyRequest;
  readonly ends: CopyEnds;
  readonly ranges: CopyRanges;
  readonly path: CopyPath;
  /** Of the transfer memory; no larger than what there is to copy. */
  readonly chunkBytes: number;
  readonly depth: number;
  /** Chunks are multiples of it: whole pages, and whole blocks of both sides. */
  readonly unitBytes: number;
  readonly journalPath: string;
  /** The journal to go on from; `null` where the copy starts anew. */
  readonly resumed: Journal | null;
  readonly warnings: readonly string[];
}

/** Decides what to copy where and through what. Throws whatever speaks against it; nothing is written. */
export function planCopy(host: Host, request: CopyRequest): CopyPlan {
  const ends = findEnds(host, request.source, request.target);
  const { source, target } = ends;
  const ranges = resolveRanges(extentOf(source, nameOf(source)), extentOf(target, nameOf(target)), request);
  const warnings = refuseHarm(host.tree, ends, ranges, host.system);
  const unitBytes = Math.max(PAGE_BYTES, source.logicalBlockBytes, target.logicalBlockBytes);
  const journalPath = request.journal ?? defaultJournalPath(copyKey(source, target, ranges));
  const there = readJournal(journalPath, host.system);
  if (there !== null && request.journal !== null && !request.resume)
    requireOwnJournal(there, journalPath, ends, ranges);
  const resumed = request.resume ? journalToResume(there, journalPath, ends, ranges) : null;
  const chunkBytes = Math.max(unitBytes, Math.min(request.chunkBytes, roundUp(ranges.bulkBytes, unitBytes)));
  return {
    host,
    request,
    ends,
    ranges,
    path:
      ranges.bulkBytes === 0
        ? { kind: "dram", reason: "there is less than one block to copy, which the CPU does" }
        : choosePath(host, ends, request),
    chunkBytes,
    depth: Math.max(1, Math.min(request.depth, Math.ceil(ranges.bulkBytes / chunkBytes))),
    unitBytes,
    journalPath,
    resumed,
    warnings: [
      ...warnings,
      ...keptBehind(ends, ranges, resumed),
      ...(there !== null && !request.resume ? [unfinishedNote(there, journalPath)] : []),
      ...(there === null && request.resume ? ["there is no journal of this copy: it starts from the beginning"] : []),
    ],
  };
}

/** A file that the user names may be the journal of another copy, which must not be lost. */
function requireOwnJournal(there: Journal, path: string, { source, target }: CopyEnds, ranges: CopyRanges): void {
  const { sourceStart, targetStart, lengthBytes } = there.range;
  const isOwn =
    isSameEnd(there.source, journalSideOf(source, "source")) &&
    isSameEnd(there.target, journalSideOf(target, "target")) &&
    sourceStart === ranges.sourceStart &&
    targetStart === ranges.targetStart &&
    lengthBytes === ranges.lengthBytes;
  if (isOwn) return;
  throw new PeerlaneError("usage", "this is the journal of another copy", {
    place: { file: path },
    facts: { "its copy": `${lengthBytes} bytes from ${there.source.path} to ${there.target.path}` },
    remedy: "name another file with --journal, or finish that copy first",
  });
}

/** Disks may get other names; files are known by theirs. */
function isSameEnd(then: JournalSide, now: JournalSide): boolean {
  return then.identity === null ? then.path === now.path : then.identity === now.identity;
}

function journalToResume(
  there: Journal | null,
  path: string,
  { source, target, isNew }: CopyEnds,
  ranges: CopyRanges,
): Journal | null {
  if (there === null) return null;
  if (isNew) {
    throw new PeerlaneError("usage", `cannot resume: the target file ${target.path} is gone`, {
      place: { file: path },
      remedy: "copy it anew, without --resume",
    });
  }
  requireSameCopy(there, path, source, target, ranges);
  const block = Math.max(source.logicalBlockBytes, target.logicalBlockBytes);
  if (there.completedBytes % block === 0 || there.completedBytes === ranges.lengthBytes) return there;
  throw new PeerlaneError(
    "bad-input",
    `completedBytes: ${there.completedBytes} is no multiple of the block of ${block}`,
    {
      place: { file: path },
      remedy: "remove the file to start anew",
    },
  );
}

function unfinishedNote({ completedBytes, savedAt, range }: Journal, path: string): string {
  const many = `${completedBytes} of ${range.lengthBytes} bytes`;
  return `this copy was begun before and ended early (${many}, ${savedAt}; ${path}): --resume would go on; it starts anew`;
}

/** A longer target file stays as long as it is: nothing outside the range is touched. */
function keptBehind(
  { target }: CopyEnds,
  { targetStart, lengthBytes }: CopyRanges,
  resumed: Journal | null,
): readonly string[] {
  const sizeBytes = resumed?.target.sizeBytes ?? target.sizeBytes;
  const behind = target.kind === "file" ? sizeBytes - targetStart - lengthBytes : 0;
  return behind <= 0
    ? []
    : [`the target file is longer: its last ${behind} bytes stay as they are (truncate it first for an exact copy)`];
}
