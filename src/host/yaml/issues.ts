import type { z } from "zod";
import { PeerlaneError } from "../../pci/error.ts";
import type { PlainValue, ValuePath, YamlSource } from "./yaml-source.ts";

type Issue = z.core.$ZodIssue;

/** The first thing that is wrong with a file, as an error with its place. */
export function issueError(issues: readonly Issue[], source: YamlSource): PeerlaneError {
  const issue = mostTelling(issues);
  if (issue === undefined)
    return new PeerlaneError("bad-input", "not of the form that is read here", { place: source.placeOf([]) });
  const { message, path, key } = deepest(issue, []);
  const place = key === undefined ? source.placeOf(path) : source.placeOfKey(path, key);
  const more = issues.length > 1 ? `${issues.length - 1} more after this one` : undefined;
  return new PeerlaneError("bad-input", missingKey(path, source.value) ?? message, {
    place,
    ...(more === undefined ? {} : { facts: { errors: more } }),
    remedy: "the files in examples/ show how it is written",
  });
}

/** A misspelt key also makes the key that was meant a missing one: the misspelling is what to tell. */
function mostTelling(issues: readonly Issue[]): Issue | undefined {
  return issues.find((issue) => issue.code === "unrecognized_keys") ?? issues[0];
}

interface Found {
  readonly message: string;
  readonly path: ValuePath;
  readonly key?: string;
}

/** Follows unions down to the branch that the author meant: the one whose shape fits. */
function deepest(issue: Issue, above: ValuePath): Found {
  const path: ValuePath = [...above, ...issue.path.map((part) => (typeof part === "symbol" ? String(part) : part))];
  if (issue.code === "invalid_union") {
    const branches = issue.errors.filter((branch) => branch.length > 0);
    const meant = branches.find((branch) => !branch.some(isWrongShape)) ?? branches[0];
    const first = mostTelling(meant ?? []);
    if (first !== undefined) return deepest(first, path);
  }
  if (issue.code === "unrecognized_keys") return { message: issue.message, path, ...keyOf(issue.keys[0]) };
  if (issue.code === "invalid_key") {
    const key = path.at(-1);
    const message = issue.issues[0]?.message ?? issue.message;
    return { message, path: path.slice(0, -1), ...keyOf(key === undefined ? undefined : String(key)) };
  }
  return { message: issue.message, path };
}

/** Where a key that must be there is not, its validator's "expected ..." would not say so. */
function missingKey(path: ValuePath, value: PlainValue): string | undefined {
  let parent: PlainValue | undefined = value;
  for (const part of path.slice(0, -1)) parent = memberOf(parent, part);
  const last = path.at(-1);
  const isMissing = last !== undefined && isMapping(parent) && memberOf(parent, last) === undefined;
  return isMissing ? `the key '${last}' is missing` : undefined;
}

function isMapping(value: PlainValue | undefined): value is { readonly [key: string]: PlainValue } {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function memberOf(value: PlainValue | undefined, part: string | number): PlainValue | undefined {
  if (Array.isArray(value)) return (value as readonly PlainValue[])[Number(part)];
  return isMapping(value) && Object.hasOwn(value, part) ? value[part] : undefined;
}

function keyOf(key: string | undefined): { key?: string } {
  return key === undefined ? {} : { key };
}

function isWrongShape(issue: Issue): boolean {
  return issue.path.length === 0 && (issue.code === "invalid_type" || issue.code === "invalid_value");
}
