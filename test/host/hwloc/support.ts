import { execFileSync, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { topologyOf } from "../../../src/host/machine.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { expectSame } from "../../expect-same.ts";

export const shared: string = join(import.meta.dirname, "../../../../shared/machines");
export const hasShared: boolean = existsSync(shared);
export const hasLstopo: boolean = spawnSync("lstopo", ["--version"]).error === undefined;

/** What lstopo makes of a copy of a machine's `sys/`. Its words on CPU and kernel may be this host's. */
export function xmlByLstopo(root: string, ...options: string[]): string {
  return execFileSync("lstopo", ["--of", "xml", ...options], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, HWLOC_FSROOT: root, HWLOC_THISSYSTEM: "0" },
  });
}

/** A document with one machine that holds `objects`; `infos` of the whole topology as hwloc 3 places them. */
export function topologyXml(objects: string, infos = ""): string {
  return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="3.0">
  <object type="Machine" os_index="0" nodeset="0x00000003" complete_nodeset="0x00000003">
${objects}
  </object>
${infos}
</topology>
`;
}

/** Each function with the one above it: `root`, or `hidden`. */
export function parents(machine: Machine): Record<string, string> {
  const { functions, parent } = topologyOf(machine);
  const name = (index: number): string => {
    const fn = functions[index];
    return fn === undefined ? (index === -1 ? "root" : "hidden") : formatBdf(fn.bdf);
  };
  return Object.fromEntries(functions.map((fn, index) => [formatBdf(fn.bdf), name(parent[index] ?? -2)]));
}

/** What a source shows of a function, where the other source shows it as well, must be the same. */
const comparedFields = ["vendorId", "deviceId", "subsystem", "revision", "headerType", "attachment"] as const;

/** Expects every function of `part` to be in `whole`, with the same place, ids, class, buses and names. */
export function expectSameFunctions(part: Machine, whole: Machine): void {
  const byBdf = new Map(whole.functions.map((fn) => [fn.bdf, fn]));
  for (const fn of part.functions) {
    const original = byBdf.get(fn.bdf);
    if (original === undefined) throw new Error(`${formatBdf(fn.bdf)} is not in ${whole.source.name}`);
    for (const field of comparedFields) {
      if (isUnknown(fn[field]) || isUnknown(original[field])) continue;
      expect(fn[field], `${field} of ${formatBdf(fn.bdf)}`).toEqual(original[field]);
    }
    // hwloc 2 has no programming interface.
    if (!isUnknown(fn.classCode)) expect(fn.classCode >>> 8).toBe(Number(original.classCode) >>> 8);
    if (!isUnknown(fn.bridge) && !isUnknown(original.bridge)) {
      expect(fn.bridge?.secondary).toBe(original.bridge?.secondary);
      expect(fn.bridge?.subordinate).toBe(original.bridge?.subordinate);
    }
    // hwloc names the namespaces of an NVMe controller, and not the controller.
    const isController = (name: string): boolean => /^nvme\d+(?:n\d+)?$/.test(name);
    expect(fn.names.filter((name) => !isController(name))).toEqual(
      original.names.filter((name) => !isController(name)),
    );
  }
}

/**
 * Expects of every pair: a known verdict is the one of the whole machine, and so are known hops; a pair with a function
 * in common hangs on ACS and is unknown. `isWhole` says that hwloc kept every function: then nothing else is unknown.
 */
export function expectHonestVerdicts(part: Machine, whole: Machine, rules: string, isWhole: boolean): void {
  const bdfs = part.functions.map((fn) => fn.bdf);
  const seen = decideAll(part, { providers: bdfs, clients: bdfs, rules });
  const full = decideAll(whole, { providers: bdfs, clients: bdfs, rules });
  bdfs.forEach((_, i) => {
    bdfs.forEach((__, j) => {
      const verdict = seen.at(i, j);
      const truth = full.at(i, j);
      const pair = (): string =>
        `${formatBdf(verdict.provider)} and ${formatBdf(verdict.client)} with the rules of ${rules}`;
      if (verdict.hops !== null) expectSame(verdict.hops, truth.hops, pair);
      expectSame(verdict.acsRedirect.length, 0, pair);
      if (verdict.meeting !== null) {
        expectSame(verdict.mapType, "unknown", pair);
        expectSame(verdict.reason, "acs-hidden", pair);
        expectSame(verdict.meeting, truth.meeting, pair);
      } else if (isWhole || verdict.mapType !== "unknown") {
        expectSame(verdict.mapType, truth.mapType, pair);
        expectSame(verdict.distance, truth.distance, pair);
      } else {
        expectSame(verdict.hidden.length > 0, true, pair);
      }
    });
  });
}
