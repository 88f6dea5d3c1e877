import { describe, expect, test } from "vitest";
import { Gpu } from "../../src/devices/gpu.ts";
import { RdmaNic } from "../../src/devices/rdma/rdma-nic.ts";
import { buildSystem, type System } from "../../src/devices/system.ts";
import { openVfio } from "../../src/devices/vfio.ts";
import { granted } from "../../src/dma/dma-error.ts";
import { dmaEntries, scatterlist } from "../../src/dma/scatterlist.ts";
import { VFIO_7_2, VFIO_UNLINKED } from "../../src/dmabuf/vfio-rules.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { providerOf } from "../../src/memory/machine-bars.ts";
import { type DmaAddr, PAGE_BYTES, type PhysAddr } from "../../src/pci/addresses.ts";
import { bdfOf, machineOf, pattern } from "../devices/machines.ts";
import { mapTypes, peerlane } from "./run.ts";

/*
 * What once went wrong in the model, with the right value: as workload files, and as calls of the library.
 */

describe("Workload files", () => {
  test.each<[line: string, status: number, said: readonly string[]]>([
    [
      "simulate model/explicit-provider.yaml",
      1,
      [
        "not run: the namespace is not enabled: EINVAL: 0000:05:00.0 cannot reach the peer memory of 0000:04:00.0",
        "not run: 0000:05:00.0 cannot reach the peer memory of 0000:04:00.0",
      ],
    ],
    [
      "simulate model/auto-no-provider.yaml",
      1,
      [
        "not run: the namespace is not enabled: EINVAL: no published peer memory is within reach of 0000:02:00.0",
        "64 KiB of 64 KiB right at the owner", // the step that asks for RAM
      ],
    ],
    [
      "simulate model/two-functions-direct.yaml",
      3,
      ["delivered, if what the model assumes holds", "assumed: writes of 0000:01:00.0 reach 0000:01:00.1"],
    ],
    ["simulate model/two-functions-upstream.yaml", 3, ["if what the model assumes holds", "PCIe leaves open"]],
    [
      "explain x y model/two-functions.yaml",
      0,
      [
        "route writes and reads: unknown: the source does not show whether the functions of this device reach each other",
      ],
    ],
  ])("%s", async (line, status, said) => {
    const found = await peerlane(line);
    expect(found.status).toBe(status);
    const words = found.out.replaceAll(/\s+/g, " ");
    for (const each of said) expect(words).toContain(each);
  });

  test("model/path-and-translation.yaml: the direct path has bus addresses under a translating IOMMU, the other IOVAs", async () => {
    expect(await mapTypes("model/path-and-translation.yaml")).toMatchObject({
      "03:00.0 → 04:00.0": "bus-addr",
      "03:00.0 → 05:00.0": "thru-host-bridge",
    });
    const direct = (await peerlane("explain gpu0 nic0 model/path-and-translation.yaml")).out;
    expect(direct).toContain("the IOMMU translates (strict) and the DMA address is a bus address");
    expect((await peerlane("explain gpu0 nic1 model/path-and-translation.yaml")).out).toContain("an IOVA that");
  });
});

/** X within the client's reach and Y not, one behind the other in the address space. */
const neighbours = `  - below:
      - rootPort: { acs: "true" }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - { port: { acs: "false" }, below: [ { accel: { name: X, bars: { 0: "1M" } } } ] }
              - { port: { acs: "RR+" }, below: [ { accel: { name: Y, bars: { 0: "1M" } } } ] }
              - { port: { acs: "false" }, below: [ { nic: { name: client } } ] }`;

/** All below a switch that sends everything up: addresses are IOVAs where there is an IOMMU. */
const redirected = `  - below:
      - rootPort: { acs: "SV+ RR+ CR+ UF+" }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: "SV+ RR+ CR+ UF+" }
            below: [ { accel: { name: X, bars: { 0: "1M" } } }, { nic: { name: client } } ]`;

