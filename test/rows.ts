/**
 * The rows of a table written as text: one a line, cells between `|`, without the blanks around them. A line that begins
 * with `//` is a heading, what follows ` //` a remark.
 */
export function rows(text: string): string[][] {
  return text
    .split("\n")
    .map((line) => line.replace(/(?:^|\s)\/\/.*$/, "").trim())
    .filter((line) => line !== "")
    .map((line) => line.split("|").map((cell) => cell.trim()));
}
