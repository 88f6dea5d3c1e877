import { describe, expect, test } from "vitest";
import { withOverrides } from "../../src/host/override.ts";
import { findDevice } from "../../src/host/select.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { dataPath, directPath, hostMemoryPath } from "../../src/predict/crossings.ts";
import { predictionsOf } from "../../src/predict/predict.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { machineOf } from "../policy/machines.ts";
import { crossingsText, oneSwitch, pairOf, rootPorts, scenario } from "./machines.ts";

function wayOf(table: VerdictTable, operation: "write" | "read"): string {
  const path = dataPath(table, 0, 0, operation);
  return isUnknown(path) ? path.unknown : `${path.turn}: ${crossingsText(path)}`;
}

const REDIRECTED = '"SV+ RR+ CR+ UF+"';
const NESTED = `
- below:
    - rootPort: { at: 01.0, acs: false, link: gen5 x16 }
      below:
        - switch: { acs: false, link: gen5 x16 }
          below:
            - switch: { acs: false, link: gen5 x16 }
              below:
                - gpu: { name: gpu0, bar: 16G, link: gen5 x16 }
            - gpu: { name: gpu1, bar: 16G, link: gen5 x16 }`;
const VIRTUAL = `
- below:
    - rootPort: { at: 01.0, acs: false, link: gen4 x16 }
      below:
        - switch: { acs: false, link: gen4 x16 }
          below:
            - gpu: { name: gpu0, bar: 16G, link: gen4 x16 }
            - nic: { name: gpu1, bar: 16M, link: gen4 x8, sriov: { total: 4, vfs: 2 } }`;

describe("What the data of gpu1 into gpu0 crosses, in its order", () => {
  test.each([
    ["below one switch", oneSwitch("false"), "switch: 04:00.0 up, 03:00.0 down"],
    [
      "redirected",
      oneSwitch(REDIRECTED),
      "root-complex: 04:00.0 up, 01:00.0 up, root complex (one-host-bridge), 01:00.0 down, 03:00.0 down",
    ],
    ["below nested switches", NESTED, "switch: 06:00.0 up, 03:00.0 down, 05:00.0 down"],
    [
      "root ports of one host bridge",
      rootPorts("one-bridge"),
      "root-complex: 02:00.0 up, root complex (one-host-bridge), 01:00.0 down",
    ],
    [
      "two host bridges of one node",
      rootPorts([0, 0]),
      "root-complex: 41:00.0 up, root complex (one-socket), 01:00.0 down",
    ],
    ["two nodes", rootPorts([0, 1]), "root-complex: 41:00.0 up, root complex (two-sockets), 01:00.0 down"],
    [
      "nodes that are not shown",
      rootPorts([null, null]),
      "root-complex: 41:00.0 up, root complex (hidden), 01:00.0 down",
    ],
    ["a NIC with virtual functions", VIRTUAL, "switch: 04:00.0 up, 03:00.0 down"],
  ])("%s", (_, hostBridges, expected) => {
    expect(wayOf(pairOf(scenario(hostBridges), "gpu0", "gpu1"), "write")).toBe(expected);
  });

  test("a read's data goes back the way that a write takes", () => {
    for (const hostBridges of [oneSwitch("false"), oneSwitch(REDIRECTED), NESTED, rootPorts([0, 1])]) {
      const [write, read] = (["write", "read"] as const).map((operation) =>
        dataPath(pairOf(scenario(hostBridges), "gpu0", "gpu1"), 0, 0, operation),
      );
      if (write === undefined || read === undefined || isUnknown(write) || isUnknown(read)) throw new Error("no path");
      const turned = [...read.crossings]
        .reverse()
        .map((each) =>
          each.kind === "root-complex" ? each : { ...each, towards: each.towards === "up" ? "down" : "up" },
        );
      expect(turned).toEqual(write.crossings);
      expect(read.sender).not.toBe(write.sender);
      expect([...read.functions].sort()).toEqual([...write.functions].sort());
    }
  });

  test("a virtual function crosses the link of its physical one", () => {
    const machine = scenario(VIRTUAL);
    expect(wayOf(pairOf(machine, "gpu0", "04:00.1"), "write")).toBe("switch: 04:00.1 up, 03:00.0 down");
    const [physical, virtual] = ["gpu1", "04:00.1"].map((client) =>
      predictionsOf(pairOf(machine, "gpu0", client)).at(0, 0, "write"),
    );
    if (physical === undefined || virtual === undefined || isUnknown(physical) || isUnknown(virtual)) {
      throw new Error("no prediction");
    }
    expect(virtual.value).toBe(physical.value);
  });
});

const IOMMU_ON = "cpu: { vendor: GenuineIntel, family: 6, model: 143 }\niommu: strict";
const OF_NO_LIST = `
- id: 8086:1234
  below:
    - rootPort: { at: 01.0, acs: false, link: gen5 x16 }
      below: [ { gpu: { name: gpu0, bar: 16G, link: gen5 x16 } } ]
- bus: 0x40
  id: 8086:1234
  below:
    - rootPort: { at: 01.0, acs: false, link: gen5 x16 }
      below: [ { gpu: { name: gpu1, bar: 16G, link: gen5 x16 } } ]`;

