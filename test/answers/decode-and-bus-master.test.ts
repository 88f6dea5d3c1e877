import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import type { Machine } from "../../src/host/machine.ts";
import { at, bridge, endpoint, hostBridge, machineOf, zen } from "../rules/by-hand.ts";
import { bar, type Driver, gates, hidden, ofKind } from "./gate-cases.ts";

describe("A client that is no bus master", () => {
  const [off, memory] = [0, 2];
  test.each<[name: string, command: number | null, driver: Driver, isGate: boolean]>([
    ["with a driver that should have turned it on", off, "mlx5_core", true],
    ["with memory decode", memory, "nvme", true],
    ["without a driver, which would turn it on", off, null, false],
    ["of a driver that leaves it to a guest", off, "vfio-pci", false],
    ["of a driver that leaves it to a program", off, "uio_pci_generic", false],
    ["of a driver that is hidden", off, hidden, false],
    ["or may be one, as the register is hidden", null, "nvme", false],
    ["bus master", 4, "nvme", false],
  ])("%s", (_name, command, driver, isGate) => {
    const parts = { command: command ?? hidden, driver };
    const wanted = isGate ? ["bus-master-off"] : [];
    // VFIO has a gate of its own where no IOMMU is on.
    const machine: Partial<Machine> = { iommu: { kind: "intel", mode: "passthrough", groupTypes: new Map() } };
    const found = gates({ client: parts, machine });
    expect(found.map(({ kind }) => kind)).toEqual(wanted);
    const message = `0000:04:00.0 is no bus master although ${String(driver)} is bound to it: it issues no request until its driver turns that on`;
    expect(found).toMatchObject(wanted.map(() => ({ effect: "blocks", message })));
    // A provider issues nothing.
    expect(gates({ provider: { driver, p2pmem: hidden, command: (command ?? off) | 2 }, machine })).toEqual([]);
    // No request of a function goes out to itself.
    expect(gates({ client: parts, provider: parts }, "same function").map(({ kind }) => kind)).not.toContain(
      "bus-master-off",
    );
  });
});

describe("A bridge on the way", () => {
  const [off, master, memory] = [0, 4, 2];

  test.each<
    [
      name: string,
      upper: number | null,
      lower: number | null,
      providerDriver: Driver,
      clientDriver: Driver,
      device: string,
    ]
  >([
    ["both off, above the provider", off, null, "nvme", "nvme", "02:00.0"],
    ["memory decode off, above the provider", master, null, "nvme", "nvme", "02:00.0"],
    ["no bus master, above the provider", memory, null, "nvme", "nvme", ""],
    ["both off, above the client", null, off, "nvme", "nvme", "02:01.0"],
    ["no bus master, above the client", null, memory, "nvme", "nvme", "02:01.0"],
    ["memory decode off, above the client", null, master, "nvme", "nvme", ""],
    ["off above a provider without a driver, which would turn it on", off, null, null, "nvme", ""],
    ["off above a client without a driver", null, off, "nvme", null, ""],
    ["off, and hidden drivers", off, off, hidden, hidden, ""],
    ["hidden registers", null, null, "nvme", "nvme", ""],
  ])("%s", (_name, upper, lower, providerDriver, clientDriver, device) => {
    const found = answer(
      machineOf(
        [
          hostBridge("00:00.0", "8086:29c0"),
          bridge("00:01.0", "root-port", 1, { command: off }),
          // The two meet here: no request passes it.
          bridge("01:00.0", "upstream-port", 2, { command: off }),
          bridge("02:00.0", "downstream-port", 3, { command: upper ?? hidden }),
          bridge("02:01.0", "downstream-port", 4, { command: lower ?? hidden }),
          endpoint("03:00.0", { bars: [bar()], driver: providerDriver }),
          endpoint("04:00.0", { driver: clientDriver }),
        ],
        { cpu: zen },
      ),
      at("03:00.0"),
      at("04:00.0"),
    ).gates;
    const told = ofKind(found, "bridge-decode-off");
    expect(told.map((gate) => gate.device)).toEqual(device === "" ? [] : [at(device)]);
    expect(told.every(({ effect }) => effect === "blocks")).toBe(true);
  });

  test("says what the bridge does not pass on, and to whom", () => {
    const found = answer(
      machineOf(
        [
          hostBridge("00:00.0", "8086:29c0"),
          bridge("00:01.0", "root-port", 1, { command: 0 }),
          endpoint("01:00.0", { bars: [bar()], driver: "nvme" }),
          bridge("00:02.0", "root-port", 2, { command: 0 }),
          endpoint("02:00.0", { driver: "nvme" }),
        ],
        { cpu: zen },
      ),
      at("01:00.0"),
      at("02:00.0"),
    ).gates;
    expect(ofKind(found, "bridge-decode-off").map(({ message }) => message)).toEqual([
      "memory decode of the bridge 0000:00:01.0 is off: no request reaches 0000:01:00.0, although a driver is bound to it",
      "the bridge 0000:00:02.0 is no bus master: it passes on no request of 0000:02:00.0, although a driver is bound to it",
    ]);
  });

  test("is none where the source hides what is above the client: the two may meet at that bridge", () => {
    const found = answer(
      machineOf([
        hostBridge("00:00.0", "8086:29c0"),
        bridge("00:01.0", "root-port", 1, { command: off }),
        bridge("01:00.0", "upstream-port", 2, { command: off }),
        bridge("02:00.0", "downstream-port", 3, { command: off }),
        endpoint("03:00.0", { bars: [bar()], driver: "nvme" }),
        endpoint("04:00.0", { driver: "nvme" }),
      ]),
      at("03:00.0"),
      at("04:00.0"),
    );
    expect(found.mapType).toBe("unknown");
    expect(ofKind(found.gates, "bridge-decode-off")).toEqual([]);
  });

  test("is one where only what is above both is hidden, and where no other bridge is off", () => {
    const found = answer(
      machineOf([
        bridge("01:00.0", "upstream-port", 2),
        bridge("02:00.0", "downstream-port", 3, { command: master }),
        bridge("02:01.0", "downstream-port", 4),
        endpoint("03:00.0", { bars: [bar()], driver: "nvme" }),
        endpoint("04:00.0", { driver: "nvme" }),
      ]),
      at("03:00.0"),
      at("04:00.0"),
    );
    expect(found.mapType).toBe("bus-addr");
    expect(ofKind(found.gates, "bridge-decode-off").map(({ device }) => device)).toEqual([at("02:00.0")]);
  });

  test("is not the provider itself, where that is a bridge with memory", () => {
    const found = answer(
      machineOf(
        [
          hostBridge("00:00.0", "8086:29c0"),
          bridge("00:01.0", "root-port", 1),
          bridge("01:00.0", "upstream-port", 2, { command: off, bars: [bar()], driver: "switchtec" }),
          bridge("00:02.0", "root-port", 3),
          endpoint("03:00.0", { driver: "nvme" }),
        ],
        { cpu: zen },
      ),
      at("01:00.0"),
      at("03:00.0"),
    );
    expect(found.mapType).toBe("thru-host-bridge");
    expect(ofKind(found.gates, "bridge-decode-off")).toEqual([]);
    expect(ofKind(found.gates, "memory-decode-off")).toHaveLength(1);
  });
});
