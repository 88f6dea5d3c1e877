import type { Rich } from "./rich.ts";

export type { Rich, Span } from "./rich.ts";

/** What a report is made of, whatever it is drawn on: a terminal or Markdown. */
export type Block =
  | { readonly kind: "heading"; readonly text: Rich }
  | { readonly kind: "paragraph"; readonly text: Rich }
  | { readonly kind: "list"; readonly items: readonly Rich[] }
  | { readonly kind: "table"; readonly head: readonly string[]; readonly rows: readonly (readonly Rich[])[] }
  /** Lines to copy as they are. `indent` counts for terminals only. */
  | { readonly kind: "code"; readonly title: string; readonly lines: readonly string[] };

export function heading(text: Rich): Block {
  return { kind: "heading", text };
}

export function paragraph(text: Rich): Block {
  return { kind: "paragraph", text };
}

export function list(items: readonly Rich[]): Block {
  return { kind: "list", items };
}

export function table(head: readonly string[], rows: readonly (readonly Rich[])[]): Block {
  return { kind: "table", head, rows };
}

export function code(title: string, lines: readonly string[]): Block {
  return { kind: "code", title, lines };
}
