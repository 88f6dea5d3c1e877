import { z } from "zod";
import { PeerlaneError } from "../../pci/error.ts";
import { LEAST_CHUNK, MAX_CHUNK, PAGE_BYTES } from "./request.ts";

const count = z.int().min(0);
/** Paths are at most 4096 bytes (`PATH_MAX`); identities are shorter. */
const text = z.string().max(PAGE_BYTES);

/** One side of a copy, as a journal knows it again. */
export interface JournalSide {
  readonly kind: "device" | "file";
  readonly path: string;
  /** World-wide name or serial number of a device. */
  readonly identity: string | null;
  /** Where a partition starts on its disk; 0 for a whole disk or a file. */
  readonly startBytes: number;
  /** Of a file. */
  readonly inode: number | null;
  /** When a file was last written; of the source only, the target is written by the copy. */
  readonly modified: string | null;
  /** Before the copy. */
  readonly sizeBytes: number;
}

/** `peerlane.copy-journal/1`: how far a copy came. */
export interface Journal {
  readonly schema: "peerlane.copy-journal/1";
  readonly savedAt: string;
  readonly source: JournalSide;
  readonly target: JournalSide;
  readonly range: { readonly sourceStart: number; readonly targetStart: number; readonly lengthBytes: number };
  readonly chunkBytes: number;
  /** All of the range below it is on the target's medium. */
  readonly completedBytes: number;
}

const journalSide: z.ZodType<JournalSide> = z.strictObject({
  kind: z.enum(["device", "file"]),
  path: text,
  identity: text.nullable(),
  startBytes: count,
  inode: count.nullable(),
  modified: text.nullable(),
  sizeBytes: count,
});

const journalForm: z.ZodType<Journal> = z
  .strictObject({
    schema: z.literal("peerlane.copy-journal/1"),
    savedAt: text,
    source: journalSide,
    target: journalSide,
    range: z.strictObject({ sourceStart: count, targetStart: count, lengthBytes: count.min(1) }),
    chunkBytes: count.min(PAGE_BYTES).max(MAX_CHUNK).multipleOf(PAGE_BYTES),
    completedBytes: count,
  })
  .refine(({ completedBytes, range }) => completedBytes <= range.lengthBytes, {
    path: ["completedBytes"],
    message: "more is completed than there is to copy",
  });

/** A journal has some 1 kB; what is larger is none. */
export const MAX_JOURNAL: number = LEAST_CHUNK;

/** Reads the text of a journal. Throws `bad-input` with the place for whatever is none. */
export function parseJournal(content: string, file: string): Journal {
  const result = journalForm.safeParse(parseJson(content, file));
  if (result.success) return result.data;
  const [issue] = result.error.issues;
  const where = issue === undefined || issue.path.length === 0 ? "" : `${issue.path.join(".")}: `;
  throw notAJournal(file, `${where}${issue?.message ?? "it has another form"}`);
}

function parseJson(content: string, file: string): unknown {
  if (content.length > MAX_JOURNAL) throw notAJournal(file, `it is larger than ${MAX_JOURNAL} bytes`);
  try {
    return JSON.parse(content);
  } catch (cause) {
    throw notAJournal(file, (cause as Error).message, cause);
  }
}

/** What is at a journal's place and is none. */
export function notAJournal(file: string, why: string, cause?: unknown): PeerlaneError {
  return new PeerlaneError("bad-input", `this is no journal of a copy: ${why.slice(0, 200)}`, {
    place: { file },
    remedy: "remove the file to start anew, or name another with --journal FILE",
    cause,
  });
}

/** The text of a journal. */
export function formatJournal(journal: Journal): string {
  return `${JSON.stringify(journal, null, 1)}\n`;
}
