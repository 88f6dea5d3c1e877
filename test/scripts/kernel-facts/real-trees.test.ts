import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { isNotRecognised } from "../../../scripts/kernel-facts/c-source.ts";
import { differences } from "../../../scripts/kernel-facts/differences.ts";
import { FILES, readTree } from "../../../scripts/kernel-facts/read-tree.ts";
import { quirkTexts } from "../../../scripts/kernel-facts/show.ts";
import { ACS_QUIRKS } from "../../../src/rules/acs-quirks.ts";

/**
 * Trees at hand: Debian's packages linux-source-* where they are installed, and the folders of PEERLANE_KERNEL_TREES
 * (separated by `:`). The gate has none and says so.
 */
const PACKAGES = "/usr/src";
const packed = existsSync(PACKAGES)
  ? readdirSync(PACKAGES).filter((name) => /^linux-source-[\d.]+\.tar\.xz$/.test(name))
  : [];
const folders = (process.env["PEERLANE_KERNEL_TREES"] ?? "").split(":").filter((folder) => folder !== "");
const unpacked: string[] = [];

/** The files that are read of a packed tree, unpacked. */
function unpack(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), "peerlane-tree-"));
  unpacked.push(folder);
  const wanted = FILES.map((path) => `*/${path}`);
  // tar complains of files that a release does not have, and unpacks the others.
  try {
    execFileSync(
      "tar",
      ["-xJf", join(PACKAGES, name), "-C", folder, "--strip-components=1", "--wildcards", ...wanted],
      {
        stdio: "ignore",
      },
    );
  } catch {
    expect(readdirSync(folder)).toContain("Makefile");
  }
  return folder;
}

afterAll(() => {
  for (const folder of unpacked) rmSync(folder, { recursive: true });
});

const trees = [
  ...packed.map((name) => [name, (): string => unpack(name)] as const),
  ...folders.map((folder) => [folder, (): string => folder] as const),
];

test.skipIf(trees.length > 0)(
  "No real tree is at hand: install linux-source-7.3, or set PEERLANE_KERNEL_TREES",
  (context) => {
    context.skip();
  },
);

test.each(trees)("The rows are what %s says", (_, folder) => {
  const facts = readTree(folder());
  expect(differences(facts)).toEqual([]);
  expect(facts.acsQuirks.filter(isNotRecognised)).toEqual([]);
  const { version } = facts;
  // The table of quirks is that of the newest releases: older ones lack some of it.
  if (!isNotRecognised(version) && /^7\.[23]\./.test(version)) {
    expect(quirkTexts(facts.acsQuirks)).toEqual(quirkTexts(ACS_QUIRKS));
  }
});
