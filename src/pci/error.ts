/** What kind of failure a {@link PeerlaneError} is; stable, for programs. */
export type ErrorCode =
  | "usage"
  | "bad-input"
  | "not-found"
  | "too-large"
  | "unknown-device"
  | "unsupported"
  /** What was asked for does not work between these devices: a plain no, not a wrong question. */
  | "no-path"
  | "environment"
  | "operation-failed";

/** A place in an input: a file (or `-`) and, for text, its line and column (both from 1). */
export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** What else a {@link PeerlaneError} says. */
export interface ErrorDetails {
  readonly place?: Place;
  /** Facts worth showing beside the message, already formatted (addresses in hex). */
  readonly facts?: Readonly<Record<string, string>>;
  /** What the user can do about it, as a sentence. */
  readonly remedy?: string;
  /** What another program said, line by line; {@link PeerlaneError.message} ends with it. */
  readonly excerpt?: Excerpt;
  readonly cause?: unknown;
}

/** Lines of another program, and what they are. */
export interface Excerpt {
  readonly title: string;
  readonly lines: readonly string[];
}

/** The only error that Peerlane throws on purpose: what happened, where, and the way out. */
export class PeerlaneError extends Error {
  readonly code: ErrorCode;
  /** {@link message} without the excerpt. */
  readonly headline: string;
  readonly excerpt: Excerpt | undefined;
  readonly place: Place | undefined;
  readonly facts: Readonly<Record<string, string>>;
  readonly remedy: string | undefined;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    const { excerpt } = details;
    super(
      excerpt === undefined ? message : [message, `${excerpt.title}:`, ...excerpt.lines].join("\n"),
      details.cause === undefined ? undefined : { cause: details.cause },
    );
    this.name = "PeerlaneError";
    this.code = code;
    this.headline = message;
    this.excerpt = excerpt;
    this.place = details.place;
    this.facts = details.facts ?? {};
    this.remedy = details.remedy;
  }
}

/** `file:line:column`, as compilers print it. */
export function formatPlace(place: Place): string {
  let text = place.file;
  if (place.line !== undefined) text += `:${place.line}`;
  if (place.column !== undefined) text += `:${place.column}`;
  return text;
}
