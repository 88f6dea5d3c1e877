import { describe, expect, test } from "vitest";
import { createFabric } from "../../src/fabric/fabric.ts";
import type { FabricOptions } from "../../src/fabric/options.ts";
import type { Machine } from "../../src/host/machine.ts";
import { busAddr, type DmaAddr, type PhysAddr } from "../../src/pci/addresses.ts";
import type { Bar } from "../../src/pci/bar.ts";
import type { BridgeRegisters, BridgeWindow } from "../../src/pci/bridge.ts";
import { unknown } from "../../src/pci/known.ts";
import { bdfOf, busOf, changed, hopsOf, machineOf, named, pattern, shown, switchMachine } from "./machines.ts";

function bridgeOf(machine: Machine, name: string): BridgeRegisters {
  const bridge = shown(named(machine, name).bridge);
  if (bridge === null) throw new Error(`${name} is no bridge`);
  return bridge;
}

function read(requester: string, machine: Machine, address: number, options: FabricOptions = {}) {
  const base = { kind: "read", lengthBytes: 64, addressType: "untranslated" } as const;
  return createFabric(machine, options).route({
    ...base,
    requester: bdfOf(machine, requester),
    address: address as DmaAddr,
  });
}

describe("A BAR of a bridge itself", () => {
  const plain = switchMachine();
  const root1 = bridgeOf(plain, "root1");
  const [window, ...others] = shown(root1.windows);
  const { start, size } = window as BridgeWindow;
  const address = start + size;
  const bar: Bar = {
    index: 0,
    kind: "memory",
    is64Bit: false,
    prefetchable: false,
    busAddress: busAddr(address),
    physAddress: address as PhysAddr,
    sizeBytes: 0x1000,
    fromEnhancedAllocation: false,
  };
  // The root port's first window goes on over the BAR of the switch behind it.
  const wider = [{ kind: "memory", start, size: size + 0x100000 } as const, ...others];
  const machine = changed(changed(plain, "root1", { bridge: { ...root1, windows: wider } }), "switch", { bars: [bar] });

  test.each<FabricOptions>([{}, { switchForwarding: "always-upstream" }])(
    "It is read and written from below: the completion starts inside the bridge and goes down (%o)",
    (options) => {
      const fabric = createFabric(machine, options);
      const left = bdfOf(machine, "left");
      const into = new Uint8Array(64);
      expect(fabric.write(left, address as DmaAddr, pattern(64))).toBe("delivered");
      expect(fabric.lastRoute()).toMatchObject({ reason: "its BAR claims the address" });
      fabric.counters.clear();
      expect(fabric.read(left, address as DmaAddr, into)).toBe("delivered");
      expect(into).toEqual(pattern(64));
      expect(hopsOf(machine, fabric.lastRoute()).slice(-3)).toEqual([
        "switch complete",
        "leftPort complete",
        "left complete",
      ]);
      const at = (name: string) => fabric.indexOf(bdfOf(machine, name));
      expect([...fabric.counters.up].every((bytes) => bytes === 0)).toBe(true);
      expect(["switch", "leftPort", "left"].map((name) => fabric.counters.down[at(name)])).toEqual([0, 64, 64]);
    },
  );
});

describe("Bus numbers of bridges on the way of a completion", () => {
  const machine = machineOf(`
  - below:
      - device: { bars: { 0: 1M }, name: integrated }
      - rootPort: { acs: false, name: root1 }
        below:
          - switch: { acs: false, name: switch }
            below:
              - port: { name: leftPort }
                below: [ { nvme: { cmb: 16M, name: left } } ]
              - port: { name: empty }
      - rootPort: { acs: false, name: root2 }
        below: [ { nic: { name: far } } ]`);
  const left = busOf(machine, "left");

  test.each([
    ["0", "integrated", 0, 0],
    ["its own", "far", 2, 0xff],
  ])("A bridge whose secondary bus is %s takes no completion for %s", (_, requester, secondary, subordinate) => {
    const bridge = { ...bridgeOf(machine, "empty"), secondary, subordinate };
    const route = read(requester, changed(machine, "empty", { bridge }), left);
    expect(shown(route).outcome).toBe("delivered");
    expect(hopsOf(machine, route)).toEqual(hopsOf(machine, read(requester, machine, left)));
  });

  test("A read through a bridge with hidden registers is unknown, not lost, and a write is known", () => {
    const plain = switchMachine();
    const hidden = changed(plain, "root2", { bridge: unknown("not readable") });
    expect(read("other", hidden, 0x1000)).toEqual(
      unknown("the bus numbers of a bridge on the way to the requester are hidden"),
    );
    expect(read("left", hidden, 0x1000)).toMatchObject({ outcome: "delivered" });
    const fabric = createFabric(hidden);
    expect(fabric.write(bdfOf(hidden, "other"), 0x1000 as DmaAddr, pattern(4))).toBe("delivered");
    expect(() => fabric.read(bdfOf(hidden, "other"), 0x1000 as DmaAddr, new Uint8Array(4))).toThrow("cannot be told");
    expect(read("other", hidden, busOf(plain, "left"))).toHaveProperty("unknown");
  });

  test("A bridge with hidden registers hides no completion that turns off before it", () => {
    const plain = switchMachine();
    const hidden = changed(plain, "root1", { bridge: unknown("not readable") });
    expect(read("left", hidden, busOf(plain, "right"))).toMatchObject({ outcome: "delivered" });
  });
});