describe("Calls of the library", () => {
  test("an entry that runs from one provider into the next is EINVAL, and so is a range of another provider", () => {
    const machine = machineOf(neighbours, "off", "cpu: intel");
    const system = buildSystem(machine, { peerMemory: ["X", "Y"].map((fn) => ({ fn, bar: 0 })) });
    const [x, y] = [providerOf(machine, "X", 0), providerOf(machine, "Y", 0)];
    expect([system.decide(x.provider, bdfOf(machine, "client")), y.range.start]).toEqual([
      "bus-addr",
      x.range.start + x.range.sizeBytes,
    ]);
    const [ops, device] = [system.opsOf("client"), system.deviceOf("client")];
    const list = scatterlist([{ start: (y.range.start - PAGE_BYTES) as PhysAddr, sizeBytes: 2 * PAGE_BYTES }]);
    expect(ops.mapList(device, list, "from-device")).toMatchObject({ errno: "EINVAL" });
    expect(dmaEntries(list)).toEqual([]);
    const range = { start: y.range.start, sizeBytes: PAGE_BYTES };
    expect(ops.mapProviderRanges(device, x.provider, [range], "from-device")).toMatchObject({ errno: "EINVAL" });
    expect(system.fabric.barBytes("Y", 0).storedPages()).toEqual([]);
  });

  test.each([
    ["strict", VFIO_7_2, "remote-access-error", "iommu-fault", []],
    ["lazy", VFIO_7_2, "remote-access-error", "delivered", [/until the IOMMU flushes its queue/]],
    ["lazy", VFIO_UNLINKED, "remote-access-error", "iommu-fault", []],
    ["off", VFIO_7_2, "remote-access-error", "delivered", [/no IOMMU looks at bus addresses/]],
  ] as const)(
    "after a reset that is done (IOMMU %s, $1.release) the region answers %s, and a device that goes on: %s",
    (iommu, rules, answer, stale, leftOpen) => {
      const system = buildSystem(machineOf(redirected, iommu));
      const vfio = openVfio(system, "X", { rules });
      const nic = new RdmaNic(system, "client");
      const buffer = granted(vfio.exportRanges(0, [{ start: 0, sizeBytes: PAGE_BYTES }]));
      const region = granted(nic.registerBuffer(buffer, { mode: "pinned-revocable" }));
      const use = granted(region.use(0, 64));
      const address = use.spans[0]?.address as DmaAddr;
      use.end();
      expect(nic.serveWrite(region.key, 0, pattern(64))).toBe("success");
      const reset = vfio.reset();
      expect(reset.isDone).toBe(true);
      expect(nic.serveWrite(region.key, 0, pattern(64))).toBe(answer);
      expect(reset.leftOpen).toEqual(leftOpen.map((each) => expect.stringMatching(each)));
      expect(system.fabric.write("client", address, pattern(64))).toBe(stale);
      system.units.flush();
      if (iommu !== "off") expect(system.fabric.write("client", address, pattern(64))).toBe("iommu-fault");
    },
  );

  test("a region that cannot be registered, as the verdict is unknown, leaves nothing behind", () => {
    const text = `
scenario: t
kernel: 7.2
iommu: { mode: strict, kind: intel }
hostBridges:
  - below:
      - { rootPort: { id: "8086:3420" }, below: [ { accel: { name: X, bars: { 0: "1M" } } } ] }
      - { rootPort: { id: "8086:3420" }, below: [ { nic: { name: client } } ] }
`;
    const system = buildSystem(readScenario(text, "unknown.yaml"));
    const vfio = openVfio(system, "X");
    const buffer = granted(vfio.exportRanges(0, [{ start: 0, sizeBytes: PAGE_BYTES }]));
    expect(() => new RdmaNic(system, "client").registerBuffer(buffer)).toThrow("is unknown");
    expect(buffer).toMatchObject({ references: 1, attachments: [], pinnedBy: [], mappedBy: [] });
    expect(vfio.reset().isDone).toBe(true);
    buffer.put();
    expect(vfio.buffers).toEqual([]);
    const domain = system.units.newDomain();
    system.units.attach("client", domain);
    expect(() => system.units.attach("client", "blocked")).toThrow("has another user's domain");
    expect(system.units.domainOf("client")).toBe(domain);
  });

  test("a GPU's driver and the pool of its BAR never hand out one page", () => {
    const machine = machineOf("  - below: [ { rootPort: {}, below: [ { gpu: { name: g, bar: 1M } } ] } ]");
    const system = buildSystem(machine, { peerMemory: [{ fn: "g", bar: 1 }] });
    const [driver, pool] = [new Gpu(system, "g", { bar: 1 }), system.pools.get(bdfOf(machine, "g"))];
    const starts = Array.from(
      { length: 256 },
      (_, index) => (index % 2 === 0 ? driver : pool)?.alloc(PAGE_BYTES)?.start,
    );
    expect(new Set(starts).size).toBe(256);
    expect(starts).not.toContain(undefined);
    expect([driver.alloc(PAGE_BYTES), pool?.alloc(PAGE_BYTES)]).toEqual([null, null]);
  });

  describe("odd requests", () => {
    const below = (one: string) => `  - below:\n      - rootPort: { acs: "false" }\n        below: [ ${one} ]`;
    const twoPorts = `${below('{ accel: { name: X, bars: { 0: "1M" } } }')}
      - rootPort: { acs: "false" }
        below: [ { nic: { name: client } } ]`;
    const write = ({ fabric }: System, at: number, lengthBytes = 64, type?: "translated"): string =>
      fabric.write("client", at as DmaAddr, new Uint8Array(lengthBytes), type);

    test("an MSI is no DMA: it faults nowhere, and writes no memory", () => {
      const system = buildSystem(machineOf(below("{ nic: { name: client } }"), "strict", "cpu: intel"));
      expect(write(system, 0xfee0_0000, 4)).toBe("delivered");
      expect(system.units.faults).toEqual([]);
      expect(system.fabric.dram.storedPages()).toEqual([]);
      expect(write(system, 0xfee0_0000, 64)).toBe("unsupported-request");
    });

    test("a translated request of a function without ATS is a fault", () => {
      const system = buildSystem(machineOf(twoPorts, "strict"));
      const { start } = providerOf(system.machine, "X", 0).range;
      expect(write(system, start, 64, "translated")).toBe("iommu-fault");
      expect(system.fabric.barBytes("X", 0).storedPages()).toEqual([]);
    });

    test("a write of no bytes arrives or ends by name, and moves nothing", () => {
      const system = buildSystem(machineOf(twoPorts, "off"));
      const { start } = providerOf(system.machine, "X", 0).range;
      expect(write(system, start, 0)).toBe("delivered");
      expect(write(system, start + 2 ** 30, 0)).toBe("unsupported-request");
      expect(system.fabric.barBytes("X", 0).storedPages()).toEqual([]);
    });

    test("two functions of one device on the root bus reach each other inside of it, whatever the root complex refuses", () => {
      const twins = `  - below: [ { functions: [ { nic: { name: client } }, { accel: { name: X, bars: { 0: "1M" } } } ] } ]`;
      const machine = machineOf(twins);
      const { start } = providerOf(machine, "X", 0).range;
      expect(write(buildSystem(machine, { rootComplex: "refuse" }), start)).toBe("delivered");
      const upstream = buildSystem(machine, { rootComplex: "refuse", insideDevices: "upstream" });
      expect(write(upstream, start)).toBe("unsupported-request");
    });
  });
});
