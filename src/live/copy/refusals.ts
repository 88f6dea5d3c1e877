import type { FileTree } from "../../host/file-tree.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type DataFile, nameOf } from "../block/data-file.ts";
import { isBelowFileSystem, type Layer, layersOf, meetingOf } from "../block/layers.ts";
import { filesIn, lostLoopsIn, perhapsBehind } from "../block/lost-files.ts";
import { BlockStack } from "../block/stack.ts";
import { usesOf } from "../block/uses.ts";
import { realSystem, type SystemCalls } from "../system-calls.ts";
import type { CopyEnds } from "./ends.ts";
import type { CopyRanges } from "./ranges.ts";

/**
 * Throws where the copy would do harm: the target is in use (`environment`), or its range shares bytes with the source
 * (`usage`). Returns what is worth a warning.
 */
export function refuseHarm(
  tree: FileTree,
  ends: CopyEnds,
  ranges: CopyRanges,
  system: SystemCalls = realSystem,
): readonly string[] {
  const unseen = refuseOverlap(new BlockStack(tree, system), ends, ranges);
  refuseInUse(tree, ends.target, system);
  const uses = usesOf(tree, ends.source, system);
  const name = nameOf(ends.source);
  return [
    ...(uses.length === 0 ? [] : [`the source ${name} is in use (${uses.join(", ")}): it may change meanwhile`]),
    ...unseen,
  ];
}

function refuseInUse(tree: FileTree, target: DataFile, system: SystemCalls): void {
  const uses = usesOf(tree, target, system);
  if (uses.length === 0) return;
  throw new PeerlaneError("environment", `the target ${nameOf(target)} is in use: ${uses.join(", ")}`, {
    remedy:
      "unmount it (umount), switch swap off (swapoff), detach it (losetup -d), or end what holds it; then copy again",
  });
}

/** Throws where both ends may be the same bytes; returns what cannot be known of that. */
function refuseOverlap(stack: BlockStack, { source, target }: CopyEnds, ranges: CopyRanges): readonly string[] {
  const range = (start: number) => ({ start, sizeBytes: ranges.lengthBytes });
  const from = layersOf(stack, stack.partOf(source, range(ranges.sourceStart)));
  const to = layersOf(stack, stack.partOf(target, range(ranges.targetStart)));
  const meeting = meetingOf(from, to);
  if (meeting !== null) throw overlapping(source, target, meeting.a, meeting.b);
  const perhaps = [
    ...perhapsBehind(stack, lostLoopsIn(stack, from), filesIn(to)),
    ...perhapsBehind(stack, lostLoopsIn(stack, to), filesIn(from)),
  ];
  if (perhaps.length > 0)
    throw new PeerlaneError("usage", `source and target may be the same bytes: ${perhaps.join(", ")}`, {
      remedy: "detach the loop device (losetup -d), and attach it to a file that is there",
    });
  return unseenBelow(stack, from, to);
}

function overlapping(source: DataFile, target: DataFile, a: Layer, b: Layer): PeerlaneError {
  const [from, to] = [nameOf(source), nameOf(target)];
  // Writing a file changes the disk below it, beside the file's own data too.
  if (isBelowFileSystem(b) && !isBelowFileSystem(a))
    return new PeerlaneError("usage", `the target ${to} lies on the source ${from} itself`, {
      ...{ facts: factsOf(a), remedy: "name a file on another disk" },
    });
  if (isBelowFileSystem(a) && !isBelowFileSystem(b))
    return new PeerlaneError("usage", `the source ${from} lies on the target ${to} itself`, {
      ...{ facts: factsOf(b), remedy: "name another disk as the target" },
    });
  return new PeerlaneError(
    "usage",
    `source and target are the same bytes, or some of them: ${from} and ${to} overlap`,
    {
      facts: factsOf(a.through.size > 0 ? a : b),
      remedy: "name other disks, or ranges that are apart (--source-offset, --target-offset, --length)",
    },
  );
}

/** Where they meet, where neither name says so. */
function factsOf({ store, through }: Layer): Readonly<Record<string, string>> {
  return through.size === 0 ? {} : { "both lead to": store.name };
}

/** What this host does not show of each end; one file system keeps its files apart, wherever they lie. */
function unseenBelow(stack: BlockStack, from: readonly Layer[], to: readonly Layer[]): readonly string[] {
  const [source, target] = [from, to].map(([top]) => top?.store.file?.fileSystem);
  if (source !== undefined && source === target) return [];
  const sentences = [...from, ...to].map(({ store }) => stack.unseenBelow(store)).filter((one) => one !== null);
  return [...new Set(sentences)];
}
