import { describe, expect, test } from "vitest";
import { createFabric } from "../../src/fabric/fabric.ts";
import type { MemoryRequest } from "../../src/fabric/route.ts";
import type { DmaAddr, PhysAddr } from "../../src/pci/addresses.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { bdfOf, busOf, hopsOf, machineOf, nameAt, pattern, physOf, shown, switchMachine } from "./machines.ts";

const machine = switchMachine();
const left = bdfOf(machine, "left");

function request(address: DmaAddr, kind: MemoryRequest["kind"] = "write", lengthBytes = 64): MemoryRequest {
  return { requester: left, kind, address, lengthBytes, addressType: "untranslated" };
}

describe("Where requests go", () => {
  test("A peer below the same switch is reached across it, without the root port", () => {
    const route = createFabric(machine).route(request(busOf(machine, "right")));
    expect(hopsOf(machine, route)).toEqual(["left issue", "leftPort across", "rightPort down", "right end"]);
    expect(shown(route)).toMatchObject({ outcome: "delivered", endedAt: bdfOf(machine, "right") });
  });

  test("A peer below another root port is reached through the root complex", () => {
    const route = createFabric(machine).route(request(busOf(machine, "other")));
    expect(hopsOf(machine, route)).toEqual([
      ...["left issue", "leftPort up", "switch up", "root1 up", "root-complex reflect", "root2 down", "other end"],
    ]);
  });

  test("An address that nothing on the way claims is DRAM at the root complex", () => {
    const route = createFabric(machine).route(request(0x5000 as DmaAddr));
    expect(shown(route).target).toEqual({ kind: "dram", phys: 0x5000 });
    expect(shown(route).endedAt).toBe("root-complex");
  });

  test("With the ranges of DRAM told, an address outside them is an unsupported request", () => {
    const fabric = createFabric(machine, { ram: [{ start: 0 as PhysAddr, sizeBytes: 0x10000 }] });
    expect(fabric.write(left, 0xffc0 as DmaAddr, pattern(64))).toBe("delivered");
    expect(fabric.write(left, 0x10000 as DmaAddr, pattern(64))).toBe("unsupported-request");
    expect(fabric.write(left, 0xfff0 as DmaAddr, pattern(64))).toBe("unsupported-request");
    expect(fabric.dram.slice(0xfff0, 64)).toEqual(Uint8Array.of(...pattern(16), ...new Uint8Array(48)));
  });

  test("A device that reaches its own BAR sends nothing", () => {
    const fabric = createFabric(machine);
    expect(fabric.write(left, busOf(machine, "left", 2), pattern(64))).toBe("delivered");
    expect(hopsOf(machine, fabric.lastRoute())).toEqual(["left issue", "left end"]);
    expect(fabric.counters.up.some((bytes) => bytes > 0)).toBe(false);
  });

  test("An address in a switch's window that no port below claims is unsupported at the switch", () => {
    const hole = (busOf(machine, "left") + 0x80000) as DmaAddr;
    const fabric = createFabric(machine);
    expect(fabric.write(bdfOf(machine, "right"), hole, pattern(4))).toBe("unsupported-request");
    expect(nameAt(machine, shown(fabric.lastRoute()).endedAt)).toBe("leftPort");
    const port = bdfOf(machine, "leftPort");
    fabric.setCommand(port, fabric.command(port) & ~0x2);
    expect(fabric.write(bdfOf(machine, "right"), hole, pattern(4))).toBe("unsupported-request");
    expect(nameAt(machine, shown(fabric.lastRoute()).endedAt)).toBe("switch");
  });

  test("A request that runs past the end of a BAR is unsupported, and no byte of its TLP lands", () => {
    const small = machineOf(`
  - below:
      - rootPort: { acs: false }
        below:
          - switch: { acs: false }
            below: [ { device: { bars: { 0: 256 }, name: small } }, { nic: { name: writer } } ]`);
    const fabric = createFabric(small);
    const writer = bdfOf(small, "writer");
    const address = busOf(small, "small");
    expect(fabric.write(writer, (address + 192) as DmaAddr, pattern(64))).toBe("delivered");
    expect(fabric.write(writer, (address + 160) as DmaAddr, pattern(100))).toBe("unsupported-request");
    expect(fabric.barBytes(bdfOf(small, "small"), 0).slice(160, 32)).toEqual(new Uint8Array(32));
  });
});

