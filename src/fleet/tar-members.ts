import { PeerlaneError } from "../pci/error.ts";

const BLOCK = 512;
/** A machine's own archive is read whole up to this; a member of an archive of many is far below. */
const MOST_BYTES = 512 * 1024 * 1024;
const MOST_NAME = 64 * 1024;

/** A file of an archive: its bytes, or why it has none. */
export interface Member {
  readonly name: string;
  readonly bytes?: Uint8Array;
  readonly reason: string;
}

/**
 * The files of a tar archive (ustar, GNU and pax long names) one by one as they come, so that an archive of any size takes
 * the memory of its largest file. Throws `bad-input` where it ends early or a header is none.
 */
export async function* archiveMembers(chunks: AsyncIterable<Uint8Array>, archive: string): AsyncGenerator<Member> {
  const input = new Input(chunks);
  const damaged = (what: string): PeerlaneError =>
    new PeerlaneError("bad-input", `damaged archive: ${what}`, {
      place: { file: archive },
      remedy: "make it again: tar czf fleet.tar.gz FOLDER",
    });
  let longName: string | undefined;
  for (;;) {
    const header = await input.take(BLOCK);
    if (header === undefined) throw damaged(`it ends at byte ${input.position} without an end mark`);
    if (header.every((byte) => byte === 0)) return;
    if (!sumMatches(header)) throw damaged(`no tar header at byte ${input.position - BLOCK}`);
    const size = octal(header, 124, 12);
    if (size === undefined) throw damaged(`the entry at byte ${input.position - BLOCK} has no size`);
    const type = String.fromCharCode(header[156] || 0x30);
    const isNameOf = type === "x" || type === "L";
    const isFile = type === "0" || type === "7";
    if (isNameOf && size > MOST_NAME) throw damaged(`${size} bytes of a name at byte ${input.position - BLOCK}`);
    const isKept = isNameOf || (isFile && size <= MOST_BYTES);
    const content = isKept ? await input.take(size) : await input.skip(size);
    if (content === undefined) throw damaged(`it ends within an entry, at byte ${input.position}`);
    if ((await input.skip((BLOCK - (size % BLOCK)) % BLOCK)) === undefined) {
      throw damaged(`it ends within an entry, at byte ${input.position}`);
    }
    if (type === "L") longName = cString(content, 0, content.length);
    else if (type === "x") longName = paxPath(content) ?? longName;
    else if (type !== "g" && type !== "K") {
      if (isFile) {
        const name = longName ?? headerName(header);
        yield isKept
          ? { name, bytes: content, reason: "" }
          : { name, reason: `the file is larger than ${MOST_BYTES / 2 ** 20} MiB` };
      }
      longName = undefined;
    }
  }
}

function headerName(header: Uint8Array): string {
  const prefix = cString(header, 257, 6) === "ustar" ? cString(header, 345, 155) : "";
  const path = cString(header, 0, 100);
  return prefix === "" ? path : `${prefix}/${path}`;
}

/** `path` of a pax record: `LENGTH path=VALUE\n`. */
function paxPath(content: Uint8Array): string | undefined {
  let at = 0;
  let path: string | undefined;
  while (at < content.length) {
    const space = content.indexOf(0x20, at);
    const length = space < 0 ? Number.NaN : Number(cString(content, at, space - at));
    if (!(Number.isInteger(length) && length > 0)) break;
    const record = new TextDecoder().decode(content.subarray(space + 1, at + length - 1));
    if (record.startsWith("path=")) path = record.slice("path=".length);
    at += length;
  }
  return path;
}

/** The checksum of a header is over its bytes with spaces in its own place (POSIX.1-2017, pax, ustar interchange format). */
function sumMatches(header: Uint8Array): boolean {
  let sum = 0;
  for (let at = 0; at < BLOCK; at++) sum += at >= 148 && at < 156 ? 0x20 : (header[at] ?? 0);
  return octal(header, 148, 8) === sum;
}

/** An octal number, or GNU's binary one for large files. */
function octal(bytes: Uint8Array, offset: number, length: number): number | undefined {
  const first = bytes[offset] ?? 0;
  if ((first & 0x80) !== 0) {
    let value = first & 0x7f;
    for (let at = offset + 1; at < offset + length; at++) value = value * 256 + (bytes[at] ?? 0);
    return Number.isSafeInteger(value) ? value : undefined;
  }
  const text = cString(bytes, offset, length).trim();
  return /^[0-7]+$/.test(text) ? Number.parseInt(text, 8) : undefined;
}

function cString(bytes: Uint8Array, offset: number, length: number): string {
  const field = bytes.subarray(offset, offset + length);
  const end = field.indexOf(0);
  return new TextDecoder().decode(end < 0 ? field : field.subarray(0, end));
}

/** Bytes of a stream by count. */
class Input {
  readonly #chunks: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();
  position = 0;

  constructor(chunks: AsyncIterable<Uint8Array>) {
    this.#chunks = chunks[Symbol.asyncIterator]();
  }

  async #more(): Promise<boolean> {
    while (this.#chunk.length === 0) {
      const next = await this.#chunks.next();
      if (next.done === true) return false;
      this.#chunk = next.value;
    }
    return true;
  }

  /** The next so many bytes, a copy; `undefined` where there are fewer. Memory grows with what comes, not with what is claimed. */
  async take(count: number): Promise<Uint8Array | undefined> {
    const parts: Uint8Array[] = [];
    for (let left = count; left > 0; ) {
      if (!(await this.#more())) return undefined;
      const part = this.#chunk.subarray(0, left);
      parts.push(part);
      this.#pass(part.length);
      left -= part.length;
    }
    return new Uint8Array(Buffer.concat(parts));
  }

  async skip(count: number): Promise<Uint8Array | undefined> {
    for (let left = count; left > 0; ) {
      if (!(await this.#more())) return undefined;
      const length = Math.min(left, this.#chunk.length);
      this.#pass(length);
      left -= length;
    }
    return new Uint8Array();
  }

  #pass(count: number): void {
    this.#chunk = this.#chunk.subarray(count);
    this.position += count;
  }
}
