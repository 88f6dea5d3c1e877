import { isKernelName } from "./kernel-names.ts";

/** What the name of a source gives away: as a file, which texts quote, and as names, which may stand anywhere. */
export interface SourceNames {
  readonly files: readonly string[];
  readonly names: readonly string[];
}

const ENDING = /\.(?:tar|tgz|gz|bz2|zst|xz|json|xml|txt|log|ya?ml|out|dump|lspci)$/i;

/** The names in a path: `/home/alice/web01.example.com.tar.gz` names alice, web01.example.com and web01. */
export function namesOfSource(path: string): SourceNames {
  const parts = path.split(/[/\\]+/).filter((part) => part !== "" && part !== "." && part !== "..");
  const file = parts.at(-1) ?? "";
  let host = file;
  while (ENDING.test(host)) host = host.replace(ENDING, "");
  const homes = parts.flatMap((part, index) => (/^(?:home|Users)$/.test(part) ? [parts[index + 1] ?? ""] : []));
  return {
    files: [path, file],
    names: [...[host, host.split(".")[0] ?? ""].filter(looksLikeHost), ...homes.filter((home) => home.length >= 3)],
  };
}

/** Hosts have a number or several parts. A plain word as a file's name (`intel.txt`) is one of many texts. */
function looksLikeHost(name: string): boolean {
  return name.length >= 3 && /\p{L}/u.test(name) && /[\d.-]/.test(name) && !isKernelName(name);
}
