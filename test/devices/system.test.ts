import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { mapMemory } from "../../src/devices/mapped-memory.ts";
import { buildSystem, poolOf } from "../../src/devices/system.ts";
import type { OwnBackend } from "../../src/devices/system-options.ts";
import { openVfio } from "../../src/devices/vfio.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { providerOf } from "../../src/memory/machine-bars.ts";
import { physAddr } from "../../src/pci/addresses.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { isBridge } from "../../src/pci/device-kind.ts";
import { unknown } from "../../src/pci/known.ts";
import { decide } from "../../src/rules/verdict-table.ts";
import { bdfOf, benchOf, emulatedMachine, machineOf, serverMachine, wrapped } from "./machines.ts";

function choiceOf(machine: Machine, what: string): string | undefined {
  return buildSystem(machine).choices.find((choice) => choice.what === what)?.value;
}

describe("a system", () => {
  it("has the pools that the machine's drivers registered, and those that are asked for", () => {
    const machine = serverMachine();
    const { system, fn } = benchOf(machine, {
      peerMemory: [{ fn: bdfOf(machine, "gpu0"), bar: 1, sizeBytes: 0x10000 }].map((request) => ({
        ...request,
        bar: largestBar(machine, "gpu0"),
      })),
    });
    expect([...system.pools.keys()].sort()).toEqual([fn("cmb0"), fn("gpu0"), fn("cmb1")].sort());
    expect(poolOf(system, fn("cmb0")).sizeBytes).toBe(2 ** 20);
    expect(poolOf(system, fn("gpu0")).sizeBytes).toBe(0x10000);
    expect(() => poolOf(system, fn("nic0"))).toThrow("no peer memory");
  });

  it("knows the words of its settings, and no others", () => {
    const machine = serverMachine("strict");
    for (const setting of [
      "rootComplex",
      "switchForwarding",
      "withoutUpstreamForwarding",
      "insideDevices",
      "failedReads",
    ]) {
      expect(() => buildSystem(machine, { [setting]: "nope" }), setting).toThrow(`'${setting}' is the text "nope"`);
    }
    expect(() => buildSystem(machine, { iommu: { mode: "nope" as never } })).toThrow("'mode' is the text \"nope\"");
  });

  it("tells what it does where ACS leaves it open, on machines that have such ports only", () => {
    const withPorts = (acs: string): Machine =>
      machineOf(`
  - below:
      - rootPort: { acs: false }
        below:
          - switch: { acs: ${acs} }
            below: [ { nvme: { cmb: 1M } }, nic ]
`);
    expect(choiceOf(withPorts('"SV+ RR+"'), "upstream-forwarding")).toBe("refuse");
    expect(choiceOf(withPorts("false"), "upstream-forwarding")).toBeUndefined();
    expect(choiceOf(withPorts('"EC+"'), "egress-control")).toBe("every peer");
    expect(choiceOf(withPorts('"SV+ RR+"'), "egress-control")).toBeUndefined();
  });

  it("asks the rules, and caches nothing that differs from them", () => {
    const machine = serverMachine("strict", "true", "cpu: intel");
    const { system } = benchOf(machine);
    const endpoints = machine.functions.filter((one) => !isBridge(one) && one.names.length > 0);
    for (const provider of system.providers) {
      for (const { bdf } of endpoints) {
        const verdict = decide(machine, provider.owner, bdf);
        expect(system.decide(provider, bdf)).toBe(verdict.mapType);
        expect(system.distance(provider.owner, bdf)).toBe(verdict.distance);
      }
    }
  });

  it("refuses a verdict that is unknown, with the reason", () => {
    const whole = serverMachine();
    const functions = whole.functions.map((one) =>
      one.names.includes("switch") ? { ...one, acs: unknown("run as root") } : one,
    );
    const machine = { ...whole, functions };
    const { system, fn } = benchOf(machine);
    expect(() => system.distance(fn("cmb0"), fn("nvme0"))).toThrow("run as root");
  });

  it("maps as the kernel would: directly, with bounce buffers for a short mask, with the IOMMU", () => {
    const machine = serverMachine();
    const masks = new Map([[bdfOf(machine, "nic0"), 32]]);
    const { system, fn } = benchOf(machine, { ramBytes: 6 * 2 ** 30, dmaMaskBits: masks });
    expect(system.opsOf(fn("nic0")).name).toBe("swiotlb");
    expect(system.opsOf(fn("nvme0")).name).toBe("direct");
    expect(system.opsOf(fn("nvme0"))).toBe(system.opsOf(fn("gpu0")));
    const strict = benchOf(serverMachine("strict"));
    expect(strict.system.opsOf(strict.fn("nic0")).name).toBe("iommu");
    const refusing = benchOf(machine, { backend: (one) => (one === bdfOf(machine, "nic0") ? "refusing" : undefined) });
    expect(refusing.system.opsOf(fn("nic0")).name).toBe("refusing");
    expect(refusing.system.opsOf(fn("nvme0")).name).toBe("direct");
  });

  describe("on an architecture whose linear map ends", () => {
    const machine = serverMachine();
    const endOf = (name: string, bar: number): number => {
      const { range } = providerOf(machine, name, bar);
      return range.start + range.sizeBytes;
    };
    const gpuBar = largestBar(machine, "gpu0");
    const request = { fn: "gpu0", bar: gpuBar };

    it.each([
      ["at the end of a BAR: it has pages", endOf("gpu0", gpuBar), true],
      ["a byte before: it has none", endOf("gpu0", gpuBar) - 1, false],
      ["far behind", 2 ** 50, true],
      ["before all of them", 2 ** 32, false],
    ])("%s", (_, linearMapEnd, hasPool) => {
      const system = buildSystem(machine, { peerMemory: [request], linearMapEnd });
      expect(system.pools.has(bdfOf(machine, "gpu0"))).toBe(hasPool);
      const said = system.choices.filter(({ why }) => why.includes("lies beyond the linear map"));
      expect(said.some(({ value }) => value === `none in ${formatBdf(bdfOf(machine, "gpu0"))}`)).toBe(!hasPool);
    });

    it("a part of a BAR before the end has pages, and the pools of drivers go by the same rule", () => {
      const linearMapEnd = endOf("gpu0", gpuBar) - 1;
      const part = buildSystem(machine, { peerMemory: [{ ...request, sizeBytes: 65536 }], linearMapEnd });
      expect(part.pools.get(bdfOf(machine, "gpu0"))?.sizeBytes).toBe(65536);
      expect([...buildSystem(machine, { linearMapEnd: 2 ** 20 }).pools.keys()]).toEqual([]);
      expect([...buildSystem(machine, { linearMapEnd: 2 ** 50 }).pools.keys()]).toEqual([
        ...buildSystem(machine).pools.keys(),
      ]);
    });

    it("what needs no pages goes on", () => {
      const system = buildSystem(machine, { linearMapEnd: 2 ** 20 });
      const buffer = openVfio(system, "gpu0").exportRanges(gpuBar, [{ start: 0, sizeBytes: 4096 }]);
      expect(buffer.ok).toBe(true);
    });
  });

  describe("with a back end of one's own", () => {
    const counting = (name: string, calls: string[]): OwnBackend => ({
      name,
      open: ({ named }) => wrapped(named("direct"), { name, takesPeers: true }, (call) => calls.push(call)),
    });

    it("maps by it for the devices that it is given for, and by the kernel's choice for the others", () => {
      const machine = serverMachine();
      const calls: string[] = [];
      const mine = counting("counting", calls);
      const { system, fn } = benchOf(machine, {
        backend: (one) => (one === bdfOf(machine, "nic0") || one === bdfOf(machine, "gpu0") ? mine : undefined),
      });
      const range = system.ram.alloc(4096);
      if (range === null) throw new Error("no RAM");
      expect(mapMemory(system, fn("nic0"), [range], "to-device").ok).toBe(true);
      expect(mapMemory(system, fn("nvme0"), [range], "to-device").ok).toBe(true);
      expect(calls.filter((call) => call.startsWith("map"))).toHaveLength(1);
      expect(system.opsOf(fn("nic0")).name).toBe("counting");
      expect(system.opsOf(fn("gpu0"))).toBe(system.opsOf(fn("nic0")));
      expect(system.opsOf(fn("nvme0")).name).toBe("direct");
    });

    it.each<[string, OwnBackend, string]>([
      ["of the name of one of ours", counting("iommu", []), "the model has a back end named 'iommu' of its own"],
      ["that is no name of ours", "drect" as never, "'backend' is the text \"drect\", and one of direct, swiotlb"],
      ["without 'open'", { name: "mine" } as never, "'backend' is an object with name, and one of direct"],
      ["that is null", null as never, "'backend' is null, and one of direct"],
    ])("refuses one %s", (_, backend, message) => {
      const { system, fn } = benchOf(serverMachine(), { backend });
      expect(() => system.opsOf(fn("nic0"))).toThrow(message);
    });
  });

  it("takes what platforms are documented to do, and says so", () => {
    expect(choiceOf(emulatedMachine("strict"), "switch-forwarding")).toBe("always-upstream");
    expect(choiceOf(emulatedMachine("strict"), "failed-reads")).toBe("unnoticed");
    expect(choiceOf(emulatedMachine("passthrough"), "switch-forwarding")).toBe("per-spec");
    expect(choiceOf(serverMachine("strict"), "switch-forwarding")).toBe("per-spec");
    expect(choiceOf(serverMachine("strict"), "failed-reads")).toBe("reported");
    expect(choiceOf(serverMachine(), "root-complex")).toBe("forward");
  });

  it.each([
    ["1014:04c1", "writes-only", "power9"],
    ["8086:3408", "within-host-bridge", "intel-io-hub"],
    ["1c36:0031", "refuse", "annapurna-root-ports"],
    ["8086:ffff", "forward", "assumed"],
  ])("takes root ports %s as %s", (id, value, why) => {
    const port = `
      - rootPort: { id: ${id} }
        below: [nvme]`;
    // A host bridge of POWER has one root port: nothing is documented of two.
    const first = value === "writes-only" ? port : port + port;
    const machine = machineOf(`\n  - below:${first}\n  - bus: 0x40\n    below:${port}`, "off", "cpu: arm");
    const choice = buildSystem(machine).choices.find(({ what }) => what === "root-complex");
    expect(choice?.value).toBe(value);
    expect(choice?.why).toContain(why);
  });

  it("keeps traffic within a host bridge where only the way between two is documented to fail", () => {
    const bridge = `
  - below:
      - rootPort: { id: "8086:3c02" }
        below: [nvme]`;
    const choice = buildSystem(machineOf(bridge + bridge)).choices.find(({ what }) => what === "root-complex");
    expect(choice?.value).toBe("within-host-bridge");
    expect(choice?.why).toContain("documented");
  });

  it("reserves bounce buffers before RAM is handed out, so that low RAM that is used up fails no mapping", () => {
    const machine = serverMachine();
    const nic = bdfOf(machine, "nic0");
    const system = buildSystem(machine, { ramBytes: 6 * 2 ** 30, dmaMaskBits: new Map([[nic, 32]]) });
    while (system.ram.alloc(2 ** 20, { below: 2 ** 32 }) !== null);
    const high = system.ram.alloc(4096, { from: physAddr(2 ** 32) });
    if (high === null) throw new Error("no high RAM");
    expect(mapMemory(system, nic, [{ start: high.start, sizeBytes: 4096 }], "to-device").ok).toBe(true);
  });

  it("answers with an error where RAM is too small for bounce buffers, and refuses options that ask for them", () => {
    const machine = serverMachine();
    const nic = bdfOf(machine, "nic0");
    const system = buildSystem(machine, { ramBytes: 0x8000, dmaMaskBits: new Map([[nic, 14]]) });
    const runs = [{ start: physAddr(0x5000), sizeBytes: 4096 }];
    expect(mapMemory(system, nic, runs, "to-device")).toMatchObject({ ok: false, errno: "EIO" });
    expect(() => buildSystem(machine, { ramBytes: 0x8000, backend: "swiotlb" })).toThrow("for bounce buffers");
  });

  it("refuses an offset that puts RAM into a window of its host bridge", () => {
    const machine = serverMachine();
    const options = { ramBytes: 2 ** 31, ramBusOffset: () => 0x8000_0000 };
    expect(() => buildSystem(machine, options)).toThrow(
      expect.objectContaining({ code: "bad-input", remedy: expect.stringContaining("ramBusOffset") }),
    );
    expect(() => buildSystem(machine, { ...options, ramBusOffset: () => 2 ** 46 })).not.toThrow();
  });

  it("says what it assumes", () => {
    const { system, fn } = benchOf(serverMachine());
    expect(system.deviceOf(fn("nic0")).maskBits).toBe(64);
    expect(system.choices.filter(({ what }) => what === "dma-mask").at(-1)?.why).toContain("assumed");
  });

  it("refuses a machine whose addresses are hidden, with the place", () => {
    const machine = serverMachine();
    const functions = machine.functions.map((one) => ({ ...one, bars: unknown("run as root") }));
    expect(() => buildSystem({ ...machine, functions })).toThrow("run as root");
  });

  it("is built of every example", () => {
    for (const name of ["gpu-nic-server", "nested-switches", "one-switch", "small-bar-gpu", "two-host-bridges"]) {
      const path = join(import.meta.dirname, "../../examples", `${name}.yaml`);
      const machine = readScenario(readFileSync(path, "utf8"), name);
      const system = buildSystem(machine);
      for (const { bdf } of machine.functions) expect(system.opsOf(bdf).cost).toBe(system.cost);
    }
  });

  it("takes a refusing root complex from the options", () => {
    const { system } = benchOf(machineOf("\n  - below: [{ rootPort: { name: root1 }, below: [nvme] }]"), {
      rootComplex: "refuse",
    });
    expect(system.choices).toContainEqual({ what: "root-complex", value: "refuse", why: "the options say so" });
  });
});

function largestBar(machine: Machine, name: string): number {
  const regions = buildSystem(machine).physical.regions.flatMap((region) =>
    region.kind === "bar" && region.owner === bdfOf(machine, name) ? [region] : [],
  );
  return regions.sort((a, b) => b.range.sizeBytes - a.range.sizeBytes)[0]?.bar ?? -1;
}
