import type { JSX } from "preact";
import { useCallback, useEffect, useLayoutEffect, useMemo, useRef, useState } from "preact/hooks";
import { layOutTree, type PlacedBox } from "../../../src/drawing/tree-layout.ts";
import type { TreeScene } from "../../../src/drawing/tree-scene.ts";
import type { Bdf } from "../../../src/pci/bdf.ts";
import { visible } from "../../../src/pci/visible.ts";
import { pair } from "../../state/store.ts";
import { type Camera, fitted, seeing, zoomed } from "./camera.ts";
import { Legend } from "./legend.tsx";
import { Highlight, Picture } from "./picture.tsx";
import { boxId, closableKeys, shownScene } from "./shown-boxes.ts";

const STEP = 1.25;

/** The tree of a machine, to move around in: with the way of the chosen pair lit. */
export function TopologyPanel({
  scene,
  path,
}: {
  readonly scene: TreeScene;
  readonly path: ReadonlySet<Bdf>;
}): JSX.Element {
  const [isWhole, setWhole] = useState(false);
  const [closed, setClosed] = useState<ReadonlySet<string>>(new Set());
  const [isGrouped, setGrouped] = useState(false);
  const [query, setQuery] = useState("");
  const [focused, setFocused] = useState<string | null>(null);
  const [picked, setPicked] = useState<Bdf | null>(null);
  const shown = useMemo(() => shownScene(scene, { isWhole, closed }), [scene, isWhole, closed]);
  const closable = useMemo(() => closableKeys(scene), [scene]);
  const layout = useMemo(() => layOutTree(shown, 8), [shown]);
  const isFolded = useMemo(
    () => shownScene(scene, { isWhole: false, closed: new Set() }).regions !== scene.regions,
    [scene],
  );
  const window_ = useRef<SVGSVGElement>(null);
  const moved = useRef<SVGGElement>(null);
  const camera = useRef<Camera>({ x: 0, y: 0, scale: 1 });

  const see = (next: Camera): void => {
    camera.current = next;
    moved.current?.setAttribute("transform", `translate(${next.x},${next.y}) scale(${next.scale})`);
  };
  const size = (): { width: number; height: number } => {
    const { width = 0, height = 0 } = window_.current?.getBoundingClientRect() ?? {};
    return { width, height };
  };
  const showAll = (): void => see(fitted(layout, size()));
  const zoom = (by: number): void => {
    const { width, height } = size();
    see(zoomed(camera.current, by, { x: width / 2, y: height / 2 }));
  };
  // Another machine, or all devices of it, is shown from its beginning; an edit leaves the reader where they were.
  useLayoutEffect(showAll, [isWhole]);

  const found = useMemo(() => matching(layout.boxes, query), [layout, query]);
  const goTo = (box: PlacedBox | undefined): void => {
    if (box === undefined) return;
    setFocused(box.box.key);
    see(seeing(camera.current, box, size()));
  };
  const next = (event: Event): void => {
    event.preventDefault();
    const at = found.findIndex(({ box }) => box.key === focused);
    goTo(found[(at + 1) % Math.max(found.length, 1)]);
  };
  const toggle = (key: string): void => {
    const others = new Set(closed);
    if (!others.delete(key)) others.add(key);
    setClosed(others);
  };
  const choose = ({ box }: PlacedBox): void => {
    setFocused(box.key);
    const [device] = box.functions;
    if (closable.has(box.key) || device === undefined) return;
    if (picked === null || picked === device) {
      setPicked(device);
      return;
    }
    pair.value = { provider: picked, client: device };
    setPicked(null);
  };
  useEffect(() => setPicked(null), [pair.value]);
  // The picture keeps what it was given first: it is not drawn again for another pair.
  const actions = useRef({ toggle, choose });
  actions.current = { toggle, choose };
  const onToggle = useCallback((key: string) => actions.current.toggle(key), []);
  const onChoose = useCallback((box: PlacedBox) => actions.current.choose(box), []);

  const press = useRef<{ readonly x: number; readonly y: number; readonly camera: Camera; isDrag: boolean } | null>(
    null,
  );
  const down = (event: PointerEvent): void => {
    if (event.button !== 0) return;
    press.current = { x: event.clientX, y: event.clientY, camera: camera.current, isDrag: false };
  };
  const move = (event: PointerEvent): void => {
    const from = press.current;
    if (from === null) return;
    const [dx, dy] = [event.clientX - from.x, event.clientY - from.y];
    if (!from.isDrag && Math.hypot(dx, dy) < 4) return;
    if (!from.isDrag) window_.current?.setPointerCapture(event.pointerId);
    from.isDrag = true;
    see({ ...from.camera, x: from.camera.x + dx, y: from.camera.y + dy });
  };
  const up = (): void => {
    press.current = null;
  };
  useEffect(() => {
    const element = window_.current;
    const wheel = (event: WheelEvent): void => {
      if (!event.ctrlKey && !event.metaKey) return;
      event.preventDefault();
      const { left, top } = element?.getBoundingClientRect() ?? { left: 0, top: 0 };
      const at = { x: event.clientX - left, y: event.clientY - top };
      see(zoomed(camera.current, Math.exp(-event.deltaY / 300), at));
    };
    // Preact's own listeners are passive here, and a page must not zoom with the picture.
    element?.addEventListener("wheel", wheel, { passive: false });
    return () => element?.removeEventListener("wheel", wheel);
  }, []);

  const focusedBox = layout.boxes.find(({ box }) => box.key === focused);
  const keys = (event: KeyboardEvent): void => {
    const at = layout.boxes.findIndex(({ box }) => box.key === focused);
    const placed = layout.boxes[at];
    const go = neighbour(event.key, layout.boxes, placed);
    if (go !== undefined) goTo(go);
    else if ((event.key === "Enter" || event.key === " ") && placed !== undefined) {
      if (closable.has(placed.box.key)) toggle(placed.box.key);
      else choose(placed);
    } else if (
      event.key === "ArrowLeft" &&
      placed !== undefined &&
      closable.has(placed.box.key) &&
      !closed.has(placed.box.key)
    ) {
      toggle(placed.box.key);
    } else if (event.key === "+" || event.key === "=") zoom(STEP);
    else if (event.key === "-") zoom(1 / STEP);
    else if (event.key === "0") showAll();
    else return;
    event.preventDefault();
  };

  return (
    <>
      <div class="tools">
        <form role="search" onSubmit={next}>
          <label>
            Find{" "}
            <input
              type="search"
              value={query}
              placeholder="gpu0, 17:00.0, mlx5"
              onInput={(event) => setQuery(event.currentTarget.value)}
            />
          </label>{" "}
          <span role="status" class="hint">
            {query.trim() === "" ? "" : `${found.length} found`}
          </span>
        </form>
        <div class="buttons">
          {isFolded || isWhole ? (
            <label>
              <input type="checkbox" checked={isWhole} onChange={(event) => setWhole(event.currentTarget.checked)} />{" "}
              every device
            </label>
          ) : null}
          <label>
            <input type="checkbox" checked={isGrouped} onChange={(event) => setGrouped(event.currentTarget.checked)} />{" "}
            IOMMU groups
          </label>
          <button type="button" aria-label="Zoom in" onClick={() => zoom(STEP)}>
            +
          </button>
          <button type="button" aria-label="Zoom out" onClick={() => zoom(1 / STEP)}>
            −
          </button>
          <button type="button" onClick={showAll}>
            Fit
          </button>
        </div>
      </div>
      <svg
        ref={window_}
        class="window"
        style={{ aspectRatio: `${layout.width} / ${layout.height}` }}
        role="tree"
        aria-label="Topology: arrows move, Enter opens, closes or chooses a device"
        tabIndex={0}
        aria-activedescendant={focused === null ? undefined : boxId(focused)}
        onKeyDown={keys}
        onFocus={() => {
          if (focusedBox === undefined) setFocused(layout.boxes[0]?.box.key ?? null);
        }}
        onPointerDown={down}
        onPointerMove={move}
        onPointerUp={up}
        onPointerCancel={up}
      >
        <g ref={moved} role="presentation">
          <Picture
            layout={layout}
            isGrouped={isGrouped}
            closable={closable}
            closed={closed}
            onToggle={onToggle}
            onChoose={onChoose}
          />
          <Highlight layout={layout} path={path} found={found} focused={focusedBox} picked={picked} />
        </g>
      </svg>
      <div class="details" aria-live="polite">
        {picked === null ? null : <p class="paint-strong">Choose a second device: the one that reaches its memory.</p>}
        {focusedBox === undefined ? (
          <p class="hint">Point at a box, or move with the arrow keys, and all that is known of it stands here.</p>
        ) : (
          focusedBox.box.details.map((line) => <p>{visible(line)}</p>)
        )}
      </div>
      <Legend scene={shown} />
    </>
  );
}

