import { PeerlaneError } from "../pci/error.ts";
import { looksLikeZstd } from "./zstd/magic.ts";
import type { UnpackFrame } from "./zstd/unpack.ts";

/** What any file may unpack to; a machine's tree holds some thousand small files. */
export const MAX_UNPACKED: number = 512 * 1024 * 1024;
/** Bytes that any file may unpack to, however small it is. */
const FREE_BYTES = 64 * 1024 * 1024;
/** And how many times its size beyond that: trees and dumps of many thousand functions stay below a third of it. */
export const MAX_RATIO = 250;

/** Decoders of the system that may unpack in place of ours, within the same bounds; all of them may be left out. */
export interface ForeignDecoders {
  readonly zstdFrame?: UnpackFrame;
}

type Unpack = (
  bytes: Uint8Array,
  take: (chunk: Uint8Array) => void,
  file: string,
  foreign: ForeignDecoders,
) => Promise<void>;

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
  {
    name: "zstd",
    begins: looksLikeZstd,
    unpack: async () => {
      const { unpackZstd } = await import("./zstd/unpack.ts");
      return (bytes, take, file, { zstdFrame }) => unpackZstd(bytes, take, file, zstdFrame);
    },
  },
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
 * Unpacks gzip, bzip2 or zstd data, found by content, piece by piece into `take`; other data is handed on as it is. Stops
 * as soon as more than 512 MiB come out, or more than 64 MiB and 250 times what went in. Throws `too-large` then,
 * `bad-input` for what is damaged or cut short, and what `take` throws.
 */
export async function unpackInto(
  bytes: Uint8Array,
  take: (chunk: Uint8Array) => void,
  file: string,
  foreign: ForeignDecoders = {},
): Promise<void> {
  const format = formatOf(bytes);
  if (format === undefined) {
    take(bytes);
    return;
  }
  const most = Math.min(MAX_UNPACKED, Math.max(FREE_BYTES, bytes.length * MAX_RATIO));
  let length = 0;
  const takeBounded = (chunk: Uint8Array): void => {
    length += chunk.length;
    if (length > most) throw tooMuch(most, file);
    take(chunk);
  };
  const unpack = await format.unpack();
  try {
    await unpack(bytes, takeBounded, file, foreign);
  } catch (cause) {
    if (cause instanceof PeerlaneError) throw cause;
    throw new PeerlaneError("bad-input", `the ${format.name} data is damaged or cut short`, {
      place: { file },
      remedy: "copy the file again, in binary mode",
      cause,
    });
  }
}

function tooMuch(most: number, file: string): PeerlaneError {
  const ratio = most === MAX_UNPACKED ? "" : `, ${MAX_RATIO} times its size or 64 MiB`;
  return new PeerlaneError("too-large", `the file unpacks to more than ${Math.floor(most / 2 ** 20)} MiB${ratio}`, {
    place: { file },
    remedy: "no capture of a machine is as large: check what the file holds",
  });
}

/** {@link unpackInto} as one piece. */
export async function decompress(bytes: Uint8Array, file: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  await unpackInto(bytes, (chunk) => chunks.push(chunk), file);
  return joinBytes(chunks);
}

/** Chunks as one piece; a single one is not copied. */
export function joinBytes(chunks: readonly Uint8Array[]): Uint8Array {
  const [first] = chunks;
  if (first !== undefined && chunks.length === 1) return first;
  const whole = new Uint8Array(chunks.reduce((length, chunk) => length + chunk.length, 0));
  let offset = 0;
  for (const chunk of chunks) {
    whole.set(chunk, offset);
    offset += chunk.length;
  }
  return whole;
}

/**
 * Node's own zlib takes several members behind each other; its DecompressionStream refuses them from 24.22 on, as the
 * standard for browsers has it.
 */
async function unpackGzip(bytes: Uint8Array, take: (chunk: Uint8Array) => void): Promise<void> {
  const zlib = globalThis.process?.getBuiltinModule?.("node:zlib");
  if (zlib !== undefined) {
    const members = zlib.createGunzip();
    members.end(bytes);
    for await (const chunk of members as AsyncIterable<Uint8Array>) take(chunk);
    return;
  }
  const stream = new Blob([bytes as Uint8Array<ArrayBuffer>]).stream().pipeThrough(new DecompressionStream("gzip"));
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) take(chunk);
}
