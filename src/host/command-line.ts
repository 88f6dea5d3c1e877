/** One parameter on a kernel's command line. */
export interface KernelParameter {
  /** As it stands there, quotes and all. */
  readonly word: string;
  /** The same without quotes. */
  readonly text: string;
  /** Its name, by {@link parameterName}. */
  readonly name: string;
  /** What stands behind its `=`, without quotes; `null` where it has none. */
  readonly value: string | null;
}

function allWords(commandLine: string): readonly string[] {
  return commandLine.match(/(?:[^\s"]|"[^"]*"?)+/g) ?? [];
}

/** The words of a command line that are for the kernel, as they stand there, quotes and all: what stands behind `--` is for `init` (`parse_args`, Linux 7.3). */
export function commandLineWords(commandLine: string): readonly string[] {
  const words = allWords(commandLine);
  const end = words.indexOf("--");
  return words.slice(0, end < 0 ? undefined : end);
}

/** The parameters of a command line in their order, split at blanks outside of double quotes as the kernel does. */
export function kernelParameters(commandLine: string): readonly KernelParameter[] {
  return commandLineWords(commandLine).map(kernelParameter);
}

/** A command line with other words in place of its parameters, `null` for none; what is for `init` stays. */
export function editedCommandLine(commandLine: string, edit: (parameter: KernelParameter) => string | null): string {
  const kept = commandLineWords(commandLine).flatMap((word) => edit(kernelParameter(word)) ?? []);
  return [...kept, ...allWords(commandLine).slice(commandLineWords(commandLine).length)].join(" ");
}

/** One word of a command line. */
export function kernelParameter(word: string): KernelParameter {
  const text = word.replaceAll('"', "");
  const equals = text.indexOf("=");
  const name = parameterName(equals < 0 ? text : text.slice(0, equals));
  return { word, text, name, value: equals < 0 ? null : text.slice(equals + 1) };
}

/** The name of a parameter with underscores for dashes, which are the same to the kernel in names alone (`parameqn`, Linux 7.3). */
export function parameterName(name: string): string {
  return name.replaceAll("-", "_");
}
