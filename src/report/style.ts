import picocolors from "picocolors";

/** How a screen is drawn. */
export interface ScreenOptions {
  /** Columns of the terminal. */
  readonly width: number;
  readonly color: boolean;
}

/** Paints text by what it means, not by colour. */
export interface Style {
  readonly direct: Paint;
  readonly host: Paint;
  readonly no: Paint;
  readonly unknown: Paint;
  readonly strong: Paint;
  readonly faint: Paint;
  readonly warn: Paint;
}

type Paint = (text: string) => string;

/** The paints for a screen; without colour they change nothing. */
export function makeStyle({ color }: ScreenOptions): Style {
  const colors = picocolors.createColors(color);
  return {
    direct: unlessEmpty(colors.green),
    host: unlessEmpty(colors.yellow),
    no: unlessEmpty(colors.red),
    unknown: unlessEmpty(colors.magenta),
    strong: unlessEmpty(colors.bold),
    faint: unlessEmpty(colors.dim),
    warn: unlessEmpty(colors.yellow),
  };
}

/** Painting nothing would leave escape sequences that count as text to whoever joins the parts. */
function unlessEmpty(paint: Paint): Paint {
  return (text) => (text === "" ? "" : paint(text));
}