describe("Command registers", () => {
  test("A requester without bus mastering issues nothing", () => {
    const fabric = createFabric(machine);
    fabric.setCommand(left, 0x2);
    expect(fabric.write(left, busOf(machine, "right"), pattern(64))).toBe("not-issued");
    expect(fabric.lastRoute()).toMatchObject({ endedAt: left });
  });

  test.each(["leftPort", "switch", "root1"])("Without bus mastering, %s takes no request from below", (name) => {
    const fabric = createFabric(machine);
    fabric.setCommand(bdfOf(machine, name), 0x2);
    expect(fabric.write(left, 0x5000 as DmaAddr, pattern(64))).toBe("unsupported-request");
    expect(nameAt(machine, shown(fabric.lastRoute()).endedAt)).toBe(name);
  });

  test("A switch without bus mastering still takes peers across", () => {
    const fabric = createFabric(machine);
    fabric.setCommand(bdfOf(machine, "switch"), 0x2);
    expect(fabric.write(left, busOf(machine, "right"), pattern(64))).toBe("delivered");
  });

  test.each(["rightPort", "right"])("Without memory decode, %s claims nothing", (name) => {
    const fabric = createFabric(machine);
    fabric.setCommand(bdfOf(machine, name), 0x4);
    expect(fabric.write(left, busOf(machine, "right"), pattern(64))).toBe("unsupported-request");
  });

  test("Memory decode that comes back claims again", () => {
    const fabric = createFabric(machine);
    fabric.setCommand(bdfOf(machine, "right"), 0x4);
    fabric.setCommand(bdfOf(machine, "right"), 0x6);
    expect(fabric.write(left, busOf(machine, "right"), pattern(64))).toBe("delivered");
  });

  test("Completions need neither memory decode of the requester nor bus mastering of the completer", () => {
    const fabric = createFabric(machine);
    fabric.setCommand(left, 0x4);
    fabric.setCommand(bdfOf(machine, "right"), 0x2);
    expect(fabric.read(left, busOf(machine, "right"), new Uint8Array(64))).toBe("delivered");
  });
});

describe("Bytes", () => {
  test("What is written is what is read back, by device and by CPU, at any offset and length", () => {
    const fabric = createFabric(machine);
    const data = pattern(10_000);
    const address = (busOf(machine, "right", 1) + 4093) as DmaAddr;
    expect(fabric.write(left, address, data)).toBe("delivered");
    const back = new Uint8Array(data.length);
    expect(fabric.read(left, address, back)).toBe("delivered");
    expect(back).toEqual(data);
    const cpu = new Uint8Array(data.length);
    expect(fabric.cpuRead((physOf(machine, "right", 1) + 4093) as PhysAddr, cpu)).toBe("delivered");
    expect(cpu).toEqual(data);
    expect(fabric.barBytes(bdfOf(machine, "right"), 1).slice(4093, data.length)).toEqual(data);
  });

  test("What the CPU reads from nowhere is all ones, and a device's buffer stays as it was", () => {
    const ram = [{ start: 0 as PhysAddr, sizeBytes: 4096 }];
    const fabric = createFabric(machine, { ram });
    const into = new Uint8Array(8);
    expect(fabric.cpuRead(0x9000 as PhysAddr, into)).toBe("unsupported-request");
    expect(into).toEqual(new Uint8Array(8).fill(0xff));
    const untouched = pattern(8);
    expect(fabric.read(left, 0x9000 as DmaAddr, untouched)).toBe("unsupported-request");
    expect(untouched).toEqual(pattern(8));
  });

  test("Each link counts the payload that crosses it, reads on the way back", () => {
    const fabric = createFabric(machine);
    const { counters } = fabric;
    const at = (name: string): [number, number] => {
      const index = fabric.indexOf(bdfOf(machine, name));
      return [counters.up[index] ?? 0, counters.down[index] ?? 0];
    };
    fabric.write(left, busOf(machine, "right"), pattern(1000));
    expect([at("left"), at("leftPort"), at("rightPort"), at("right")]).toEqual([
      [1000, 0],
      [1000, 0],
      [0, 1000],
      [0, 1000],
    ]);
    expect([at("switch"), at("root1")]).toEqual([
      [0, 0],
      [0, 0],
    ]);
    counters.clear();
    fabric.read(left, 0x5000 as DmaAddr, new Uint8Array(1000));
    expect([at("root1"), at("switch"), at("left")]).toEqual([
      [0, 1000],
      [0, 1000],
      [0, 1000],
    ]);
    expect(counters).toMatchObject({ dramReadBytes: 1000, dramWrittenBytes: 0, rootComplexBytes: 0, requests: 2 });
    counters.clear();
    fabric.write(left, busOf(machine, "other"), pattern(300));
    expect(counters).toMatchObject({ dramWrittenBytes: 0, rootComplexBytes: 300 });
    fabric.read(left, busOf(machine, "other"), new Uint8Array(200));
    expect(counters).toMatchObject({ dramReadBytes: 0, rootComplexBytes: 500 });
  });

  test("Requests are cut at 4 KiB and at the payload size", () => {
    const fabric = createFabric(machine, { maxPayloadBytes: 128, maxReadBytes: 4096 });
    fabric.write(left, 4000 as DmaAddr, pattern(300));
    expect(fabric.counters.requests).toBe(3);
    fabric.counters.clear();
    fabric.read(left, 4000 as DmaAddr, new Uint8Array(300));
    expect(fabric.counters.requests).toBe(2);
  });

  test("A route that is asked for moves and counts nothing", () => {
    const fabric = createFabric(machine);
    fabric.route(request(busOf(machine, "other"), "read", 10_000));
    expect(fabric.counters).toMatchObject({ requests: 0, rootComplexBytes: 0, dramReadBytes: 0 });
    expect([...fabric.counters.up, ...fabric.counters.down].every((bytes) => bytes === 0)).toBe(true);
  });
});

