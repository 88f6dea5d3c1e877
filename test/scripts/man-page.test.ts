import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Help } from "commander";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { inline, manPage } from "../../scripts/man-page.ts";
import { makeProgram } from "../../src/cli/program.ts";

const page = await manPage("1.2.3");
const program = await makeProgram("1.2.3", () => {});
const lines = page.split("\n");
const isHere = (command: string): boolean => spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;

let folder = "";
let file = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "peerlane-man-"));
  file = join(folder, "peerlane.1");
  writeFileSync(file, page);
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What roff prints of each escape that the page uses (groff_char(7)). */
const PRINTED: Readonly<Record<string, string>> = {
  "\\e": "\\",
  "\\-": "-",
  "\\&": "",
  "\\(aq": "'",
  "\\(ga": "`",
  "\\(ha": "^",
  "\\(ti": "~",
  "\\(dq": '"',
  "\\(en": "–",
  "\\(->": "→",
};

/** The text of a page or line: escapes as they are printed. An escape that is not in the list is an error. */
function read(roff: string): string {
  return roff.replaceAll(/\\(?:\(..|\[u[0-9A-F]{4,6}\]|.)/gs, (written) => {
    const [, code] = /^\\\[u([0-9A-F]+)\]$/.exec(written) ?? [];
    const printed = code === undefined ? PRINTED[written] : String.fromCodePoint(Number.parseInt(code, 16));
    if (printed === undefined) throw new Error(`'${written}' is no escape of ours`);
    return printed;
  });
}

describe("A text in the manual page", () => {
  test.each([
    ["--all", "\\-\\-all"],
    ["the kernel's", "the kernel\\(aqs"],
    [".config", "\\&.config"],
    ["'quoted'", "\\(aqquoted\\(aq"],
    ["a\\nb", "a\\enb"],
    ["~/.cache", "\\(ti/.cache"],
    ["`x` ^y", "\\(gax\\(ga \\(hay"],
    ['"z"', "\\(dqz\\(dq"],
    ["PIX … SYS", "PIX ... SYS"],
    ["a → b – c", "a \\(-> b \\(en c"],
    ["µs", "\\[u00B5]s"],
  ])("%s is %s", (text, roff) => {
    expect(inline(text)).toBe(roff);
    expect(read(roff)).toBe(text.replace("…", "..."));
  });
});

describe("The manual page", () => {
  test("is plain ASCII, of macros of man(7) and of escapes that are known", () => {
    expect(page).toMatch(/^[\n -~]*$/);
    const macros = new Set(lines.filter((line) => line.startsWith(".")).map((line) => line.split(" ")[0]));
    expect([...macros].sort()).toEqual(
      [
        ".B",
        ".BR",
        ".I",
        ".IP",
        ".PP",
        ".RE",
        ".RS",
        ".SH",
        ".SS",
        ".TH",
        ".TP",
        ".ad",
        ".br",
        ".fi",
        ".nf",
        ".nh",
      ].sort(),
    );
    expect(lines.filter((line) => line.startsWith("'") || line.trimEnd() !== line)).toEqual([]);
    read(page);
    const count = (macro: string): number => lines.filter((line) => line === macro).length;
    expect([count(".RS"), count(".nf")]).toEqual([count(".RE"), count(".fi")]);
  });

  test("has its sections in the order of man-pages(7)", () => {
    expect(lines.filter((line) => line.startsWith(".SH ")).map((line) => line.slice(4))).toEqual([
      ...["NAME", "SYNOPSIS", "DESCRIPTION", "VERBS", "OPTIONS", "EXIT STATUS", "FILES", "EXAMPLES", "SEE ALSO"],
    ]);
  });

  test.each(program.commands.map((command) => [command.name(), command] as const))(
    "says what the help of %s says",
    (_, command) => {
      const help = new Help();
      const text = read(page);
      expect(text).toContain(`.B peerlane ${command.name()}\n${command.usage()}`);
      expect(text).toContain(`.B "peerlane ${command.name()}"\n${command.description()}`);
      const terms = command.options.map((option) => [help.optionTerm(option), help.optionDescription(option)] as const);
      for (const [term, means] of terms) {
        const name = term.includes(" ") ? `"${term}"` : term;
        expect(text).toContain(`.TP\n.B ${name}\n${means.replaceAll("…", "...")}`);
      }
    },
  );

  test("says what each exit code means", () => {
    const text = read(page);
    const exits = [".TP\n.B 0\nyes", ".TP\n.B 2\nusage or bad input", ".TP\n.B fix\n0 where the pair works or"];
    for (const exit of exits) expect(text).toContain(exit);
  });

  test.skipIf(!isHere("groff"))("is taken by groff without a warning, and its commands can be copied", () => {
    for (const device of ["ascii", "utf8"]) {
      const { stdout, stderr, status } = spawnSync("groff", ["-man", "-ww", `-T${device}`, "-P-c", "-rLL=200n", file], {
        encoding: "utf8",
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
      // biome-ignore lint/suspicious/noControlCharactersInRegex: a terminal's way to print bold: a letter, a step back, the letter
      const plain = stdout.replaceAll(/.\u0008/g, "");
      expect(plain).toContain("peerlane fix 03:00.0 05:00.0 dump.txt --kernel 7.2 --cpu intel");
      expect(plain).toContain("sh -c 'hexdump -C /dev/nvme0n1 | head; dmesg | grep -i p2p'");
      expect(plain).toContain("--append <parameters>");
      expect(plain).toContain("~/.local/state/peerlane");
    }
  });

  test.skipIf(!isHere("man"))("is shown by man without a warning", () => {
    const { stderr, status } = spawnSync("man", ["--warnings", "-l", file], { encoding: "utf8" });
    expect({ status, stderr }).toEqual({ status: 0, stderr: "" });
  });

  test.skipIf(!isHere("mandoc"))("is taken by mandoc", () => {
    const { stdout } = spawnSync("mandoc", ["-T", "lint", "-W", "error", file], { encoding: "utf8" });
    expect(stdout).toBe("");
  });
});
