import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readHwloc } from "../../../src/host/hwloc/read-hwloc.ts";
import { readLive } from "../../../src/host/live.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { domainOf } from "../../../src/pci/bdf.ts";
import { captureNames, readCapture, readCapturedMachine } from "../../machines/captures.ts";
import { unpacker } from "../../unpacked.ts";
import {
  expectHonestVerdicts,
  expectSameFunctions,
  hasLstopo,
  hasShared,
  parents,
  shared,
  xmlByLstopo,
} from "./support.ts";

if (!hasShared) console.warn("the shared machines are not beside this checkout: the tests that read them are skipped");
if (!hasLstopo) console.warn("lstopo is not installed: the tests that let it write XML are skipped");

const unpack = unpacker();

/** The XML with CPU and kernel of the machine: lstopo takes them from this host where the copy does not have them. */
function readBeside(xml: string, { cpu, kernel }: Machine): Machine {
  return { ...readHwloc(xml, "lstopo.xml"), cpu, kernel };
}

const rulesToTry = ["5.4", "5.10", "6.12", "7.3"] as const;

describe.skipIf(!hasLstopo)("recorded machines, written by lstopo", () => {
  const shapes = captureNames.filter((name) => /\.(?:intel\.strict|amd-zen\.off)$/.test(name));

  test.for(shapes)("%s: the tree is that of sysfs, and what lstopo filters is missing and nothing else", (name) => {
    const whole = readCapturedMachine(name);
    const root = unpack(readCapture(name).archive);
    const all = readBeside(xmlByLstopo(root, "--whole-io"), whole);
    const filtered = readBeside(xmlByLstopo(root), whole);
    expect(parents(all)).toEqual(parents(whole));
    expectSameFunctions(all, whole);
    expect(filtered.functions.length).toBeGreaterThan(2);
    expect(filtered.functions.length).toBeLessThan(whole.functions.length);
    expect(parents(whole)).toMatchObject(parents(filtered));
    expectSameFunctions(filtered, whole);
    for (const rules of rulesToTry) {
      expectHonestVerdicts(all, whole, rules, true);
      expectHonestVerdicts(filtered, whole, rules, false);
    }
  });

  test("without bridges nothing is said of the tree but bus 0", () => {
    const name = "two-host-bridges.intel.off";
    const whole = readCapturedMachine(name);
    const xml = xmlByLstopo(unpack(readCapture(name).archive), "--whole-io", "--no-bridges");
    const part = readBeside(xml, whole);
    const places = Object.entries(parents(part));
    expect(places.length).toBeGreaterThan(5);
    for (const [bdf, place] of places) expect(place).toBe(bdf.startsWith("0000:00:") ? "root" : "hidden");
    expect(part.notes.map(({ message }) => message).join()).toContain("the file has no bridges");
    expectHonestVerdicts(part, whole, "6.12", false);
  });
});

describe.skipIf(!hasShared)("hwloc's machines", () => {
  const names = ["40intel64-2g2n4c+pcilocality", "nvidia-dgx-gb10"] as const;

  test.for(names)("%s: the tree of its XML is that of its sysfs", (name) => {
    const path = join(shared, "hwloc", `${name}.xml`);
    const part = readHwloc(readFileSync(path, "utf8"), path);
    const root = unpack(join(shared, "hwloc", `${name}.tar.bz2`));
    const whole = existsSync(join(root, "sys/bus/pci/devices")) ? readLive(root) : undefined;
    if (whole === undefined) {
      expect(part.functions).toEqual([]);
      expect(part.notes.map(({ message }) => message)).toEqual([`${path} shows no PCI function`]);
      return;
    }
    expect(parents(part)).toEqual(parents(whole));
    expectSameFunctions(part, whole);
    for (const rules of rulesToTry) expectHonestVerdicts(part, whole, rules, false);
    const { cpu, kernel } = whole;
    for (const rules of rulesToTry) expectHonestVerdicts({ ...part, cpu, kernel }, whole, rules, false);
  });

  test("the names of NICs are those of sysfs, RDMA before network", () => {
    const path = join(shared, "hwloc", `${names[0]}.xml`);
    const { functions } = readHwloc(readFileSync(path, "utf8"), path);
    expect(functions.map((fn) => fn.names).filter((fnNames) => fnNames.length > 0)).toEqual([
      ["eth0"],
      ["eth1"],
      ["eth2"],
      ["eth3"],
      ["qib0", "ib0"],
    ]);
  });

  test("CPU and kernel of an ARM machine are read", () => {
    const path = join(shared, "hwloc", `${names[1]}.xml`);
    const { cpu, kernel } = readHwloc(readFileSync(path, "utf8"), path);
    expect(cpu).toMatchObject({ architecture: "aarch64", vendor: null, family: null, model: null });
    expect(kernel.release).toBe("6.17.0-1014-nvidia");
  });

  test("neither the host's name nor addresses of devices get into the machine", () => {
    for (const name of names) {
      const path = join(shared, "hwloc", `${name}.xml`);
      const text = JSON.stringify(readHwloc(readFileSync(path, "utf8"), path));
      expect(text).not.toMatch(/cfarm107|78:2b:cb|0011:7500|torque/);
    }
  });

  test.skipIf(!hasLstopo).for([names[0], "2pa-pcidomain32bits"] as const)(
    "%s: as this host's lstopo writes it",
    (name) => {
      const root = unpack(join(shared, "hwloc", `${name}.tar.bz2`));
      const machine = readLive(root);
      const xml = xmlByLstopo(root, "--whole-io");
      // Debian's lstopo is built without 32-bit domains and leaves them out.
      const whole = { ...machine, functions: machine.functions.filter((fn) => domainOf(fn.bdf) <= 0xffff) };
      const part = readBeside(xml, whole);
      expect(parents(part)).toEqual(parents(whole));
      expectSameFunctions(part, whole);
      for (const rules of rulesToTry) expectHonestVerdicts(part, whole, rules, false);
    },
  );
});
