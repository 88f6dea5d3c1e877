import type { JSX } from "preact";
import type { Box, BoxKind, PortAcs } from "../../../src/drawing/tree-boxes.ts";
import type { TreeScene } from "../../../src/drawing/tree-scene.ts";
import { KIND_NAMES, LINK_NAMES, PORT_NAMES } from "../../../src/drawing/tree-svg.ts";
import type { LinkIs } from "../../../src/summary/links.ts";

/** What the signs of a tree mean, as far as there are some in it. */
export function Legend({ scene: { regions } }: { readonly scene: TreeScene }): JSX.Element {
  const kinds = new Set<BoxKind>();
  const ports = new Set<PortAcs>();
  const links = new Set<LinkIs>();
  const visit = (box: Box): void => {
    kinds.add(box.kind);
    for (const { port, link, box: below } of box.below) {
      if (port !== null) ports.add(port.acs === "none" ? "passes" : port.acs);
      if (link !== null) links.add(link.is);
      visit(below);
    }
  };
  for (const { roots } of regions) roots.forEach(visit);
  return (
    <ul class="legend" aria-label="What the signs mean">
      {KIND_NAMES.filter(([kind]) => kinds.has(kind)).map(([kind, text]) => (
        <li>
          <svg width={10} height={10} aria-hidden="true">
            <rect class={`fill-${kind}`} width={10} height={10} rx={2} />
          </svg>{" "}
          {text}
        </li>
      ))}
      {PORT_NAMES.filter(([acs]) => ports.has(acs)).map(([acs, text]) => (
        <li>
          <svg width={24} height={14} aria-hidden="true">
            <rect class={`port port-${acs}`} x={1} y={1} width={22} height={12} rx={6} />
          </svg>{" "}
          {text}
        </li>
      ))}
      {LINK_NAMES.filter(([is]) => links.has(is)).map(([is, text]) => (
        <li>
          <svg width={24} height={8} aria-hidden="true">
            <path class={`wire wire-${is}`} d="M0,4h24" stroke-width={3} />
          </svg>{" "}
          {text}
        </li>
      ))}
    </ul>
  );
}
