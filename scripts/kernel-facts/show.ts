import type { AllowListEntry } from "../../src/rules/kernels/kernel-rules.ts";
import type { AcsQuirkRow } from "./acs-quirks.ts";
import { isNotRecognised, type Read } from "./c-source.ts";
import type { TreeFacts } from "./read-tree.ts";

/** The facts of a tree as lines, a fact each. */
export function factLines(facts: TreeFacts): readonly string[] {
  const line = <T>(name: string, value: Read<T>, show: (value: T) => string = String): string =>
    `${name}: ${isNotRecognised(value) ? `not recognised: ${value.notRecognised}` : show(value as T)}`;
  return [
    line("version", facts.version),
    line("option PCI_P2PDMA", facts.option, (on) => (on === null ? "none" : `depends on ${on.join(", ")}`)),
    line("AMD families from", facts.firstAmdFamily, (family) =>
      family === null ? "none" : `0x${family.toString(16)}`,
    ),
    line("allow-list", facts.allowList, allowListText),
    line("a root port stands for its host bridge", facts.rootPortStandsForHostBridge),
    line("redirected paths go through the host bridge", facts.redirectedMayUseHostBridge),
    line("an IOMMU closes the host bridge", facts.iommuClosesHostBridge),
    line(
      "added to the distance through the host bridge",
      facts.distanceThroughHostBridge,
      (more) => `0x${more.toString(16)}`,
    ),
    line("refused mappings", facts.refusal, (errno) => errno ?? "not refused by the DMA API"),
    line("refused page-less ranges", facts.pageLessRefusal, (errno) => errno ?? "no such mapping"),
    line("bus offset", facts.busOffset),
    line("ACS at boot, named functions", facts.acsAtBoot),
    line("config_acs", facts.configAcs),
    line("ACS turned on with an IOMMU", facts.acsEnabled, (bits) => bits.join(" ")),
    line("pci= parameters", facts.pciParameters, (names) => names.join(" ")),
    ...quirkLines(facts.acsQuirks),
  ];
}

/** An allow-list in a few words: ids by vendor, those that hold below one host bridge marked. */
export function allowListText(list: readonly AllowListEntry[]): string {
  if (list.length === 0) return "none";
  const groups = new Map<string, string[]>();
  for (const { vendorId, deviceId, sameHostBridgeOnly } of list) {
    const key = `${hex(vendorId)}${sameHostBridgeOnly ? " (same host bridge)" : ""}`;
    groups.set(key, [...(groups.get(key) ?? []), deviceId === "any" ? "any" : hex(deviceId)]);
  }
  return [...groups].map(([key, ids]) => `${key}: ${ids.join(" ")}`).join("; ");
}

function quirkLines(rows: readonly Read<AcsQuirkRow>[]): readonly string[] {
  const odd = rows.flatMap((row) => (isNotRecognised(row) ? [`ACS quirks: not recognised: ${row.notRecognised}`] : []));
  return [...quirkTexts(rows), ...odd];
}

/** Every quirk as one line: kind of function, what is said, vendor, ids in ranges; sorted, so that two tables compare. */
export function quirkTexts(rows: readonly Read<AcsQuirkRow>[]): readonly string[] {
  const groups = new Map<string, Set<number> | null>();
  for (const row of rows) {
    if (isNotRecognised(row)) continue;
    const key = `ACS quirk of ${hex(row.vendorId)} on ${row.on}, ${row.says}:`;
    if (row.devices === null) {
      groups.set(`${key} every other device`, null);
      continue;
    }
    const ids = groups.get(key) ?? new Set<number>();
    for (const [first, last] of row.devices) for (let id = first; id <= last; id++) ids.add(id);
    groups.set(key, ids);
  }
  return [...groups].map(([key, ids]) => (ids === null ? key : `${key} ${ranges(ids)}`)).sort();
}

function ranges(ids: ReadonlySet<number>): string {
  const runs: [first: number, last: number][] = [];
  for (const id of [...ids].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run?.[1] === id - 1) run[1] = id;
    else runs.push([id, id]);
  }
  return runs.map(([first, last]) => (first === last ? hex(first) : `${hex(first)}-${hex(last)}`)).join(" ");
}

function hex(id: number): string {
  return id.toString(16).padStart(4, "0");
}
