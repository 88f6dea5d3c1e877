import type { JSX } from "preact";
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { visible } from "../../../src/pci/visible.ts";
import type { BandwidthView, MatrixView } from "../../engine/protocol.ts";
import { COLORINGS, type Coloring, ORDERS, type Order } from "../../state/location.ts";
import { type Answered, coloring, order, pair } from "../../state/store.ts";
import { arranged } from "./arranged.ts";
import { cellWords, VERDICT_WORDS } from "./cell-words.ts";
import { type Colors, drawCrosshair, drawMatrix } from "./draw-matrix.ts";
import { cellAt, geometryOf } from "./geometry.ts";

type Cell = readonly [row: number, column: number];

const COLORING_WORDS: Readonly<Record<Coloring, string>> = {
  verdict: "verdict",
  bandwidth: "GB/s of writes",
  locality: "locality",
};
const ORDER_WORDS: Readonly<Record<Order, string>> = {
  place: "place",
  kind: "kind",
  name: "name",
  verdict: "what works",
};

/** Providers × clients on a canvas, over which a grid of one cell stands for readers of screens and for the keyboard. */
export function MatrixPanel({
  matrix,
  bandwidth: answered,
}: {
  readonly matrix: MatrixView;
  readonly bandwidth: Answered<BandwidthView>;
}): JSX.Element {
  const bandwidth = answered.is === "given" ? answered.given : null;
  const sorted = useMemo(() => arranged(matrix, order.value), [matrix, order.value]);
  const box = useRef<HTMLDivElement>(null);
  const cells = useRef<HTMLCanvasElement>(null);
  const cross = useRef<HTMLCanvasElement>(null);
  const room = useWidth(box);
  const scheme = useScheme();
  const geometry = useMemo(() => geometryOf(sorted, matrix.providers, matrix.clients, room), [sorted, matrix, room]);
  const [active, setActive] = useState<Cell | null>(null);
  const [hovered, setHovered] = useState<Cell | null>(null);
  const shown = hovered ?? active;
  const chosen = useMemo(() => chosenCell(matrix, sorted, pair.value), [matrix, sorted, pair.value]);

  useLayoutEffect(() => {
    const context = contextOf(cells.current, geometry);
    const drawn = { matrix, bandwidth, arranged: sorted, geometry, coloring: coloring.value, colors: colorsOf() };
    if (context !== null) drawMatrix(context, drawn);
  }, [matrix, bandwidth, sorted, geometry, coloring.value, scheme]);
  useLayoutEffect(() => {
    const context = contextOf(cross.current, geometry);
    if (context !== null) drawCrosshair(context, { geometry, colors: colorsOf() }, shown, chosen);
  }, [geometry, shown, chosen, scheme]);

  const choose = (cell: Cell | null): void => {
    if (cell === null) return;
    setActive(cell);
    const provider = matrix.providers[sorted.rows[cell[0]] ?? -1];
    const client = matrix.clients[sorted.columns[cell[1]] ?? -1];
    if (provider !== undefined && client !== undefined) pair.value = { provider: provider.bdf, client: client.bdf };
  };
  const at = (event: MouseEvent): Cell | null => {
    const { left, top } = cells.current?.getBoundingClientRect() ?? { left: 0, top: 0 };
    return cellAt(geometry, event.clientX - left, event.clientY - top);
  };
  const keys = (event: KeyboardEvent): void => {
    const [rows, columns] = [sorted.rows.length, sorted.columns.length];
    const here = active ?? [0, 0];
    if (event.key === "Enter" || event.key === " ") choose(here);
    else {
      const next = moved(event, here, rows, columns);
      if (next === null) return;
      setActive(next);
      setHovered(null);
      seeCell(box.current, geometry.xs[next[1]] ?? 0, geometry.ys[next[0]] ?? 0, geometry.cell);
    }
    event.preventDefault();
  };
  const words = (cell: Cell | null): string =>
    cell === null ? "" : visible(cellWords(matrix, bandwidth, sorted.rows[cell[0]] ?? 0, sorted.columns[cell[1]] ?? 0));

  if (sorted.rows.length === 0 || sorted.columns.length === 0) return <p class="hint">no pair to draw</p>;
  return (
    <>
      <div class="tools">
        <label>
          Colour by{" "}
          <select
            value={coloring.value}
            onChange={(event) => {
              coloring.value = COLORINGS.find((one) => one === event.currentTarget.value) ?? "verdict";
            }}
          >
            {COLORINGS.map((one) => (
              <option value={one}>{COLORING_WORDS[one]}</option>
            ))}
          </select>
        </label>
        <label>
          Order by{" "}
          <select
            value={order.value}
            onChange={(event) => {
              order.value = ORDERS.find((one) => one === event.currentTarget.value) ?? "place";
            }}
          >
            {ORDERS.map((one) => (
              <option value={one}>{ORDER_WORDS[one]}</option>
            ))}
          </select>
        </label>
        <span class="hint">provider ↓ client →</span>
      </div>
      <div class="grid-window" ref={box}>
        <div
          class="grid"
          role="grid"
          aria-label="Providers in rows, clients in columns: arrows move, Enter explains a pair"
          aria-rowcount={sorted.rows.length}
          aria-colcount={sorted.columns.length}
          aria-activedescendant={active === null ? undefined : "active-cell"}
          tabIndex={0}
          style={{ width: `${geometry.width}px`, height: `${geometry.height}px` }}
          onKeyDown={keys}
          onFocus={() => {
            if (active === null) setActive(chosen ?? [0, 0]);
          }}
          onMouseMove={(event) => {
            const cell = at(event);
            if (cell?.[0] !== hovered?.[0] || cell?.[1] !== hovered?.[1]) setHovered(cell);
          }}
          onMouseLeave={() => setHovered(null)}
          onClick={(event) => choose(at(event))}
        >
          <canvas ref={cells} aria-hidden="true" />
          <canvas ref={cross} aria-hidden="true" />
          <div role="row" aria-rowindex={(active?.[0] ?? 0) + 1} class="unseen">
            <div
              role="gridcell"
              id="active-cell"
              aria-colindex={(active?.[1] ?? 0) + 1}
              aria-selected={active !== null && active[0] === chosen?.[0] && active[1] === chosen?.[1]}
            >
              {words(active ?? [0, 0])}
            </div>
          </div>
        </div>
      </div>
      <p class="cell-words" aria-hidden="true">
        {shown === null
          ? "Point at a cell, or move with the arrow keys; Enter or a click explains the pair."
          : words(shown)}
      </p>
      <MatrixLegend matrix={matrix} bandwidth={bandwidth} coloring={coloring.value} />
    </>
  );
}

