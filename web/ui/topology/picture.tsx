import type { JSX } from "preact";
import { memo } from "preact/compat";
import type { PortAcs } from "../../../src/drawing/tree-boxes.ts";
import {
  BOX_INSET,
  LINK_SIZE,
  NOTE_SIZE,
  type PlacedBox,
  type PlacedBranch,
  PORT_HEIGHT,
  PORT_SIZE,
  TRUNK,
  type TreeLayout,
} from "../../../src/drawing/tree-layout.ts";
import { BOX_FILLS, elbow } from "../../../src/drawing/tree-svg.ts";
import type { Bdf } from "../../../src/pci/bdf.ts";
import { visible } from "../../../src/pci/visible.ts";
import { boxId } from "./shown-boxes.ts";

interface PictureProps {
  readonly layout: TreeLayout;
  readonly isGrouped: boolean;
  readonly closable: ReadonlySet<string>;
  readonly closed: ReadonlySet<string>;
  readonly onToggle: (key: string) => void;
  readonly onChoose: (box: PlacedBox) => void;
}

/** The boxes and links of a tree: drawn again only when they are others, not while somebody moves around. */
export const Picture: (props: PictureProps) => JSX.Element = memo(
  ({ layout, isGrouped, closable, closed, onToggle, onChoose }: PictureProps): JSX.Element => (
    <>
      {layout.regions.map(({ name, x, y, width, height }) => (
        <g role="presentation">
          <rect class="region" {...{ x, y, width, height }} rx={8} />
          {name === "" ? null : (
            <text class="region-name" x={x + 12} y={y + 18}>
              {visible(name)}
            </text>
          )}
        </g>
      ))}
      {layout.branches.map((placed) => (
        <BranchLine key={placed.branch.box.key} placed={placed} />
      ))}
      {layout.boxes.map((placed) => (
        <BoxShape
          key={placed.box.key}
          placed={placed}
          isGrouped={isGrouped}
          isOpen={closable.has(placed.box.key) ? !closed.has(placed.box.key) : null}
          onToggle={onToggle}
          onChoose={onChoose}
        />
      ))}
    </>
  ),
  (before, after) =>
    before.layout === after.layout && before.isGrouped === after.isGrouped && before.closed === after.closed,
);

/** The width of a line, by the lanes of its link. */
function lineWidth(lanes: number): number {
  return Math.min(1 + Math.log2(Math.max(lanes, 1)), 5);
}

function BranchLine({ placed: { branch, from, to, portWidth } }: { readonly placed: PlacedBranch }): JSX.Element {
  const { port, link } = branch;
  const trunk = from.x + TRUNK;
  const portX = trunk + 6;
  const lineX = port === null ? trunk : portX + portWidth;
  const middle = (lineX + to.x) / 2;
  return (
    <g role="presentation">
      <path class="inside" d={elbow(from, { x: port === null ? to.x : portX, y: to.y }, trunk)} />
      {link === null ? (
        port === null ? null : (
          <path class="inside" d={`M${lineX},${to.y}H${to.x}`} />
        )
      ) : (
        <>
          <path class={`wire wire-${link.is}`} d={`M${lineX},${to.y}H${to.x}`} stroke-width={lineWidth(link.lanes)} />
          <text class={`wire-text wire-text-${link.is}`} x={middle} y={to.y - 5} font-size={LINK_SIZE}>
            {link.state}
            {link.is === "idle-gpu" ? " idle" : ""}
          </text>
          {link.more === "" ? null : (
            <text class="wire-more" x={middle} y={to.y + LINK_SIZE + 3} font-size={LINK_SIZE}>
              {link.more}
            </text>
          )}
        </>
      )}
      {port === null ? null : (
        <>
          <rect
            class={`port ${PORT_CLASSES[port.acs]}`}
            x={portX}
            y={to.y - PORT_HEIGHT / 2}
            width={portWidth}
            height={PORT_HEIGHT}
            rx={7}
          >
            <title>{port.details.map(visible).join("\n")}</title>
          </rect>
          <text class="port-name" x={portX + portWidth / 2} y={to.y + PORT_SIZE / 2 - 1.5} font-size={PORT_SIZE}>
            {visible(port.name)}
          </text>
        </>
      )}
    </g>
  );
}

const PORT_CLASSES: Readonly<Record<PortAcs, string>> = {
  redirects: "port-redirects",
  passes: "port-passes",
  none: "port-passes",
  hidden: "port-hidden",
};

