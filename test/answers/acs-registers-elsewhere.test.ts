import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import type { IommuMode } from "../../src/host/machine.ts";
import { acs, at, bridge, endpoint, hostBridge, ids, linux, machineOf, zen } from "../rules/by-hand.ts";
import { bar, hidden, kinds, ofKind } from "./gate-cases.ts";

describe("A root port that keeps its ACS registers elsewhere", () => {
  const SUNRISE_POINT = "8086:a167";
  test.each<[name: string, port: string, mode: IommuMode | "hidden", commandLine: string, isTold: boolean]>([
    ["an IOMMU that translates", SUNRISE_POINT, "strict", "", true],
    ["one that does not", SUNRISE_POINT, "passthrough", "", true],
    ["no IOMMU", SUNRISE_POINT, "off", "", false],
    ["a hidden one", SUNRISE_POINT, "hidden", "", false],
    ["a parameter for this port", SUNRISE_POINT, "strict", "pci=disable_acs_redir=00:1b.0", false],
    ["a parameter for another", SUNRISE_POINT, "strict", "pci=disable_acs_redir=00:1c.0", true],
    ["a port of another family", "8086:a340", "strict", "", false],
  ])("with %s", (_name, port, mode, commandLine, isTold) => {
    const functions = [
      hostBridge("00:00.0", "8086:191f"),
      bridge("00:1b.0", "root-port", 1, ids(port)),
      endpoint("01:00.0", { bars: [bar()], multifunction: true }),
      endpoint("01:00.1", { multifunction: true }),
    ];
    const machine = machineOf(functions, {
      kernel: linux("7.2", commandLine),
      iommu: { kind: "intel", mode: mode === "hidden" ? hidden : mode, groupTypes: new Map() },
    });
    const found = answer(machine, at("01:00.0"), at("01:00.1"));
    expect(found.mapType).toBe("bus-addr");
    const told = ofKind(found.gates, "acs-registers-elsewhere");
    const message =
      "the verdict and the hardware differ: 0000:00:1b.0 keeps its ACS registers where the specification does not. With an " +
      "IOMMU the kernel turns redirection on in those, and decides by the standard one, which says off: requests go up to " +
      "the root complex all the same";
    const gate = { kind: "acs-registers-elsewhere", device: at("00:1b.0"), effect: "warns", message };
    expect(told).toEqual(isTold ? [gate] : []);
  });
});

test("Nothing is said of ACS registers elsewhere where the port is not what both go through", () => {
  const spt = ids("8086:a167");
  const functions = [
    hostBridge("00:00.0", "8086:191f"),
    bridge("00:1b.0", "root-port", 1, spt),
    bridge("01:00.0", "upstream-port", 2),
    bridge("02:00.0", "downstream-port", 3),
    bridge("02:01.0", "downstream-port", 4),
    endpoint("03:00.0", { bars: [bar()] }),
    endpoint("04:00.0"),
    bridge("00:1c.0", "root-port", 5),
    endpoint("05:00.0"),
  ];
  const machine = machineOf(functions, {
    cpu: zen,
    iommu: { kind: "intel", mode: "passthrough", groupTypes: new Map() },
  });
  for (const [client, mapType] of [
    ["04:00.0", "bus-addr"],
    ["05:00.0", "thru-host-bridge"],
    ["03:00.0", "bus-addr"],
  ] as const) {
    const found = answer(machine, at("03:00.0"), at(client));
    expect(found.mapType).toBe(mapType);
    expect(kinds(found.gates)).toBe("");
  }
});

test("Nothing is said of ACS registers elsewhere where another port redirects, and the verdict says so", () => {
  // A switch with a DMA engine as its second function: the engine and a drive meet at the root port.
  const functions = [
    hostBridge("00:00.0", "8086:191f"),
    bridge("00:1b.0", "root-port", 1, ids("8086:a167")),
    bridge("01:00.0", "upstream-port", 2, { multifunction: true }),
    endpoint("01:00.1", { multifunction: true }),
    bridge("02:00.0", "downstream-port", 3, { acs: acs(0b100) }),
    endpoint("03:00.0", { bars: [bar()] }),
  ];
  const machine = machineOf(functions, {
    cpu: zen,
    iommu: { kind: "intel", mode: "passthrough", groupTypes: new Map() },
  });
  const found = answer(machine, at("03:00.0"), at("01:00.1"));
  expect(found.mapType).toBe("thru-host-bridge");
  expect(kinds(found.gates)).toBe("");
});