function MatrixLegend({
  matrix,
  bandwidth,
  coloring: by,
}: {
  readonly matrix: MatrixView;
  readonly bandwidth: BandwidthView | null;
  readonly coloring: Coloring;
}): JSX.Element {
  if (by === "bandwidth") {
    const most = bandwidth === null ? 0 : mostOf(bandwidth.writes);
    return (
      <ul class="legend" aria-label="What the colours mean">
        <li>
          <span class="ramp" /> 0 to {most.toFixed(1)} GB/s of writes, one flow alone
        </li>
        <li>✕ nothing arrives</li>
        <li>□ not known</li>
      </ul>
    );
  }
  if (by === "locality") {
    return (
      <ul class="legend" aria-label="What the colours mean">
        {["PIX", "PXB", "PHB", "NODE", "SYS"].map((word, at) => (
          <li>
            <span class={`swatch step-${at + 2}`} /> {word}
          </li>
        ))}
      </ul>
    );
  }
  const seen = new Set(matrix.verdicts);
  return (
    <ul class="legend" aria-label="What the colours mean">
      {VERDICT_WORDS.filter(([code]) => seen.has(code)).map(([code, words]) => (
        <li>
          <span class={`swatch verdict-${code}`} /> {words}
        </li>
      ))}
      {matrix.blocked.includes(1) ? <li>✕ blocked, whatever the kernel says</li> : null}
      <li>numbers are hops</li>
    </ul>
  );
}

