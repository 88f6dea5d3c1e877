import { dirname } from "node:path";
import { PAGE_BYTES } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { readBlockDeviceByNumber } from "../block/block-device.ts";
import { deviceNumber, nameOf } from "../block/data-file.ts";
import { mayUseCache, mountAt, readMounts } from "../block/mounts.ts";
import type { Host } from "../host.ts";
import { ifThere } from "../system-calls.ts";
import { type CopyEnds, extentOf, findEnds } from "./ends.ts";
import { failedCall } from "./failures.ts";
import type { Journal, JournalSide } from "./journal.ts";
import { readJournal } from "./journal-file.ts";
import { defaultPlace, type JournalPlace, namedPlace } from "./journal-place.ts";
import { type CopyPath, choosePath } from "./path.ts";
import { type CopyRanges, resolveRanges, roundUp } from "./ranges.ts";
import { refuseHarm } from "./refusals.ts";
import type { CopyRequest } from "./request.ts";
import { copyKey, type JournalSides, journalSideOf, requireSameCopy, whoIsUncertain } from "./resume.ts";
import { refuseReadOnly } from "./write-protection.ts";

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
  readonly journal: JournalPlace;
  readonly journalPath: string;
  /** The journal to go on from; `null` where the copy starts anew. */
  readonly resumed: Journal | null;
  /** The sides that nothing but their content tells to be the same as before: all that was copied is compared. */
  readonly uncertain: readonly ("source" | "target")[];
  readonly warnings: readonly string[];
}

/** Decides what to copy where and through what. Throws whatever speaks against it; nothing is written. */
export function planCopy(host: Host, request: CopyRequest): CopyPlan {
  try {
    return decide(host, request);
  } catch (error) {
    throw failedCall(error, "nothing was written; look into the kernel's log (dmesg)");
  }
}

function decide(host: Host, request: CopyRequest): CopyPlan {
  const ends = findEnds(host, request.source, request.target);
  const { source, target } = ends;
  const ranges = resolveRanges(extentOf(source, nameOf(source)), extentOf(target, nameOf(target)), request);
  const warnings = refuseHarm(host.tree, ends, ranges, host.system);
  refuseReadOnly(host, ends);
  // Chunks start on pages, so that every device takes them.
  const unitBytes = Math.max(PAGE_BYTES, source.logicalBlockBytes, target.logicalBlockBytes);
  const journal =
    request.journal === null ? defaultPlace(copyKey(source, target, ranges)) : namedPlace(host.system, request.journal);
  const there = readJournal(host.system, journal, ends);
  const now: JournalSides = {
    source: journalSideOf(host.tree, source, "source"),
    target: journalSideOf(host.tree, target, "target"),
  };
  if (there !== null && journal.isNamed && !request.resume) requireOwnJournal(there, journal.path, now, ranges);
  const resumed = request.resume ? journalToResume(there, journal.path, { ends, now, ranges }) : null;
  const uncertain = resumed === null || resumed.completedBytes === 0 ? [] : whoIsUncertain(resumed, now);
  const chunkBytes = Math.max(unitBytes, Math.min(request.chunkBytes, roundUp(ranges.bulkBytes, unitBytes)));
  const path: CopyPath =
    ranges.bulkBytes === 0
      ? { kind: "dram", reason: "there is less than one block to copy, which the CPU does" }
      : choosePath(host, ends, request);
  return {
    ...{ host, request, ends, ranges, path, chunkBytes },
    depth: Math.max(1, Math.min(request.depth, Math.ceil(ranges.bulkBytes / chunkBytes))),
    ...{ unitBytes, journal, journalPath: journal.path, resumed, uncertain },
    warnings: [
      ...warnings,
      ...(path.kind === "peer" ? cacheNotes(host, ends) : []),
      ...journalNotes(host, ends, journal),
      ...keptBehind(ends, ranges),
      ...(there !== null && !request.resume ? [unfinishedNote(there, journal.path)] : []),
      ...(there === null && request.resume ? ["there is no journal of this copy: it starts from the beginning"] : []),
      ...uncertain.map((role) => uncertainNote(role, nameOf(ends[role]))),
    ],
  };
}

/** A file that the user names may be the journal of another copy, which must not be lost. */
function requireOwnJournal(there: Journal, path: string, now: JournalSides, ranges: CopyRanges): void {
  const { sourceStart, targetStart, lengthBytes } = there.range;
  const isOwn =
    isSameEnd(there.source, now.source) &&
    isSameEnd(there.target, now.target) &&
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
  { ends, now, ranges }: { readonly ends: CopyEnds; readonly now: JournalSides; readonly ranges: CopyRanges },
): Journal | null {
  if (there === null) return null;
  const { source, target, isNew } = ends;
  if (isNew) {
    throw new PeerlaneError("usage", `cannot resume: the target file ${target.path} is gone`, {
      place: { file: path },
      remedy: "copy it anew, without --resume",
    });
  }
  requireSameCopy(there, path, now, ranges);
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

function uncertainNote(role: "source" | "target", name: string): string {
  return `nothing but its content tells whether the ${role} ${name} is what it was when the copy began: all that was copied is compared first`;
}

/** Where a file system goes by the page cache, the CPU moves the data and no peer path is used or tested. */
function cacheNotes({ tree }: Host, ends: CopyEnds): readonly string[] {
  return (["source", "target"] as const).flatMap((role) => {
    const file = ends[role];
    const mounted = file.kind === "file" ? mountAt(readMounts(tree), file.path) : undefined;
    return mounted === undefined || !mayUseCache(mounted)
      ? []
      : [`the ${role} lies on ${mounted.type}, which may move the data by the CPU in spite of direct I/O`];
  });
}

function journalNotes({ tree, system }: Host, { source }: CopyEnds, { path }: JournalPlace): readonly string[] {
  const folder = ifThere(() => system.stat(dirname(path)));
  const device = folder === undefined ? undefined : readBlockDeviceByNumber(tree, deviceNumber(folder.dev));
  if (source.kind === "file" || device === undefined || device.disk.name !== source.disk.name) return [];
  return [
    `the journal ${path} lies on the disk of the source, which is written to for it: --journal names another place`,
  ];
}

function unfinishedNote({ completedBytes, savedAt, range }: Journal, path: string): string {
  const many = `${completedBytes} of ${range.lengthBytes} bytes`;
  return `this copy was begun before and ended early (${many}, ${savedAt}; ${path}): --resume would go on; it starts anew`;
}

/** A longer target file stays as long as it is: nothing outside the range is touched. */
function keptBehind({ target }: CopyEnds, { targetStart, lengthBytes }: CopyRanges): readonly string[] {
  const behind = target.kind === "file" ? target.sizeBytes - targetStart - lengthBytes : 0;
  return behind <= 0
    ? []
    : [`the target file is longer: its last ${behind} bytes stay as they are (truncate it first for an exact copy)`];
}