describe("Device models", () => {
  test("A handler takes over a BAR and may issue requests of its own", () => {
    const fabric = createFabric(machine);
    const right = bdfOf(machine, "right");
    fabric.dram.write(0x3000, pattern(64));
    const rung: number[] = [];
    fabric.attach(right, 0, {
      write: (offset) => {
        rung.push(offset);
        const fetched = new Uint8Array(64);
        expect(fabric.read(right, 0x3000 as DmaAddr, fetched)).toBe("delivered");
        expect(fabric.write(right, busOf(machine, "left", 2), fetched)).toBe("delivered");
      },
      read: (offset, into) => into.fill(offset),
    });
    expect(fabric.cpuWrite((physOf(machine, "right", 0) + 8) as PhysAddr, pattern(4))).toBe("delivered");
    expect(rung).toEqual([8]);
    expect(fabric.barBytes(left, 2).slice(0, 64)).toEqual(pattern(64));
    const status = new Uint8Array(4);
    expect(fabric.read(left, (busOf(machine, "right", 0) + 16) as DmaAddr, status)).toBe("delivered");
    expect(status).toEqual(new Uint8Array(4).fill(16));
    fabric.attach(right, 0, null);
    fabric.cpuWrite(physOf(machine, "right", 0), pattern(4));
    expect(rung).toEqual([8]);
  });

  test("The trace has each hop of each TLP in order", () => {
    const words: string[] = [];
    const fabric = createFabric(machine, { trace: ({ at, what }) => words.push(`${nameAt(machine, at)} ${what}`) });
    fabric.write(left, busOf(machine, "right"), pattern(512));
    const once = ["left issue", "leftPort across", "rightPort down", "right end"];
    expect(words).toEqual([...once, ...once]);
  });
});

describe("Functions of one device and conventional buses", () => {
  const both = machineOf(`
  - below:
      - rootPort: { name: port }
        below:
          - functions: [ { nvme: { cmb: 16M, name: first } }, { nvme: { name: second } } ]
      - rootPort:
        below:
          - bridge: { name: bridge }
            below: [ { device: { name: old } }, { device: { bars: { 0: 1M }, name: older } } ]`);

  test("They reach each other inside the device, or, where told so, are refused by a port without Upstream Forwarding", () => {
    const address = busOf(both, "first", 2);
    const inside = createFabric(both);
    expect(inside.write(bdfOf(both, "second"), address, pattern(64))).toBe("delivered");
    expect(hopsOf(both, inside.lastRoute())).toEqual(["second issue", "second across", "first end"]);
    const outside = createFabric(both, { insideDevices: "upstream" });
    expect(outside.write(bdfOf(both, "second"), address, pattern(64))).toBe("unsupported-request");
    expect(nameAt(both, shown(outside.lastRoute()).endedAt)).toBe("port");
    const forwarding = createFabric(both, { insideDevices: "upstream", withoutUpstreamForwarding: "forward" });
    const into = new Uint8Array(64);
    expect(forwarding.write(bdfOf(both, "second"), address, pattern(64))).toBe("delivered");
    expect(forwarding.read(bdfOf(both, "second"), address, into)).toBe("delivered");
    expect(into).toEqual(pattern(64));
  });

  test("Devices on one conventional bus see each other's cycles", () => {
    const fabric = createFabric(both);
    expect(fabric.write(bdfOf(both, "old"), busOf(both, "older"), pattern(64))).toBe("delivered");
    expect(hopsOf(both, fabric.lastRoute())).not.toContain("bridge up");
  });
});

test("Misuse throws with the remedy", () => {
  const fabric = createFabric(machine);
  expect(() => fabric.write(0xffff as typeof left, 0 as DmaAddr, pattern(4))).toThrow(PeerlaneError);
  expect(() => fabric.write(left, -4 as DmaAddr, pattern(4))).toThrow("no range below 2^53");
  expect(() => fabric.attach(left, 5, null)).toThrow("BAR 5 of");
  expect(() => createFabric(machine, { maxPayloadBytes: 100 })).toThrow("no size of a TLP");
  expect(() => fabric.setAcsControl(left, 0)).toThrow("no ACS capability");
});
