import { formatBdf } from "../pci/bdf.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import type { PeerRoute, PeerRoutes } from "../routes/peer-routes.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { AlikeSentences, kindOfSentence } from "./alike.ts";
import { nameIn } from "./device-names.ts";
import { EXAMPLES, EXPLAINED, moreKinds, type Remark, TOLD_KINDS } from "./matrix-reasons.ts";
import { MAP_TYPE_WORDS } from "./reasons.ts";
import { painted, plainText, rich } from "./rich.ts";
import { DIFFERENCE_WORDS, failureText, targetText } from "./route-text.ts";

/** Pairs whose routes differ from the kernel's verdict in the same way. */
interface DifferenceGroup {
  readonly sentences: AlikeSentences;
  readonly examples: string[];
  count: number;
}

/**
 * Where the kernel says yes and the fabric's route is another: one line for all pairs that differ alike but for the
 * functions they name, each with its first pairs, and no more than {@link TOLD_KINDS}. Nothing where the two agree
 * everywhere or nothing is known.
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
        const kind = kindOfSentence(text);
        const group = groups.get(kind) ?? { sentences: new AlikeSentences(text), examples: [], count: 0 };
        group.count++;
        group.sentences.add(text);
        if (group.examples.length < EXAMPLES)
          group.examples.push(`${nameIn(table.topology, provider)} → ${nameIn(table.topology, client)}`);
        groups.set(kind, group);
      }
    });
  });
  const all = [...groups.values()];
  const words = painted("warn", "kernel and hardware differ:");
  const remarks = all.slice(0, TOLD_KINDS).map(({ sentences, examples, count }): Remark => {
    const more = count > examples.length ? ` and ${count - examples.length} more` : "";
    return { text: rich`${words} ${sentences.text}`, about: `${examples.join(", ")}${more}` };
  });
  const untold = all.slice(TOLD_KINDS);
  const pairs = untold.reduce((sum, { count }) => sum + count, 0);
  return pairs > 0 ? [...remarks, { text: rich`${words} ${moreKinds(untold.length, "difference", pairs)}` }] : remarks;
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
