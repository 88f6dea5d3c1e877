import type { ProviderSearch } from "../advice/find-provider.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import type { ProviderCandidate } from "../rules/nearest-provider.ts";
import { fullName } from "./device-names.ts";
import { mapTypeSpan } from "./difference.ts";
import { type Block, heading, list, paragraph, type Rich, table } from "./document.ts";
import { machineLines } from "./facts.ts";
import type { FindJson } from "./json-types.ts";
import { machineJson, notesJson } from "./machine-json.ts";
import { plainText, rich } from "./rich.ts";

/**
 * The provider that the kernel would choose, and every candidate with its sum and its verdict for each client. With the same
 * search on the machine as it is, what differs is marked.
 */
export function findBlocks(search: ProviderSearch, asIs?: ProviderSearch): readonly Block[] {
  const { clients, candidates } = search;
  const { topology, machine, rules } = search.table;
  const names = clients.map((client) => fullName(topology, client));
  const head = ["provider", "published", "sum", ...names.map((name) => `for ${name}`)];
  const isOther = (provider: Bdf, j: number): boolean => {
    const [now, old] = [search.table, asIs?.table].map((table) => {
      const i = table?.providers.indexOf(provider) ?? -1;
      return table === undefined || i < 0 ? "" : `${table.mapType(i, j)} ${table.hops(i, j)}`;
    });
    return asIs !== undefined && now !== old;
  };
  const isMarked = candidates.some(({ provider }) => clients.some((_, j) => isOther(provider, j)));
  const choice = choiceText(search);
  const old = asIs === undefined ? choice : choiceText(asIs);
  const rows = candidates.map((candidate): Rich[] => [
    fullName(topology, candidate.provider),
    publishedText(candidate),
    sumText(candidate),
    ...clients.map((_, j): Rich => {
      const i = search.table.providers.indexOf(candidate.provider);
      const text = mapTypeSpan(search.table.mapType(i, j), search.table.hops(i, j));
      return isOther(candidate.provider, j) ? [text, "*"] : [text];
    }),
  ]);
  return [
    ...machineLines(machine, rules, Number.MAX_SAFE_INTEGER).map((text) => heading(text)),
    ...(rows.length === 0 ? [paragraph("no device of this machine may provide memory")] : [table(head, rows)]),
    heading("The kernel's choice"),
    list([choice, ...(plainText(old) === plainText(choice) ? [] : [rich`*: on the machine as it is ${old}`])]),
    ...(isMarked ? [paragraph("*: differs from the machine as it is")] : []),
  ];
}

function publishedText({ published }: ProviderCandidate): string {
  if (isUnknown(published)) return "?";
  return published ? "yes" : "no";
}

function sumText({ distance }: ProviderCandidate): string {
  if (isUnknown(distance)) return "?";
  return distance < 0 ? "✗" : String(distance);
}

function choiceText({ chosen, table: { topology } }: ProviderSearch): Rich {
  if (isUnknown(chosen)) return [{ text: "unknown", paint: "unknown" }, `: ${chosen.unknown}`];
  const [first, ...others] = chosen;
  if (first === undefined) return [{ text: "none", paint: "no" }, ": no published peer memory reaches every client"];
  const names = chosen.map((provider) => fullName(topology, provider)).join(", ");
  if (others.length === 0) return [{ text: names, paint: "direct" }];
  return [{ text: names, paint: "direct" }, ": they are as near, and the kernel picks one at random at each call"];
}

/** `peerlane.find/1`. */
export function findJson({ table: { machine, rules }, clients, candidates, chosen }: ProviderSearch): FindJson {
  return {
    schema: "peerlane.find/1",
    machine: machineJson({ machine, rules }),
    clients: clients.map(formatBdf),
    candidates: candidates.map((candidate) => ({ ...candidate, provider: formatBdf(candidate.provider) })),
    chosen: isUnknown(chosen) ? chosen : chosen.map(formatBdf),
    notes: notesJson(machine),
  };
}
