import { linksOn } from "../../compare/causes.ts";
import { type ComparedFigure, type Comparison, FIGURE_VERDICTS, type FigureVerdict } from "../../compare/compare.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { isUnknown } from "../../pci/known.ts";
import { nameIn } from "../device-names.ts";
import { type Block, code, heading, list, paragraph, table } from "../document.ts";
import { machineLines } from "../facts.ts";
import { gbpsText } from "../predict/numbers.ts";
import { joinRich, painted, type Rich, rich } from "../rich.ts";
import type { Paint } from "../style.ts";
import {
  type FigureGroup,
  foldBy,
  groupKey,
  groupsOf,
  measuredText,
  notHeld,
  pairText,
  predictedText,
  VERDICT_WORDS,
  whatText,
  withoutAddresses,
} from "./view.ts";

/** What is told at most; the rest is counted, and in JSON and CSV. */
const MOST = { groups: 12, rows: 40, single: 24, reasons: 10, assumptions: 14, unread: 5, commands: 6 };

const PAINTS: Readonly<Record<FigureVerdict, Paint>> = {
  expected: "direct",
  low: "warn",
  better: "host",
  wide: "unknown",
  impossible: "no",
  "other-link": "host",
  "no-figure": "unknown",
};

/** Results held against a machine: how many are what, why, the figures, what to look at, what was assumed and left out. */
export function compareBlocks(comparison: Comparison): readonly Block[] {
  const { table: decided, contradictions, assumptions, suspects } = comparison;
  const groups = groupsOf(comparison);
  const told: readonly Rich[] = [
    ...cut(
      contradictions.map((text) => [painted("warn", text)]),
      MOST.reasons,
      "contradictions",
    ),
    ...(suspects.length === 0 ? [] : [suspectText(comparison)]),
    ...cut(
      groups.map((group) => groupText(comparison, group)),
      MOST.groups,
      "groups",
    ),
  ];
  return [
    ...machineLines(decided.machine, decided.rules, Number.MAX_SAFE_INTEGER).map((text) => heading(text)),
    heading(answerText(comparison)),
    ...(told.length === 0 ? [] : [list(told)]),
    ...tableBlocks(comparison),
    ...nextBlocks(comparison, groups),
    ...listed(
      "Not held against anything",
      notHeld(comparison).map(({ why, count }) => rich`${countOf(count)}: ${why}`),
      MOST.reasons,
    ),
    ...listed("Assumed", assumptionTexts(assumptions), MOST.assumptions),
    ...leftBlocks(comparison),
    paragraph(
      "Predictions are forecasts with a range (docs/time.md); causes are likely, and not proved. Figures are GB/s of 10^9 bytes.",
    ),
  ];
}

/** `12 of 56 figures as expected, 44 low; 20 more not held against anything`. */
export function answerText({ counts, figures }: Comparison): Rich {
  const held = figures.length - counts["no-figure"];
  const open = counts["no-figure"];
  if (figures.length === 0) return "the results have no figure of a path between two devices";
  if (held === 0)
    return rich`none of ${countOf(figures.length)} could be ${painted("unknown", "held against anything")}`;
  const told = FIGURE_VERDICTS.filter((verdict) => verdict !== "no-figure" && counts[verdict] > 0).sort(
    (a, b) => Number(b === "expected") - Number(a === "expected"),
  );
  const parts = told.map((verdict, at): Rich => {
    const word = painted(PAINTS[verdict], VERDICT_WORDS[verdict]);
    return at === 0
      ? rich`${String(counts[verdict])} of ${countOf(held)} ${word}`
      : rich`${String(counts[verdict])} ${word}`;
  });
  const more = open === 0 ? "" : `; ${open} more not held against anything`;
  return rich`${joinRich(parts, ", ")}${more}`;
}

/** `every low figure crosses the link of gpu6, and none that is as expected does`. */
function suspectText({ suspects, topology }: Comparison): Rich {
  const names = suspects.map((bdf) => nameIn(topology, bdf)).join(" and ");
  return rich`${painted("warn", `every low figure crosses the ${suspects.length === 1 ? "link" : "links"} of ${names}`)}, and none that is as expected does: look there first`;
}

/** Assumptions that differ in the address alone are told once. */
function assumptionTexts(assumptions: readonly string[]): readonly string[] {
  return foldBy(assumptions, (text) => withoutAddresses(text)).map(([first, ...others]) =>
    others.length === 0 ? first : `${first} (and so of ${others.length} more)`,
  );
}

function countOf(count: number): string {
  return count === 1 ? "1 figure" : `${count} figures`;
}

function groupText({ topology }: Comparison, { verdict, what, cause, figures }: FigureGroup): Rich {
  const [first] = figures as readonly [ComparedFigure];
  const without = cause?.withoutGBps === undefined ? "" : `; without that ${gbpsText(cause.withoutGBps)} GB/s`;
  const more = first.causes.length > 1 ? "; or: " : "";
  const others =
    verdict === "expected"
      ? ""
      : first.causes
          .slice(1, 4)
          .map(({ text }) => text)
          .join("; or: ");
  const why = cause === null ? "" : rich`: ${cause.text}${without}${others === "" ? "" : more}${others}`;
  const example = rich`${pairText(topology, first)} ${measuredText(first)}, predicted ${predictedText(first)}`;
  const held = verdict === "expected" && cause !== null ? ", and held back" : "";
  return rich`${String(figures.length)} ${painted(PAINTS[verdict], VERDICT_WORDS[verdict])}${held}, ${what} (${example})${why}`;
}

