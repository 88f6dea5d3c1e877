import { PeerlaneError } from "../../pci/error.ts";
import { History } from "./history.ts";
import type { HuffmanTable } from "./huffman.ts";
import { MAX_BLOCK, readLiterals } from "./literals.ts";
import { littleEndian } from "./little-endian.ts";
import { isFrame, isSkippable } from "./magic.ts";
import { firstSequenceState, runSequences, type SequenceState } from "./sequences.ts";
import { XxHash64 } from "./xxhash64.ts";

/** What the zstd command takes without further options. */
const MAX_WINDOW = 128 * 1024 * 1024;

/** Frames below this are unpacked here, whoever else could: to start a stream for each costs more than they do. */
const LEAST_FOREIGN_FRAME = 64 * 1024;

/** Unpacks one whole frame, which is handed over without anything behind it. Throws on damaged data. */
export type UnpackFrame = (frame: Uint8Array, take: (chunk: Uint8Array) => void) => Promise<void>;

/**
 * Unpacks zstd frames (RFC 8878), one behind the other, block by block, each frame with its checksum where it has one.
 * Time and memory are bounded by what comes in and out, whatever the data says. Throws on damaged or cut data, on a
 * dictionary, and `too-large` on windows beyond 128 MiB. What frames there are is found here; `foreign` may unpack the
 * larger ones, within the same bounds.
 */
export async function unpackZstd(
  bytes: Uint8Array,
  take: (chunk: Uint8Array) => void,
  file: string,
  foreign?: UnpackFrame,
): Promise<void> {
  const history = new History();
  for (let at = 0; at < bytes.length; ) {
    const magic = littleEndian(bytes, at, 4);
    if (isSkippable(magic)) at += 8 + littleEndian(bytes, at + 4, 4);
    else if (isFrame(magic)) {
      const header = readHeader(bytes, at + 4, file);
      const end = foreign === undefined ? 0 : endOfFrame(bytes, header);
      if (foreign === undefined || end - at < LEAST_FOREIGN_FRAME) at = unpackFrame(bytes, header, history, take);
      else {
        await foreign(bytes.subarray(at, end), take);
        at = end;
      }
    } else throw new Error("no zstd frame begins here");
    if (at > bytes.length) throw new Error("the data is cut short");
  }
}

/** What the header of a frame says (RFC 8878 sec 3.1.1.1); sizes are in bytes. */
interface Header {
  readonly window: number;
  /** What the frame unpacks to, where it says so. */
  readonly contentSize: number | undefined;
  readonly hasChecksum: boolean;
  /** Where the header ends and the first block begins. */
  readonly end: number;
}

function readHeader(bytes: Uint8Array, start: number, file: string): Header {
  const descriptor = littleEndian(bytes, start, 1);
  if ((descriptor & 0x08) !== 0) throw new Error("a frame has a flag that is not defined");
  const isSingle = (descriptor & 0x20) !== 0;
  let at = start + 1;
  const take = (count: number): number => {
    at += count;
    return littleEndian(bytes, at - count, count);
  };
  const windowByte = isSingle ? 0 : take(1);
  if (take([0, 1, 2, 4][descriptor & 3] ?? 0) !== 0) throw new Error("a frame needs a dictionary");
  const sizeBytes = [isSingle ? 1 : 0, 2, 4, 8][descriptor >> 6] ?? 0;
  const low = take(Math.min(sizeBytes, 4));
  const size = sizeBytes === 8 ? low + take(4) * 2 ** 32 : low + (sizeBytes === 2 ? 256 : 0);
  const window = isSingle ? size : 2 ** (10 + (windowByte >> 3)) * (1 + (windowByte & 7) / 8);
  if (window > MAX_WINDOW) {
    throw new PeerlaneError("too-large", `the zstd data needs a window of more than ${MAX_WINDOW / 2 ** 20} MiB`, {
      place: { file },
      remedy: "pack it again without --long, or with --long=27",
    });
  }
  return {
    window,
    contentSize: sizeBytes === 0 ? undefined : size,
    hasChecksum: (descriptor & 0x04) !== 0,
    end: at,
  };
}

/** A block's header (RFC 8878 sec 3.1.1.2). */
interface BlockHeader {
  readonly isLast: boolean;
  readonly type: number;
  /** As the header has it: what a block of type 1 unpacks to, what any other takes here. */
  readonly size: number;
  readonly start: number;
  readonly end: number;
}

function readBlockHeader(bytes: Uint8Array, at: number): BlockHeader {
  const header = littleEndian(bytes, at, 3);
  const type = (header >> 1) & 3;
  const size = header >> 3;
  const start = at + 3;
  const end = start + (type === 1 ? 1 : size);
  if (end > bytes.length) throw new Error("a block is cut short");
  return { isLast: (header & 1) === 1, type, size, start, end };
}

/** Where a frame ends, its checksum with it. */
function endOfFrame(bytes: Uint8Array, { end, hasChecksum }: Header): number {
  let block = readBlockHeader(bytes, end);
  while (!block.isLast) block = readBlockHeader(bytes, block.end);
  const whole = block.end + (hasChecksum ? 4 : 0);
  if (whole > bytes.length) throw new Error("the data is cut short");
  return whole;
}

/** Unpacks the blocks of a frame and returns where it ends. */
function unpackFrame(
  bytes: Uint8Array,
  { window, contentSize, hasChecksum, end }: Header,
  history: History,
  take: (chunk: Uint8Array) => void,
): number {
  history.begin(window);
  const frame = new Frame(window, history);
  const hash = new XxHash64();
  let at = end;
  for (let isLast = false; !isLast; ) {
    const block = readBlockHeader(bytes, at);
    ({ isLast, end: at } = block);
    const chunk = frame.unpack(block.type, bytes.subarray(block.start, at), block.size);
    if (hasChecksum) hash.update(chunk);
    if (chunk.length > 0) take(chunk);
  }
  if (contentSize !== undefined && contentSize !== history.total) {
    throw new Error("a frame has not the size it claims");
  }
  if (!hasChecksum) return at;
  if (littleEndian(bytes, at, 4) !== hash.lowerHalf()) throw new Error("a checksum does not match");
  return at + 4;
}

/** What the blocks of a frame have in common. */
class Frame {
  readonly #history: History;
  readonly #maxBlock: number;
  readonly #sequences: SequenceState = firstSequenceState();
  #table: HuffmanTable | undefined;

  constructor(window: number, history: History) {
    this.#history = history;
    this.#maxBlock = Math.min(window, MAX_BLOCK);
  }

  /** Unpacks one block: `type` 0 as it is, 1 one byte again and again, 2 packed (RFC 8878 sec 3.1.1.2). */
  unpack(type: number, content: Uint8Array, size: number): Uint8Array {
    if (size > MAX_BLOCK || (type < 2 && size > this.#maxBlock)) throw new Error("a block is larger than it may be");
    const before = this.#history.total;
    this.#history.reserve(type === 2 ? MAX_BLOCK : size);
    if (type === 0) this.#history.append(content);
    else if (type === 1) this.#history.appendRun(content[0] ?? 0, size);
    else if (type === 2) this.#unpackSequences(content);
    else throw new Error("a block has a type that is not defined");
    return this.#history.last(this.#history.total - before);
  }

  #unpackSequences(content: Uint8Array): void {
    const { bytes, table, length } = readLiterals(content, this.#table);
    this.#table = table;
    runSequences(content.subarray(length), bytes, this.#sequences, this.#history);
  }
}