describe("A pair without a way", () => {
  test.each([
    [
      "both are one function",
      oneSwitch("false"),
      "gpu0",
      "gpu0",
      undefined,
      "both are one function: nothing crosses a link",
    ],
    [
      "the kernel refuses it",
      OF_NO_LIST,
      "gpu0",
      "gpu1",
      "cpu: amd-pre-zen\niommu: off",
      "the kernel refuses this pair, so nothing is sent",
    ],
    [
      "the verdict is not known",
      OF_NO_LIST.replaceAll("id: 8086:1234\n  ", ""),
      "gpu0",
      "gpu1",
      IOMMU_ON,
      "the kernel's verdict is not known, and with it where the requests turn",
    ],
  ])("%s", (_, hostBridges, provider, client, more, why) => {
    expect(wayOf(pairOf(scenario(hostBridges, more), provider, client), "write")).toBe(why);
  });
});

describe("Of drivers that do not ask the kernel, the fabric says where the data of a refused pair goes", () => {
  const nvidia = (text: string): string =>
    text
      .replace("name: gpu0,", "name: gpu0, id: 10de:2330, driver: nvidia,")
      .replace("name: gpu1,", "name: gpu1, id: 10de:2330, driver: nvidia,");

  test.each([
    ["across root ports, by what is documented", OF_NO_LIST, "what these requests meet is not documented"],
    [
      "redirected below a switch",
      oneSwitch(REDIRECTED).replace("- below", "- id: 8086:1234\n  below"),
      "what these requests meet is not documented",
    ],
  ])("%s", (_, hostBridges, expected) => {
    const text = nvidia(scenario(hostBridges, "cpu: amd-pre-zen\niommu: off"));
    expect(wayOf(pairOf(text, "gpu0", "gpu1"), "write")).toBe(expected);
  });

  test("as the route leads it, where the hardware is documented", () => {
    const machine = withOverrides(machineOf("gpu-nic-server.yaml"), { kernel: "5.15" });
    const table = decideAll(machine, {
      providers: [findDevice(machine, "gpu0")],
      clients: [findDevice(machine, "mlx5_0")],
    });
    expect(table.mapType(0, 0)).toBe("not-supported");
    expect(wayOf(table, "write")).toMatch(/^root-complex: .* up, root complex \(one-host-bridge\), .* down$/);
  });
});

test("Functions of one device cross no link", () => {
  const text = scenario(`
- below:
    - rootPort: { at: 01.0, acs: false, link: gen5 x16 }
      below:
        - functions: [ { nvme: { name: gpu0, cmb: 16M, link: gen5 x16 } }, { nic: { name: gpu1, link: gen5 x16 } } ]`);
  expect(wayOf(pairOf(text, "gpu0", "gpu1"), "write")).toBe("inside-device: ");
  expect(predictionsOf(pairOf(text, "gpu0", "gpu1")).at(0, 0, "write")).toEqual({
    unknown: "no link is on the way, and so nothing that is known to limit it",
  });
});

describe("Links whose rate is not known", () => {
  test("a device of the root bus itself has no link above it, and nothing is hidden", () => {
    const text = scenario(`
- below:
    - gpu: { at: 06.0, name: gpu0, bar: 16G }
    - rootPort: { at: 01.0, acs: false, link: gen5 x16 }
      below: [ { gpu: { name: gpu1, bar: 16G, link: gen5 x16 } } ]`);
    expect(wayOf(pairOf(text, "gpu0", "gpu1"), "write")).toBe(
      "root-complex: 01:00.0 up, root complex (one-host-bridge)",
    );
  });

  const CONVENTIONAL = `
- below:
    - rootPort: { at: 01.0, acs: false, link: gen5 x16 }
      below:
        - switch: { acs: false, link: gen5 x16 }
          below:
            - gpu: { name: gpu0, bar: 16G, link: gen5 x16 }
            - bridge:
              below: [ { nic: { name: gpu1, bar: 16M } } ]`;

  test("a conventional bus makes the figure an upper bound, and is said", () => {
    const table = pairOf(scenario(CONVENTIONAL), "gpu0", "gpu1");
    const path = dataPath(table, 0, 0, "write");
    expect(isUnknown(path) ? path.unknown : crossingsText(path)).toContain(" hidden");
    const prediction = predictionsOf(table).at(0, 0, "write");
    if (isUnknown(prediction)) throw new Error(prediction.unknown);
    expect(prediction).toMatchObject({ isUpperBound: true, low: 0 });
    expect(prediction.assumptions.join(" ")).toContain("it is conventional PCI, whose rate no register shows");
  });
});

test("The way that redirected data would take directly is there only below a switch", () => {
  const below = pairOf(scenario(oneSwitch(REDIRECTED)), "gpu0", "gpu1");
  const direct = directPath(below, 0, 0, "write");
  expect(direct && crossingsText(direct)).toBe("04:00.0 up, 03:00.0 down");
  expect(directPath(pairOf(scenario(rootPorts("one-bridge")), "gpu0", "gpu1"), 0, 0, "write")).toBeNull();
});

test("The way to host memory ends at the root port", () => {
  const { topology, clients } = pairOf(scenario(NESTED), "gpu1", "gpu0");
  const [device] = clients;
  if (device === undefined) throw new Error("no client");
  expect(crossingsText(hostMemoryPath(topology, device, "write"))).toBe("05:00.0 up, 03:00.0 up, 01:00.0 up");
  expect(crossingsText(hostMemoryPath(topology, device, "read"))).toBe("01:00.0 down, 03:00.0 down, 05:00.0 down");
  expect(hostMemoryPath(topology, device, "write").sender).toBe(device);
});
