import type { CopyCommand, Outcome } from "./command.ts";
import type { Machine } from "./machine.ts";
import { type Ino, ROOT, type WorldState } from "./world-state.ts";

/** Some bytes of a disk or file. */
export interface Place {
  readonly bytesId: string;
  readonly start: number;
  readonly sizeBytes: number;
}

/** What is true of a command in a world, found from the bytes alone and not by the code that is judged. */
export interface Truth {
  readonly source: Place;
  /** The source's bytes before anything ran. */
  readonly wanted: Buffer;
  /** `null`: a file that the copy makes. */
  readonly target: Place | null;
  readonly targetPath: string;
  /** Whether the target is a file and so has a size of its own. */
  readonly isFile: boolean;
  /** Into the target, and of how many bytes. */
  readonly offset: number;
  readonly length: number;
  /** Why the copy must not be made; `null` where it must. */
  readonly harm: string | null;
}

/** A command in a world, and what is true of it. */
export interface Case {
  readonly machine: Machine;
  readonly command: CopyCommand;
  readonly truth: Truth;
}

/** Finds out what is true of a command. */
export function truthOf(machine: Machine, command: CopyCommand): Truth {
  const { first } = machine;
  const from = placeAt(machine, first, command.source);
  if (from === null) throw new Error(`no ${command.source}`);
  const length = command.length ?? from.sizeBytes - command.sourceOffset;
  const source = { ...from, start: from.start + command.sourceOffset, sizeBytes: length };
  const target = placeAt(machine, first, command.target);
  const range = target === null ? null : { ...target, start: target.start + command.targetOffset, sizeBytes: length };
  const wanted = Buffer.from(first.stored(source.bytesId).seen.subarray(source.start, source.start + length));
  return {
    ...{ source, wanted, target, length },
    targetPath: command.target,
    isFile: !command.target.startsWith("/dev/"),
    offset: command.targetOffset,
    harm: harmOf(machine, source, range, target),
  };
}

function harmOf(machine: Machine, source: Place, range: Place | null, target: Place | null): string | null {
  if (range === null || target === null) return null;
  if (meets(source, range)) return "source and target share bytes";
  if (machine.below.get(range.bytesId) === source.bytesId) return "writing the target file changes the source";
  const devices = [...machine.devices.values()];
  const mounted = devices.find((device) => device.isMounted && meets(device, target));
  if (mounted !== undefined) return `${mounted.name} is mounted`;
  // What a loop shows belongs to whoever attached it.
  const stack = new Set<string>();
  for (let one = devices.find((device) => device === target); one !== undefined; )
    one = machine.devices.get(stack.add(one.name) && (one.on ?? ""));
  const loop = devices.find(
    (device) => device.name.startsWith("loop") && !stack.has(device.name) && meets(device, target),
  );
  return loop === undefined ? null : `${loop.name} is attached to it`;
}

function meets(a: Place, b: Place): boolean {
  return a.bytesId === b.bytesId && a.start < b.start + b.sizeBytes && b.start < a.start + a.sizeBytes;
}

/** Where the bytes lie that a path leads to; `null` where nothing is. */
export function placeAt(machine: Machine, state: WorldState, path: string): Place | null {
  const ino = resolve(state, path);
  if (ino === null) return null;
  const inode = state.inode(ino);
  if (inode.kind === "device") return machine.devices.get(inode.device) ?? null;
  if (inode.kind !== "file") return null;
  return { bytesId: `file:${ino}`, start: 0, sizeBytes: state.stored(`file:${ino}`).seen.length };
}

function resolve(state: WorldState, path: string, links = 0): Ino | null {
  let ino: Ino = ROOT;
  const parts = path.split("/").filter((part) => part !== "");
  for (const [index, name] of parts.entries()) {
    const inode = state.inode(ino);
    const next = inode.kind === "folder" ? inode.names.seen.get(name) : undefined;
    if (next === undefined || links > 8) return null;
    const there = state.inode(next);
    if (there.kind === "link") {
      const base = there.to.startsWith("/") ? "" : `/${parts.slice(0, index).join("/")}`;
      return resolve(state, [base, there.to, ...parts.slice(index + 1)].join("/"), links + 1);
    }
    ino = next;
  }
  return ino;
}

const names = new WeakMap<WorldState["inodes"], ReadonlyMap<string, Ino>>();

/** All names of a world with their inodes, by path. */
export function namesOf({ inodes }: WorldState): ReadonlyMap<string, Ino> {
  const known = names.get(inodes);
  if (known !== undefined) return known;
  const found = new Map<string, Ino>();
  const visit = (folder: Ino, path: string): void => {
    const inode = inodes.get(folder);
    if (inode?.kind !== "folder") return;
    for (const [name, ino] of inode.names.seen) {
      found.set(`${path}/${name}`, ino);
      visit(ino, `${path}/${name}`);
    }
  };
  visit(ROOT, "");
  names.set(inodes, found);
  return found;
}

/**
 * What is wrong with what a run made of a world: bytes changed that are not the target's, names that somebody else gave
 * gone or leading elsewhere, names made that are not ours to give.
 */
