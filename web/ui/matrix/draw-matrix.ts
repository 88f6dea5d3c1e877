import { type BandwidthView, LOCALITY_CODES, type MatrixView, VERDICT_CODES } from "../../engine/protocol.ts";
import type { Coloring } from "../../state/location.ts";
import type { Arranged } from "./arranged.ts";
import { type Geometry, NAME_FONT } from "./geometry.ts";

/** Colours by what they mean, as the page has them now. */
export type Colors = (name: string) => string;

/** Everything that is drawn of a matrix. */
export interface Drawn {
  readonly matrix: MatrixView;
  readonly bandwidth: BandwidthView | null;
  readonly arranged: Arranged;
  readonly geometry: Geometry;
  readonly coloring: Coloring;
  readonly colors: Colors;
}

/** How a cell is drawn: a colour, a shape that says the same, and where there is room a word. */
interface Look {
  readonly fill: string;
  readonly ink: string;
  readonly shape: "full" | "notched" | "inset" | "diamond" | "cross" | "ring" | "dot";
}

/** Looks are few: cells name them by number. Cells are drawn look by look, so that colours change seldom. */
interface Looks {
  readonly looks: readonly Look[];
  readonly of: (position: number) => number;
  readonly text: (position: number) => string;
}

/** Cells below this size have no room for a word. */
const WORDS = 18;

/** Draws the cells and names; the crosshair is on a canvas over it. */
export function drawMatrix(context: CanvasRenderingContext2D, drawn: Drawn): void {
  const { matrix, arranged, geometry, colors } = drawn;
  const { cell, xs, ys, width, height } = geometry;
  const { rows, columns } = arranged;
  const { looks, of, text } = looksOf(drawn);
  context.clearRect(0, 0, width, height);
  const total = matrix.clients.length;
  const numbers = new Uint8Array(rows.length * columns.length);
  for (let r = 0, at = 0; r < rows.length; r++) {
    const start = (rows[r] ?? 0) * total;
    for (let c = 0; c < columns.length; c++, at++) numbers[at] = of(start + (columns[c] ?? 0));
  }
  const gap = cell >= NARROW ? 1 : 0;
  looks.forEach((look, number) => {
    context.beginPath();
    for (let r = 0, at = 0; r < rows.length; r++) {
      const y = ys[r] ?? 0;
      for (let c = 0; c < columns.length; c++, at++) {
        if (numbers[at] === number) outline(context, look.shape, xs[c] ?? 0, y, cell - gap);
      }
    }
    if (look.shape === "cross" || look.shape === "ring") {
      context.strokeStyle = look.ink;
      context.lineWidth = Math.max(1, cell / 12);
      context.stroke();
    } else {
      context.fillStyle = look.fill;
      context.fill();
    }
  });
  if (cell >= WORDS) drawWords(context, drawn, numbers, looks, text);
  if (geometry.hasNames) drawNames(context, drawn);
  else drawAxes(context, geometry, colors);
}

/** Cells at least this large have a gap between them. */
const NARROW = 6;

function outline(context: CanvasRenderingContext2D, shape: Look["shape"], x: number, y: number, side: number): void {
  switch (shape) {
    case "full":
      context.rect(x, y, side, side);
      return;
    case "notched":
      context.moveTo(x + side / 2, y);
      context.lineTo(x, y);
      context.lineTo(x, y + side);
      context.lineTo(x + side, y + side);
      context.lineTo(x + side, y + side / 2);
      context.closePath();
      return;
    case "inset": {
      const inset = side < NARROW ? 1 : Math.max(1, side / 8);
      context.rect(x, y + inset, side, side - 2 * inset);
      return;
    }
    case "diamond": {
      const half = side / 2;
      context.moveTo(x + half, y);
      context.lineTo(x + side, y + half);
      context.lineTo(x + half, y + side);
      context.lineTo(x, y + half);
      context.closePath();
      return;
    }
    case "cross": {
      const inset = side * 0.3;
      context.moveTo(x + inset, y + inset);
      context.lineTo(x + side - inset, y + side - inset);
      context.moveTo(x + side - inset, y + inset);
      context.lineTo(x + inset, y + side - inset);
      return;
    }
    case "ring":
      context.rect(x + side * 0.2, y + side * 0.2, side * 0.6, side * 0.6);
      return;
    case "dot": {
      const inset = side * 0.4;
      context.rect(x + inset, y + inset, side - 2 * inset, side - 2 * inset);
    }
  }
}

