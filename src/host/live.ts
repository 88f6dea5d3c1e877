import type { FileTree } from "./file-tree.ts";
import type { Machine } from "./machine.ts";
import { NodeTree } from "./node-tree.ts";
import { readSysfs } from "./sysfs.ts";

/** Kernel configurations unpack to some 300 kB; more is no configuration. */
const MAX_CONFIG = 16 * 1024 * 1024;

/** Unpacks `/proc/config.gz`; throws where the data is damaged or larger than any configuration. */
export function unpackKernelConfig(bytes: Uint8Array): Uint8Array {
  // Few hosts have one, and the library takes a while to load.
  const { gunzipSync } = process.getBuiltinModule("node:zlib");
  return gunzipSync(bytes, { maxOutputLength: MAX_CONFIG });
}

/** The files of this host (`root` `/`), or of a copied or mounted tree. */
export function liveTree(root = "/"): FileTree {
  return new NodeTree(root, root === "/" ? "this host" : root);
}

/** Reads this host (`root` `/`), or a copied or mounted tree of another one. */
export function readLive(root = "/"): Machine {
  return readSysfs(liveTree(root), { gunzip: unpackKernelConfig });
}
