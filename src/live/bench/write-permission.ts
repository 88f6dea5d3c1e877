import type { FileTree } from "../../host/file-tree.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { findDataFile, nameOf } from "../block/data-file.ts";
import { usesOf } from "../block/uses.ts";
import { writes } from "./job.ts";
import type { BenchPlan } from "./plan.ts";

/**
 * Refuses a job that writes unless its target was named a second time, and is in nobody's use. Throws `usage` or
 * `environment`.
 */
export function requireWritePermission(tree: FileTree, { target, job }: BenchPlan, allowed: string | undefined): void {
  if (!writes(job)) return;
  const name = nameOf(target);
  if (allowed === undefined)
    throw new PeerlaneError("usage", `--rw ${job.rw} writes to ${name}: that destroys what is there`, {
      remedy: `say --allow-write ${name} where nobody needs it`,
    });
  const named = findDataFile(tree, allowed);
  if (named.path !== target.path)
    throw new PeerlaneError("usage", `--allow-write names ${nameOf(named)}, but the target is ${name}`, {
      remedy: "name the same disk or file twice",
    });
  const uses = usesOf(tree, target);
  if (uses.length > 0)
    throw new PeerlaneError("environment", `${name} is in use: ${uses.join(", ")}`, {
      remedy: "nothing is written to what is in use: unmount or release it first, or name another disk",
    });
}

/** What a job destroys, as a sentence; `null` for one that only reads. */
export function destroyedText({ target, job }: BenchPlan): string | null {
  if (!writes(job)) return null;
  const { offsetBytes, sizeBytes } = job;
  return `the benchmark overwrites bytes ${offsetBytes} to ${offsetBytes + sizeBytes - 1} of ${nameOf(target)}: what is there is lost`;
}
