import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { describe, expect, it, test } from "vitest";
import { ArchiveTree } from "../../../src/host/archive.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { topologyOf } from "../../../src/host/machine.ts";
import { withOverrides } from "../../../src/host/override.ts";
import { looksLikeRdmaTopo, readRdmaTopo } from "../../../src/host/rdma-topo/read-dump.ts";
import { writeRdmaTopo } from "../../../src/host/rdma-topo/write-dump.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";
import { captureNames, readCapture, readCapturedMachine } from "../../machines/captures.ts";

function treeOf(name: string): ArchiveTree {
  return new ArchiveTree(new Uint8Array(gunzipSync(readFileSync(readCapture(name).archive))), name);
}

type Entry = Record<string, unknown>;

async function entriesOf(name: string): Promise<Entry[]> {
  return JSON.parse(await writeRdmaTopo(treeOf(name))) as Entry[];
}

/** Who reaches whom, with what decides it, where kernel and CPU are given. */
function verdicts(machine: Machine): unknown[] {
  const given = withOverrides(machine, { kernel: "7.2", cpu: "intel" });
  const table = decideAll(given, {
    providers: given.functions.map((fn) => fn.bdf),
    clients: given.functions.map((fn) => fn.bdf),
  });
  return table.providers.flatMap((_, i) =>
    table.clients.map((__, j) => [table.mapType(i, j), table.hops(i, j), ...table.why(i, j).acsRedirect]),
  );
}

function shape(machine: Machine): unknown {
  const { parent, root } = topologyOf(machine);
  return {
    parent: [...parent],
    root: [...root],
    functions: machine.functions.map(({ bdf, vendorId, deviceId, classCode, names, iommuGroup, numaNode, acs }) => [
      bdf,
      vendorId,
      deviceId,
      classCode,
      names,
      iommuGroup,
      numaNode,
      acs,
    ]),
  };
}

describe("A dump for rdma_topo, read back, is the machine that it was made of", () => {
  test.for(captureNames)("%s", async (name) => {
    const machine = readCapturedMachine(name);
    const back = await readRdmaTopo(await writeRdmaTopo(treeOf(name)), "dump.json");
    expect(shape(back)).toEqual(shape(machine));
    expect(verdicts(back)).toEqual(verdicts(machine));
  });

  it("and written again is the same dump", async () => {
    const entries = await entriesOf("one-switch.intel.strict");
    const [first] = entries;
    expect(Object.keys(first ?? {})).toEqual([
      "realpath",
      "config",
      "modalias",
      "iommu_group",
      "numa_node",
      "subsystems",
    ]);
    expect(first?.["realpath"]).toBe("/sys/devices/pci0000:00/0000:00:00.0");
    expect(first?.["modalias"]).toMatch(/^pci:v00008086d000029C0sv[0-9A-F]{8}sd[0-9A-F]{8}bc06sc00i00$/);
  });
});

