import { gunzipSync } from "node:zlib";
import type { Machine } from "./machine.ts";
import { NodeTree } from "./node-tree.ts";
import { readSysfs } from "./sysfs.ts";

/** Kernel configurations unpack to some 300 kB; more is no configuration. */
const MAX_CONFIG = 16 * 1024 * 1024;

/** Reads this host (`root` `/`), or a copied or mounted tree of another one. */
export function readLive(root = "/"): Machine {
  const name = root === "/" ? "this host" : root;
  return readSysfs(new NodeTree(root, name), {
    gunzip: (bytes) => gunzipSync(bytes, { maxOutputLength: MAX_CONFIG }),
  });
}