function drawWords(
  context: CanvasRenderingContext2D,
  { matrix, arranged: { rows, columns }, geometry: { cell, xs, ys } }: Drawn,
  numbers: Uint8Array,
  looks: readonly Look[],
  text: Looks["text"],
): void {
  context.font = `${Math.min(11, cell * 0.45)}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  const total = matrix.clients.length;
  looks.forEach(({ ink, shape }, number) => {
    if (shape === "cross" || shape === "dot") return;
    context.fillStyle = ink;
    for (let r = 0, at = 0; r < rows.length; r++) {
      const start = (rows[r] ?? 0) * total;
      for (let c = 0; c < columns.length; c++, at++) {
        if (numbers[at] !== number) continue;
        const word = text(start + (columns[c] ?? 0));
        if (word !== "") context.fillText(word, (xs[c] ?? 0) + cell / 2, (ys[r] ?? 0) + cell / 2);
      }
    }
  });
}

function drawNames(context: CanvasRenderingContext2D, { matrix, arranged, geometry, colors }: Drawn): void {
  const { cell, left, top, xs, ys } = geometry;
  context.font = `${NAME_FONT}px system-ui, sans-serif`;
  context.fillStyle = colors("--fill-text");
  context.textBaseline = "middle";
  context.textAlign = "right";
  arranged.rows.forEach((provider, r) => {
    context.fillText(matrix.providers[provider]?.name ?? "", left - 6, (ys[r] ?? 0) + cell / 2, left - 8);
  });
  context.textAlign = "left";
  arranged.columns.forEach((client, c) => {
    context.save();
    context.translate((xs[c] ?? 0) + cell / 2, top - 6);
    context.rotate(-Math.PI / 2);
    context.fillText(matrix.clients[client]?.name ?? "", 0, 0, top - 8);
    context.restore();
  });
}

function drawAxes(context: CanvasRenderingContext2D, { left, top }: Geometry, colors: Colors): void {
  context.font = `${NAME_FONT}px system-ui, sans-serif`;
  context.fillStyle = colors("--fill-faint");
  context.textBaseline = "alphabetic";
  context.textAlign = "left";
  context.fillText("clients →", left, top - 3);
}

const SHAPES: readonly Look["shape"][] = ["dot", "full", "notched", "inset", "diamond", "cross", "ring"];
const VERDICT_FILLS: readonly string[] = ["edge", "direct", "host", "host", "host", "no", "unknown"];
/** In place of hops, in a cell. */
const BLOCKED = VERDICT_CODES.length;
const STEPS = 8;

function looksOf({ matrix, bandwidth, coloring, colors }: Drawn): Looks {
  const { verdicts, hops, localities, blocked } = matrix;
  const self: Look = { fill: colors("--stroke-edge"), ink: colors("--stroke-edge"), shape: "dot" };
  if (coloring === "locality") {
    const looks = LOCALITY_CODES.map((_, code): Look => {
      if (code === 0) return self;
      if (code === LOCALITY_CODES.length - 1) return { fill: "", ink: colors("--fill-on-unknown"), shape: "ring" };
      return { fill: colors(`--step-${code + 1}`), ink: colors(`--on-step-${code + 1}`), shape: "full" };
    });
    const text = (at: number): string => LOCALITY_CODES[localities[at] ?? 0]?.slice(0, 4) ?? "";
    return { looks, of: (at) => localities[at] ?? 0, text };
  }
  if (coloring === "bandwidth" && bandwidth !== null) {
    const { writes } = bandwidth;
    let most = 0;
    for (const gbps of writes) if (gbps > most) most = gbps;
    const looks: Look[] = [
      self,
      { fill: "", ink: colors("--fill-on-no"), shape: "cross" },
      { fill: "", ink: colors("--fill-on-unknown"), shape: "ring" },
      ...Array.from({ length: STEPS }, (_, step): Look => {
        return { fill: colors(`--step-${step + 1}`), ink: colors(`--on-step-${step + 1}`), shape: "full" };
      }),
    ];
    const of = (at: number): number => {
      const gbps = writes[at] ?? Number.NaN;
      if (verdicts[at] === 0) return 0;
      if (Number.isNaN(gbps)) return 2;
      return gbps === 0 ? 1 : 3 + Math.min(STEPS - 1, Math.floor((gbps / most) * STEPS));
    };
    const text = (at: number): string => {
      const gbps = writes[at] ?? Number.NaN;
      return Number.isNaN(gbps) || gbps === 0 ? "" : gbps < 10 ? gbps.toFixed(1) : gbps.toFixed(0);
    };
    return { looks, of, text };
  }
  const looks = [...VERDICT_CODES.keys()].map((code): Look => {
    const name = VERDICT_FILLS[code] ?? "no";
    if (code === 0) return self;
    return { fill: colors(`--fill-${name}`), ink: colors(`--fill-on-${name}`), shape: SHAPES[code] ?? "full" };
  });
  const stopped: Look = { fill: "", ink: colors("--fill-on-no"), shape: "cross" };
  const text = (at: number): string => {
    const steps = hops[at] ?? 0xffff;
    return steps === 0xffff ? "?" : String(steps);
  };
  return { looks: [...looks, stopped], of: (at) => (blocked[at] === 1 ? BLOCKED : (verdicts[at] ?? 0)), text };
}

/** Draws what stands out just now: the row and the column of a cell, and the chosen pair. */
export function drawCrosshair(
  context: CanvasRenderingContext2D,
  { geometry: { cell, xs, ys, width, height }, colors }: Pick<Drawn, "geometry" | "colors">,
  active: readonly [row: number, column: number] | null,
  chosen: readonly [row: number, column: number] | null,
): void {
  context.clearRect(0, 0, width, height);
  if (active !== null) {
    const [x, y] = [xs[active[1]] ?? 0, ys[active[0]] ?? 0];
    context.fillStyle = colors("--crosshair");
    context.fillRect(0, y, width, cell);
    context.fillRect(x, 0, cell, height);
    context.strokeStyle = colors("--fill-text");
    context.lineWidth = 1;
    context.strokeRect(x - 0.5, y - 0.5, cell + 1, cell + 1);
  }
  if (chosen !== null) {
    context.strokeStyle = colors("--stroke-marked");
    context.lineWidth = 2.5;
    context.strokeRect((xs[chosen[1]] ?? 0) - 1, (ys[chosen[0]] ?? 0) - 1, cell + 1, cell + 1);
  }
}
