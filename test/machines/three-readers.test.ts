import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withIdsFromNames } from "../../src/host/ids-from-names.ts";
import { readLspci } from "../../src/host/lspci/index.ts";
import type { Machine } from "../../src/host/machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import { devfnOf, makeBdf } from "../../src/pci/bdf.ts";
import { buildTopology } from "../../src/pci/topology.ts";
import type { Verdict } from "../../src/rules/verdict.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { captureNames, readCapture, readCapturedMachine } from "./captures.ts";

const pciIds = "/usr/share/misc/pci.ids";
let folder = "";

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "peerlane-readers-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** What Debian's own lspci prints of a captured tree. */
function lspci(name: string, ...options: string[]): Uint8Array {
  const tree = mkdtempSync(join(folder, "tree-"));
  execFileSync("tar", ["xzf", readCapture(name).archive, "-C", tree]);
  const text = execFileSync("lspci", ["-A", "linux-sysfs", "-O", `sysfs.path=${tree}/sys/bus/pci`, ...options], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  rmSync(tree, { recursive: true });
  return new Uint8Array(text);
}

const joined = (list: Uint8Array, tree: Uint8Array): Uint8Array => Buffer.concat([list, Buffer.from("\n"), tree]);

/** True where each root bus begins with device 0: what a list shows of it is then the first there, without a tree. */
function beginsWithDevice0({ functions }: Machine): boolean {
  const { roots } = buildTopology(functions, []);
  return roots.every((root) => devfnOf(functions[root.functions[0] ?? 0]?.bdf ?? makeBdf(0, 0, 0, 1)) === 0);
}

type Said = Pick<Verdict, "mapType" | "distance" | "hops" | "reason" | "acsRedirect" | "meeting" | "path">;

/** All verdicts of a machine between the devices that the sysfs shows, with what lspci cannot know taken from sysfs. */
function verdicts(machine: Machine, whole: Machine): readonly Said[] {
  const { cpu, kernel, iommu } = whole;
  const { providers, clients } = selectDevices(whole, { all: true });
  const table = decideAll({ ...machine, cpu, kernel, iommu }, { providers, clients });
  return providers.flatMap((_, i) =>
    clients.map((__, j) => {
      const { mapType, distance, hops, reason, acsRedirect, meeting, path } = table.at(i, j);
      return { mapType, distance, hops, reason, acsRedirect, meeting, path };
    }),
  );
}

describe("sysfs, lspci text and lspci hex of one machine give the same verdicts", () => {
  test.for(captureNames)("%s", (name) => {
    const whole = readCapturedMachine(name);
    const expected = verdicts(whole, whole);
    const tree = lspci(name, "-t");
    const ids = readFileSync(pciIds, "utf8");
    const isShownByList = beginsWithDevice0(whole);
    for (const options of [["-vvv"], ["-vvv", "-nn"], ["-xxxx"]]) {
      const list = lspci(name, ...options);
      const read = (text: Uint8Array): readonly Said[] =>
        verdicts(withIdsFromNames(readLspci(text, options.join(" ")), ids), whole);
      expect(read(joined(list, tree))).toEqual(expected);
      const ofList = read(list);
      if (isShownByList) expect(ofList).toEqual(expected);
      // Else a filter may have taken the first device out, for all that the list shows.
      const known = ofList.map(({ reason }, at) => (reason === "host-bridge-hidden" ? ofList[at] : expected[at]));
      expect(ofList).toEqual(known);
    }
  });
});

describe("without root", () => {
  test.for(captureNames.filter((name) => name.includes(".strict")))(
    "%s: no verdict is wrong, and those that hang on ACS are unknown",
    (name) => {
      const whole = readCapturedMachine(name);
      const { cpu, kernel, iommu } = whole;
      const { providers, clients } = selectDevices(whole, { all: true });
      const cut = readLspci(lspci(name, "-x"), "header only");
      const full = decideAll(whole, { providers, clients });
      const table = decideAll({ ...cut, cpu, kernel, iommu }, { providers, clients });
      let unknown = 0;
      providers.forEach((_, i) => {
        clients.forEach((__, j) => {
          if (table.mapType(i, j) === "unknown") unknown++;
          else expect(table.mapType(i, j)).toBe(full.mapType(i, j));
        });
      });
      expect(unknown).toBeGreaterThan(0);
    },
  );
});
