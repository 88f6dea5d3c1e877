import { overlaps } from "../../pci/addresses.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type BlockStack, FILE_SYSTEM, type Part, type Store } from "./stack.ts";

/** Layers below one thing: large arrays have hundreds, a broken or hostile tree any number. */
const MAX_LAYERS = 4096;
/** What one layer was reached through: a dozen in a tall stack. */
const MAX_DEPTH = 128;

/** One of the layers on which bytes lie, from what was named down to what finally stores them. */
export interface Layer extends Part {
  /**
   * What was gone through to come here: the stores above it, and what gives out parts between them (file systems, volume
   * groups). Two layers that were reached through the same one meet there or not at all.
   */
  readonly through: ReadonlySet<string>;
}

/**
 * The layers of a part, itself first. `through`: what it is a part of already. Throws `too-large` where there are more
 * than any real stack has.
 */
export function layersOf(stack: BlockStack, part: Part, through: ReadonlySet<string> = new Set()): readonly Layer[] {
  const layers = new Map<string, Layer>();
  const waiting: Layer[] = [{ ...part, through }];
  // Grows while it is gone through.
  for (const next of waiting) {
    const { store, range } = next;
    // A stack that stands on itself.
    if (next.through.has(store.key)) continue;
    const key = `${range.start} ${range.sizeBytes} ${store.key}`;
    const before = layers.get(key);
    // Reached on two ways, it is surely reached through what both have in common only.
    const layer = before === undefined ? next : { ...next, through: common(next.through, before.through) };
    if (before !== undefined && layer.through.size === before.through.size) continue;
    if (layers.size === MAX_LAYERS || layer.through.size > MAX_DEPTH) throw tooMany(part.store);
    layers.set(key, layer);
    for (const { keeper, name: _, ...below } of stack.below(layer))
      waiting.push({ ...below, through: new Set([...layer.through, store.key, ...(keeper === null ? [] : [keeper])]) });
  }
  return [...layers.values()];
}

function tooMany({ name }: Store): PeerlaneError {
  return new PeerlaneError(
    "too-large",
    `${name} stands on too many others (${MAX_LAYERS} in all, ${MAX_DEPTH} in a row are looked at): what it is cannot be told`,
    {
      remedy: "look at what the kernel says of it (lsblk -s); a sound stack has a handful",
    },
  );
}

/** Whether a layer is what a file system lies on, from its files down. */
export function isBelowFileSystem({ through }: Layer): boolean {
  return [...through].some((one) => one.startsWith(FILE_SYSTEM));
}

/** Where two stacks may share bytes. */
export interface Meeting {
  readonly a: Layer;
  readonly b: Layer;
}

/** Layers of two stacks that may share bytes, the highest first; `null`: none does. */
export function meetingOf(first: readonly Layer[], second: readonly Layer[]): Meeting | null {
  const byStore = new Map<string, Layer[]>();
  for (const layer of second) byStore.set(layer.store.key, [...(byStore.get(layer.store.key) ?? []), layer]);
  for (const a of first) {
    const b = byStore
      .get(a.store.key)
      ?.find((other) => overlaps(a.range, other.range) && common(a.through, other.through).size === 0);
    if (b !== undefined) return { a, b };
  }
  return null;
}

function common(a: ReadonlySet<string>, b: ReadonlySet<string>): ReadonlySet<string> {
  return new Set([...a].filter((one) => b.has(one)));
}
