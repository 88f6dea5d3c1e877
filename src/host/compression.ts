import { PeerlaneError } from "../pci/error.ts";
import { looksLikeZstd } from "./zstd/magic.ts";

/** What any file may unpack to; a machine's tree holds some thousand small files. */
const MAX_BYTES = 512 * 1024 * 1024;

type Unpack = (bytes: Uint8Array, take: (chunk: Uint8Array) => void, file: string) => Promise<void>;

interface Format {
  readonly name: string;
  readonly begins: (head: Uint8Array) => boolean;
  readonly unpack: () => Promise<Unpack>;
}

/** Formats by their first bytes. */
const formats: readonly Format[] = [
  { name: "gzip", begins: beginWith(0x1f, 0x8b), unpack: async () => unpackGzip },
  {
    name: "bzip2",
    begins: beginWith(0x42, 0x5a, 0x68),
    unpack: async () => (await import("./bzip2.ts")).unpackBzip2,
  },
  { name: "zstd", begins: looksLikeZstd, unpack: async () => (await import("./zstd/unpack.ts")).unpackZstd },
];

function beginWith(...magic: readonly number[]): Format["begins"] {
  return (head) => magic.every((byte, index) => head[index] === byte);
}

function formatOf(bytes: Uint8Array): Format | undefined {
  return formats.find(({ begins }) => begins(bytes));
}

/** True when the bytes begin like gzip, bzip2 or zstd data. */
export function looksCompressed(head: Uint8Array): boolean {
  return formatOf(head) !== undefined;
}

/**
 * Unpacks gzip, bzip2 or zstd data, found by content; other data is returned as it is. Stops as soon as more than
 * 512 MiB come out. Throws `too-large` then, and `bad-input` for what is damaged or cut short.
 */
export async function decompress(bytes: Uint8Array, file: string): Promise<Uint8Array> {
  const format = formatOf(bytes);
  if (format === undefined) return bytes;
  const output = new Output(file);
  const unpack = await format.unpack();
  try {
    await unpack(bytes, (chunk) => output.take(chunk), file);
  } catch (cause) {
    if (cause instanceof PeerlaneError) throw cause;
    throw new PeerlaneError("bad-input", `the ${format.name} data is damaged or cut short`, {
      place: { file },
      remedy: "copy the file again, in binary mode",
      cause,
    });
  }
  return output.whole();
}

/** Gathers chunks up to the limit. */
class Output {
  readonly #file: string;
  readonly #chunks: Uint8Array[] = [];
  #length = 0;

  constructor(file: string) {
    this.#file = file;
  }

  take(chunk: Uint8Array): void {
    this.#length += chunk.length;
    if (this.#length > MAX_BYTES) {
      throw new PeerlaneError("too-large", "the file unpacks to more than 512 MiB", {
        place: { file: this.#file },
        remedy: "no capture of a machine is as large: check what the file holds",
      });
    }
    this.#chunks.push(chunk);
  }

  whole(): Uint8Array {
    const whole = new Uint8Array(this.#length);
    let offset = 0;
    for (const chunk of this.#chunks) {
      whole.set(chunk, offset);
      offset += chunk.length;
    }
    return whole;
  }
}

async function unpackGzip(bytes: Uint8Array, take: (chunk: Uint8Array) => void): Promise<void> {
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("gzip"));
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) take(chunk);
}
