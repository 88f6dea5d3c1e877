import { toJSONSchema, type z } from "zod";
import { PeerlaneError } from "../../pci/error.ts";
import type { PciFunction } from "../../pci/function.ts";
import type { Machine } from "../machine.ts";
import { SNAPSHOT_SCHEMA, snapshotForm } from "./form.ts";
import { ReasonsTable } from "./reasons-table.ts";

/** Largest snapshot, in characters: some 30,000 functions. */
const MAX_CHARACTERS = 128 * 1024 * 1024;

/** True when the text begins as a snapshot does, of whatever version. */
export function looksLikeSnapshot(head: string): boolean {
  return /^\s*\{\s*"schema"\s*:\s*"peerlane\.snapshot\//.test(head);
}

/** Reads a snapshot. Throws `bad-input` with the path in the JSON for one that is not what its schema says. */
export function readSnapshot(text: string, file: string): Machine {
  const value = parse(text, file);
  const result = snapshotForm(new ReasonsTable(reasonsOf(value))).safeDecode(value as never);
  if (!result.success) throw refused(file, result.error.issues);
  const { schema: _, reasons: __, ...machine } = result.data as Decoded;
  const { groupTypes } = machine.iommu;
  return {
    ...machine,
    source: { ...machine.source, name: file },
    iommu: {
      ...machine.iommu,
      groupTypes: Array.isArray(groupTypes) ? new Map(groupTypes.map(({ group, type }) => [group, type])) : groupTypes,
    } as Machine["iommu"],
    functions: inOrder(machine.functions, file),
  };
}

/** What the form gives: a machine but for its map and with the table of reasons. */
interface Decoded extends Omit<Machine, "iommu"> {
  readonly schema: string;
  readonly reasons: readonly string[];
  readonly iommu: Omit<Machine["iommu"], "groupTypes"> & {
    readonly groupTypes: readonly { readonly group: number; readonly type: string }[] | { readonly unknown: string };
  };
}

function parse(text: string, file: string): unknown {
  if (text.length > MAX_CHARACTERS) {
    throw new PeerlaneError("too-large", `the snapshot has ${text.length} characters`, { place: { file } });
  }
  const version = /^\s*\{\s*"schema"\s*:\s*"(peerlane\.snapshot\/[^"]{0,20})"/.exec(text)?.[1];
  if (version !== undefined && version !== SNAPSHOT_SCHEMA) {
    throw new PeerlaneError("bad-input", `this is ${version}, and ${SNAPSHOT_SCHEMA} is what can be read`, {
      place: { file, line: 1 },
      remedy: "read it with the release of peerlane that wrote it, or capture the machine again",
    });
  }
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new PeerlaneError("bad-input", `the snapshot is no JSON: ${(cause as Error).message.slice(0, 200)}`, {
      place: { file },
      remedy: "copy the file again, whole",
      cause,
    });
  }
}

/** The table has to be there before the rest can be read; what is wrong with it, the form says. */
function reasonsOf(value: unknown): readonly string[] {
  const { reasons } = (value ?? {}) as { readonly reasons?: unknown };
  return Array.isArray(reasons) ? reasons.filter((reason) => typeof reason === "string") : [];
}

function refused(file: string, issues: readonly z.core.$ZodIssue[]): PeerlaneError {
  const { path, message } = deepest(issues[0]);
  return new PeerlaneError("bad-input", `not a snapshot: ${message}`, {
    place: { file },
    facts: { at: path.length === 0 ? "the top" : path.map(String).join(".") },
    remedy: "capture the machine again; peerlane schema snapshot shows the form",
  });
}

/** An issue that says something: where a union fits nowhere, that of the branch that got farthest. */
function deepest(issue: z.core.$ZodIssue | undefined): Finding {
  if (issue === undefined) return { path: [], message: "it does not fit", depth: 0 };
  if (issue.code !== "invalid_union") {
    const { path, message } = issue;
    // What the form itself checked means that the shape had fitted.
    return { path, message, depth: path.length + (issue.code === "custom" ? 100 : 0) };
  }
  const inner = issue.errors.map(([first]) => deepest(first)).sort((a, b) => b.depth - a.depth)[0];
  if (inner === undefined) return { path: issue.path, message: issue.message, depth: issue.path.length };
  return { path: [...issue.path, ...inner.path], message: inner.message, depth: issue.path.length + inner.depth };
}

interface Finding {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  readonly depth: number;
}

function inOrder(functions: readonly PciFunction[], file: string): readonly PciFunction[] {
  const sorted = functions.toSorted((a, b) => a.bdf - b.bdf);
  sorted.forEach((fn, index) => {
    if (index > 0 && sorted[index - 1]?.bdf === fn.bdf) {
      throw new PeerlaneError("bad-input", "not a snapshot: a function is there twice", { place: { file } });
    }
  });
  return sorted;
}

/** The JSON Schema (2020-12) of snapshots. */
export function snapshotJsonSchema(): object {
  return { $id: SNAPSHOT_SCHEMA, ...toJSONSchema(snapshotForm(new ReasonsTable()), { io: "input" }) };
}
