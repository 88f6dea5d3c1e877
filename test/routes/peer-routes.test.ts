import { describe, expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import type { PhysAddr } from "../../src/pci/addresses.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { peerDifference } from "../../src/routes/peer-difference.ts";
import { type PeerRoute, PeerRoutes, type PeerRouting } from "../../src/routes/peer-routes.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { bdfOf, hopsOf, machineOf, shown, switchMachine } from "../fabric/machines.ts";
import { readCapturedMachine } from "../machines/captures.ts";

function routing(machine: Machine, provider: string, client: string): PeerRouting | null {
  return routingOf(machine, bdfOf(machine, provider), bdfOf(machine, client));
}

/** The routing of a pair; that `agrees` says the same is held by the way. */
function routingOf(machine: Machine, provider: Bdf, client: Bdf): PeerRouting | null {
  const table = decideAll(machine, { providers: [provider], clients: [client] });
  const routes = new PeerRoutes(table);
  const whole = routes.at(0, 0);
  const differs = [whole?.write, whole?.read].some((route) => differenceOf(route) !== null);
  if (differs) expect(routes.agrees(0, 0)).toBe(false);
  const brief = routes.at(0, 0, false);
  expect(brief).toEqual(
    whole && { address: whole.address, write: withoutHops(whole.write), read: withoutHops(whole.read) },
  );
  return whole;
}

function differenceOf(route: PeerRouting["write"] | undefined): PeerRoute["differs"] {
  return route === undefined || "unknown" in route ? null : route.differs;
}

function withoutHops(route: PeerRouting["write"]): PeerRouting["write"] {
  return "unknown" in route ? route : { ...route, hops: [] };
}

function changed(machine: Machine, name: string, parts: Partial<PciFunction>): Machine {
  const functions = machine.functions.map((fn) => (fn.names.includes(name) ? { ...fn, ...parts } : fn));
  return { ...machine, functions };
}

/** Two devices below root ports of one host bridge, or of two, with what the host bridges are made of. */
function apart(cpu: string, port: string, iommu: string, isTwoBridges = false): Machine {
  const half = (name: string): string => `
      - rootPort: { id: "${port}" }
        below: [ { nvme: { cmb: 16M, name: ${name} } } ]`;
  const bridges = isTwoBridges
    ? `
  - below:${half("left")}
  - bus: 0x40
    below:${half("right")}`
    : `
  - below:${half("left")}${half("right")}`;
  return afterBoot(readScenario(`cpu: ${cpu}\nkernel: 7.2\niommu: "${iommu}"\nhostBridges:${bridges}\n`, "test.yaml"));
}

describe("Below one switch", () => {
  test("what the kernel calls direct goes directly, and nothing differs", () => {
    const machine = switchMachine();
    const whole = routing(machine, "left", "right");
    expect(whole?.address).toMatchObject({ kind: "bus" });
    expect(whole?.write).toMatchObject({ outcome: "delivered", differs: null });
    expect(hopsOf(machine, shown(whole?.write ?? unknown("")))).toEqual([
      "right issue",
      "rightPort across",
      "leftPort down",
      "left end",
    ]);
    expect(whole?.read).toMatchObject({ outcome: "delivered", differs: null });
  });

  test("a translating IOMMU changes nothing where the switch routes by the specification", () => {
    const emulated = switchMachine({}, "strict");
    // The ports of a scenario are those of the emulator unless it says otherwise.
    const functions = emulated.functions.map((fn) => (fn.bridge === null ? fn : { ...fn, vendorId: 0x1000 }));
    const whole = routing({ ...emulated, functions }, "left", "right");
    expect(whole?.write).toMatchObject({ outcome: "delivered", differs: null });
  });

  test("the emulator's switch sends bus addresses to the IOMMU, which faults", () => {
    const machine = readCapturedMachine("one-switch.intel.strict");
    const whole = routing(machine, "nvme0", "nvme1");
    for (const route of [whole?.write, whole?.read]) {
      expect(route).toMatchObject({ outcome: "iommu-fault", endedAt: "root-complex", differs: "not-delivered" });
    }
  });

  test("the same switch without translation delivers", () => {
    const machine = readCapturedMachine("one-switch.intel.passthrough");
    expect(routing(machine, "nvme0", "nvme1")?.write).toMatchObject({ outcome: "delivered", differs: null });
  });

  test("a redirect at the provider's port only sends completions up: the kernel's verdict is about both directions", () => {
    const machine = machineOf(`
  - below:
      - rootPort: { acs: "SV+ RR+ CR+ UF+" }
        below:
          - switch: {}
            below:
              - port: { acs: "CR+ UF+" }
                below: [ { nvme: { cmb: 16M, name: left } } ]
              - port: { acs: false }
                below: [ { gpu: { bar: 1G, name: right } } ]`);
    const whole = routing(machine, "left", "right");
    expect(whole?.write).toMatchObject({ outcome: "delivered", differs: "stays-below" });
    expect(whole?.read).toMatchObject({ unknown: expect.stringContaining("completions and not requests") });
  });
});

test("What a route reaches is compared with what was meant", () => {
  const [left, right] = [0x300 as Bdf, 0x400 as Bdf];
  const end = { provider: left, bar: 2, isOwn: false };
  const at = (fn: Bdf, bar: number, offset = 0) =>
    ({ outcome: "delivered", target: { kind: "bar", fn, bar, offset } }) as const;
  expect(peerDifference(at(left, 2), false, "bus-addr", end)).toBeNull();
  expect(peerDifference(at(left, 2), true, "bus-addr", end)).toBe("goes-up");
  expect(peerDifference(at(left, 2), true, "thru-host-bridge", end)).toBeNull();
  expect(peerDifference(at(left, 2), false, "thru-host-bridge", end)).toBe("stays-below");
  expect(peerDifference(at(left, 2), false, "thru-host-bridge", { ...end, isOwn: true })).toBeNull();
  for (const target of [at(right, 2), at(left, 0), at(left, 2, 4096)]) {
    expect(peerDifference(target, false, "bus-addr", end)).toBe("elsewhere");
  }
  const dram = { outcome: "delivered", target: { kind: "dram", phys: 0x1000 as PhysAddr } } as const;
  expect(peerDifference(dram, true, "thru-host-bridge", end)).toBe("elsewhere");
  expect(peerDifference({ outcome: "lost", target: null }, true, "bus-addr", end)).toBe("not-delivered");
});

describe("At the root complex", () => {
  test("what is documented to take only writes delivers writes and not reads", () => {
    const whole = routing(apart("amd-zen", "1014:04c1", "off", true), "left", "right");
    expect(whole?.write).toMatchObject({ outcome: "delivered", differs: null });
    expect(whole?.read).toMatchObject({
      outcome: "unsupported-request",
      endedAt: "root-complex",
      differs: "not-delivered",
      reason: expect.stringContaining("power9"),
    });
  });

  test("what nobody documented is unknown, never guessed", () => {
    const whole = routing(apart("amd-zen", "1234:5678", "off"), "left", "right");
    const reason = expect.stringMatching(/^it reaches the root complex, and no documented fact/);
    expect(whole).toMatchObject({
      address: { kind: "physical" },
      write: { unknown: reason },
      read: { unknown: reason },
    });
  });

  test("an IOMMU translates what the kernel mapped, down to the provider", () => {
    const machine = readCapturedMachine("two-host-bridges.amd-zen.strict");
    const whole = routing(machine, "nvme0", "nvme1");
    expect(whole?.address).toMatchObject({ kind: "iova" });
    expect(whole?.write).toMatchObject({ outcome: "delivered", differs: null });
    expect(hopsOf(machine, shown(whole?.write ?? unknown("")))).toContain("root-complex translate");
  });

  test("where the kernel refuses there is no address and no route", () => {
    expect(routing(readCapturedMachine("one-switch.intel.off"), "nvme0", "nvme2")).toBeNull();
  });
});

describe("What the source hides makes the answer unknown with its reason", () => {
  const why = unknown("hidden by the test");

  test("the BARs", () => {
    const machine = changed(switchMachine(), "left", { bars: why });
    expect(routing(machine, "left", "right")?.address).toMatchObject({ unknown: expect.stringContaining(why.unknown) });
  });

  test("the windows of the bridges", () => {
    const whole = switchMachine();
    const bridge = whole.functions.find(({ names }) => names.includes("leftPort"))?.bridge ?? null;
    if (bridge === null || "unknown" in bridge) throw new Error("no bridge");
    const machine = changed(whole, "leftPort", { bridge: { ...bridge, windows: why } });
    expect(routing(machine, "left", "right")?.write).toMatchObject({ unknown: expect.stringContaining(why.unknown) });
  });

  test("the IOMMU, where the way leads to it", () => {
    const whole = apart("amd-zen", "1022:1453", "off");
    const machine = { ...whole, iommu: { kind: why, mode: why, groupTypes: why } };
    const answer = routing(machine, "left", "right");
    expect(answer?.write).toMatchObject({ unknown: expect.stringContaining("the mode of the IOMMU is hidden") });
    const below = { ...switchMachine(), iommu: machine.iommu };
    expect(routing(below, "left", "right")?.write).toMatchObject({ outcome: "delivered" });
  });

  test("the windows of the host bridges", () => {
    const machine = { ...apart("amd-zen", "1022:1453", "off"), hostBridges: why };
    expect(routing(machine, "left", "right")?.write).toHaveProperty("unknown");
  });

  test("the inside of a device of several functions", () => {
    const machine = machineOf(`
  - below:
      - rootPort: { acs: false }
        below:
          - functions:
              - nvme: { cmb: 16M, name: left }
              - nvme: { name: right }`);
    expect(routing(machine, "left", "right")?.write).toMatchObject({
      unknown: expect.stringContaining("inside of it"),
    });
  });

  test("a verdict that is unknown", () => {
    const machine = changed(switchMachine(), "rightPort", { acs: why });
    expect(routing({ ...machine, cpu: { ...machine.cpu, family: why } }, "left", "right")?.write).toMatchObject({
      unknown: expect.stringContaining("verdict is unknown"),
    });
  });
});

test("A port that has the target below it again, without Upstream Forwarding, is what the specification leaves open", () => {
  const machine = switchMachine({ ports: "RR+ CR+", roots: "false" });
  expect(routing(machine, "left", "right")?.write).toMatchObject({ unknown: expect.stringContaining("leaves open") });
});

test("A function reaches its own memory", () => {
  const machine = switchMachine();
  expect(routing(machine, "left", "left")?.write).toMatchObject({ outcome: "delivered", differs: null });
});

describe("Functions of one bus, by what is above them", () => {
  /** In which directions 01:00.1 reaches the memory of 01:00.0 past the IOMMU. */
  function past(above: string, change: (fn: PciFunction) => PciFunction = (fn) => fn): unknown {
    const machine = machineOf(`  - below: [{ ${above} }]`);
    const [owner, other] = machine.functions.slice(-2).map(({ bdf }) => bdf);
    if (owner === undefined || other === undefined) throw new Error("no two functions");
    const changed = { ...machine, functions: machine.functions.map(change) };
    return new PeerRoutes(decideAll(changed, { providers: [owner], clients: [other] })).pastIommu(0, 0);
  }
  const device = "functions: [gpu, nic]";

  test("a port has one device on its link, whose inside no source shows", () => {
    expect(past(`rootPort: { at: 04.0 }, below: [${device}]`)).toEqual([]);
  });

  test("a conventional bus carries requests from device to device", () => {
    expect(past("bridge: { at: 04.0 }, below: [gpu, nic]")).toEqual(["write", "read"]);
  });

  test("where the source hides which of the two it is, nothing is claimed", () => {
    const hide = (fn: PciFunction): PciFunction => (fn.bridge === null ? fn : { ...fn, express: unknown("not shown") });
    expect(past(`rootPort: { at: 04.0 }, below: [${device}]`, hide)).toEqual({
      unknown: "the source does not show whether the functions of this device reach each other inside of it",
    });
  });
});
