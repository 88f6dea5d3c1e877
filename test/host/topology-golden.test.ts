import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readLive } from "../../src/host/live.ts";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { domainOf, formatBdf } from "../../src/pci/bdf.ts";
import { captureNames, readCapture } from "../machines/captures.ts";
import { unpacker } from "../unpacked.ts";

const shared = join(import.meta.dirname, "../../../shared/machines");
const hasShared = existsSync(shared);
if (!hasShared) console.warn("the shared machines are not beside this checkout: the tests that read them are skipped");
const hasLstopo = spawnSync("lstopo", ["--version"]).error === undefined;

const unpack = unpacker();

/** Each function with the one above it, `root` on a root bus. */
function parents(machine: Machine): Record<string, string> {
  const { functions, parent } = topologyOf(machine);
  const name = (index: number): string => {
    const fn = functions[index];
    return fn === undefined ? (index === -1 ? "root" : "hidden") : formatBdf(fn.bdf);
  };
  return Object.fromEntries(functions.map((fn, index) => [formatBdf(fn.bdf), name(parent[index] ?? -2)]));
}

/** The same of lspci's own drawing, read by our reader of `-t`. */
function parentsByLspci(...options: string[]): Record<string, string> {
  const text = execFileSync("lspci", [...options, "-t"], { stdio: ["ignore", "pipe", "ignore"] });
  return parents(readLspci(new Uint8Array(text), "lspci -t"));
}

/** The same of lstopo's XML: bridges hold what is below them; host bridges are of type `0-1`. */
function parentsByLstopo(root: string): Record<string, string> {
  const xml = execFileSync("lstopo", ["--of", "xml", "--whole-io"], {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    env: { ...process.env, HWLOC_FSROOT: root, HWLOC_THISSYSTEM: "0" },
  });
  const found: Record<string, string> = {};
  const above: string[] = [];
  for (const [tag, closing, attributes = ""] of xml.matchAll(/<(\/?)object([^>]*)>/g)) {
    if (closing === "/") {
      above.pop();
      continue;
    }
    const bdf = /pci_busid="([^"]+)"/.exec(attributes)?.[1];
    const isFunction = bdf !== undefined && !/bridge_type="0-1"/.test(attributes);
    if (isFunction) found[bdf] = above.findLast((name) => name !== "") ?? "root";
    if (!tag.endsWith("/>")) above.push(isFunction ? bdf : "");
  }
  return found;
}

describe("recorded machines", () => {
  const shapes = captureNames.filter((name) => /\.intel\.off$/.test(name));
  test.for(shapes)("%s: the tree is the one that lspci draws", (name) => {
    const root = unpack(readCapture(name).archive);
    const ours = parents(readLive(root));
    expect(ours).toEqual(parentsByLspci("-A", "linux-sysfs", "-O", `sysfs.path=${root}/sys/bus/pci`, "-D"));
  });

  test.skipIf(!hasLstopo).for(shapes)("%s: the tree is the one that lstopo shows", (name) => {
    const root = unpack(readCapture(name).archive);
    expect(parents(readLive(root))).toEqual(parentsByLstopo(root));
  });
});

describe.skipIf(!hasShared)("hwloc's machines", () => {
  const archives = hasShared ? readdirSync(join(shared, "hwloc")).filter((file) => file.endsWith(".tar.bz2")) : [];

  test.for(archives)("%s: the tree is the one that lspci draws", (file) => {
    const root = unpack(join(shared, "hwloc", file));
    if (!existsSync(join(root, "sys/bus/pci/devices"))) return;
    const ours = parents(readLive(root));
    expect(Object.keys(ours).length).toBeGreaterThan(5);
    expect(ours).toEqual(parentsByLspci("-A", "linux-sysfs", "-O", `sysfs.path=${root}/sys/bus/pci`, "-D"));
  });

  test.skipIf(!hasLstopo).for(archives)("%s: the tree is the one that lstopo shows", (file) => {
    const root = unpack(join(shared, "hwloc", file));
    const machine = readLive(root);
    // Debian's lstopo is built without 32-bit domains and leaves them out.
    const functions = machine.functions.filter((fn) => domainOf(fn.bdf) <= 0xffff);
    expect(parents({ ...machine, functions })).toEqual(parentsByLstopo(root));
  });
});

test.skipIf(!hasShared)("the whole machine of a dump has the tree that lspci draws of it", () => {
  const file = join(shared, "lspci/tree-asus-p6t6.txt");
  const ours = parents(readLspci(new Uint8Array(readFileSync(file)), file));
  expect(Object.keys(ours).length).toBeGreaterThan(40);
  expect(ours).toEqual(parentsByLspci("-F", file, "-D"));
});
