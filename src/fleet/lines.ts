/** As much as a snapshot may have. */
const MOST_BYTES = 64 * 1024 * 1024;
const LINE_END = 0x0a;

/** One line without its end; of one that is too long no bytes. */
export interface Line {
  readonly bytes: Uint8Array;
  readonly isTooLong: boolean;
}

/** The lines of a stream of bytes, each of 64 MiB at most. */
export async function* linesOf(chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Line> {
  let parts: Uint8Array[] = [];
  let length = 0;
  const take = (): Line => {
    const line = length > MOST_BYTES ? { bytes: NONE, isTooLong: true } : { bytes: joined(parts), isTooLong: false };
    parts = [];
    length = 0;
    return line;
  };
  const keep = (part: Uint8Array): void => {
    length += part.length;
    if (length > MOST_BYTES) parts = [];
    else if (part.length > 0) parts.push(part);
  };
  for await (const chunk of chunks) {
    let start = 0;
    for (let end = chunk.indexOf(LINE_END); end >= 0; end = chunk.indexOf(LINE_END, start)) {
      keep(chunk.subarray(start, end));
      yield take();
      start = end + 1;
    }
    keep(chunk.subarray(start));
  }
  if (length > 0) yield take();
}

const NONE = new Uint8Array();

/** A copy: the chunk that a line is part of is not kept with it. */
function joined(parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts));
}
