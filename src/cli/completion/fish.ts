import { DEFAULT_VERB } from "../verb.ts";
import { DEVICE_CLASSES, DEVICE_FOLDERS, type OptionWords, type Value, type VerbWords } from "./words.ts";

/** The completion script of fish. */
export function fishScript(verbs: readonly VerbWords[]): string {
  return `# fish completion for peerlane: peerlane completion fish | source
function __peerlane_verb
  set -l words (commandline -opc)
  if not set -q words[2]
    echo start
  else if contains -- $words[2] ${verbs.map((verb) => verb.name).join(" ")}
    echo $words[2]
  else
    echo ${DEFAULT_VERB}
  end
end
function __peerlane_devices
  string split ' ' -- '${DEVICE_CLASSES}'
  # The devices of the source on the line, or else of this host.
  set -l words (commandline -o)
  set -l before ''
  for word in $words[2..-1]
    set -l path (string replace -r '^~/' $HOME/ -- $word)
    if test "$word" = (commandline -ct) -o "$before" = --host
    else if test "$before" = --root -a -d "$path"; or test -f "$path"
      peerlane completion --devices $path 2>/dev/null
      return
    end
    set before $word
  end
  for device in ${DEVICE_FOLDERS.map((folder) => `/sys/class/${folder}/*`).join(" ")}
    string replace -r '.*/' '' -- $device
  end
end
${verbs.flatMap(verbLines).join("\n")}
`;
}

function verbLines({ name, description, options, choices, takesDevices }: VerbWords): readonly string[] {
  const places = name === DEFAULT_VERB ? `start ${name}` : name;
  const here = `complete -c peerlane -n 'contains -- (__peerlane_verb) ${places}'`;
  return [
    `complete -c peerlane -n 'contains -- (__peerlane_verb) start' -a ${name} -d ${quote(description)}`,
    ...options.map((option) => `${here} ${optionWords(option)}`),
    ...(choices.length > 0 ? [`${here} -f -a ${quote(choices.join(" "))}`] : []),
    ...(takesDevices ? [`${here} -a '(__peerlane_devices)'`] : []),
  ];
}

function optionWords({ flags, description, value }: OptionWords): string {
  const names = flags.map((flag) => (flag.startsWith("--") ? `-l ${flag.slice(2)}` : `-s ${flag.slice(1)}`));
  return `${names.join(" ")} -d ${quote(description)}${valueWords(value)}`;
}

function valueWords(value: Value): string {
  switch (value.kind) {
    case "none":
      return "";
    case "file":
      return " -r -F";
    case "folder":
      return " -x -a '(__fish_complete_directories)'";
    case "devices":
      return " -x -a '(__peerlane_devices)'";
    case "word":
      return " -x";
    case "choice":
      return ` -x -a ${quote(value.choices.join(" "))}`;
  }
}

function quote(text: string): string {
  return `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
}
