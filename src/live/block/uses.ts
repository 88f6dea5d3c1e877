import { type FileTree, readText } from "../../host/file-tree.ts";
import { realSystem, type SystemCalls } from "../system-calls.ts";
import type { DataFile } from "./data-file.ts";
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

/** A disk or file that this kernel gives to other hosts or machines. */
interface Export {
  /** Of a node or a file. */
  readonly path: string;
  readonly how: string;
}

/** Where the kernel's own servers say what they give away: configfs, `*` is any name. User space's servers do not show. */
const TARGETS: readonly { readonly pattern: string; readonly how: string }[] = [
  { pattern: "nvmet/subsystems/*/namespaces/*/device_path", how: "an NVMe namespace for others (nvmet)" },
  { pattern: "target/core/*/*/udev_path", how: "a SCSI disk for others (LIO)" },
  { pattern: "usb_gadget/*/functions/*/*/file", how: "a USB disk for others (gadget)" },
];

/** What the kernel's servers give away, where configfs is mounted. */
function readExports(tree: FileTree): readonly Export[] {
  return TARGETS.flatMap(({ pattern, how }) =>
    expand(tree, "sys/kernel/config", pattern.split("/"))
      .map((file) => readText(tree, file)?.trim() ?? "")
      .filter((path) => path.startsWith("/"))
      .map((path) => ({ path, how })),
  );
}

function expand(tree: FileTree, folder: string, [part, ...rest]: readonly string[]): readonly string[] {
  if (part === undefined) return [folder];
  const names = part === "*" ? (tree.list(folder) ?? []) : [part];
  return names.flatMap((name) => expand(tree, `${folder}/${name}`, rest));
}
