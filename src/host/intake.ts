import { PeerlaneError } from "../pci/error.ts";
import { looksLikeTar } from "./archive.ts";
import { joinBytes } from "./compression.ts";
import type { LspciReader } from "./lspci/read-lspci.ts";
import { detectEncoding } from "./lspci/text-cleaner.ts";
import { rootElementOf } from "./xml/root-element.ts";

/** What a source holds, as its first bytes tell. */
export type Kind = "tar" | "json" | "xml" | "scenario" | "lspci" | "collected";

const MIB = 2 ** 20;
/** Bytes of a source, unpacked: all but text of lspci is taken into memory whole. No machine has as much to say. */
export const MAX_BYTES: Readonly<Record<Kind, number>> = {
  tar: 512 * MIB,
  lspci: 512 * MIB,
  json: 64 * MIB,
  xml: 64 * MIB,
  scenario: 64 * MIB,
  collected: 64 * MIB,
};
/** Enough to tell formats apart by; a pipe may deliver it in small pieces. */
export const HEAD_BYTES: number = 64 * 1024;

/** How sure a reader is that a text is its own. */
const NOT_MINE = 0;
const BY_NAME = 1;
const LOOKS_SO = 2;
const CERTAIN = 3;
/** By a line that nothing else has. */
const SIGNED = 4;

type TextKind = Exclude<Kind, "tar">;

/** A line that begins a function of `lspci` (also behind a path of `-PP` or a group's number), a tree, or `-vmm`. */
const lspciLine =
  /^[ \t\u00a0>*+-]{0,200}(?:(?:IOMMU )?group:?\s+\d+:?\s+)?(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7](?:\/[0-9a-f:.]+)*\s+(?:"|[A-Z0-9])|^[ \t\u00a0>]{0,200}-(?:\[|\+-\[)[0-9a-f:]+\]-|^[ \t\u00a0>]{0,200}(?:Slot|Device):\s+[0-9a-f:]+\.[0-7][ \t\r]*$/im;
const jsonStart = /^(?:\{\s*(?:"(?:[^"\\\n]|\\.)*"\s*:|\}\s*$)|\[\s*(?:[{["]|\]\s*$))/;
const topologyRoots: readonly (string | undefined)[] = ["topology", "system"];
const htmlElements =
  /^(?:html|head|body|div|span|p|pre|code|details|summary|blockquote|table|tr|td|br|hr|b|i|a|h[1-6]|ul|ol|li|tt|samp|kbd)$/i;

/**
 * Each reader says how sure it is of a text by its content, and the surest has it: no first letter decides, for prompts,
 * kernel messages, report forms and HTML begin as JSON and XML do. What none knows is taken for text of `lspci`.
 */
const claims: readonly (readonly [kind: TextKind, claim: (text: string, name: string) => number])[] = [
  ["json", (text) => (jsonStart.test(text) ? CERTAIN : NOT_MINE)],
  [
    "xml",
    (text) => {
      if (!text.startsWith("<")) return NOT_MINE;
      const root = rootElementOf(text);
      if (topologyRoots.includes(root)) return CERTAIN;
      return root === undefined
        ? text.startsWith("<?xml")
          ? BY_NAME
          : NOT_MINE
        : htmlElements.test(root)
          ? NOT_MINE
          : BY_NAME;
    },
  ],
  [
    "scenario",
    (text, name) =>
      /^[ \t{]*["']?hostBridges["']?[ \t]*:/m.test(text) ? CERTAIN : /\.ya?ml$/i.test(name) ? BY_NAME : NOT_MINE,
  ],
  ["lspci", (text) => (lspciLine.test(text) ? LOOKS_SO : NOT_MINE)],
  ["collected", (text) => (/^# peerlane collect \d/m.test(text) ? SIGNED : NOT_MINE)],
];

/** The kind of a source by its first bytes; a YAML file that is nothing else is a scenario. */
export function kindOf(head: Uint8Array, name: string): Kind {
  if (looksLikeTar(head)) return "tar";
  // Not the whole: a character that the end cuts in two is no matter here. A byte order mark is left out.
  const text = new TextDecoder(detectEncoding(head).encoding).decode(head.subarray(0, HEAD_BYTES)).trimStart();
  let best: TextKind = "lspci";
  let surest = NOT_MINE;
  for (const [kind, claim] of claims) {
    const sure = claim(text, name);
    if (sure > surest) [best, surest] = [kind, sure];
  }
  return best;
}

/** What people send and Peerlane does not unpack: how it begins, its name, and what to do. */
const foreignFormats: readonly (readonly [magic: readonly number[], name: string, remedy: string])[] = [
  [[0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00], "xz data", "unpack it: xz -dc FILE | peerlane matrix -"],
  [[0x50, 0x4b, 0x03, 0x04], "a zip archive", "unpack it, and give the file in it: unzip -p FILE | peerlane matrix -"],
  [
    [0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c],
    "a 7z archive",
    "unpack it, and give the file in it: 7z x -so FILE | peerlane matrix -",
  ],
  [[0x52, 0x61, 0x72, 0x21, 0x1a, 0x07], "a rar archive", "unpack it, and give the file in it"],
  [[0x04, 0x22, 0x4d, 0x18], "lz4 data", "unpack it: lz4 -dc FILE | peerlane matrix -"],
  [[0x25, 0x50, 0x44, 0x46, 0x2d], "a PDF", "give the text in it, or better the output of lspci itself"],
];
const encodedMail = /^Content-Transfer-Encoding:[ \t]*(base64|quoted-printable)/im;

/** Throws `unsupported` for what is packed or encoded in a way that is not read, with its name. */
function refuseByName(head: Uint8Array, file: string): void {
  const format = foreignFormats.find(([magic]) => magic.every((byte, index) => head[index] === byte));
  if (format !== undefined) {
    throw new PeerlaneError("unsupported", `this is ${format[1]}, which is not read`, {
      place: { file },
      remedy: format[2],
    });
  }
  const encoding = encodedMail.exec(new TextDecoder("latin1").decode(head.subarray(0, HEAD_BYTES)))?.[1];
  if (encoding === undefined) return;
  throw new PeerlaneError("unsupported", `this is an e-mail whose text is encoded (${encoding.toLowerCase()})`, {
    place: { file },
    remedy: "save the text of the message, or its attachment, as a file of its own and give that",
  });
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
    refuseByName(head, this.#name);
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
