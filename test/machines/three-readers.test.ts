import { execFileSync, spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import type { FileTree } from "../../src/host/file-tree.ts";
import { withIdsFromNames } from "../../src/host/ids-from-names.ts";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import { devfnOf, makeBdf } from "../../src/pci/bdf.ts";
import { buildTopology } from "../../src/pci/build-topology.ts";
import type { Verdict } from "../../src/rules/verdict.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { unpacker } from "../unpacked.ts";
import { captureNames, readCapture, readCapturedMachine, readCapturedTree } from "./captures.ts";

const pciIds = "/usr/share/misc/pci.ids";
const missing = [
  ...(existsSync(pciIds) ? [] : [pciIds]),
  ...(spawnSync("lspci", ["--version"]).error === undefined ? [] : ["lspci"]),
];
const ids = existsSync(pciIds) ? readFileSync(pciIds, "utf8") : "";
if (missing.length > 0)
  console.warn(`skipped: what lspci prints of recorded machines, for want of ${missing.join(" and ")}`);

const unpack = unpacker();

/** What all files and links of PCI devices hold: the CPU and some modes of the IOMMU change nothing there. */
function hashOf(tree: FileTree): string {
  const hash = createHash("sha256");
  const add = (path: string): void => {
    const names = tree.list(path)?.toSorted();
    hash.update(`${path}\n${names ?? tree.readLink(path)}\n`);
    if (names === undefined) hash.update(tree.read(path, 2 ** 16) ?? "");
    for (const name of names ?? []) add(`${path}/${name}`);
  };
  for (const path of ["sys/bus/pci", "sys/devices"]) add(path);
  return hash.digest("hex");
}

/** Calls `make` for what is not known yet. */
function remembered<T>(make: (hash: string, name: string, ...more: readonly string[]) => T) {
  const known = new Map<string, T>();
  return (hash: string, name: string, ...more: readonly string[]): T => {
    const key = [hash, ...more].join(" ");
    const found = known.get(key) ?? make(hash, name, ...more);
    known.set(key, found);
    return found;
  };
}

/** What Debian's own lspci prints of a captured tree. */
const lspci = remembered((_, name, ...options) => {
  const path = `sysfs.path=${unpack(readCapture(name).archive)}/sys/bus/pci`;
  const text = execFileSync("lspci", ["-A", "linux-sysfs", "-O", path, ...options], {
    stdio: ["ignore", "pipe", "ignore"],
  });
  return new Uint8Array(text);
});

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

/** What is read of it: a list, with the drawing of the tree beside it or without. */
const readingOf = remembered((hash, name, withTree, ...options) => {
  const list = lspci(hash, name, ...options);
  const text = withTree === "with tree" ? joined(list, lspci(hash, name, "-t")) : list;
  return withIdsFromNames(readLspci(text, options.join(" ")), ids);
});

describe.skipIf(missing.length > 0)("sysfs, lspci text and lspci hex of one machine give the same verdicts", () => {
  test.for(captureNames)("%s", (name) => {
    const whole = readCapturedMachine(name);
    const expected = verdicts(whole, whole);
    const hash = hashOf(readCapturedTree(name));
    const isShownByList = beginsWithDevice0(whole);
    for (const options of [["-vvv"], ["-vvv", "-nn"], ["-xxxx"]]) {
      expect(verdicts(readingOf(hash, name, "with tree", ...options), whole)).toEqual(expected);
      const ofList = verdicts(readingOf(hash, name, "list alone", ...options), whole);
      if (isShownByList) expect(ofList).toEqual(expected);
      // Else a filter may have taken the first device out, for all that the list shows.
      const known = ofList.map(({ reason }, at) => (reason === "host-bridge-hidden" ? ofList[at] : expected[at]));
      expect(ofList).toEqual(known);
    }
  });
});

describe.skipIf(missing.length > 0)("without root", () => {
  test.for(captureNames.filter((name) => name.includes(".strict")))(
    "%s: no verdict is wrong, and those that hang on ACS are unknown",
    (name) => {
      const whole = readCapturedMachine(name);
      const { cpu, kernel, iommu } = whole;
      const { providers, clients } = selectDevices(whole, { all: true });
      const cut = readLspci(lspci(hashOf(readCapturedTree(name)), name, "-x"), "header only");
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
