import type { Random } from "./random.ts";

/** What somebody does to a text before it is read. */
export interface Handling {
  readonly name: string;
  /** True where it takes nothing out, so that all must be read as before. */
  readonly isLossless: boolean;
  /** True where it takes lines out of the middle and leaves no mark. */
  readonly isUnmarkedCut?: boolean;
  /** True where it leaves of each record the same number of lines. */
  readonly isEvenCut?: boolean;
  readonly apply: (text: string, random: Random) => string;
}

const eachLine = (text: string, change: (line: string) => string | null): string =>
  text
    .split("\n")
    .map(change)
    .filter((line) => line !== null)
    .join("\n");

/** Records of a text: what begins with an address at the left edge, and what goes before the first. */
function records(text: string): string[][] {
  const parts: string[][] = [[]];
  for (const line of text.split("\n")) {
    if (/^[> ]*(?:[0-9a-f]{4}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] /.test(line)) parts.push([]);
    parts.at(-1)?.push(line);
  }
  return parts;
}

/** As Thunderbird and others do: at the last space before the column, the rest at the left edge behind the quote marks. */
export function wrap(text: string, width: number): string {
  return text
    .split("\n")
    .flatMap((line) => {
      const quote = /^(?:> ?)*/.exec(line)?.[0] ?? "";
      const pieces: string[] = [];
      let rest = line.replaceAll("\t", "        ").trimEnd();
      for (let isFirst = true; rest.length > width; isFirst = false) {
        const least = (isFirst ? /^[> |+\\`-]*\S*/.exec(rest)?.[0].length : quote.length) ?? 0;
        const before = rest.lastIndexOf(" ", width);
        const cut = before > least ? before : rest.indexOf(" ", Math.max(width, least + 1));
        if (cut < 0) break;
        pieces.push(rest.slice(0, cut).trimEnd());
        rest = quote + rest.slice(cut + 1).trimStart();
      }
      return [...pieces, rest];
    })
    .join("\n");
}

const PATTERNS: readonly RegExp[] = [
  /^\S/,
  /^[0-9a-f]|ACSCtl/,
  /^[0-9a-f]|Bus: primary|IOMMU group/,
  /^[0-9a-f]|Capabilities/,
  /^[0-9a-f]|Capabilities|ACSCtl|Bus:/,
  /PCI bridge|ACSCtl/,
  /bridge|NVMe|ACS/,
  /^[0-9a-f]|Express|Access Control|ACS(?:Cap|Ctl)|Bus:|Status/,
  /^\S|Lnk/,
  /Capabilities|Status: Cap|Bus: primary|^[0-9a-f]/,
];
const REFUSED: readonly RegExp[] = [
  /Capabilities/,
  /Control/,
  /ACS/,
  /Kernel/,
  /Status:/,
  /Bus:/,
  /bridge/,
  /ACSCtl/,
  /Access Control/,
  /Express/,
  /Host bridge/,
  /^\s*$/,
  /^\t\t/,
  /DevCap2|RootCtl/,
  /controller/,
];
const MARKS = ["[...]", "…", "--", "(snip)", "<snip>", "...", "[cut]", "[12 lines omitted]", "(truncated)", "# snip"];
const PROMPTS = [
  "root@host:~# lspci -vvvnn",
  "$ sudo lspci -vvv",
  "[root@server ~]# lspci -nnvvv",
  "# lspci",
  "me@box ~ % lspci",
];

function cutMiddle(text: string, random: Random, mark: string | undefined): string {
  const lines = text.split("\n");
  const from = random.below(lines.length);
  const count = 1 + random.below(random.chance(50) ? 8 : Math.max(1, lines.length >> 1));
  lines.splice(from, count, ...(mark === undefined ? [] : [mark]));
  return lines.join("\n");
}

/** Lossless: all must be read as before. */
export const LOSSLESS: readonly Handling[] = [
  { name: "wrap", isLossless: true, apply: (text, random) => wrap(text, 60 + random.below(41)) },
  { name: "quote", isLossless: true, apply: (text) => eachLine(text, (line) => `> ${line}`) },
  { name: "quote tightly", isLossless: true, apply: (text) => eachLine(text, (line) => `>${line}`) },
  { name: "indent", isLossless: true, apply: (text) => eachLine(text, (line) => `    ${line}`) },
  { name: "spaces for tabs", isLossless: true, apply: (text) => text.replaceAll("\t", "        ") },
  { name: "dedent", isLossless: true, apply: (text) => text.replaceAll(/^\t+/gm, "") },
  {
    name: "prompt",
    isLossless: true,
    apply: (text, random) => `${random.pick(PROMPTS)}\n${text}${random.pick(PROMPTS)}\n`,
  },
  { name: "fence", isLossless: true, apply: (text) => `Hello,\n\n\`\`\`\n${text}\`\`\`\n\nThanks!\n` },
  {
    name: "details",
    isLossless: true,
    apply: (text) => `<details><summary>lspci</summary>\n\n\`\`\`\n${text}\n\`\`\`\n\n</details>\n`,
  },
  { name: "code macro", isLossless: true, apply: (text) => `{code}\n${text}{code}\n` },
  { name: "Windows line ends", isLossless: true, apply: (text) => text.replaceAll("\n", "\r\n") },
  { name: "trailing spaces", isLossless: true, apply: (text) => eachLine(text, (line) => `${line}  `) },
];

export const LOSSY: readonly Handling[] = [
  {
    name: "drop functions",
    isLossless: false,
    apply: (text, random) => {
      const percent = random.pick([10, 30, 60]);
      return records(text)
        .filter((_, index) => index === 0 || !random.chance(percent))
        .flat()
        .join("\n");
    },
  },
  {
    name: "grep",
    isLossless: false,
    apply: (text, random) => {
      const kept = random.pick(PATTERNS);
      return eachLine(text, (line) => (kept.test(line) ? line : null));
    },
  },
  {
    name: "grep -v",
    isLossless: false,
    apply: (text, random) => {
      const gone = random.pick(REFUSED);
      return eachLine(text, (line) => (gone.test(line) ? null : line));
    },
  },
  {
    name: "grep -A",
    isLossless: false,
    apply: (text, random) => {
      const wanted = random.pick(["PCI bridge", "NVMe", "ontroller", "Express", "Access Control"]);
      const behind = 1 + random.below(40);
      const out: string[] = [];
      let left = 0;
      let isGap = false;
      for (const line of text.split("\n")) {
        if (line.includes(wanted)) left = behind + 1;
        if (left > 0) {
          if (isGap && out.length > 0) out.push("--");
          out.push(line);
          isGap = false;
          left--;
        } else isGap = true;
      }
      return `${out.join("\n")}\n`;
    },
  },
  {
    name: "cut each",
    isLossless: false,
    isEvenCut: true,
    apply: (text, random) => {
      const most = 1 + random.below(70);
      return records(text)
        .flatMap((record) => [...record.slice(0, most), ...(record.length > most && record.at(-1) === "" ? [""] : [])])
        .join("\n");
    },
  },
  {
    name: "blank lines",
    isLossless: false,
    apply: (text, random) => {
      const percent = random.pick([2, 10, 50, 100]);
      return eachLine(text, (line) => (random.chance(percent) ? `${line}\n` : line));
    },
  },
  { name: "no blank lines", isLossless: false, apply: (text) => text.replaceAll(/\n[> \t\r]*(?=\n)/g, "") },
  {
    name: "cut the middle",
    isLossless: false,
    isUnmarkedCut: true,
    apply: (text, random) => cutMiddle(text, random, undefined),
  },
  {
    name: "cut the middle with a mark",
    isLossless: false,
    apply: (text, random) => cutMiddle(text, random, random.pick(MARKS)),
  },
  { name: "cut the end", isLossless: false, apply: (text, random) => text.slice(0, random.below(text.length)) },
  { name: "cut the beginning", isLossless: false, apply: (text, random) => text.slice(random.below(text.length)) },
];
