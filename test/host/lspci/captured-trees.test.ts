import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { readLspci } from "../../../src/host/lspci/read-lspci.ts";
import { NodeTree } from "../../../src/host/node-tree.ts";
import { readSysfs } from "../../../src/host/sysfs.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { expectAgreement, hasLspci, lspci, packetsOf, withoutBars } from "./support.ts";

const captures = join(import.meta.dirname, "../../machines/recorded");
const shared = join(import.meta.dirname, "../../../../shared/machines/hwloc");
const archivesIn = (folder: string): string[] =>
  existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => /\.tar\.(gz|bz2)$/.test(name))
        .map((name) => join(folder, name))
    : [];

/** One capture of each shape is enough: CPU and IOMMU do not change what lspci prints of the hardware. */
const ofEachShape = [...new Map(archivesIn(captures).map((path) => [basename(path).split(".")[0], path])).values()];
const archives = hasLspci ? [...ofEachShape, ...archivesIn(shared)] : [];
if (archives.length === 0) console.warn("skipped: no lspci, or no captured sysfs trees");

const folder = mkdtempSync(join(tmpdir(), "peerlane-lspci-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The folder in an unpacked archive that holds `sys/bus/pci`. */
function rootOf(path: string): string | undefined {
  return [path, ...readdirSync(path).map((name) => join(path, name))].find((root) =>
    existsSync(join(root, "sys/bus/pci")),
  );
}

describe.each(archives.map((path) => [basename(path), path]))("%s", (name, archive) => {
  const unpacked = mkdtempSync(join(folder, "tree-"));
  execFileSync("tar", ["-xf", archive, "-C", unpacked], { stdio: "ignore" });
  const found = rootOf(unpacked);
  // A capture for lstopo may hold classes only.
  if (found === undefined) {
    it.skip("has no sys/bus/pci");
    return;
  }
  const root = found;
  const run = (...flags: string[]): Uint8Array =>
    lspci("-A", "linux-sysfs", "-O", `sysfs.path=${join(root, "sys/bus/pci")}`, "-D", ...flags) ?? new Uint8Array();

  it("lspci's text of a sysfs tree tells what the tree tells", () => {
    const fromTree = readSysfs(new NodeTree(root, name));
    const text = run("-vvvnn");
    if (text.length === 0) return;
    const fromText = readLspci(text, name);
    expectAgreement(fromTree, fromText, []);
    for (const [index, fn] of fromText.functions.entries()) {
      // Where the tree holds all of config space, the text must know as much.
      const whole = fromTree.functions[index];
      for (const key of ["acs", "express", "bridge", "bars"] as const) {
        if (whole !== undefined && !isUnknown(whole[key])) expect(isUnknown(fn[key]), key).toBe(false);
      }
      const express = whole?.express;
      // Of a port of a version before 2 lspci prints the same lines.
      if (express === undefined || isUnknown(express) || express === null || isUnknown(express.registers)) continue;
      expect(Object.values(packetsOf(fn) as object).some(isUnknown)).toBe(false);
    }
    // The kernel changes some BARs of its own, such as those of IDE controllers in legacy mode; bytes do not show that.
    expectAgreement(withoutBars(fromTree), withoutBars(readLspci(run("-xxxx"), name)), []);
  });

  it("lspci's drawing of a sysfs tree shows the places that the tree shows", () => {
    const fromTree = readSysfs(new NodeTree(root, name));
    const text = run("-t");
    if (text.length === 0) return;
    const places = new Map(fromTree.functions.map((fn) => [fn.bdf, fn.attachment]));
    const drawn = readLspci(text, name);
    expect(drawn.functions.length).toBe(fromTree.functions.length);
    for (const fn of drawn.functions) {
      const place = places.get(fn.bdf);
      if (place !== undefined && !isUnknown(place)) expect(fn.attachment).toEqual(place);
    }
  });
});
