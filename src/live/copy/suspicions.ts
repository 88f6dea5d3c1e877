import { type FileTree, readText } from "../../host/file-tree.ts";
import { type DataFile, nameOf } from "../block/data-file.ts";
import type { Parties } from "./failures.ts";
import type { IoFailure } from "./sides.ts";
import { whyReadOnly } from "./write-protection.ts";

/** Size of a source or target file now; `null` for a disk. */
export type SizeNow = (role: "source" | "target") => number | null;

const SECTOR_BYTES = 512;

/** What is likelier than a defect behind a failed read or write, and shows: in sentences. */
export function whatElseShows(
  tree: FileTree,
  parties: Pick<Parties, "source" | "target">,
  { role, errno, operation, position, lengthBytes }: IoFailure,
  sizeNow: SizeNow,
): readonly string[] {
  const file = parties[role];
  const size = sizeNow(role) ?? diskSize(tree, file);
  const isShort = operation !== "sync" && size !== null && size < position + lengthBytes && size < file.sizeBytes;
  const protection = operation === "read" ? null : whyReadOnly(tree, file);
  const writers = errno === null || role === "target" ? whoWrites(tree, file) : [];
  return [
    ...(isShort ? [`the ${role} became shorter during the copy: it has ${size} bytes now`] : []),
    ...(protection === null ? [] : [`the ${role} is read-only now: ${protection}`]),
    ...(writers.length === 0 ? [] : [`${writers.join(" and ")} also has it open for writing`]),
  ];
}

function diskSize(tree: FileTree, file: DataFile): number | null {
  if (file.kind === "file") return null;
  const sectors = readText(tree, `sys/class/block/${file.name}/size`)?.trim() ?? "";
  return /^\d+$/.test(sectors) ? Number(sectors) * SECTOR_BYTES : null;
}

/** Other processes that may write to a disk or file, as far as this user sees them. */
export function whoWrites(tree: FileTree, file: DataFile): readonly string[] {
  const paths = file.kind === "device" ? [file.path, `/dev/${file.name}`] : [file.path];
  return otherWriters(tree, paths);
}

/** What was counted of either end during the copy; `null`: it cannot be told. */
export interface WriteCounts {
  readonly wasSourceWritten: boolean | null;
  readonly wasTargetWrittenByOthers: boolean | null;
}

/** What else could have made the ends differ: what is ruled out, and what stays open, in sentences. Both were read twice. */
export function whatIsRuledOut(
  tree: FileTree,
  { source, target }: Pick<Parties, "source" | "target">,
  counts: WriteCounts,
): { readonly ruledOut: readonly string[]; readonly open: readonly string[] } {
  const ruledOut = ["both ends read the same twice: neither is being changed there now"];
  const open: string[] = [];
  const judge = (is: boolean | null, out: string, unknown: string): void => {
    (is === null ? open : ruledOut).push(is === null ? unknown : out);
  };
  judge(
    counts.wasSourceWritten,
    `the source ${nameOf(source)} was not written to during the copy`,
    `whether somebody wrote to the source ${nameOf(source)} during the copy is not known here`,
  );
  judge(
    counts.wasTargetWrittenByOthers,
    `nobody else wrote to the target ${nameOf(target)} ${target.kind === "device" ? "during the copy" : "after the copy had"}`,
    `whether somebody else wrote to the target ${nameOf(target)} during the copy is not known here`,
  );
  const writers = [...new Set([source, target].flatMap((file) => whoWrites(tree, file)))];
  if (writers.length === 0) ruledOut.push("no other process that this user sees has an end open for writing");
  else open.push(`${writers.join(" and ")} has an end open for writing`);
  return { ruledOut, open };
}

/** So many are named; who wants all of them asks fuser. */
const MOST_NAMED = 4;
const WRITE_MODES = 0o3;

/**
 * Processes besides this one that have a disk or file open for writing, in words (`dd (pid 4711)`); without root only
 * those of the own user are seen. `paths` are all names of it.
 */
function otherWriters(tree: FileTree, paths: readonly string[], ownPid: number = process.pid): readonly string[] {
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
