import { markdownTable } from "markdown-table";
import { type Block, type Rich, spansOf } from "./document.ts";

/** A report as Markdown (GitHub's kind: with tables), to paste into an issue tracker. */
export function documentMarkdown(blocks: readonly Block[]): string {
  return `${blocks.map(blockMarkdown).join("\n\n")}\n`;
}

function blockMarkdown(block: Block): string {
  switch (block.kind) {
    case "heading":
      return `### ${inline(block.text)}`;
    case "paragraph":
      return inline(block.text);
    case "list":
      return block.items.map((item) => `- ${inline(item)}`).join("\n");
    case "table":
      return markdownTable([block.head.map(escaped), ...block.rows.map((row) => row.map(inline))]);
    case "code":
      return [...(block.title === "" ? [] : [`${escaped(block.title)}:`, ""]), fence(block.lines)].join("\n");
  }
}

/** What stands out on a screen stands out here; other colours are left away. */
function inline(text: Rich): string {
  return spansOf(text)
    .map((span) => {
      if (typeof span === "string") return escaped(span);
      return span.paint === "strong" && span.text !== "" ? `**${escaped(span.text)}**` : escaped(span.text);
    })
    .join("");
}

/** Text that Markdown would take for markup, line ends and table bars among it. */
export function escaped(text: string): string {
  return text.replaceAll(/[\\`*_[\]<>|#]/g, "\\$&").replaceAll(/\s*\n\s*/g, " ");
}

/** A fenced block whose fence no line of it can close. */
export function fence(lines: readonly string[], language = ""): string {
  const ticks = lines.reduce((most, line) => Math.max(most, /^\s*(`+)/.exec(line)?.[1]?.length ?? 0), 2);
  const bar = "`".repeat(ticks + 1);
  return [`${bar}${language}`, ...lines, bar].join("\n");
}
