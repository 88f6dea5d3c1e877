import type { Machine } from "../host/machine.ts";
import { type Printable, visible } from "../pci/visible.ts";
import { askedText, type WhatIfView } from "../report/what-if.ts";

/*
 * Parts of a graph in the DOT language of Graphviz. Texts are strings in double quotes, in which a backslash and an
 * ampersand would mean something (escape sequences, HTML entities): both are escaped, and line ends are ours alone.
 */

/** What an attribute is set to: a text in one line or several, or a number. */
export type DotValue = string | readonly string[] | number;

/** Attributes of a graph, a node or an edge. */
export type DotAttributes = Readonly<Record<string, DotValue>>;

/** What stands above a graph: whose machine it is, and what was asked of it. */
export function titleLines({ source }: Machine, whatIf: WhatIfView | undefined): readonly string[] {
  return [source.name, ...(whatIf === undefined ? [] : [askedText(whatIf.changes)])];
}

/** A statement with its attributes: a node, `a -- b`, or `node`, `edge` and `graph` for all that follow. */
export function dotStatement(what: string, attributes: DotAttributes): string {
  const list = Object.entries(attributes).map(([name, value]) => `${name}=${dotValue(value)}`);
  return `${what} [${list.join(", ")}];`;
}

/** A part of a graph with a frame, with its statements. */
export function dotGraph(head: string, statements: readonly string[]): string {
  return [`${head} {`, ...statements.flatMap((one) => one.split("\n")).map((line) => `  ${line}`), "}"].join("\n");
}

/** A whole graph. Texts in its statements are such as {@link dotStatement} makes them. */
export function dotDocument(kind: "graph" | "digraph", statements: readonly string[]): Printable {
  return `${dotGraph(`${kind} peerlane`, statements)}\n` as Printable;
}

function dotValue(value: DotValue): string {
  if (typeof value === "number") return String(value);
  return `"${(typeof value === "string" ? [value] : value).map(dotText).join("\\n")}"`;
}

function dotText(text: string): string {
  return visible(text).replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("&", "&amp;");
}
