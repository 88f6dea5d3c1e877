import { hasUnseen } from "./visible.ts";

/** One word of a shell's command line, whatever it holds (POSIX.1-2017, 2.2.2 Single-Quotes). */
export function shellWord(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/**
 * The same for a command on a screen, to be copied: what a screen cannot show as it is becomes octal in `$'…'`
 * (POSIX.1-2024, 2.2.4; bash, zsh, ksh and busybox read it).
 */
export function shownShellWord(word: string): string {
  if (!hasUnseen(word)) return shellWord(word);
  const bytes = [...new TextEncoder().encode(word)].map((byte) =>
    byte < 0x20 || byte > 0x7e || byte === 0x27 || byte === 0x5c
      ? `\\${byte.toString(8).padStart(3, "0")}`
      : String.fromCharCode(byte),
  );
  return `$'${bytes.join("")}'`;
}
