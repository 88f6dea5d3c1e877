/** One word of a shell's command line, whatever it holds (POSIX.1-2017, 2.2.2 Single-Quotes). */
export function shellWord(word: string): string {
  return /^[\w./:=@%+,-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}
