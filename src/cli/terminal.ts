/** Columns that a screen may take: `--width`, else COLUMNS, else the terminal's, else 100 (a pipe or a file). */
export function screenWidth(option: number | undefined): number {
  // A terminal that was never told its size says 0.
  const columns = option || wantedColumns() || process.stdout.columns || 100;
  return Math.min(Math.max(columns, 40), 500);
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

/** A line on standard error that is drawn over while work goes on; nothing where that is no terminal. */
export class ProgressLine {
  readonly #isShown = process.stderr.isTTY === true;
  #drawn = false;

  show(message: string): void {
    if (!this.#isShown) return;
    const columns = process.stderr.columns || 80;
    process.stderr.write(`\r\u001b[2K${message.slice(0, columns - 1)}`);
    this.#drawn = true;
  }

  clear(): void {
    if (this.#drawn) process.stderr.write("\r\u001b[2K");
    this.#drawn = false;
  }
}
