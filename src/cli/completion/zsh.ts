import { DEFAULT_VERB } from "../verb.ts";
import { DEVICE_CLASSES, DEVICE_FOLDERS, type OptionWords, type Value, type VerbWords } from "./words.ts";

/** The completion script of zsh: to be sourced, or to lie in `fpath` as `_peerlane`. */
export function zshScript(verbs: readonly VerbWords[]): string {
  return `#compdef peerlane
# zsh completion for peerlane: source <(peerlane completion zsh)
# Classes, and the devices of the source on the line, or else of this host.
_peerlane_names() {
  local source word
  local -i at
  for (( at = 2; at <= $#words; at++ )); do
    (( at != CURRENT )) || continue
    word="\${\${(Q)words[at]}/#\\~\\//$HOME/}"
    case "\${words[at-1]}" in
      --root) [[ -d "$word" ]] && source="$word" ;;
      --host) ;;
      *) [[ -f "$word" ]] && source="$word" ;;
    esac
  done
  local -a devices=(${DEVICE_CLASSES})
  if [[ -n "$source" ]]; then
    devices+=(\${(f)"$(peerlane completion --devices "$source" 2>/dev/null)"})
  else
    devices+=(${DEVICE_FOLDERS.map((folder) => `/sys/class/${folder}/*(N:t)`).join(" ")})
  fi
  compadd -a devices
}
_peerlane_devices() {
  local ret=1
  _peerlane_names && ret=0
  _files && ret=0
  return ret
}
_peerlane() {
  local -a verbs=(${verbs.map((verb) => `'${verb.name}:${plain(verb.description)}'`).join(" ")})
  local verb=${DEFAULT_VERB} ret=1
  if (( CURRENT == 2 )) && [[ "$PREFIX" != -* ]]; then
    _describe -t verbs verb verbs && ret=0
    _files && ret=0
    return ret
  fi
  case "\${words[2]}" in
    ${verbs.map((verb) => verb.name).join("|")}) verb="\${words[2]}"; shift words; (( CURRENT-- )) ;;
  esac
  case "$verb" in
${verbs.map(verbCase).join("\n")}
  esac
}
if [[ "\${funcstack[1]}" == _peerlane ]]; then _peerlane "$@"; else compdef _peerlane peerlane; fi
`;
}

function verbCase({ name, options, choices, takesDevices }: VerbWords): string {
  const words = takesDevices ? "'*:device or file:_peerlane_devices'" : "'*:file:_files'";
  const rest = choices.length > 0 ? `'1:value:(${choices.join(" ")})'` : words;
  return `    ${name}) _arguments ${[...options.flatMap(optionSpecs), rest].join(" ")} ;;`;
}

/** `'--iommu=[…]:value:(…)'`: the equals sign allows both ways to write it. */
function optionSpecs({ flags, description, value, isRepeatable }: OptionWords): readonly string[] {
  const guard = isRepeatable ? "*" : `(${flags.join(" ")})`;
  return flags.map((flag) => {
    const equals = value.kind !== "none" && flag.startsWith("--") ? "=" : "";
    return `'${guard}${flag}${equals}[${plain(description)}]${action(value)}'`;
  });
}

function action(value: Value): string {
  switch (value.kind) {
    case "none":
      return "";
    case "file":
      return ":file:_files";
    case "folder":
      return ":folder:_path_files -/";
    case "devices":
      return ":device:_peerlane_names";
    case "word":
      return ":value: ";
    case "choice":
      return `:value:(${value.choices.join(" ")})`;
  }
}

/** Text for inside single quotes and the brackets of a specification. */
function plain(text: string): string {
  return text.replaceAll("'", "’").replaceAll(/[[\]:\\]/g, "\\$&");
}