interface BoxProps {
  readonly placed: PlacedBox;
  readonly isGrouped: boolean;
  /** `null` where nothing is below it. */
  readonly isOpen: boolean | null;
  readonly onToggle: (key: string) => void;
  readonly onChoose: (box: PlacedBox) => void;
}

function BoxShape({ placed, isGrouped, isOpen, onToggle, onChoose }: BoxProps): JSX.Element {
  const { box, x, y, width, height, lines } = placed;
  const kind = BOX_FILLS[box.kind];
  const groups =
    box.groups.length > 3 ? `${box.groups.length} groups` : box.groups.map((group) => `g${group}`).join(" ");
  return (
    <g
      id={boxId(box.key)}
      class={`box ${box.isChanged ? "changed" : ""}`}
      role="treeitem"
      aria-level={box.kind === "host-bridge" ? 1 : 2}
      aria-expanded={isOpen ?? undefined}
      onClick={() => onChoose(placed)}
    >
      {box.isPile
        ? [6, 3].map((by) => <rect class="frame" x={x + by} y={y + by} width={width} height={height} rx={5} />)
        : null}
      <rect class="frame" {...{ x, y, width, height }} rx={5} />
      <rect class={`tint fill-${kind}`} {...{ x, y, width, height }} rx={5} />
      <rect class={`fill-${kind}`} x={x} y={y + 1} width={5} height={height - 2} rx={2} />
      {lines.map((line) => (
        <>
          <text class="name" x={x + BOX_INSET} y={y + line.y}>
            {visible(line.name)}
          </text>{" "}
          {line.what === "" ? null : (
            <text class="what" x={x + width - 8} y={y + line.y} font-size={NOTE_SIZE}>
              {visible(line.what)}
            </text>
          )}{" "}
          {line.notes.map((note) => (
            <>
              <text class="note" x={x + BOX_INSET} y={y + note.y} font-size={NOTE_SIZE}>
                {visible(note.text)}
              </text>{" "}
            </>
          ))}
        </>
      ))}
      {isGrouped && groups !== "" ? (
        <text class="group" x={x + width - 8} y={y + height - 6} font-size={NOTE_SIZE}>
          {groups}
        </text>
      ) : null}
      {isOpen === null ? null : (
        <g
          class="toggle"
          role="presentation"
          onClick={(event) => {
            event.stopPropagation();
            onToggle(box.key);
          }}
        >
          <circle cx={x + width} cy={y + height / 2} r={7} />
          <path d={`M${x + width - 3.5},${y + height / 2}h7${isOpen ? "" : "m-3.5,-3.5v7"}`} />
        </g>
      )}
    </g>
  );
}

interface HighlightProps {
  readonly layout: TreeLayout;
  readonly path: ReadonlySet<Bdf>;
  readonly found: readonly PlacedBox[];
  readonly focused: PlacedBox | undefined;
  readonly picked: Bdf | null;
}

/** What stands out just now, drawn over the picture: the way of the pair, what was found, where the reader is. */
export function Highlight({ layout, path, found, focused, picked }: HighlightProps): JSX.Element {
  const isLit = (functions: readonly Bdf[]): boolean => path.size > 0 && functions.some((bdf) => path.has(bdf));
  const around = (
    { x, y, width, height }: PlacedBox,
    by: number,
  ): Readonly<Record<"x" | "y" | "width" | "height" | "rx", number>> => ({
    ...{ x: x - by, y: y - by, width: width + 2 * by, height: height + 2 * by },
    rx: 5 + by,
  });
  return (
    <g class="highlight" role="presentation">
      {layout.branches.map(({ branch: { port, box }, from, to }) =>
        (port !== null && isLit(port.functions)) || (port === null && isLit(box.functions)) ? (
          <path class="lit" d={elbow(from, to, from.x + TRUNK)} />
        ) : null,
      )}
      {layout.boxes.map((placed) => (isLit(placed.box.functions) ? <rect class="lit" {...around(placed, 2)} /> : null))}
      {found.map((placed) => (
        <rect class="found" {...around(placed, 4)} />
      ))}
      {layout.boxes.map((placed) =>
        picked !== null && placed.box.functions.includes(picked) ? (
          <rect class="picked" {...around(placed, 3)} />
        ) : null,
      )}
      {focused === undefined ? null : <rect class="focused" {...around(focused, 1)} />}
    </g>
  );
}
