import { type Box, fewerBoxes, type Region } from "../../../src/drawing/tree-boxes.ts";
import type { TreeScene } from "../../../src/drawing/tree-scene.ts";

/** What a reader has chosen to see of a tree. */
export interface Folding {
  /** Every device a box of its own; else what is alike is one where there are many. */
  readonly isWhole: boolean;
  /** Keys of the boxes below which nothing is shown. */
  readonly closed: ReadonlySet<string>;
}

/** The boxes that are drawn. */
export function shownScene(scene: TreeScene, { isWhole, closed }: Folding): TreeScene {
  const regions = isWhole ? scene.regions : fewerBoxes(scene.regions);
  return closed.size === 0
    ? { ...scene, regions }
    : { ...scene, regions: regions.map((region) => close(region, closed)) };
}

function close(region: Region, closed: ReadonlySet<string>): Region {
  const visit = (box: Box): Box => {
    if (box.below.length === 0) return box;
    if (!closed.has(box.key))
      return { ...box, below: box.below.map((branch) => ({ ...branch, box: visit(branch.box) })) };
    const inside = everything(box);
    const [line, ...others] = box.lines;
    return {
      ...box,
      // What is inside counts as the box itself: the way of a pair ends there.
      functions: inside.functions,
      below: [],
      lines: line === undefined ? others : [{ ...line, what: `${inside.count} inside` }, ...others],
    };
  };
  return { ...region, roots: region.roots.map(visit) };
}

function everything(box: Box): { readonly functions: Box["functions"]; readonly count: number } {
  const parts = box.below.map(({ port, box: below }) => {
    const inside = everything(below);
    return { functions: [...(port?.functions ?? []), ...inside.functions], count: inside.count };
  });
  return {
    functions: [...box.functions, ...parts.flatMap(({ functions }) => functions)],
    count: parts.reduce((sum, { count }) => sum + count, box.below.length === 0 ? box.count : 0),
  };
}

/** Keys of the boxes with something below them, as the scene has them. */
export function closableKeys({ regions }: TreeScene): ReadonlySet<string> {
  const keys = new Set<string>();
  const visit = (box: Box): void => {
    if (box.below.length > 0) keys.add(box.key);
    for (const branch of box.below) visit(branch.box);
  };
  for (const { roots } of regions) roots.forEach(visit);
  return keys;
}

/** The id of a box in the page. */
export function boxId(key: string): string {
  return `box-${key.replaceAll(/[^\w.-]/g, "_")}`;
}