function matching(boxes: readonly PlacedBox[], query: string): readonly PlacedBox[] {
  const word = query.trim().toLowerCase();
  if (word === "") return [];
  return boxes.filter(({ box }) =>
    [...box.details, ...box.lines.map(({ name }) => name)].some((text) => text.toLowerCase().includes(word)),
  );
}

/** The box that an arrow leads to: left to what is above it, right to the first below it, up and down among all. */
function neighbour(key: string, boxes: readonly PlacedBox[], from: PlacedBox | undefined): PlacedBox | undefined {
  if (from === undefined) return key.startsWith("Arrow") ? boxes[0] : undefined;
  const inOrder = boxes.toSorted((a, b) => a.y - b.y || a.x - b.x);
  switch (key) {
    case "ArrowRight": {
      const below = from.box.below[0]?.box.key;
      return boxes.find(({ box }) => box.key === below);
    }
    case "ArrowLeft":
      return boxes.find(({ box }) => box.below.some((branch) => branch.box.key === from.box.key));
    case "ArrowDown":
    case "ArrowUp": {
      const column = inOrder.filter(({ x }) => Math.abs(x - from.x) < 1);
      return column[column.indexOf(from) + (key === "ArrowDown" ? 1 : -1)];
    }
    case "Home":
      return inOrder[0];
    case "End":
      return inOrder.at(-1);
    default:
      return undefined;
  }
}
