import { type Ino, type Inode, ROOT, type WorldState } from "./world-state.ts";

/** A world as a user sees it. */
export interface View {
  readonly state: WorldState;
  readonly uid: number;
}

/** Where a path ends: the folder, the name in it, and what is there. */
export interface PathEnd {
  readonly folder: Ino;
  readonly name: string;
  readonly ino: Ino | null;
}

const MOST_LINKS = 40;

/** Follows a path (path_resolution(7)); a link at its end only where told. */
export function walk(view: View, path: string, follows: boolean, links = 0): PathEnd {
  if (links > MOST_LINKS) throw failed("ELOOP", "open", path);
  const parts = partsOf(path);
  let folder = ROOT;
  for (const [index, name] of parts.entries()) {
    const inode = view.state.inode(folder);
    if (inode.kind !== "folder") throw failed("ENOTDIR", "open", path);
    requireAccess(view.uid, inode, 1, path);
    const ino = inode.names.seen.get(name) ?? null;
    const isLast = index === parts.length - 1;
    const there = ino === null ? null : view.state.inode(ino);
    if (there?.kind === "link" && (!isLast || follows)) {
      const base = there.to.startsWith("/") ? "" : `/${parts.slice(0, index).join("/")}`;
      return walk(view, [base, there.to, ...parts.slice(index + 1)].join("/"), follows, links + 1);
    }
    if (isLast) return { folder, name, ino };
    if (ino === null) throw failed("ENOENT", "open", path);
    folder = ino;
  }
  return { folder: ROOT, name: ".", ino: ROOT };
}

/** The path without links. */
export function realPath(view: View, path: string, links = 0): string {
  if (links > MOST_LINKS) throw failed("ELOOP", "realpath", path);
  let real = "";
  const parts = partsOf(path);
  for (const [index, name] of parts.entries()) {
    const { ino } = walk(view, `${real}/${name}`, false);
    if (ino === null) throw failed("ENOENT", "realpath", path);
    const inode = view.state.inode(ino);
    if (inode.kind === "link") {
      const base = inode.to.startsWith("/") ? "" : real;
      return realPath(view, [base, inode.to, ...parts.slice(index + 1)].join("/"), links + 1);
    }
    real += `/${name}`;
  }
  return real === "" ? "/" : real;
}

function partsOf(path: string): readonly string[] {
  return path.split("/").filter((part) => part !== "" && part !== ".");
}

/** Throws `EACCES` where a user has not all the bits (4 read, 2 write, 1 enter). Root has them. */
export function requireAccess(user: number, { uid, mode }: Inode, bits: number, path: string): void {
  if (user === 0) return;
  const granted = uid === user ? mode >> 6 : mode;
  if ((granted & bits) !== bits) throw failed("EACCES", "open", path);
}

/** An error as node gives it. */
export function failed(errno: string, call: string, path: string): Error {
  // A search makes millions of them, and where they were made says nothing.
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  const error = Object.assign(new Error(`${errno}: ${call} '${path}'`), { code: errno, syscall: call });
  Error.stackTraceLimit = stackTraceLimit;
  return error;
}
