import { isUnknown } from "../pci/known.ts";
import type { AskedPath, HopLimit } from "./hops.ts";
import { lookUpWords } from "./look-ups.ts";
import { rootComplexLimit, type Sureness } from "./platform-limits.ts";

/** How sure a path's figure is: as sure as the least sure thing on the way. */
export function sureOf({ machine, path, packets, lookUps }: AskedPath, hops: readonly HopLimit[]): Sureness {
  const roots = path.crossings.flatMap((each) =>
    each.kind === "root-complex" ? [rootComplexLimit(machine, each.distance, 1).sure] : [],
  );
  const all = [packets.payload.sure, ...hops.map(({ sure }) => sure), ...roots];
  const isUnseen = path.crossings.some(({ kind }) => kind === "hidden-link" || kind === "on-card");
  if (isUnseen || isUnknown(lookUps) || all.includes("assumption")) return "assumption";
  return all.includes("measured") ? "measured" : "specification";
}

/** What is taken of a path that its source does not show. */
export function assumptionsOf(
  { path, packets, machine, lookUps, windowBytes }: AskedPath,
  hops: readonly HopLimit[],
): readonly string[] {
  const looked = lookUpWords(lookUps, windowBytes);
  const said: string[] = looked === null ? [] : [looked];
  if (packets.payload.sure !== "specification") said.push(packets.payload.why);
  for (const each of packets.reads === null ? [] : [packets.reads.request, packets.reads.tags]) {
    if (each.sure === "assumption") said.push(each.why);
  }
  for (const hop of hops) if (hop.kind === "link" && hop.sure === "assumption") said.push(hop.why);
  for (const crossing of path.crossings) {
    if (crossing.kind === "hidden-link" || crossing.kind === "on-card") said.push(crossing.why);
    if (crossing.kind === "root-complex") said.push(rootComplexLimit(machine, crossing.distance, 1).why);
  }
  return said;
}
