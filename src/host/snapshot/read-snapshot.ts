import { toJSONSchema, type z } from "zod";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { type JsonPath, lineOfValue, parseJson, printable } from "../json/json-text.ts";
import type { Machine } from "../machine.ts";
import { snapshotCodecs } from "./codecs.ts";
import { SNAPSHOT_SCHEMA } from "./forms.ts";
import { findTwice, inOrder, quickSnapshot } from "./quick-snapshot.ts";
import { ReasonsTable } from "./reasons-table.ts";

/**
 * Reads a snapshot; its source is named by its label, else by `file`. Throws `bad-input` with the line and the path in
 * the JSON for what is not as the schema says, for another version and for a function that is there twice, and
 * `too-large` for more than any machine has. Functions may be in any order.
 */
export function readSnapshot(text: string, file: string): Machine {
  return quickSnapshot(text, file) ?? readByCodecs(text, file);
}

/** {@link readSnapshot} by the codecs alone: slow, and with words for whatever is wrong. */
export function readByCodecs(text: string, file: string): Machine {
  const value = parseJson(text, file, "a snapshot");
  refuseOtherVersions(value, file);
  const codecs = snapshotCodecs(new ReasonsTable(reasonsOf(value)));
  // Member by member: a validator that is given a whole list makes an issue of each bad member before it says so.
  const take = <Output>(codec: z.ZodType<Output, unknown>, part: unknown, at: JsonPath): Output => {
    const result = codec.safeDecode(part);
    if (result.success) return result.data;
    const { path, message } = deepest(result.error.issues[0]);
    throw refused(text, file, [...at, ...path], message);
  };
  const { schema: _, reasons: __, source, ...frame } = take(codecs.frame, value, []);
  const functions = frame.functions.map((fn, index) => take(codecs.fn, fn, ["functions", index]));
  const twice = findTwice(functions);
  if (twice !== undefined) {
    throw refused(text, file, ["functions", twice.index], `function ${formatBdf(twice.bdf)} is there twice`);
  }
  return inOrder({
    ...frame,
    source: { format: "snapshot", name: source.label ?? file, madeOf: source.madeOf },
    hostBridges: isUnknown(frame.hostBridges)
      ? frame.hostBridges
      : frame.hostBridges.map((bridge, index) => take(codecs.hostBridge, bridge, ["hostBridges", index])),
    functions,
  });
}

function refuseOtherVersions(value: unknown, file: string): void {
  const { schema } = (value ?? {}) as { readonly schema?: unknown };
  if (typeof schema !== "string" || schema === SNAPSHOT_SCHEMA || !schema.startsWith("peerlane.snapshot/")) return;
  throw new PeerlaneError("bad-input", `this is ${printable(schema)}, and ${SNAPSHOT_SCHEMA} is what can be read`, {
    place: { file },
    remedy: "read it with the release of peerlane that wrote it, or capture the machine again",
  });
}

/** The table has to be there before the rest can be read; what is wrong with it, the codec says. */
function reasonsOf(value: unknown): readonly string[] {
  const { reasons } = (value ?? {}) as { readonly reasons?: unknown };
  return Array.isArray(reasons) && reasons.every((reason) => typeof reason === "string") ? reasons : [];
}

function refused(text: string, file: string, path: JsonPath, message: string): PeerlaneError {
  return new PeerlaneError("bad-input", `not a snapshot: ${printable(message)}`, {
    place: { file, line: lineOfValue(text, path) },
    facts: { at: printable(pathText(path)) },
    remedy: "capture the machine again; peerlane schema snapshot shows the form",
  });
}

function pathText(path: JsonPath): string {
  if (path.length === 0) return "the top";
  return path
    .map((step) => (typeof step === "number" ? `[${step}]` : `.${String(step)}`))
    .join("")
    .replace(/^\./, "");
}

/**
 * An issue that says something: where a union fits nowhere, that of the branch that got farthest, and of two the later,
 * as the first one is that of hidden values.
 */
function deepest(issue: z.core.$ZodIssue | undefined): Finding {
  if (issue === undefined) return { path: [], message: "it does not fit", depth: 0 };
  if (issue.code !== "invalid_union") {
    const { path, message } = issue;
    // What the codec itself checked means that the shape had fitted.
    return { path, message, depth: path.length + (issue.code === "custom" ? 100 : 0) };
  }
  const inner = issue.errors
    .map(([first]) => deepest(first))
    .sort((a, b) => a.depth - b.depth)
    .at(-1);
  if (inner === undefined) return { path: issue.path, message: issue.message, depth: issue.path.length };
  return { path: [...issue.path, ...inner.path], message: inner.message, depth: issue.path.length + inner.depth };
}

interface Finding {
  readonly path: JsonPath;
  readonly message: string;
  readonly depth: number;
}

/** The JSON Schema (2020-12) of snapshots. */
export function snapshotJsonSchema(): object {
  return { $id: SNAPSHOT_SCHEMA, ...toJSONSchema(snapshotCodecs(new ReasonsTable()).whole, { io: "input" }) };
}
