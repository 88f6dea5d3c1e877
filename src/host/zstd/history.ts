/** What a frame has unpacked so far, as much of it as later blocks may copy from. */
export class History {
  #window = 0;
  #bytes = new Uint8Array(0);
  #length = 0;
  /** Bytes of the whole frame. */
  total = 0;

  /** Forgets all; `window` is the distance, in bytes, that copies may reach back in the next frame. */
  begin(window: number): void {
    this.#window = window;
    this.#length = 0;
    this.total = 0;
  }

  /** Makes room for more bytes. Memory grows with what was unpacked, whatever window a frame claims. */
  reserve(count: number): void {
    if (this.#length + count <= this.#bytes.length) return;
    const kept = Math.min(this.#length, this.#window);
    const from = this.#length - kept;
    if ((kept + count) * 2 > this.#bytes.length) {
      const larger = new Uint8Array((kept + count) * 2);
      larger.set(this.#bytes.subarray(from, this.#length));
      this.#bytes = larger;
    } else {
      this.#bytes.copyWithin(0, from, this.#length);
    }
    this.#length = kept;
  }

  append(bytes: Uint8Array): void {
    this.#bytes.set(bytes, this.#length);
    this.#grow(bytes.length);
  }

  appendRun(byte: number, count: number): void {
    this.#bytes.fill(byte, this.#length, this.#length + count);
    this.#grow(count);
  }

  /** Copies from `distance` bytes back; what is copied may be part of what is copied from. Throws beyond the window. */
  copyBack(distance: number, count: number): void {
    if (distance > this.#window || distance > this.total || distance === 0) {
      throw new Error("a copy reaches back beyond the window");
    }
    const bytes = this.#bytes;
    const start = this.#length;
    if (distance >= count) bytes.copyWithin(start, start - distance, start - distance + count);
    else for (let at = start; at < start + count; at++) bytes[at] = bytes[at - distance] ?? 0;
    this.#grow(count);
  }

  #grow(count: number): void {
    this.#length += count;
    this.total += count;
  }

  /** A copy of the last bytes. */
  last(count: number): Uint8Array {
    return this.#bytes.slice(this.#length - count, this.#length);
  }
}
