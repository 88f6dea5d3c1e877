/** What one benchmark prints. */
export interface Report {
  readonly title: string;
  /** What was measured, in sentences. */
  readonly about: string;
  readonly header: readonly string[];
  readonly rows: readonly (readonly string[])[];
  /** Each goal with its number and whether it was met. */
  readonly goals: readonly string[];
}

/** A report as Markdown. */
export function toMarkdown(report: Report): string {
  const row = (cells: readonly string[]): string => `| ${cells.join(" | ")} |`;
  const rule = report.header.map((_, column) => (column === 0 ? "---" : "---:"));
  return [
    `## ${report.title}`,
    "",
    report.about,
    "",
    row(report.header),
    row(rule),
    ...report.rows.map(row),
    "",
    ...report.goals.map((goal) => `- ${goal}`),
    "",
  ].join("\n");
}

/** A report as a table for the terminal. */
export function toText(report: Report): string {
  const lines = [report.header, ...report.rows];
  const widths = report.header.map((_, column) => Math.max(...lines.map((cells) => (cells[column] ?? "").length)));
  const format = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join("  ")
      .trimEnd();
  return [report.title, "", ...lines.map(format), "", ...report.goals, ""].join("\n");
}

/** A goal as a sentence: what was wanted, what was measured. */
export function goal(wanted: string, isMet: boolean, measured: string): string {
  return `Goal, ${wanted}: ${isMet ? "met" : "missed"} (${measured}).`;
}
