import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { withIdsFromNames } from "../../src/host/ids-from-names.ts";
import { readLspci } from "../../src/host/lspci/index.ts";
import type { Machine } from "../../src/host/machine.ts";
import { decideAll, selectDevices } from "../../src/p2pdma/index.ts";
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

/** All verdicts of a machine between the devices that the sysfs shows, with what lspci cannot know taken from sysfs. */
function verdicts(machine: Machine, whole: Machine): unknown {
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
    const text = withIdsFromNames(readLspci(lspci(name, "-vvv"), "text"), readFileSync(pciIds, "utf8"));
    expect(verdicts(text, whole)).toEqual(expected);
    expect(verdicts(readLspci(lspci(name, "-vvv", "-nn"), "text with ids"), whole)).toEqual(expected);
    expect(verdicts(readLspci(lspci(name, "-xxxx"), "hex"), whole)).toEqual(expected);
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
