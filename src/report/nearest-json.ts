import type { Nearest, NearestSearch } from "../advice/find-nearest.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { shortfallsOf } from "../summary/shortfalls.ts";
import type { NearestJson, ReachJson } from "./json-types.ts";
import { machineJson, mapKnown, notesJson } from "./machine-json.ts";
import { changedIn } from "./nearest.ts";

/** `peerlane.nearest/1`. */
export function nearestJson(search: NearestSearch, before?: NearestSearch): NearestJson {
  const { table: decided, answers } = search;
  const { topology, machine } = decided;
  const changed = changedIn(search, before ?? null);
  const named = (bdf: Bdf): { readonly bdf: string; readonly name: string | null } => ({
    bdf: formatBdf(bdf),
    name: topology.find(bdf)?.names[0] ?? null,
  });
  const reachJson = ({ nearest, reach, perhaps }: Nearest): ReachJson => ({
    nearest: mapKnown(nearest, (bdfs) => bdfs.map(named)),
    mapType: reach?.mapType ?? "unknown",
    works: reach?.works ?? null,
    blockedBy: reach?.blockedBy?.message ?? null,
    goesUp: reach?.goesUp ?? false,
    hops: reach?.hops ?? null,
    locality: reach?.locality.is ?? null,
    memory: reach?.memory ?? "none",
    perhaps: perhaps.map(({ device }) => named(device)),
  });
  return {
    schema: "peerlane.nearest/1",
    machine: machineJson(decided),
    questions: answers.map(({ question, found, without }) => ({
      of: question.of.name,
      among: question.among.name,
      found: found.map((one) => {
        const was = changed.get(one);
        return {
          device: named(one.device),
          ...reachJson(one),
          ...(was === undefined ? {} : { before: was === null ? null : reachJson(was) }),
        };
      }),
      without: without.map(named),
    })),
    reduced: shortfallsOf(topology, decided.providers).map(({ device, link, bar }) => ({
      device: named(device),
      link:
        link === null
          ? null
          : {
              at: formatBdf(link.below),
              is: link.is,
              status: link.status,
              deviceCan: link.belowCan,
              bothCan: link.bothCan,
            },
      bar,
    })),
    virtualFunctions: search.virtual,
    notes: notesJson(machine),
  };
}
