import type { FileTree } from "../../host/file-tree.ts";
import { realSystem, type SystemCalls } from "../system-calls.ts";
import type { DataFile } from "./data-file.ts";
import { readExports } from "./exports.ts";
import { type Layer, layersOf, meetingOf } from "./layers.ts";
import { filesIn, isIn, lostLoops, lostLoopsIn, perhapsBehind } from "./lost-files.ts";
import { readMounts, readSwaps } from "./mounts.ts";
import { BlockStack, type Part } from "./stack.ts";

/** Something that is in use, and for what. */
interface Use {
  readonly part: Part;
  /** How people call the part. */
  readonly name: string;
  readonly how: string;
  /** What the use goes through: the device that stands on the part, what gives out its parts. */
  readonly through: readonly string[];
}

/**
 * What a disk, partition or file is in use for, in words (`mounted at /home`, `swap`, `held by dm-0`, `loop0 mounted at
 * /mnt`): its own uses, and those of all that shares bytes with it, above and below. What it stands on itself is no use
 * of it. Empty: nobody's, as far as this host shows; processes that have it open are not looked for.
 */
export function usesOf(tree: FileTree, target: DataFile, system: SystemCalls = realSystem): readonly string[] {
  const stack = new BlockStack(tree, system);
  const layers = layersOf(stack, stack.partOf(target));
  const own = new Set(layers.map(({ store }) => store.key));
  const name = target.kind === "file" ? target.path : target.name;
  const sharing = [...mounts(stack, tree), ...swaps(stack, tree), ...uppers(stack), ...exported(stack, tree)].filter(
    ({ part, through }) =>
      !through.some((above) => own.has(above)) && meetingOf(layers, layersOf(stack, part, new Set(through))) !== null,
  );
  const words = sharing.map((use) => (use.name === name ? use.how : `${use.name} ${use.how}`));
  return [...new Set([...words, ...perhaps(stack, layers)])];
}

/** What this process sees mounted, and what the first one does: in a container or after `unshare` that may be more. */
function mounts(stack: BlockStack, tree: FileTree): readonly Use[] {
  return [...stack.mounts, ...readMounts(tree, "1")].flatMap((mount) => {
    const { devices, keeper } = stack.fileSystemOf(mount, mount.number);
    return devices.map((device) => ({
      ...{ part: stack.partOf(device), name: device.name, how: `mounted at ${mount.point}`, through: [keeper] },
    }));
  });
}

function swaps(stack: BlockStack, tree: FileTree): readonly Use[] {
  return readSwaps(tree).flatMap((path) => useOf(stack, path, "swap"));
}

function exported(stack: BlockStack, tree: FileTree): readonly Use[] {
  return readExports(tree).flatMap(({ path, how }) => useOf(stack, path, how));
}

function useOf(stack: BlockStack, path: string, how: string): readonly Use[] {
  const part = stack.partAt(path);
  const name = stack.deviceAt(path)?.name ?? path;
  return part === undefined ? [] : [{ part, name, how, through: [] }];
}

/** Devices that stand on others: loops, volumes, arrays. */
function uppers(stack: BlockStack): readonly Use[] {
  return stack.uppers().flatMap(({ name, key, steps }) =>
    steps.map(({ keeper, name: lower, ...part }) => ({
      ...{ part, name: lower, through: keeper === null ? [key] : [key, keeper] },
      how: stack.loops.has(name) ? `attached as ${name}` : `held by ${name}`,
    })),
  );
}

/** Loops whose file is not found here, and which may be the target or what it is attached to. */
function perhaps(stack: BlockStack, layers: readonly Layer[]): readonly string[] {
  const others = [...stack.loops.values()].filter((loop) => !isIn(layers, loop));
  const lost = lostLoops(stack).filter((loop) => others.includes(loop));
  return [
    ...perhapsBehind(stack, lost, filesIn(layers)),
    ...perhapsBehind(
      stack,
      lostLoopsIn(stack, layers),
      others.map((loop) => stack.backingOf(loop).store),
    ),
  ];
}
