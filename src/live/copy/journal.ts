import { crc32 } from "node:zlib";
import { z } from "zod";
import { PAGE_BYTES } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { MAX_CHUNK } from "./request.ts";

const count = z.int().min(0);
/** Paths are at most 4096 bytes (`PATH_MAX`); identities are shorter. */
const text = z.string().max(PAGE_BYTES);

/** One side of a copy, as a journal knows it again. Nothing of it decides where is written: the request does. */
export interface JournalSide {
  readonly kind: "device" | "file";
  readonly path: string;
  /** World-wide name or serial number of a device, else the UUID of a partition; `null` where it has none. */
  readonly identity: string | null;
  /** Of a device: the boot and the number of the attachment in it; another one may be another disk. */
  readonly attachment: string | null;
  /** Where a partition starts on its disk; 0 for a whole disk or a file. */
  readonly startBytes: number;
  /** Of a file: the device that its file system lies on, where it is on one. */
  readonly fileSystem: string | null;
  readonly inode: string | null;
  /** When a file was made: numbers of inodes are used again. `null` where the file system does not keep it. */
  readonly made: string | null;
  /** When a file was last written; of the source only, the target is written by the copy. */
  readonly modified: string | null;
  /** `null` for a target file, which may grow. */
  readonly sizeBytes: number | null;
}

/** How far a copy came. */
export interface Progress {
  readonly savedAt: string;
  /** All of the range below it is on the target's medium. */
  readonly completedBytes: number;
}

/** What a copy is, as its journal says it. */
export interface JournalHead {
  readonly schema: typeof SCHEMA;
  readonly source: JournalSide;
  readonly target: JournalSide;
  readonly range: { readonly sourceStart: number; readonly targetStart: number; readonly lengthBytes: number };
  readonly chunkBytes: number;
}

/** `peerlane.copy-journal/2`: a copy, and how far it came. */
export type Journal = JournalHead & Progress;

export const SCHEMA = "peerlane.copy-journal/2";

const journalSide: z.ZodType<JournalSide> = z.strictObject({
  kind: z.enum(["device", "file"]),
  path: text,
  identity: text.nullable(),
  attachment: text.nullable(),
  startBytes: count,
  fileSystem: text.nullable(),
  inode: text.nullable(),
  made: text.nullable(),
  modified: text.nullable(),
  sizeBytes: count.nullable(),
});

const headShape = {
  schema: z.literal(SCHEMA),
  source: journalSide,
  target: journalSide,
  range: z.strictObject({ sourceStart: count, targetStart: count, lengthBytes: count.min(1) }),
  chunkBytes: count.min(PAGE_BYTES).max(MAX_CHUNK).multipleOf(PAGE_BYTES),
};
const progressShape = { savedAt: text, completedBytes: count, checksum: count };

const journalSchema = z
  .strictObject({ ...headShape, ...progressShape })
  .refine(({ completedBytes, range }) => completedBytes <= range.lengthBytes, {
    path: ["completedBytes"],
    message: "more is completed than there is to copy",
  });

/** The file is made of such blocks: the head, the progress before, the progress now. A torn write spoils one of them. */
const BLOCK_BYTES = PAGE_BYTES;
/** Two paths of `PATH_MAX` bytes, each escaped as JSON, fit. */
export const MAX_JOURNAL: number = 64 * 2 ** 10;
/** Every journal begins so. */
const OPENING = `{\n "schema": "${SCHEMA}"`;
const CLOSING = "\n}\n";

/**
 * A whole journal: one JSON document in blocks that are filled with blanks. `earlier` is the progress that counts where
 * the last block was torn.
 */
