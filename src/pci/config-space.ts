import { isUnknown, type Known, type Unknown } from "./known.ts";

/** Bytes of the header that every user may read. */
export const HEADER_BYTES = 64;
/** Bytes of conventional config space, and of all config space. */
export const CONVENTIONAL_BYTES = 256;
export const EXTENDED_BYTES = 4096;

/** Command register bits (PCIe 6.0 sec 7.5.1.1.3). */
export const PCI_COMMAND_IO = 0x1;
export const PCI_COMMAND_MEMORY = 0x2;
export const PCI_COMMAND_MASTER = 0x4;

/** Why a source shows no more than it does: beyond the 64 bytes of the header, and beyond the first 256 bytes. */
export interface HiddenReasons {
  readonly beyondHeader: Unknown;
  readonly extended: Unknown;
  /** The source says that this function has no more than 256 bytes, so that nothing is hidden beyond them. */
  readonly endsAtConventional?: boolean;
}

/**
 * Config space of one function as far as a source shows it: a prefix of up to 4,096 bytes. Reading beyond the prefix
 * gives `undefined`, never a guess.
 */
export class ConfigSpace {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  readonly #hidden: HiddenReasons;

  constructor(bytes: Uint8Array, hidden: HiddenReasons) {
    this.#bytes = bytes.length > EXTENDED_BYTES ? bytes.subarray(0, EXTENDED_BYTES) : bytes;
    this.#view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset, this.#bytes.byteLength);
    this.#hidden = hidden;
  }

  /** True when the source says that there is no extended space. */
  get endsAtConventional(): boolean {
    return this.#hidden.endsAtConventional === true;
  }

  /** Visible bytes. */
  get length(): number {
    return this.#bytes.length;
  }

  u8(offset: number): number | undefined {
    return this.#bytes[offset];
  }

  u16(offset: number): number | undefined {
    return offset + 2 <= this.#bytes.length ? this.#view.getUint16(offset, true) : undefined;
  }

  u32(offset: number): number | undefined {
    return offset + 4 <= this.#bytes.length ? this.#view.getUint32(offset, true) : undefined;
  }

  /** True where the source shows nothing but zeros from `offset` on, as in a copy that was filled up with them. */
  isZeroFrom(offset: number): boolean {
    return this.#bytes.subarray(offset).every((byte) => byte === 0);
  }

  /** What stands before the zeros at its end, the header at least: the prefix that a copy has which was filled up with them. */
  withoutFilling(reason: Unknown): ConfigSpace {
    const end = this.#bytes.findLastIndex((byte) => byte !== 0) + 1;
    return new ConfigSpace(this.#bytes.subarray(0, Math.max(end, HEADER_BYTES)), {
      beyondHeader: reason,
      extended: reason,
    });
  }

  /** Why bytes at `offset` are not visible. */
  reason(offset: number): Unknown {
    return offset < CONVENTIONAL_BYTES ? this.#hidden.beyondHeader : this.#hidden.extended;
  }

  /** The 16-bit register at `offset`, or why it is hidden. */
  known16(offset: number): Known<number> {
    return this.u16(offset) ?? this.reason(offset);
  }

  /** The 32-bit register at `offset`, or why it is hidden. */
  known32(offset: number): Known<number> {
    return this.u32(offset) ?? this.reason(offset);
  }

  /** The registers at `offsets` together, or why the first hidden one is. */
  all32(...offsets: number[]): Known<readonly number[]> {
    const values: number[] = [];
    for (const offset of offsets) {
      const value = this.known32(offset);
      if (isUnknown(value)) return value;
      values.push(value);
    }
    return values;
  }
}
