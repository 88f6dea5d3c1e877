import { markdownTable } from "markdown-table";
import { type Printable, visible } from "../pci/visible.ts";
import type { Block } from "./document.ts";
import { type Rich, spansOf } from "./rich.ts";

/** A report as Markdown (GitHub's kind: with tables), to paste into an issue tracker. */
export function documentMarkdown(blocks: readonly Block[]): Printable {
  return `${blocks.map(blockMarkdown).join("\n\n")}\n` as Printable;
}

function blockMarkdown(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `### ${inline(block.text)}`;
    case "paragraph":
      return lineStart(inline(block.text));
    case "list":
      return block.items.map((item) => `- ${lineStart(inline(item))}`).join("\n");
    case "table":
      return markdownTable([block.head.map(escaped), ...block.rows.map((row) => row.map(inline))]);
    case "code":
      return [...(block.title === "" ? [] : [`${lineStart(escaped(block.title))}:`, ""]), fence(block.lines)].join(
        "\n",
      );
  }
}

/** What stands out on a screen stands out here; other colours are left away. */
function inline(text: Rich): string {
  return spansOf(text)
    .map((span) => {
      if (typeof span === "string") return escaped(span);
      if (span.paint === "code" && span.text !== "") return codeSpan(span.text);
      return span.paint === "strong" && span.text !== "" ? `**${escaped(span.text)}**` : escaped(span.text);
    })
    .join("");
}

/** A value as a code span that nothing in it ends (CommonMark 0.31 sec 6.1), on one line. */
export function codeSpan(text: string): string {
  const shown = visible(text).replaceAll("\n", " ");
  const ticks = [...shown.matchAll(/`+/g)].reduce((most, [run]) => Math.max(most, run.length), 0);
  const bar = "`".repeat(ticks + 1);
  const gap = /^[` ]|[` ]$/.test(shown) ? " " : "";
  return `${bar}${gap}${shown}${gap}${bar}`;
}

/**
 * A value as text of Markdown, one line of it, whatever it holds: it ends no table and no code, is no HTML, no entity, no
 * formula, no link (CommonMark 0.31 sec 2.4, GFM sec 6.9) and no mention of somebody or of an issue.
 */
export function escaped(text: string): string {
  return visible(text)
    .replaceAll(/[\\`*_[\]<>|~$]|&(?=#?\w+;)|#(?!\d)/g, "\\$&")
    .replaceAll(/(?<!\w)@(?=\w)|@(?=[\w-]+\.\w)|(?<!&)#(?=\d)/g, "$&<!-- -->")
    .replaceAll(/(https?|ftp)(?=:\/\/)|www(?=\.)/gi, "$&\\");
}

/** Text at the start of a line, where a dash, a number or a run of blanks would begin something else. */
function lineStart(markdown: string): string {
  return markdown
    .replace(/^\s+/, "")
    .replace(/^(?:[-+=](?=[\s=-]|$)|\d+(?=[.)](?:\s|$)))/, (mark) => (/\d/.test(mark) ? `${mark}\\` : `\\${mark}`));
}

/** A fenced block whose fence no line of it can close. */
export function fence(lines: readonly string[], language = ""): string {
  const ticks = lines.reduce((most, line) => Math.max(most, /^\s*(`+)/.exec(line)?.[1]?.length ?? 0), 2);
  const bar = "`".repeat(ticks + 1);
  return [`${bar}${language}`, ...lines.map(visible), bar].join("\n");
}
