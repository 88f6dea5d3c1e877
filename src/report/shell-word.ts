import { hasUnseen } from "../pci/visible.ts";

/**
 * One word of a shell's command line, whatever it holds (POSIX.1-2017, 2.2.2 Single-Quotes). What a screen would not show
 * as it is becomes octal in `$'…'` (POSIX.1-2024, 2.2.4; bash, zsh, ksh, busybox), so that it can be copied.
 */
export function shellWord(word: string): string {
  if (/^[\w./:=@%+,-]+$/.test(word)) return word;
  if (!hasUnseen(word)) return `'${word.replaceAll("'", "'\\''")}'`;
  const bytes = [...new TextEncoder().encode(word)].map((byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x27 || byte === 0x5c
      ? `\\${byte.toString(8).padStart(3, "0")}`
      : String.fromCharCode(byte),
  );
  return `$'${bytes.join("")}'`;
}
