/** A file, folder or device of an initramfs. */
export interface CpioEntry {
  readonly path: string;
  /** File type and permissions (`0o100755` a program, `0o040755` a folder). */
  readonly mode: number;
  readonly content?: Uint8Array;
}

const encoder = new TextEncoder();

/** Packs entries as a `newc` archive, the format that the kernel unpacks as its first root file system (cpio(5)). */
export function packCpio(entries: readonly CpioEntry[]): Uint8Array {
  const parts: Uint8Array[] = [];
  entries.forEach((entry, index) => {
    parts.push(...packEntry(index + 1, entry));
  });
  parts.push(...packEntry(0, { path: "TRAILER!!!", mode: 0 }));
  return concatenate(parts);
}

function packEntry(inode: number, { path, mode, content = new Uint8Array(0) }: CpioEntry): Uint8Array[] {
  const name = encoder.encode(`${path}\0`);
  const numbers = [inode, mode, 0, 0, 1, 0, content.length, 0, 0, 0, 0, name.length, 0];
  const header = encoder.encode(`070701${numbers.map((number) => number.toString(16).padStart(8, "0")).join("")}`);
  return [header, name, padding(header.length + name.length), content, padding(content.length)];
}

/** Headers and contents each end at a multiple of four bytes. */
function padding(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}

function concatenate(parts: readonly Uint8Array[]): Uint8Array {
  const whole = new Uint8Array(parts.reduce((length, part) => length + part.length, 0));
  let offset = 0;
  for (const part of parts) {
    whole.set(part, offset);
    offset += part.length;
  }
  return whole;
}
