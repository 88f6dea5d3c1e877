/**
 * Runs fast tests with other releases of Node than the one at hand: `npm run test:nodes` a sample of what depends on
 * Node with each, `npm run test:nodes -- --all` all of them, `npm run test:nodes -- 24 test/cli` those named.
 */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";

/** Releases that Peerlane runs on. */
export const SUPPORTED = [20, 22, 24, 26] as const;
/** The last one that it does not run on. */
export const TOO_OLD = 18;

/** What asks Node for something that its releases differ in: unpacking, streams, files, processes, the built library. */
const SAMPLE = ["test/host", "test/library", "test/cli/decoders-of-node.test.ts", "test/cli/pipes.test.ts"];

/** A release of Node on this machine, or why there is none. */
export type FoundNode =
  | { readonly program: string; readonly version: string }
  | { readonly program: null; readonly why: string };

/**
 * The newest Node of a major release: the running one, or one that npm installs into a folder of the user's cache (the
 * packages that `node` of the registry is made of), once.
 */
export function nodeOf(major: number): FoundNode {
  if (Number(process.versions.node.split(".")[0]) === major)
    return { program: process.execPath, version: process.version };
  const name = `node-${process.platform}-${process.arch}`;
  const folder = join(process.env["XDG_CACHE_HOME"] ?? join(homedir(), ".cache"), "peerlane/nodes", String(major));
  const program = join(folder, "node_modules", name, "bin/node");
  if (!existsSync(program)) {
    console.log(`installing Node ${major} from npm into ${folder}`);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, "package.json"), '{ "private": true }\n');
    const words = ["install", "--no-save", "--ignore-scripts", "--prefer-offline", "--loglevel=error"];
    const { status, stderr } = spawnSync("npm", [...words, `${name}@${major}`], { cwd: folder, encoding: "utf8" });
    if (status !== 0) {
      const why = stderr.trim().split("\n")[0] || `npm ended with ${status}`;
      return { program: null, why: `npm has no Node ${major} here: ${why}` };
    }
  }
  const { status, stdout } = spawnSync(program, ["--version"], { encoding: "utf8" });
  return status === 0 ? { program, version: stdout.trim() } : { program: null, why: `${program} does not run` };
}

if (process.argv[1] === import.meta.filename) {
  const words = process.argv.slice(2);
  const chosen = SUPPORTED.filter((major) => words.includes(String(major)));
  const files = words.filter((word) => !/^(--all|\d+)$/.test(word));
  const tests = words.includes("--all") ? [] : files.length > 0 ? files : SAMPLE;
  const failed: string[] = [];
  for (const major of chosen.length > 0 ? chosen : SUPPORTED) {
    const node = nodeOf(major);
    if (node.program === null) {
      console.log(`skipped Node ${major}: ${node.why}`);
      continue;
    }
    console.log(`Node ${node.version}: ${tests.length === 0 ? "all fast tests" : tests.join(" ")}`);
    const vitest = ["node_modules/vitest/vitest.mjs", "run", "--project", "fast", ...tests];
    if (spawnSync(node.program, vitest, { stdio: "inherit" }).status !== 0) failed.push(node.version);
  }
  if (failed.length > 0) console.error(`tests failed with Node ${failed.join(", ")}`);
  process.exitCode = failed.length > 0 ? 1 : 0;
}
