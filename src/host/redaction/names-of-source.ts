import type { Machine, SourceFormat } from "../machine.ts";
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

const KINDS: Readonly<Record<SourceFormat, string>> = {
  sysfs: "sysfs",
  archive: "archive of sysfs",
  collected: "text of peerlane collect",
  lspci: "text of lspci",
  scenario: "scenario",
  snapshot: "snapshot",
  "rdma-topo": "dump of rdma_topo",
  hwloc: "XML of hwloc",
  nccl: "XML of NCCL",
};

/** Sources that have no file's name. */
const NAMELESS = ["this host", "standard input", "input", "snapshot"];

/**
 * What to call a source in what is sent on: a file by its own name where that names no host and nobody, else by its kind.
 * Words with hyphens (`two-gpus.yaml`) name a scenario; of what was read from a machine they may be its name.
 */
export function sourceLabel({ format, name }: Machine["source"]): string {
  if (NAMELESS.includes(name)) return name;
  const { files, names } = namesOfSource(name);
  const file = files.at(-1) ?? "";
  const stem = file.split(".")[0] ?? "";
  const isPlain = ENDING.test(file) && /^[a-z]{2,16}$/i.test(stem) && !names.includes(stem);
  const isWords = format === "scenario" && (names.length === 0 || /^[a-z]+(?:-[a-z]+)*\.ya?ml$/i.test(file));
  return isPlain || isWords ? file : KINDS[format];
}

/**
 * What was read, for the head of what is sent on to anybody: `this host`, `text of lspci`, `scenario`, `snapshot (archive
 * of sysfs)`. No file's own name, which may be a host's.
 */
export function sourceTitle({ format, madeOf, name }: Machine["source"]): string {
  if (name === "this host") return name;
  if (madeOf === undefined || madeOf === format) return KINDS[format];
  return `${KINDS[format]} (${KINDS[madeOf]})`;
}

/** Hosts have a number or several parts. A plain word as a file's name (`intel.txt`) is one of many texts. */
function looksLikeHost(name: string): boolean {
  return name.length >= 3 && /\p{L}/u.test(name) && /[\d.-]/.test(name) && !isKernelName(name);
}
