import { PeerlaneError } from "../pci/error.ts";
import { looksLikeTar } from "./archive.ts";
import { joinBytes } from "./compression.ts";
import type { LspciReader } from "./lspci/index.ts";
import { detectEncoding } from "./lspci/text-cleaner.ts";

/** What a source holds, as its first bytes tell. */
export type Kind = "tar" | "json" | "xml" | "scenario" | "lspci";

const MIB = 2 ** 20;
/** Bytes of a source, unpacked: all but text of lspci is taken into memory whole. No machine has as much to say. */
export const MAX_BYTES: Readonly<Record<Kind, number>> = {
  tar: 512 * MIB,
  lspci: 512 * MIB,
  json: 64 * MIB,
  xml: 64 * MIB,
  scenario: 64 * MIB,
};
/** Enough to tell formats apart by; a pipe may deliver it in small pieces. */
export const HEAD_BYTES: number = 64 * 1024;

/** The kind of a source by its first bytes; by name alone a YAML file is a scenario. */
export function kindOf(head: Uint8Array, name: string): Kind {
  if (looksLikeTar(head)) return "tar";
  // Not the whole: a character that the end cuts in two is no matter here. A byte order mark is left out.
  const start = new TextDecoder(detectEncoding(head).encoding).decode(head.subarray(0, HEAD_BYTES)).trimStart();
  if (start.startsWith("{") || start.startsWith("[")) return "json";
  if (start.startsWith("<")) return "xml";
  return /\.ya?ml$/i.test(name) || /^\s*["']?hostBridges["']?\s*:/m.test(start) ? "scenario" : "lspci";
}

/** Takes a source piece by piece: text of lspci is read as it comes, everything else is kept, up to its bound. */
export class Intake {
  readonly #name: string;
  readonly #createReader: (name: string) => LspciReader;
  #kept: Uint8Array[] = [];
  #length = 0;
  #kind: Kind | undefined;
  #reader: LspciReader | undefined;

  constructor(name: string, createReader: (name: string) => LspciReader) {
    this.#name = name;
    this.#createReader = createReader;
  }

  /** Throws `too-large` beyond the bound of the source's kind, and what the reader of lspci throws. */
  push(chunk: Uint8Array): void {
    this.#length += chunk.length;
    if (this.#kind !== undefined) refuseBeyond(this.#length, MAX_BYTES[this.#kind], this.#name);
    if (this.#reader !== undefined) {
      this.#reader.push(chunk);
      return;
    }
    this.#kept.push(chunk);
    if (this.#kind === undefined && this.#length >= HEAD_BYTES) this.#decide();
  }

  #decide(): Kind {
    const head = joinBytes(this.#kept);
    const kind = kindOf(head, this.#name);
    this.#kind = kind;
    refuseBeyond(this.#length, MAX_BYTES[kind], this.#name);
    this.#kept = [head];
    if (kind === "lspci") {
      this.#kept = [];
      this.#reader = this.#createReader(this.#name);
      this.#reader.push(head);
    }
    return kind;
  }

  /** Ends the source: what it is, its bytes, and for text of lspci the reader that has them instead. */
  end(): { readonly kind: Kind; readonly bytes: Uint8Array; readonly reader: LspciReader | undefined } {
    const kind = this.#kind ?? this.#decide();
    return { kind, bytes: joinBytes(this.#kept), reader: this.#reader };
  }

  get length(): number {
    return this.#length;
  }
}

/** Throws `too-large` where there are more than `most` bytes. */
export function refuseBeyond(length: number, most: number, name: string): void {
  if (length <= most) return;
  throw new PeerlaneError("too-large", `the file is larger than ${most / MIB} MiB`, {
    place: { file: name },
    remedy: "no machine has as much to say: check what the file holds",
  });
}
