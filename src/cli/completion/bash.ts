import { DEFAULT_VERB } from "../verb.ts";
import { DEVICE_CLASSES, DEVICE_FOLDERS, type Value, type VerbWords } from "./words.ts";

/** The completion script of bash (4 or newer for all of it; 3.2 offers files where nothing can be offered). */
export function bashScript(verbs: readonly VerbWords[]): string {
  return `# bash completion for peerlane: source <(peerlane completion bash)
# The file or folder on the line that shows a machine; nothing where there is none.
_peerlane_source() {
  local at word
  for ((at = 1; at < \${#COMP_WORDS[@]}; at++)); do
    [ "$at" -ne "$COMP_CWORD" ] || continue
    word="\${COMP_WORDS[at]/#\\~\\//$HOME/}"
    case "\${COMP_WORDS[at-1]}" in
      --root) if [ -d "$word" ]; then printf '%s\\n' "$word"; return; fi ;;
      --host) ;;
      *) if [ -f "$word" ]; then printf '%s\\n' "$word"; return; fi ;;
    esac
  done
}
# Classes, and the devices of the source on the line, or else of this host. A name that somebody gave is a word here only
# where no shell makes more of it.
_peerlane_devices() {
  local source device
  source="$(_peerlane_source)"
  printf '%s\\n' ${DEVICE_CLASSES}
  if [ -n "$source" ]; then
    peerlane completion --devices "$source" 2>/dev/null
  else
    for device in ${DEVICE_FOLDERS.map((folder) => `/sys/class/${folder}/*`).join(" ")}; do printf '%s\\n' "\${device##*/}"; done
  fi | while IFS= read -r device; do
    case "$device" in *[!A-Za-z0-9_.:-]*) ;; *) printf '%s\\n' "$device" ;; esac
  done
}
# Offers devices, and with "files" files too. Readline takes what stands behind a colon for a word of its own.
_peerlane_offer_devices() {
  local typed="\${COMP_LINE:0:COMP_POINT}" front=""
  typed="\${typed##*[ =]}"
  case "$COMP_WORDBREAKS" in *:*) front="\${typed%"\${typed##*:}"}" ;; esac
  IFS=$'\\n'
  COMPREPLY=($(IFS=$' \\n' compgen -W "$(_peerlane_devices)" -- "$typed"))
  COMPREPLY=("\${COMPREPLY[@]#"$front"}")
  if [ "$1" = files ] && [ -z "$front" ]; then COMPREPLY+=($(compgen -f -- "$current")); fi
}
_peerlane() {
  local current="\${COMP_WORDS[COMP_CWORD]}" previous="\${COMP_WORDS[COMP_CWORD-1]}" verb="\${COMP_WORDS[1]}" options choices
  local IFS=$' \\t\\n'
  # Readline takes --iommu=off for three words.
  if [ "$current" = "=" ]; then current=""
  elif [ "$previous" = "=" ]; then previous="\${COMP_WORDS[COMP_CWORD-2]}"
  fi
  case "$verb" in
    ${verbs.map((verb) => verb.name).join("|")}) ;;
    *) verb=${DEFAULT_VERB} ;;
  esac
  case "$verb $previous" in
${valueCases(verbs).join("\n")}
  esac
  case "$verb" in
${verbs.map(verbCase).join("\n")}
  esac
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$options" -- "$current")); return ;;
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    IFS=$'\\n'
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(IFS=' ' compgen -W "${verbs.map((verb) => verb.name).join(" ")}" -- "$current") $(compgen -f -- "$current"))
  elif [ -n "$choices" ]; then
    COMPREPLY=($(compgen -W "$choices" -- "$current"))
  else
    case "$verb" in
      ${verbs
        .filter((verb) => verb.takesDevices)
        .map((verb) => verb.name)
        .join("|")})
        compopt -o filenames 2>/dev/null
        _peerlane_offer_devices files ;;
    esac
  fi
}
complete -o default -F _peerlane peerlane
`;
}

function verbCase(verb: VerbWords): string {
  const options = verb.options.flatMap((option) => option.flags).join(" ");
  return `    ${verb.name}) options="${options}" choices="${verb.choices.join(" ")}" ;;`;
}

/** One case for all options that are followed by the same. */
function valueCases(verbs: readonly VerbWords[]): readonly string[] {
  const patternsOf = new Map<string, string[]>();
  for (const verb of verbs) {
    for (const { flags, value } of verb.options) {
      const reply = replyOf(value);
      if (reply === undefined) continue;
      const patterns = flags.map((flag) => `"${verb.name} ${flag}"`);
      patternsOf.set(reply, [...(patternsOf.get(reply) ?? []), ...patterns]);
    }
  }
  return [...patternsOf].map(([reply, patterns]) => `    ${patterns.join("|")}) ${reply} ;;`);
}

/** What answers for a value; nothing said leaves it to readline, which offers files. */
function replyOf(value: Value): string | undefined {
  switch (value.kind) {
    case "none":
      return undefined;
    case "file":
      return "return";
    case "folder":
      return `IFS=$'\\n'; compopt +o default -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$current")); return`;
    case "devices":
      return "compopt +o default 2>/dev/null; _peerlane_offer_devices; return";
    case "word":
      return "compopt +o default 2>/dev/null; return";
    case "choice":
      return `compopt +o default 2>/dev/null; COMPREPLY=($(compgen -W "${value.choices.join(" ")}" -- "$current")); return`;
  }
}