export function harmDone({ machine, truth, command }: Case, before: WorldState, after: WorldState): string | null {
  const { first } = machine;
  const [then, now] = [namesOf(before), namesOf(after)];
  for (const [path, ino] of then) {
    if (!first.inodes.has(ino) && path !== truth.targetPath) continue;
    if (now.get(path) === undefined) return `${path} is gone`;
    if (now.get(path) !== ino) return `${path} is another file`;
    const [was, is] = [before.inode(ino), after.inode(ino)];
    if (was.uid !== is.uid || was.mode !== is.mode) return `${path} has another owner or mode`;
  }
  for (const path of now.keys()) {
    if (then.has(path) || (path === truth.targetPath && truth.target === null)) continue;
    if (path === "/state/peerlane" || path.startsWith("/state/peerlane/")) continue;
    if (command.journal !== null && folderOf(path) === folderOf(command.journal)) continue;
    return `${path} was made, which nobody asked for`;
  }
  const target = placeAt(machine, before, truth.targetPath)?.bytesId ?? null;
  for (const [id, was] of before.bytes) {
    if (!first.bytes.has(id) && id !== target) continue;
    const problem = changedBytes(machine, { id, was: was.seen, is: after.bytes.get(id)?.seen ?? null }, truth, target);
    if (problem !== null) return problem;
  }
  return null;
}

function changedBytes(
  machine: Machine,
  { id, was, is }: { readonly id: string; readonly was: Buffer; readonly is: Buffer | null },
  truth: Truth,
  target: string | null,
): string | null {
  if (is === null) return `${id} is gone`;
  if (was === is || was.equals(is)) return null;
  const mayWrite = truth.harm === null && target !== null;
  // A file system below the target file has its bytes somewhere.
  if (mayWrite && machine.below.get(target) === id) return null;
  if (!mayWrite || id !== target)
    return `${id} was changed, ${id === truth.source.bytesId ? "the source" : "no end of the copy"}`;
  const start = (truth.target?.start ?? 0) + truth.offset;
  const end = start + truth.length;
  if (is.length < was.length) return `the target was cut from ${was.length} to ${is.length} bytes`;
  if (is.length > Math.max(was.length, end)) return `the target grew to ${is.length} bytes`;
  for (let at = 0; at < is.length; at++)
    if ((at < start || at >= end) && is[at] !== (was[at] ?? 0))
      return `byte ${at} of the target is outside the range and was changed`;
  return null;
}

function folderOf(path: string): string {
  return path.slice(0, path.lastIndexOf("/"));
}

/** What is wrong where all shall be copied, under the target's name; `sizeBytes` is what a target file had before. */
export function notCopied({ machine, truth }: Case, state: WorldState, sizeBytes: number): string | null {
  const place = placeAt(machine, state, truth.targetPath);
  if (place === null) return "there is no target under its name";
  const { seen } = state.stored(place.bytesId);
  const start = place.start + truth.offset;
  const found = seen.subarray(start, start + truth.length);
  if (!found.equals(truth.wanted)) return `the target has other bytes: ${firstOther(found, truth.wanted)}`;
  const wanted = Math.max(sizeBytes, truth.offset + truth.length);
  return !truth.isFile || seen.length === wanted ? null : `the target has ${seen.length} bytes instead of ${wanted}`;
}

function firstOther(found: Buffer, wanted: Buffer): string {
  if (found.length !== wanted.length) return `${found.length} instead of ${wanted.length}`;
  return `the first at ${found.findIndex((byte, at) => byte !== wanted[at])}`;
}

/** What a journal claims beyond what the target holds; `null` where it is true, or there is none. */
export function falseClaim({ machine, truth, command }: Case, state: WorldState): string | null {
  for (const [path, ino] of namesOf(state)) {
    if (machine.first.inodes.has(ino) || state.inode(ino).kind !== "file") continue;
    if (path !== command.journal && !path.startsWith("/state/peerlane/copy-")) continue;
    const claimed = claimOf(state.stored(`file:${ino}`).seen);
    if (claimed === 0) continue;
    const place = placeAt(machine, state, truth.targetPath);
    const start = (place?.start ?? 0) + truth.offset;
    const there = place === null ? Buffer.alloc(0) : state.stored(place.bytesId).seen.subarray(start, start + claimed);
    if (!there.equals(truth.wanted.subarray(0, claimed)))
      return `the journal claims ${claimed} bytes; ${firstOther(there, truth.wanted.subarray(0, claimed))}`;
  }
  return null;
}

/** How many bytes a journal says are copied, read as a person would. */
function claimOf(bytes: Buffer): number {
  const claims = bytes.toString("latin1").matchAll(/"completedBytes": ?(\d+)/g);
  return Math.max(0, ...[...claims].map(([, count]) => Number(count)));
}

/** What is wrong with how a run ended; `null`: nothing. */
export function badEnd(outcome: Outcome): string | null {
  if (outcome.kind === "broken") return `it ended with ${String((outcome.error as Error).stack ?? outcome.error)}`;
  if (outcome.kind === "refused" && (outcome.error.remedy ?? "") === "")
    return `no way out is said: ${outcome.error.message}`;
  return null;
}
