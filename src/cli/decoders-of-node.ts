import type { Transform } from "node:stream";
import * as zlib from "node:zlib";
import type { ForeignDecoders } from "../host/compression.ts";

/** What Node has of zstd from 22.15 on; the types of our oldest Node do not know it. */
interface Zstd {
  createZstdDecompress(options: {
    readonly chunkSize: number;
    readonly params: Readonly<Record<number, number>>;
  }): Transform & { readonly bytesWritten: number };
  readonly constants: { readonly ZSTD_d_windowLogMax: number };
}

const CHUNK = 128 * 1024;
/** 128 MiB, as our own decoder takes. */
const WINDOW_LOG = 27;

/**
 * The decoders that this Node has, faster than ours. Node 22 ends without a word behind the first of several frames and on
 * one that is cut short, so that it gets single whole frames.
 */
export const decodersOfNode: ForeignDecoders = hasZstd(zlib) ? { zstdFrame: zstdFrameOf(zlib) } : {};

function hasZstd(library: object): library is Zstd {
  return "createZstdDecompress" in library;
}

function zstdFrameOf(library: Zstd): NonNullable<ForeignDecoders["zstdFrame"]> {
  return async (frame, take) => {
    const params = { [library.constants.ZSTD_d_windowLogMax]: WINDOW_LOG };
    const stream = library.createZstdDecompress({ chunkSize: CHUNK, params });
    stream.end(frame);
    for await (const chunk of stream as AsyncIterable<Uint8Array>) take(chunk);
    if (stream.bytesWritten !== frame.length) throw new Error("the frame ends before its last block");
  };
}
