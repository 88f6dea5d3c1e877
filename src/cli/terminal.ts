import { fstatSync } from "node:fs";

/** Columns that a screen may take: `--width`, else COLUMNS, else the terminal's, else 100 (a pipe or a file). */
export function screenWidth(option: number | undefined): number {
  return askedWidth(option) ?? 100;
}

/** {@link screenWidth} of what is drawn as wide as it gets in a pipe or a file, where nobody asked for a width. */
export function wholeWidth(option: number | undefined): number {
  return askedWidth(option) ?? (terminalOutput().isTTY ? 100 : Number.POSITIVE_INFINITY);
}

function askedWidth(option: number | undefined): number | undefined {
  // A terminal that was never told its size says 0.
  const columns = option || wantedColumns() || terminalOutput().columns || 0;
  return columns === 0 ? undefined : Math.min(Math.max(columns, 40), 500);
}

/** COLUMNS, which may be any text; 0 where it is no number of columns. */
function wantedColumns(): number {
  const text = process.env["COLUMNS"] ?? "";
  return /^\d+$/.test(text) ? Number(text) : 0;
}

/** Whether to colour what goes to `stream`: `--color`, else NO_COLOR and FORCE_COLOR, else whether it is a terminal. */
export function wantsColor(option: "auto" | "always" | "never", stream: { readonly isTTY?: boolean }): boolean {
  if (option !== "auto") return option === "always";
  const { NO_COLOR: none, FORCE_COLOR: force, TERM: terminal } = process.env;
  if (none !== undefined && none !== "") return false;
  if (force !== undefined && force !== "") return force !== "0" && force !== "false";
  return stream.isTTY === true && terminal !== "dumb";
}

/** Standard output where it may be a terminal; of a file or pipe Node's stream is not even loaded. */
export function terminalOutput(): { readonly isTTY?: boolean; readonly columns?: number } {
  return mayBeTerminal(1) ? process.stdout : {};
}

/** Of the character devices, major number 1 is that of /dev/null and its like (Linux, Documentation/admin-guide/devices.txt). */
export function mayBeTerminal(descriptor: number): boolean {
  const stats = fstatSync(descriptor);
  return stats.isCharacterDevice() && ((stats.rdev >> 8) & 0xfff) !== 1;
}
