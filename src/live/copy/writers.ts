import { type FileTree, readText } from "../../host/file-tree.ts";

/** So many are named; who wants all of them asks fuser. */
const MOST_NAMED = 4;
const WRITE_MODES = 0o3;

/**
 * Processes besides this one that have a disk or file open for writing, in words (`dd (pid 4711)`); without root only
 * those of the own user are seen. `paths` are all names of it.
 */
export function otherWriters(
  tree: FileTree,
  paths: readonly string[],
  ownPid: number = process.pid,
): readonly string[] {
  const found: string[] = [];
  for (const pid of tree.list("proc") ?? []) {
    if (!/^\d+$/.test(pid) || Number(pid) === ownPid || !hasOpenForWriting(tree, pid, paths)) continue;
    const name = readText(tree, `proc/${pid}/comm`) ?? "a process";
    if (found.push(`${name} (pid ${pid})`) === MOST_NAMED) break;
  }
  return found;
}

function hasOpenForWriting(tree: FileTree, pid: string, paths: readonly string[]): boolean {
  return (tree.list(`proc/${pid}/fd`) ?? []).some((file) => {
    if (!paths.includes(tree.readLink(`proc/${pid}/fd/${file}`) ?? "")) return false;
    const flags = /^flags:\s*([0-7]+)/m.exec(readText(tree, `proc/${pid}/fdinfo/${file}`) ?? "")?.[1];
    return flags !== undefined && (Number.parseInt(flags, 8) & WRITE_MODES) !== 0;
  });
}
