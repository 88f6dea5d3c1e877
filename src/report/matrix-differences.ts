import type { PeerRoute, PeerRoutes } from "../fabric/index.ts";
import type { VerdictTable } from "../p2pdma/verdict-table.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { displayName } from "./device-names.ts";
import { EXAMPLES, EXPLAINED, type Remark } from "./matrix-reasons.ts";
import { MAP_TYPE_WORDS } from "./reasons.ts";
import { painted, plainText, rich } from "./rich.ts";
import { DIFFERENCE_WORDS, failureText, targetText } from "./route-text.ts";

/** Pairs whose routes differ from the kernel's verdict in the same way. */
interface DifferenceGroup {
  readonly text: string;
  readonly examples: string[];
  count: number;
}

/**
 * Where the kernel says yes and the fabric's route is another: one line for all pairs that differ alike, each with its
 * first pairs. Nothing where the two agree everywhere or nothing is known.
 */
export function differenceRemarks(table: VerdictTable, routes: PeerRoutes): readonly Remark[] {
  const groups = new Map<string, DifferenceGroup>();
  let looked = 0;
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      const mapType = table.mapType(i, j);
      if (provider === client || mapType === "not-supported" || mapType === "unknown" || ++looked > EXPLAINED) return;
      if (routes.agrees(i, j)) return;
      const routing = routes.at(i, j, false);
      for (const what of routing === null ? [] : differencesOf(routing.write, routing.read)) {
        const text = `the kernel says ${MAP_TYPE_WORDS[mapType]}, and ${what}`;
        const group = groups.get(text) ?? { text, examples: [], count: 0 };
        group.count++;
        if (group.examples.length < EXAMPLES)
          group.examples.push(`${nameIn(table, provider)} → ${nameIn(table, client)}`);
        groups.set(text, group);
      }
    });
  });
  return [...groups.values()].map(({ text, examples, count }) => {
    const more = count > examples.length ? ` and ${count - examples.length} more` : "";
    return {
      text: rich`${painted("warn", "kernel and hardware differ:")} ${text}`,
      about: `${examples.join(", ")}${more}`,
    };
  });
}

/** What differs, in one text for both directions where it is the same. */
function differencesOf(write: Known<PeerRoute>, read: Known<PeerRoute>): readonly string[] {
  const [writes, reads] = [differenceText(write), differenceText(read)];
  if (writes === reads) return writes === null ? [] : [`peer writes and reads ${writes}`];
  return [...(writes === null ? [] : [`peer writes ${writes}`]), ...(reads === null ? [] : [`peer reads ${reads}`])];
}

function differenceText(route: Known<PeerRoute>): string | null {
  if (isUnknown(route) || route.differs === null) return null;
  const words = DIFFERENCE_WORDS[route.differs];
  if (route.differs === "not-delivered") return `${words}: ${plainText(failureText(route, String))}`;
  return route.differs === "elsewhere" ? `${words}: ${targetText(route.target, formatBdf)}` : words;
}

function nameIn(table: VerdictTable, bdf: Bdf): string {
  const fn = table.topology.functions[table.topology.indexOf(bdf) ?? -1];
  return fn === undefined ? formatBdf(bdf) : displayName(fn);
}
