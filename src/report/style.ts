import picocolors from "picocolors";

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
  const colors = picocolors.createColors(color);
  const paints: Readonly<Record<Paint, (text: string) => string>> = {
    direct: colors.green,
    host: colors.yellow,
    no: colors.red,
    unknown: colors.magenta,
    strong: colors.bold,
    faint: colors.dim,
    warn: colors.yellow,
    code: colors.bold,
  };
  return (text, paint) => (text === "" ? "" : paints[paint](text));
}
