import { pipeline, Readable } from "node:stream";

/** The first bytes of a stream, looked at without being lost. */
export class Head {
  readonly bytes: Uint8Array;
  readonly #rest: AsyncIterator<Uint8Array>;

  private constructor(bytes: Uint8Array, rest: AsyncIterator<Uint8Array>) {
    this.bytes = bytes;
    this.#rest = rest;
  }

  /** Waits for so many bytes, or all where there are fewer. */
  static async of(stream: Readable, least: number): Promise<Head> {
    const chunks = stream[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
    const parts: Uint8Array[] = [];
    let length = 0;
    while (length < least) {
      const next = await chunks.next();
      if (next.done === true) break;
      parts.push(next.value);
      length += next.value.length;
    }
    return new Head(Buffer.concat(parts), chunks);
  }

  isGzip(): boolean {
    return this.bytes[0] === 0x1f && this.bytes[1] === 0x8b;
  }

  /** All of it, from the first byte. */
  async *rest(): AsyncGenerator<Uint8Array> {
    if (this.bytes.length > 0) yield this.bytes;
    for (;;) {
      const next = await this.#rest.next();
      if (next.done === true) return;
      yield next.value;
    }
  }

  /** The same through a transform; what is wrong on the way is thrown where that is read. */
  pipeInto<Target extends NodeJS.ReadWriteStream & Readable>(target: Target): Target {
    pipeline(Readable.from(this.rest()), target, () => {});
    return target;
  }
}
