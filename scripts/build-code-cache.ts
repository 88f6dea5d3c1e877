/**
 * Writes what V8 makes of the program's files to dist/code-cache, so that a start need not compile them again:
 * `node --import tsx scripts/build-code-cache.ts [--supported]`, for this Node, or for the newest of each release that
 * Peerlane runs on, which a published package carries. Node takes it where V8 is the very same, and compiles as ever
 * where it is not.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { nodeOf, SUPPORTED } from "./nodes.ts";

const root = join(import.meta.dirname, "..");
const ARCHIVE = join(root, "test/machines/recorded/nested-switches.amd-zen.strict.tar.gz");

/** What people start most, on this host and on what somebody sent: functions that they call need no compiling later. */
function commandLines(tree: string): readonly (readonly string[])[] {
  return [
    ["matrix", "--root", tree],
    ["matrix", ARCHIVE, "--json"],
    ["tree", "--root", tree],
    ["explain", "nvme0", "nvme1", "--root", tree],
  ];
}

/** Programs of Node to keep the code for. */
function nodesAsked(): readonly string[] {
  if (!process.argv.includes("--supported")) return [process.execPath];
  return SUPPORTED.flatMap((major) => {
    const node = nodeOf(major);
    if (node.program !== null) return [node.program];
    console.log(`no code kept for Node ${major}: ${node.why}`);
    return [];
  });
}

const folder = mkdtempSync(join(tmpdir(), "peerlane-code-cache-"));
try {
  execFileSync("tar", ["xzf", ARCHIVE, "-C", folder]);
  for (const node of nodesAsked()) {
    const words = ["dist/cli.cjs", "dist/code-cache"].map((path) => join(root, path));
    const recorder = join(root, "scripts/record-code-cache.cjs");
    execFileSync(node, [recorder, ...words, JSON.stringify(commandLines(folder))], {
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, NODE_OPTIONS: "" },
    });
  }
} finally {
  rmSync(folder, { recursive: true });
}