describe("What a dump does not have", () => {
  it("is unknown, with the way out", async () => {
    const machine = await readRdmaTopo(await writeRdmaTopo(treeOf("one-switch.intel.strict")), "dump.json");
    for (const value of [
      machine.cpu.vendor,
      machine.kernel.release,
      machine.iommu.mode,
      machine.functions[0]?.driver,
    ]) {
      expect(value).toEqual({ unknown: expect.stringContaining("peerlane capture") as string });
    }
  });

  it("is not taken for a bus without it: where rdma_topo left out the host bridge, the allow-list cannot be asked", async () => {
    // Host bridge and ISA bridge: what the tool leaves out.
    const entries = (await entriesOf("one-switch.intel.off")).filter(
      ({ modalias }) => !/bc06sc0[01]i/.test(String(modalias)),
    );
    const machine = withOverrides(await readRdmaTopo(JSON.stringify(entries), "dump.json"), {
      kernel: "7.2",
      cpu: "intel",
    });
    const [one, , other] = machine.functions.filter(({ classCode }) => classCode === 0x010802).map((fn) => fn.bdf);
    const table = decideAll(machine, { providers: [one ?? (0 as never)], clients: [other ?? (0 as never)] });
    expect(table.at(0, 0)).toMatchObject({ mapType: "unknown", reason: "host-bridge-hidden" });
  });

  it("of a group is unknown where an entry lacks it, and none where it says so", async () => {
    const entries = await entriesOf("one-switch.intel.strict");
    const [{ iommu_group: _, ...first } = {}, second, ...rest] = entries;
    const text = JSON.stringify([first, { ...second, iommu_group: null }, ...rest]);
    const { functions } = await readRdmaTopo(text, "dump.json");
    expect(isUnknown(functions[0]?.iommuGroup ?? null)).toBe(true);
    expect(functions[1]?.iommuGroup).toBeNull();
  });

  it("of a port that only a path names is all of it", async () => {
    const entries = await entriesOf("one-switch.intel.strict");
    const [gone] = entries.filter(({ modalias }) => String(modalias).includes("bc06sc04"));
    const text = JSON.stringify(entries.filter((entry) => entry !== gone));
    const { functions } = await readRdmaTopo(text, "dump.json");
    expect(functions).toHaveLength(entries.length);
    const port = functions.find(({ vendorId }) => isUnknown(vendorId));
    for (const field of ["acs", "express", "iommuGroup", "classCode"] as const)
      expect(isUnknown(port?.[field] ?? null)).toBe(true);
  });

  it("of config space is hidden ACS, never no ACS", async () => {
    const { toBase64, deflate, fromBase64, inflate } = await import("../../../src/host/rdma-topo/zlib.ts");
    for (const bytes of [64, 256]) {
      const entries = await Promise.all(
        (await entriesOf("one-switch.intel.strict")).map(async (entry) => {
          const config = await inflate(fromBase64(String(entry["config"])), 4096);
          return { ...entry, config: toBase64(await deflate(config.subarray(0, bytes))) };
        }),
      );
      const machine = await readRdmaTopo(JSON.stringify(entries), "dump.json");
      const ports = machine.functions.filter(({ classCode }) => classCode === 0x060400);
      expect(ports.every(({ acs }) => acs !== null && isUnknown(acs))).toBe(true);
    }
  });
});

describe("A dump that is none", () => {
  it("is told apart by its content", () => {
    expect(looksLikeRdmaTopo('[\n {\n  "realpath": "/sys/devices/x"')).toBe(true);
    expect(looksLikeRdmaTopo('[{"a": 1}]')).toBe(false);
    expect(looksLikeRdmaTopo('{"realpath": ""}')).toBe(false);
  });

  const change = (more: Entry) => (entries: Entry[]) => [{ ...entries[0], ...more }, ...entries.slice(1)];
  test.for<[string, (entries: Entry[]) => unknown, RegExp]>([
    ["an object", (entries) => ({ entries }), /is a list/],
    ["a path that leaves sysfs", change({ realpath: "/sys/devices/../../etc/0000:00:00.0" }), /entry 1: its realpath/],
    ["a path of no function", change({ realpath: "/sys/devices/pci0000:00" }), /entry 1: its realpath/],
    ["a function twice", (entries) => [...entries, entries[0]], /there twice/],
    ["base64 that is none", change({ config: "?" }), /not zlib in base64/],
    ["zlib that is none", change({ config: "aGVsbG8=" }), /not zlib in base64/],
    ["a group that is no number", change({ iommu_group: "5" }), /iommu_group/],
    ["no path at all", change({ realpath: null }), /realpath/],
  ])("is refused: %s", async ([, damage, message]) => {
    const entries = await entriesOf("one-switch.intel.off");
    await expect(readRdmaTopo(JSON.stringify(damage(entries)), "dump.json")).rejects.toThrow(message);
  });

  it("is refused before it unpacks to more than config space", async () => {
    const { toBase64, deflate } = await import("../../../src/host/rdma-topo/zlib.ts");
    const config = toBase64(await deflate(new Uint8Array(4 * 1024 * 1024)));
    const entries = change({ config })(await entriesOf("one-switch.intel.off"));
    await expect(readRdmaTopo(JSON.stringify(entries), "dump.json")).rejects.toThrow(PeerlaneError);
  });
});
