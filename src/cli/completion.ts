import type { Command } from "commander";

/** A verb with what can follow it, read off the program itself. */
interface VerbWords {
  readonly name: string;
  readonly description: string;
  readonly options: readonly {
    readonly flag: string;
    readonly description: string;
    readonly choices: readonly string[];
  }[];
  readonly choices: readonly string[];
}

/** Shells that `completion` knows. */
export const SHELLS = ["bash", "zsh", "fish"] as const;

/** The completion script of a shell, made from the program's own verbs, options and choices. */
export function completionScript(shell: (typeof SHELLS)[number], program: Command): string {
  const verbs = readVerbs(program);
  return { bash: bashScript, zsh: zshScript, fish: fishScript }[shell](verbs);
}

function readVerbs(program: Command): VerbWords[] {
  return program.commands.map((command) => ({
    name: command.name(),
    description: command.description(),
    options: command.options.flatMap((option) =>
      option.long === undefined || option.long === null
        ? []
        : [{ flag: option.long, description: option.description, choices: option.argChoices ?? [] }],
    ),
    choices: command.registeredArguments[0]?.argChoices ?? [],
  }));
}

function bashScript(verbs: readonly VerbWords[]): string {
  const cases = verbs
    .map((verb) => {
      const words = [...verb.options.map((option) => option.flag), ...verb.choices].join(" ");
      return `    ${verb.name}) words="${words}" ;;`;
    })
    .join("\n");
  const choices = [...new Map(verbs.flatMap((verb) => verb.options).map((option) => [option.flag, option.choices]))]
    .filter(([, list]) => list.length > 0)
    .map(([flag, list]) => `    ${flag}) COMPREPLY=($(compgen -W "${list.join(" ")}" -- "$current")); return ;;`)
    .join("\n");
  return `# bash completion for peerlane: source <(peerlane completion bash)
_peerlane() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" verb="matrix" word words
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in ${verbs.map((verb) => verb.name).join("|")}) verb="$word"; break ;; esac
  done
  case "$previous" in
${choices}
  esac
  case "$verb" in
${cases}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="$words ${verbs.map((verb) => verb.name).join(" ")}"; fi
  COMPREPLY=($(compgen -W "$words" -- "$current") $(compgen -f -- "$current"))
}
complete -o filenames -F _peerlane peerlane
`;
}

/** Text inside single quotes and brackets of a zsh specification. */
function zshText(text: string): string {
  return text.replaceAll("'", "’").replaceAll(/[[\]:]/g, "\\$&");
}

function zshScript(verbs: readonly VerbWords[]): string {
  const cases = verbs
    .map((verb) => {
      const options = verb.options.map(
        (option) =>
          `'${option.flag}[${zshText(option.description)}]${option.choices.length > 0 ? `:value:(${option.choices.join(" ")})` : ""}'`,
      );
      const rest = verb.choices.length > 0 ? `'1:value:(${verb.choices.join(" ")})'` : "'*:file:_files'";
      return `    ${verb.name}) _arguments ${[...options, rest].join(" ")} ;;`;
    })
    .join("\n");
  return `#compdef peerlane
# zsh completion for peerlane: source <(peerlane completion zsh)
_peerlane() {
  local -a verbs=(${verbs.map((verb) => `'${verb.name}:${zshText(verb.description)}'`).join(" ")})
  if (( CURRENT == 2 )); then _describe verb verbs; _files; return; fi
  local verb="\${words[2]}"
  shift words; (( CURRENT-- ))
  case "$verb" in
${cases}
    *) _files ;;
  esac
}
compdef _peerlane peerlane
`;
}

function fishScript(verbs: readonly VerbWords[]): string {
  const quote = (text: string): string => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = verbs.flatMap((verb) => [
    `complete -c peerlane -n __fish_use_subcommand -a ${verb.name} -d ${quote(verb.description)}`,
    ...verb.options.map(
      (option) =>
        `complete -c peerlane -n '__fish_seen_subcommand_from ${verb.name}' -l ${option.flag.slice(2)} -d ${quote(option.description)}${option.choices.length > 0 ? ` -x -a ${quote(option.choices.join(" "))}` : ""}`,
    ),
    ...(verb.choices.length > 0
      ? [`complete -c peerlane -n '__fish_seen_subcommand_from ${verb.name}' -f -a ${quote(verb.choices.join(" "))}`]
      : []),
  ]);
  return `# fish completion for peerlane: peerlane completion fish | source\n${lines.join("\n")}\n`;
}
