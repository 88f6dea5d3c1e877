import { describe, expect, test } from "vitest";
import * as model from "../../src/model.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { readCapturedMachine } from "../machines/captures.ts";
import { findDevice, formatBdf } from "./entries.ts";

const { devices, dmabuf, fabric, iommu, memory, offload } = model;
const machine = readCapturedMachine("nested-switches.intel.strict");
const [bdf, other] = [findDevice(machine, "nvme0"), findDevice(machine, "nvme1")];
const bar = memory.providersOf(machine).find(({ owner }) => owner === bdf)?.bar ?? 0;
const system = devices.buildSystem(machine);

describe("in the model a device goes by any name", () => {
  const names: readonly (Bdf | string)[] = [bdf, "nvme0", formatBdf(bdf), formatBdf(bdf).slice(5)];

  test.for(names)("%s", (name) => {
    expect(new devices.BusMaster(system, name).fn).toBe(bdf);
    expect(new devices.DmaEngine(system, name).bus.fn).toBe(bdf);
    expect(new devices.RdmaNic(system, name).fn).toBe(bdf);
    expect(new devices.NvmeController(devices.buildSystem(machine), name).fn).toBe(bdf);
    expect(new devices.Gpu(system, name, { bar }).fn).toBe(bdf);
    expect(system.deviceOf(name)).toBe(system.deviceOf(bdf));
    expect(system.opsOf(name)).toBe(system.opsOf(bdf));
    expect(system.fabric.indexOf(name)).toBe(system.fabric.indexOf(bdf));
    expect(system.fabric.barBytes(name, bar)).toBe(system.fabric.barBytes(bdf, bar));
    expect(system.fabric.command(name)).toBe(system.fabric.command(bdf));
    expect(memory.providerOf(machine, name, bar).provider.owner).toBe(bdf);
    expect(system.units.domainOf(name)).toBe(system.units.domainOf(bdf));
    expect(system.units.membersOfGroup(name)).toEqual(system.units.membersOfGroup(bdf));
    const view = dmabuf.guestView(machine, [name, "nvme1"]);
    expect([...view.guestOf.keys()]).toEqual([bdf, other]);
    expect(devices.buildSystem(machine, { peerMemory: [{ fn: name, bar }] }).pools.has(bdf)).toBe(true);
    expect(devices.buildSystem(machine, { dmaMaskBits: new Map([[name, 40]]) }).deviceOf(bdf).maskBits).toBe(40);
  });

  test("a copy between two, and by whose engine", () => {
    const copy = (from: Bdf | string, to: Bdf | string) => {
      const fresh = devices.buildSystem(machine);
      const places = { from: { fn: from, bar }, to: { fn: to, bar } };
      return offload.copyBetweenDevices(fresh, { ...places, engine: to, lengthBytes: 4096 });
    };
    expect(copy("nvme0", "nvme1")).toEqual(copy(bdf, other));
  });

  test("one that is not there is told", () => {
    expect(() => new devices.Gpu(system, "nvme9")).toThrow(/no device 'nvme9'/);
    expect(() => system.fabric.indexOf("nvme9")).toThrow(/no device 'nvme9'/);
    expect(() => new devices.BusMaster(system, 5 as Bdf)).toThrow(/no function 0000:00:00\.5/);
  });
});

describe("in the model a wrong argument is told by name", () => {
  test.for<[string, () => unknown, RegExp]>([
    ["a Promise", () => devices.buildSystem(Promise.resolve(machine) as never), /^buildSystem: 'machine' is a Promise/],
    ["a text", () => fabric.createFabric("x" as never), /^createFabric: 'machine' is the text "x", and a Machine is/],
    ["nothing", () => memory.providersOf(undefined as never), /^providersOf: 'machine' is missing, and a Machine/],
    ["a list", () => memory.physicalMapOf([] as never, { ramBytes: 4096 }), /^physicalMapOf: 'machine' is a list of 0/],
    ["a number", () => iommu.groupsOf(5 as never), /^groupsOf: 'machine' is the number 5, and a Machine is expected/],
    [
      "null",
      () => iommu.reservedRanges(null as never),
      /^reservedRanges: 'machine' is null, and a Machine is expected/,
    ],
    ["a system", () => new iommu.IommuUnits(system as never), /^IommuUnits: 'machine' is an object with machine, top/],
    ["an empty object", () => dmabuf.guestView({} as never, []), /^guestView: 'host' is an empty object, and a Mach/],
    ["a machine for a system", () => new devices.Gpu(machine as never, bdf), /^Gpu: 'system' is an object with source/],
    ["no system", () => new devices.BusMaster(undefined as never, bdf), /^BusMaster: 'system' is missing, and a Syst/],
    ["no device", () => new devices.BusMaster(system, undefined as never), /^BusMaster: 'fn' is missing, and an add/],
    ["no device for a pool", () => devices.poolOf(system, undefined as never), /^poolOf: 'fn' is missing, and an addr/],
    ["half an address", () => new devices.DmaEngine(system, 0.5 as never), /0.5 is neither an address nor a name/],
    ["no device of a copy", () => offload.copyBetweenDevices(system, { from: { bar: 0 } } as never), /'fn' is missing/],
  ])("%s", ([, call, message]) => {
    expect(call).toThrow(expect.objectContaining({ code: "usage", message: expect.stringMatching(message) }));
  });
});