/** The largest figure; those that are not known do not count. */
function mostOf(figures: Float32Array): number {
  let most = 0;
  for (const figure of figures) most = Math.max(most, Number.isNaN(figure) ? 0 : figure);
  return most;
}

function chosenCell(matrix: MatrixView, sorted: ReturnType<typeof arranged>, chosen: typeof pair.value): Cell | null {
  if (chosen === null) return null;
  const row = sorted.rows.findIndex((at) => matrix.providers[at]?.bdf === chosen.provider);
  const column = sorted.columns.findIndex((at) => matrix.clients[at]?.bdf === chosen.client);
  return row < 0 || column < 0 ? null : [row, column];
}

/** Where a key leads from a cell; `null` for keys that lead nowhere. */
function moved({ key, ctrlKey }: KeyboardEvent, [row, column]: Cell, rows: number, columns: number): Cell | null {
  const clamp = (at: number, count: number): number => Math.min(Math.max(at, 0), count - 1);
  switch (key) {
    case "ArrowUp":
      return [clamp(row - 1, rows), column];
    case "ArrowDown":
      return [clamp(row + 1, rows), column];
    case "ArrowLeft":
      return [row, clamp(column - 1, columns)];
    case "ArrowRight":
      return [row, clamp(column + 1, columns)];
    case "PageUp":
      return [clamp(row - 10, rows), column];
    case "PageDown":
      return [clamp(row + 10, rows), column];
    case "Home":
      return [ctrlKey ? 0 : row, 0];
    case "End":
      return [ctrlKey ? rows - 1 : row, columns - 1];
    default:
      return null;
  }
}

function seeCell(box: HTMLElement | null, x: number, y: number, cell: number): void {
  if (box === null) return;
  if (x < box.scrollLeft || x + cell > box.scrollLeft + box.clientWidth) box.scrollLeft = x - box.clientWidth / 2;
  if (y < box.scrollTop || y + cell > box.scrollTop + box.clientHeight) box.scrollTop = y - box.clientHeight / 2;
}

/** A canvas of the right size for the screen it is on, in pixels of the page. */
function contextOf(
  canvas: HTMLCanvasElement | null,
  { width, height }: { readonly width: number; readonly height: number },
): CanvasRenderingContext2D | null {
  const context = canvas?.getContext("2d") ?? null;
  if (canvas === null || context === null) return null;
  const ratio = devicePixelRatio;
  const [wide, high] = [Math.ceil(width * ratio), Math.ceil(height * ratio)];
  if (canvas.width !== wide || canvas.height !== high) {
    canvas.width = wide;
    canvas.height = high;
    canvas.style.width = `${width}px`;
    canvas.style.height = `${height}px`;
  }
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  return context;
}

function colorsOf(): Colors {
  const style = getComputedStyle(document.documentElement);
  return (name) => style.getPropertyValue(name).trim();
}

function useWidth(box: { readonly current: HTMLElement | null }): number {
  const [width, setWidth] = useState(900);
  useLayoutEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const observer = new ResizeObserver(() => setWidth(element.clientWidth));
    observer.observe(element);
    setWidth(element.clientWidth);
    return () => observer.disconnect();
  }, []);
  return width;
}

/** Light or dark: colours on a canvas do not change by themselves. */
function useScheme(): boolean {
  const [isDark, setDark] = useState(() => matchMedia("(prefers-color-scheme: dark)").matches);
  useEffect(() => {
    const query = matchMedia("(prefers-color-scheme: dark)");
    const change = (): void => setDark(query.matches);
    query.addEventListener("change", change);
    return () => query.removeEventListener("change", change);
  }, []);
  return isDark;
}