const HEAD = ["from → to", "what", "measured", "predicted", "verdict"];

/** Each figure where they are few, else what is alike as one row. */
function tableBlocks({ figures, topology }: Comparison): readonly Block[] {
  const held = figures
    .filter(({ verdict }) => verdict !== "no-figure")
    .toSorted((a, b) => FIGURE_VERDICTS.indexOf(a.verdict) - FIGURE_VERDICTS.indexOf(b.verdict));
  if (held.length === 0) return [];
  const folds =
    held.length <= MOST.single
      ? held.map((figure) => [figure] as const)
      : foldBy(held, (figure) => `${groupKey(topology, figure)} ${predictedText(figure)}`);
  const rows = folds.slice(0, MOST.rows).map((fold): Rich[] => {
    const [first] = fold;
    const pair = pairText(topology, first);
    return [
      fold.length === 1 ? pair : `${pair} and ${fold.length - 1} more`,
      whatText(topology, first),
      spreadText(fold),
      predictedText(first),
      [painted(PAINTS[first.verdict], VERDICT_WORDS[first.verdict])],
    ];
  });
  const left = folds.length - rows.length;
  return [
    heading("Figures"),
    table(HEAD, rows),
    ...(left === 0 ? [] : [paragraph(`and ${left} more rows: --csv has every figure`)]),
  ];
}

/** `22.1–25.3 GB/s`. */
function spreadText(fold: readonly ComparedFigure[]): string {
  const by = (figure: ComparedFigure): number => figure.entry.bytesPerSecond ?? figure.entry.latencyNs ?? 0;
  const least = fold.reduce((a, b) => (by(b) < by(a) ? b : a));
  const most = fold.reduce((a, b) => (by(b) > by(a) ? b : a));
  const [from, to] = [measuredText(least), measuredText(most)];
  return from === to ? from : `${from.replace(/ \S+$/, "")}–${to}`;
}

/** Commands for what is not as expected, each to be pasted on the machine that was measured. */
function nextBlocks({ topology, suspects }: Comparison, groups: readonly FigureGroup[]): readonly Block[] {
  const lines = suspects.slice(0, 2).map(linkCommand);
  for (const { verdict, figures } of groups) {
    const [first] = figures as readonly [ComparedFigure];
    const kinds = first.causes.map(({ kind }) => kind);
    if (verdict === "low") {
      const [from, to] = [first.from, first.to].map((end) => (end.kind === "functions" ? end.bdfs[0] : undefined));
      if (from !== undefined && to !== undefined && from !== to) {
        const [a, b] = first.entry.mover === "to" ? [from, to] : [to, from];
        lines.push(`peerlane predict ${formatBdf(a)} ${formatBdf(b)}`);
      }
      for (const bdf of linksOn(first.expected?.predictions ?? []).slice(0, 2)) {
        lines.push(linkCommand(bdf));
      }
      if (kinds.includes("iommu") && from !== undefined) {
        lines.push(`cat /sys/bus/pci/devices/${formatBdf(from)}/iommu_group/type`);
      }
    }
    const isNvidia = [first.from, first.to].some(
      (end) => end.kind === "functions" && end.bdfs.some((bdf) => isOfNvidia(topology.functionOf(bdf).vendorId)),
    );
    if (isNvidia && kinds.includes("peer-off")) lines.push("nvidia-smi topo -p2p r");
    if (isNvidia && verdict === "other-link") lines.push("nvidia-smi nvlink --status");
  }
  const told = [...new Set(lines)].slice(0, MOST.commands);
  return told.length === 0 ? [] : [heading("What to look at next, on that machine and under load"), code("", told)];
}

function linkCommand(bdf: Bdf): string {
  return `sudo lspci -vvs ${formatBdf(bdf)} | grep -E 'LnkCap:|LnkSta:|MaxPayload|CESta:'`;
}

function isOfNvidia(vendorId: ReturnType<Comparison["topology"]["functionOf"]>["vendorId"]): boolean {
  return !isUnknown(vendorId) && vendorId === 0x10de;
}

function leftBlocks({ results, figures }: Comparison): readonly Block[] {
  const doubts = foldBy(
    figures.flatMap(({ entry }) => entry.doubts),
    (doubt) => doubt,
  );
  const { unread, leftOut } = results;
  const lines = unread.lines.slice(0, MOST.unread).map(({ place, why }): Rich => `line ${place.line}: ${why}`);
  const more = unread.count - lines.length;
  return [
    ...listed(
      "Doubts about figures",
      doubts.map((each) => rich`${countOf(each.length)}: ${each[0]}`),
      MOST.reasons,
    ),
    ...listed(
      "Left out",
      leftOut.map(({ why, count }) => rich`${String(count)}: ${why}`),
      MOST.reasons,
    ),
    ...(lines.length === 0
      ? []
      : [
          heading("Not understood"),
          list([...lines, ...(more > 0 ? [`and ${more} more ${more === 1 ? "line" : "lines"}`] : [])]),
        ]),
  ];
}

function listed(title: string, items: readonly Rich[], most: number): readonly Block[] {
  return items.length === 0 ? [] : [heading(title), list(cut(items, most, "of them"))];
}

function cut(items: readonly Rich[], most: number, what: string): readonly Rich[] {
  return items.length <= most
    ? items
    : [...items.slice(0, most), `and ${items.length - most} more ${what}: --json has all`];
}
