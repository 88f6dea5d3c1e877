import { PeerlaneError } from "../pci/error.ts";

/** What people write by hand. */
export type FileKind = "policy" | "workload" | "scenario";

/** What reads each kind. */
const READERS = {
  policy: "peerlane check POLICY [SOURCE]",
  workload: "peerlane simulate WORKLOAD",
  scenario: "peerlane vm SCENARIO",
  machine: "peerlane matrix SOURCE",
} as const;

/** The keys that only one kind has, at the beginning of a line. */
const KEYS: readonly (readonly [kind: FileKind, keys: RegExp])[] = [
  ["scenario", /^(?:scenario|hostBridges):/m],
  ["policy", /^(?:policy|require|forbid|separate):/m],
  ["workload", /^workload:/m],
];

/** Refuses a file that is plainly of another kind than is due. */
export function refuseOtherKind(file: string, text: string, due: FileKind): void {
  const kind = kindOf(text);
  if (kind === undefined || kind === due) return;
  throw new PeerlaneError(
    "usage",
    `${file} is ${kind === "machine" ? "a dump or an archive of a machine" : `a ${kind}`}, and a ${due} is due`,
    {
      remedy: `as in: ${READERS[due]}`,
    },
  );
}

/** Refuses a policy or a workload where a machine is due. */
export function refuseAsMachine(file: string, text: string): void {
  const kind = kindOf(text);
  if (kind !== "policy" && kind !== "workload") return;
  throw new PeerlaneError("usage", `${file} is a ${kind}, and a machine is due`, { remedy: `as in: ${READERS[kind]}` });
}

/** Refuses a text where results of a measuring tool are due and none are in it. */
export function refuseAsResults(file: string, text: string): void {
  const kind = kindOf(text);
  if (kind === undefined) return;
  const is = kind === "machine" ? "a dump or an archive of a machine" : `a ${kind}`;
  throw new PeerlaneError("usage", `${file} is ${is}, and results of a measuring tool are due`, {
    remedy: "as in: peerlane compare RESULTS [SOURCE]; two machines: peerlane diff BEFORE AFTER",
  });
}

/** The kind of file that a text is, where its keys say so; `machine` for what is compressed, or a dump of `lspci`. */
function kindOf(text: string): FileKind | "machine" | undefined {
  if (text.includes("\0") || /^(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[0-9a-f]{2}\.[0-7] /m.test(text)) return "machine";
  const kinds = KEYS.filter(([, keys]) => keys.test(text)).map(([kind]) => kind);
  return kinds.length === 1 ? kinds[0] : undefined;
}
