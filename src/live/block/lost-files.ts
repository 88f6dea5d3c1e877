import { isBelowFileSystem, type Layer } from "./layers.ts";
import { fitsLoop, type Loop } from "./loops.ts";
import type { BlockStack, Store } from "./stack.ts";

/**
 * Loops whose file is not found here (it was removed, or its path is that of another mount namespace) may be attached to
 * any file of the right size. The kernel tells which only to an ioctl (`LOOP_GET_STATUS64`), so each of them counts.
 */
export function lostLoops(stack: BlockStack): readonly Loop[] {
  return [...stack.loops.values()].filter((loop) => !stack.backingOf(loop).isSure);
}

/** Those of them among the layers of something. */
export function lostLoopsIn(stack: BlockStack, layers: readonly Layer[]): readonly Loop[] {
  return lostLoops(stack).filter((loop) => isIn(layers, loop));
}

/** Whether a loop is among the layers of something. */
export function isIn(layers: readonly Layer[], { device }: Loop): boolean {
  return layers.some(({ store }) => store.disk?.name === device.name);
}

/** Files among the layers of something, without those below a file system on them, which keeps apart what is in it. */
export function filesIn(layers: readonly Layer[]): readonly Store[] {
  return layers
    .filter((layer) => !isBelowFileSystem(layer))
    .map(({ store }) => store)
    .filter(({ file }) => file !== undefined);
}

/** Which of the files may be those of the lost loops, in words. */
export function perhapsBehind(stack: BlockStack, lost: readonly Loop[], files: readonly Store[]): readonly string[] {
  return lost.flatMap((loop) =>
    files
      .filter(
        ({ key, file }) =>
          key !== stack.backingOf(loop).store.key && file !== undefined && fitsLoop(loop, file.sizeBytes),
      )
      .map(
        ({ name }) =>
          `perhaps ${name} is the file of ${loop.device.name}: ${loop.backingPath} is not found here, or is not that size`,
      ),
  );
}