export function formatJournal(head: JournalHead, now: Progress, earlier: Progress): Buffer {
  const { schema, source, target, range, chunkBytes } = head;
  const document = JSON.stringify({ schema, source, target, range, chunkBytes }, null, 1);
  const start = Buffer.from(`${document.slice(0, -"\n}".length)},\n`, "utf8");
  const filled = Buffer.alloc(Math.ceil((start.length + 1) / BLOCK_BYTES) * BLOCK_BYTES, " ");
  start.copy(filled);
  filled.write("\n", filled.length - 1);
  return Buffer.concat([
    filled,
    blockOf(` "earlier": {${progressText(filled, earlier)}},`, "\n"),
    blockOf(` ${progressText(filled, now)}`, CLOSING),
  ]);
}

function progressText(head: Buffer, progress: Progress): string {
  const { savedAt, completedBytes } = progress;
  const checksum = checksumOf(head, progress);
  return `"savedAt": ${JSON.stringify(savedAt)}, "completedBytes": ${completedBytes}, "checksum": ${checksum}`;
}

/** Of what the copy is and of how far it came. */
function checksumOf(head: Buffer, { savedAt, completedBytes }: Progress): number {
  return crc32(JSON.stringify([savedAt, completedBytes]), crc32(head));
}

function blockOf(start: string, end = ""): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES, " ");
  block.write(start, "utf8");
  block.write(end, BLOCK_BYTES - end.length);
  return block;
}

/** Where a journal's two progresses lie, for a journal of `sizeBytes`. */
export function progressPlaces(sizeBytes: number): { readonly earlier: number; readonly now: number } {
  return { earlier: sizeBytes - 2 * BLOCK_BYTES, now: sizeBytes - BLOCK_BYTES };
}

/** Reads a journal. Throws `bad-input` with the place for whatever is none, or was damaged or edited. */
export function parseJournal(content: Buffer, file: string): Journal {
  if (content.length > MAX_JOURNAL) throw notAJournal(file, `it is larger than ${MAX_JOURNAL} bytes`);
  const { earlier, now } = progressPlaces(content.length);
  if (!content.toString("latin1").startsWith(OPENING)) throw notAJournal(file, "it does not begin as one");
  if (earlier < BLOCK_BYTES || content.length % BLOCK_BYTES !== 0) throw notAJournal(file, "it was edited, or cut off");
  const head = content.subarray(0, earlier);
  const last = parseProgress(head, content.toString("utf8", now), file);
  if (!(last instanceof PeerlaneError)) return last;
  // The last block was being written when the power went: the one before it still counts.
  const inner = content.toString("utf8", earlier, now).trim();
  const before = parseProgress(head, `${inner.slice(inner.indexOf("{") + 1, inner.lastIndexOf("}"))}}`, file);
  if (before instanceof PeerlaneError) throw last;
  return before;
}

function parseProgress(head: Buffer, end: string, file: string): Journal | PeerlaneError {
  let value: unknown;
  try {
    value = JSON.parse(head.toString("utf8") + end);
  } catch (cause) {
    return notAJournal(file, (cause as Error).message, cause);
  }
  const result = journalSchema.safeParse(value);
  if (!result.success) {
    const [issue] = result.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
    return notAJournal(file, `${where}${issue?.message ?? "it has another form"}`);
  }
  const { checksum, ...journal } = result.data;
  return checksum === checksumOf(head, journal)
    ? journal
    : notAJournal(file, "its checksum is wrong: it was edited or damaged");
}

/**
 * True for what a copy leaves that ends while it makes its journal: an empty file, or the beginning of a journal. Such a
 * copy has not written to its target yet.
 */
export function isUnfinished(content: Buffer): boolean {
  const start = content.toString("latin1");
  return start === "" || (start.startsWith(OPENING) && !start.endsWith(CLOSING));
}

/** What is at a journal's place and is none. */
export function notAJournal(file: string, why: string, cause?: unknown): PeerlaneError {
  return new PeerlaneError("bad-input", `this is no journal of a copy: ${why.slice(0, 200)}`, {
    place: { file },
    remedy: "it is left as it is: name another file with --journal, or look at it and remove it to start anew",
    cause,
  });
}
