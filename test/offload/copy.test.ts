import { describe, expect, it } from "vitest";
import type { SystemOptions } from "../../src/devices/system-options.ts";
import type { Machine } from "../../src/host/machine.ts";
import { type CopyReport, type CopyRequest, copyBetweenDevices } from "../../src/offload/copy.ts";
import { type Bench, benchOf, emulatedMachine, isSame, pattern, serverMachine } from "../devices/machines.ts";

const lengthBytes = 20_000;

interface CopyBench extends Bench {
  run(request?: Partial<CopyRequest>): CopyReport;
  arrived(): boolean;
}

/** Copies from the buffer of cmb0 to the memory of the GPU. */
function copyBench(machine: Machine, options: SystemOptions = {}): CopyBench {
  const bench = benchOf(machine, options);
  const { system, fn } = bench;
  const gpuBar = system.physical.regions.find(
    (region) => region.kind === "bar" && region.owner === fn("gpu0") && region.range.sizeBytes === 2 ** 28,
  );
  const bar = gpuBar?.kind === "bar" ? gpuBar.bar : -1;
  const from = { fn: fn("cmb0"), bar: 2, offset: 100 };
  const to = { fn: fn("gpu0"), bar, offset: 8192 };
  system.fabric.barBytes(from.fn, from.bar).write(from.offset, pattern(lengthBytes));
  return {
    ...bench,
    run: (request = {}) => copyBetweenDevices(system, { from, to, lengthBytes, ...request }),
    arrived: () => isSame(system.fabric.barBytes(to.fn, to.bar).slice(to.offset, lengthBytes), pattern(lengthBytes)),
  };
}

describe.each(["off", "passthrough", "strict", "lazy"] as const)("a copy below one switch, IOMMU %s", (iommu) => {
  it.each(["cmb0", "gpu0", "nic0"])("by the engine of %s stays in the switch", (engine) => {
    const bench = copyBench(serverMachine(iommu));
    const report = bench.run({ engine: bench.fn(engine) });
    expect(report).toMatchObject({ outcome: "done", way: "direct", whyNotDirect: null, bytesMatch: true });
    expect(bench.arrived()).toBe(true);
    const passes = engine === "nic0" ? 2 : 1;
    expect(report.traffic).toMatchObject({ dramReadBytes: 0, dramWrittenBytes: 0, rootPortBytes: 0 });
    expect(report.traffic.switches).toEqual([{ fn: bench.fn("switch"), bytes: passes * lengthBytes }]);
  });
});

describe("a copy that cannot be mapped", () => {
  const machine = serverMachine("off", "false", "cpu: intel");

  it("issues nothing", () => {
    const bench = copyBench(machine);
    const report = bench.run({ engine: bench.fn("nic1") });
    expect(report).toMatchObject({ outcome: "mapping-failed", driverSaw: "EREMOTEIO", bytesMatch: false });
    expect(report.traffic.requests).toBe(0);
    expect(report.traffic.links).toEqual([]);
  });

  it("goes through RAM where that is allowed, and says why", () => {
    const bench = copyBench(machine);
    const report = bench.run({ engine: bench.fn("nic1"), fallBackToRam: true });
    expect(report).toMatchObject({ outcome: "done", way: "through-ram", whyNotDirect: { errno: "EREMOTEIO" } });
    expect(report.traffic).toMatchObject({ dramReadBytes: lengthBytes, dramWrittenBytes: lengthBytes });
    expect(bench.arrived()).toBe(true);
  });

  it("bounces nothing of a peer, and says that its address is too long", () => {
    const { fn } = copyBench(machine);
    const bench = copyBench(machine, { dmaMaskBits: new Map([[fn("cmb0"), 32]]) });
    const report = bench.run();
    expect(report).toMatchObject({ outcome: "mapping-failed", driverSaw: "EIO" });
    expect(report.mappingFailure?.reason).toContain("32 address bits");
  });
});

describe("a copy that the fabric does not deliver", () => {
  it("is lost in silence where the peer's engine writes below the emulator's switch", () => {
    const bench = copyBench(emulatedMachine("strict"));
    const report = bench.run();
    expect(report).toMatchObject({
      outcome: "silent-loss",
      driverSaw: "success",
      fabricSaw: "iommu-fault",
      bytesMatch: false,
    });
    expect(report.failures[0]).toMatchObject({ requester: bench.fn("cmb0"), endedAt: "root-complex" });
    expect(bench.system.units.faults.length).toBeGreaterThan(0);
    expect(bench.arrived()).toBe(false);
  });

  it("is the same where the options tell a real switch to send everything up", () => {
    const bench = copyBench(serverMachine("strict"), { switchForwarding: "always-upstream" });
    expect(bench.run()).toMatchObject({ outcome: "silent-loss", fabricSaw: "iommu-fault" });
  });

  it("is told by an engine that reads, where reads are reported", () => {
    const bench = copyBench(serverMachine("strict"), {
      switchForwarding: "always-upstream",
      failedReads: "reported",
    });
    const report = bench.run({ engine: bench.fn("gpu0") });
    expect(report).toMatchObject({ outcome: "device-error", driverSaw: "read-failed", fabricSaw: "iommu-fault" });
  });

  it("is lost where a switch redirects and the root port above has no ACS, unless that passes it on", () => {
    const whole = serverMachine("passthrough", "true");
    const functions = whole.functions.map((one) => (one.names.includes("root1") ? { ...one, acs: null } : one));
    const machine = { ...whole, functions };
    expect(copyBench(machine).run()).toMatchObject({ outcome: "silent-loss", fabricSaw: "unsupported-request" });
    const forwarding = copyBench(machine, { withoutUpstreamForwarding: "forward" });
    expect(forwarding.run().outcome).toBe("done");
  });

  it("ends at a device that does not decode", () => {
    const bench = copyBench(serverMachine());
    bench.system.fabric.setCommand(bench.fn("gpu0"), 0x4);
    expect(bench.run()).toMatchObject({ outcome: "silent-loss", fabricSaw: "unsupported-request" });
  });

  it("is not issued where bus mastering is off", () => {
    const bench = copyBench(serverMachine());
    bench.system.fabric.setCommand(bench.fn("cmb0"), 0x2);
    expect(bench.run()).toMatchObject({ outcome: "silent-loss", fabricSaw: "not-issued" });
  });
});

describe("the place of a copy", () => {
  it("is refused outside of its BAR", () => {
    const bench = copyBench(serverMachine());
    expect(() => bench.run({ from: { fn: bench.fn("cmb0"), bar: 2, offset: 2 ** 20 - 1 } })).toThrow(
      "has no 20000 bytes",
    );
    expect(() => bench.run({ to: { fn: bench.fn("cmb0"), bar: 5 } })).toThrow("has no 20000 bytes");
  });
});
