import { mkdirSync, writeFileSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Workbench } from "./shell.ts";

/** What a shell offers for the last word of `peerlane LINE`, where `completion.SHELL` lies in the workbench. */
export type Complete = (line: string) => Promise<readonly string[]>;

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
  const typed = async (shell: "bash" | "zsh", start: string, line: string): Promise<readonly string[]> => {
    const file = `.offered-${shell}-${count++}`;
    const print = `${LINE_START}printf "%s\\n" ${LINE_END} > ${file}`;
    await onTerminal(start, {
      input: `peerlane ${line}${ALL_OFFERED[shell]}${print}\nexit\n`,
      env: { ZDOTDIR: join(folder, ".zsh") },
    });
    const words = (await readFile(join(folder, file), "utf8")).trimEnd().split("\n");
    return offered(line, words.slice(1));
  };
  return {
    bash: (line) => typed("bash", "bash --rcfile .bashrc -i", line),
    zsh: (line) => typed("zsh", "zsh -i", line),
    fish: async (line) => {
      const ask = `source completion.fish; complete -C 'peerlane ${line}'`;
      const { out } = await run(ask, { shell: "fish", arguments: ["--no-config"] });
      const words = out.split("\n").filter((word) => word !== "");
      return words.map((word) => word.replace(/\t.*/, "").replace(/^--\w+=|\/$/g, ""));
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
