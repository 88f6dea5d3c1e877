/** How a screen is drawn. */
export interface ScreenOptions {
  /** Columns of the terminal; infinite for a tree as wide as it gets. */
  readonly width: number;
  readonly color: boolean;
}

/** What a piece of text means; its colour follows from that. */
export type Paint = "direct" | "host" | "no" | "unknown" | "strong" | "faint" | "warn" | "code";

/** Puts the colours of a terminal around text that is fit to be printed. */
export function makePainter(color: boolean): (text: string, paint: Paint) => string {
  return (text, paint) => {
    if (text === "" || !color) return text;
    const [on, off] = CODES[paint];
    return `\u001b[${on}m${text}\u001b[${off}m`;
  };
}

/** What turns each on and off (SGR, ECMA-48 sec 8.3.117). */
const CODES: Readonly<Record<Paint, readonly [on: number, off: number]>> = {
  direct: [32, 39],
  host: [33, 39],
  no: [31, 39],
  unknown: [35, 39],
  strong: [1, 22],
  faint: [2, 22],
  warn: [33, 39],
  code: [1, 22],
};
