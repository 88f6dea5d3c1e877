import { PeerlaneError } from "../pci/error.ts";
import type { MappingDesign } from "./design.ts";
import { findDesign } from "./designs/all-designs.ts";
import { checkLength, LIST_KINDS, type ListKind, MAX_SEGMENTS, type SegmentKind, segmentsOf } from "./list-kinds.ts";
import { findClass } from "./machines/all-classes.ts";
import type { MachineClass } from "./machines/machine-class.ts";

/** One run: a design on a machine with a list. */
export interface RunPlan {
  readonly design: MappingDesign;
  readonly kind: MachineClass;
  readonly seed: number;
  readonly segments: readonly SegmentKind[];
}

/** `dma-map-resource:bus-offset:1:a`: design, class, seed, list. Runs of one kind are counted: `r3a` is three and one. */
export function runId({ design, kind, seed, segments }: RunPlan): string {
  return `${design.id}:${kind.id}:${seed}:${listText(segments)}`;
}

/** A list in letters, equal ones counted: `r3a`. */
export function listText(segments: readonly SegmentKind[]): string {
  return segments.join("").replaceAll(/(.)\1+/g, (run, letter: string) => `${letter}${run.length}`);
}

const HOW =
  "an id is design:class:seed:list, as 'dma-map-resource:bus-offset:1:a' or 'special-pages:one-switch:1:mixed-16'";

/** Designs and classes of yours, which ids may name beside those of the lab. */
export interface OwnParts {
  readonly designs?: readonly MappingDesign[];
  readonly classes?: readonly MachineClass[];
}

/** Reads an id; throws `usage` with what is wrong with it. A list may also be named, as `mixed-16`. */
export function parseRunId(id: string, own: OwnParts = {}): RunPlan {
  const parts = id.split(":");
  const [design = "", kind = "", seed = "", list = ""] = parts;
  if (parts.length !== 4) throw new PeerlaneError("usage", `'${short(id)}' is no id of a run`, { remedy: HOW });
  if (!/^\d{1,9}$/.test(seed)) throw new PeerlaneError("usage", `'${short(seed)}' is no seed`, { remedy: HOW });
  return {
    design: own.designs?.find((one) => one.id === design) ?? findDesign(design),
    kind: own.classes?.find((one) => one.id === kind) ?? findClass(kind),
    seed: Number(seed),
    segments: parseList(list),
  };
}

function parseList(text: string): readonly SegmentKind[] {
  const named = /^([a-z]+(?:-[a-z]+)?)-(\d{1,5})$/.exec(text);
  if (named !== null) {
    const listKind = LIST_KINDS.find((name) => name === named[1]);
    if (listKind !== undefined) return segmentsOf(listKind satisfies ListKind, Number(named[2]));
  }
  if (!/^([abr]\d{0,4})+$/.test(text) || text.length > 2 * MAX_SEGMENTS) {
    throw new PeerlaneError("usage", `'${short(text)}' is no list`, {
      remedy: "letters with counts: a and b for memory of the two peers, r for RAM, as 'r3a'; or 'mixed-16'",
    });
  }
  const segments: SegmentKind[] = [];
  for (const [, letter = "r", count = ""] of text.matchAll(/([abr])(\d*)/g)) {
    const times = count === "" ? 1 : Number(count);
    checkLength(segments.length + times);
    for (let index = 0; index < times; index++) segments.push(letter as SegmentKind);
  }
  checkLength(segments.length);
  return segments;
}

function short(text: string): string {
  return text.length <= 60 ? text : `${text.slice(0, 60)}…`;
}
