import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync, statfsSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll } from "vitest";

/** What a tree of a machine takes, several times over. */
const ENOUGH_BYTES = 48 * 2 ** 20;

/** Linux has a folder in memory: hundreds of small files are made there in a tenth of the time. */
function quickFolder(): string {
  try {
    const { bavail, bsize } = statfsSync("/dev/shm");
    if (bavail * bsize >= ENOUGH_BYTES) return mkdtempSync("/dev/shm/peerlane-trees-");
  } catch {
    // There is none, or it is not ours to write to.
  }
  return mkdtempSync(join(tmpdir(), "peerlane-trees-"));
}

/**
 * Unpacks archives for the tests of one file. Each call gives the folder that holds `sys/`, which stays until another
 * archive is asked for, or the tests have ended.
 */
export function unpacker(): (archive: string) => string {
  const folder = quickFolder();
  let last: { readonly archive: string; readonly target: string } | null = null;
  afterAll(() => rmSync(folder, { recursive: true, force: true }));
  return (archive) => {
    if (last?.archive !== archive) {
      if (last !== null) rmSync(last.target, { recursive: true, force: true });
      last = { archive, target: mkdtempSync(join(folder, "tree-")) };
      execFileSync("tar", ["xf", archive, "-C", last.target]);
    }
    const { target } = last;
    const inside = readdirSync(target).map((name) => join(target, name));
    return [target, ...inside].find((path) => existsSync(join(path, "sys"))) ?? target;
  };
}
