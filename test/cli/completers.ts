import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Workbench } from "./shell.ts";

/**
 * What a shell offers for the last word of each `peerlane LINE`, where `completion.SHELL` lies in the workbench; by the
 * line.
 */
export type Complete = (lines: readonly string[]) => Promise<ReadonlyMap<string, readonly string[]>>;

/** Lines that one shell is asked, one after the other: a terminal takes 4 KiB that nobody has read yet. */
const LINES_OF_A_SHELL = 8;

/** A key that puts all that is offered into the line: readline has M-*, zsh is given C-t. */
const ALL_OFFERED = { bash: "\u001b*", zsh: "\u0014" } as const;
const [LINE_START, LINE_END] = ["\u0001", "\u0005"];

const BASHRC = `source ./completion.bash
`;

const ZSHRC = `autoload -Uz compinit; compinit -u -D
source ./completion.zsh
bindkey -e
zle -C all-matches complete-word _generic
zstyle ':completion:all-matches:*' insert yes
zstyle ':completion:all-matches::::' completer _all_matches _complete
bindkey '^T' all-matches
`;

/**
 * Shells as someone at a terminal has them: the line is typed, the key that inserts everything offered is pressed, and
 * what then stands in the line is written to a file. Fish tells it without a terminal.
 */
export function completers({
  folder,
  run,
  onTerminal,
}: Workbench): Readonly<Record<"bash" | "zsh" | "fish", Complete>> {
  mkdirSync(join(folder, ".zsh"));
  writeFileSync(join(folder, ".bashrc"), BASHRC);
  writeFileSync(join(folder, ".zsh/.zshrc"), ZSHRC);
  let count = 0;
  const typed = async (shell: "bash" | "zsh", start: string, lines: readonly string[]): Promise<string[][]> => {
    const asked = lines.map((line) => {
      const file = `.offered-${shell}-${count++}`;
      const print = `${LINE_START}printf "%s\\n" ${LINE_END} > ${file}`;
      return { file, keys: `peerlane ${line}${ALL_OFFERED[shell]}${print}\n` };
    });
    await onTerminal(start, {
      input: `${asked.map(({ keys }) => keys).join("")}exit\n`,
      env: { ZDOTDIR: join(folder, ".zsh") },
    });
    const texts = await Promise.all(asked.map(({ file }) => readFile(join(folder, file), "utf8")));
    return texts.map((text) => text.trimEnd().split("\n").slice(1));
  };
  const typedAll =
    (shell: "bash" | "zsh", start: string): Complete =>
    async (lines) => {
      const found = new Map<string, readonly string[]>();
      for (let first = 0; first < lines.length; first += LINES_OF_A_SHELL) {
        const some = lines.slice(first, first + LINES_OF_A_SHELL);
        const words = await typed(shell, start, some);
        for (const [index, line] of some.entries()) found.set(line, offered(line, words[index] ?? []));
      }
      return found;
    };
  return {
    bash: typedAll("bash", "bash --rcfile .bashrc -i"),
    zsh: typedAll("zsh", "zsh -i"),
    fish: async (lines) => {
      const asks = lines.map((line) => `echo '>${line}'; complete -C 'peerlane ${line}'`);
      const { out } = await run(`source completion.fish; ${asks.join("; ")}`, {
        shell: "fish",
        arguments: ["--no-config"],
      });
      const parts = out.split(/^>/m).slice(1);
      return new Map(
        lines.map((line, index) => {
          const words = (parts[index] ?? "").split("\n").slice(1);
          return [
            line,
            words.filter((word) => word !== "").map((word) => word.replace(/\t.*/, "").replace(/^--\w+=|\/$/g, "")),
          ];
        }),
      );
    },
  };
}

/** The words of a line that were offered: those behind what was typed; none where its last word is as it was. */
function offered(line: string, words: readonly string[]): readonly string[] {
  const typed = line.split(" ");
  const last = typed.at(-1) ?? "";
  const rest = words.slice(typed.length - 1);
  if (rest.length === 0 || (rest.length === 1 && rest[0] === last)) return [];
  return rest.map((word) => word.replace(/^--\w+=|\/$/g, ""));
}
