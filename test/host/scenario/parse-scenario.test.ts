import { describe, expect, it } from "vitest";
import { parseScenario } from "../../../src/host/scenario/parse-scenario.ts";
import type { Scenario, ScenarioNode } from "../../../src/host/scenario/scenario.ts";

/** A scenario whose first host bridge has these lines below it. */
function below(...lines: string[]): readonly ScenarioNode[] {
  const text = `hostBridges:\n  - below:\n${lines.map((line) => `      ${line}`).join("\n")}\n`;
  return parseScenario(text, "test.yaml").hostBridges[0]?.below ?? [];
}

function head(...lines: string[]): Scenario {
  return parseScenario(`${lines.join("\n")}\nhostBridges: [below: [nvme]]\n`, "test.yaml");
}

function first(nodes: readonly ScenarioNode[]): ScenarioNode {
  const [node] = nodes;
  if (node === undefined) throw new Error("no device");
  return node;
}

describe("the head of a scenario", () => {
  it("leaves out nothing but what the file leaves out", () => {
    expect(head()).toMatchObject({ name: "test.yaml", cpu: null, kernel: null, iommu: null, commandLine: "" });
  });

  it("keeps 6.10 apart from 6.1, quoted or not", () => {
    expect(head("kernel: 6.10").kernel).toBe("6.10");
    expect(head('kernel: "6.1"').kernel).toBe("6.1");
  });

  it.each([
    ["amd-zen", { architecture: "x86_64", vendor: "AuthenticAMD", family: 0x17 }],
    ["amd-pre-zen", { architecture: "x86_64", vendor: "AuthenticAMD", family: 0x15 }],
    ["intel", { architecture: "x86_64", vendor: "GenuineIntel", family: null }],
    ["arm", { architecture: "aarch64", vendor: null, family: null }],
  ])("has the CPU %s", (preset, expected) => {
    expect(head(`cpu: ${preset}`).cpu).toMatchObject({ preset, ...expected });
  });

  it("takes a CPU by its fields", () => {
    const { cpu } = head("cpu: { vendor: GenuineIntel, family: 6, model: 0x8f }");
    expect(cpu).toEqual({
      preset: null,
      architecture: "x86_64",
      vendor: "GenuineIntel",
      family: 6,
      model: 143,
      name: null,
    });
  });

  it.each([
    ["iommu: off", { mode: "off", kind: "none" }],
    ["cpu: intel\niommu: strict", { mode: "strict", kind: "intel" }],
    ["cpu: amd-zen\niommu: lazy", { mode: "lazy", kind: "amd" }],
    ["cpu: arm\niommu: passthrough", { mode: "passthrough", kind: "arm-smmu" }],
    ["iommu: strict", { mode: "strict", kind: null }],
    ["cpu: amd-zen\niommu: { mode: strict, kind: intel }", { mode: "strict", kind: "intel" }],
  ])("reads %j", (text, expected) => {
    expect(head(text).iommu).toEqual(expected);
  });
});

describe("host bridges", () => {
  it("take bus 0, then 0x40, 0x80, 0xc0", () => {
    const { hostBridges } = parseScenario(`hostBridges:\n${"  - below:\n".repeat(4)}`, "f");
    expect(hostBridges.map(({ bus }) => bus)).toEqual([0, 0x40, 0x80, 0xc0]);
  });

  it("have a function at 00.0 on bus 0 only, unless the file says so", () => {
    const text = "hostBridges: [below: , below: , {id: 8086:09a2, below: }, {segment: 1, id: none, below: }]";
    const { hostBridges } = parseScenario(text, "f");
    expect(hostBridges.map(({ hasFunction }) => hasFunction)).toEqual([true, false, true, false]);
    expect(hostBridges.map(({ id }) => id?.deviceId ?? null)).toEqual([null, null, 0x09a2, null]);
  });

  it("count buses apart in every segment", () => {
    const text = "hostBridges: [{segment: 5, below: }, below: , {segment: 5, below: }]";
    expect(parseScenario(text, "f").hostBridges.map(({ bus }) => bus)).toEqual([0, 0, 0x40]);
  });
});

describe("device numbers", () => {
  it("start after the host bridge and pass over those that are stated", () => {
    const nodes = below("- rootPort", "- rootPort: { at: 02.0 }", "- rootPort", "- nvme: { at: 1f }");
    expect(nodes.map(({ device }) => device)).toEqual([1, 2, 3, 0x1f]);
  });

  it("start at 0 where no host bridge function is", () => {
    const { hostBridges } = parseScenario("hostBridges: [{bus: 0x40, below: [rootPort, rootPort]}]", "f");
    expect(hostBridges[0]?.below.map(({ device }) => device)).toEqual([0, 1]);
  });

  it("are hexadecimal, quoted or not", () => {
    expect(below("- nvme: { at: 10.0 }")[0]).toMatchObject({ device: 16, function: 0 });
    expect(below('- nvme: { at: "10.0" }')[0]).toMatchObject({ device: 16, function: 0 });
  });

  it("come in enumeration order, whatever the order of the file", () => {
    const nodes = below("- nvme: { at: 06.0 }", "- rootPort: { at: 04.0 }", "- nic: { at: 05.0 }");
    expect(nodes.map(({ device }) => device)).toEqual([4, 5, 6]);
  });

  it("start at 1 on a conventional bus", () => {
    const bridge = first(below("- bridge:", "  below: [nic, nic]"));
    expect(bridge.kind === "pcie-to-pci-bridge" && bridge.below.map(({ device }) => device)).toEqual([1, 2]);
  });
});

describe("functions of one device", () => {
  it("are numbered in the order of the list", () => {
    const nodes = below("- functions: [nvme: {cmb: 16M}, nic]", "  at: 06");
    expect(nodes.map((node) => [node.device, node.function, node.multifunction])).toEqual([
      [6, 0, true],
      [6, 1, true],
    ]);
  });

  it("may leave numbers out", () => {
    const nodes = below("- functions: [nvme, nvme: { at: .4 }, nvme]");
    expect(nodes.map((node) => node.function)).toEqual([0, 4, 5]);
  });

  it("may be root ports, listed or placed one by one", () => {
    const listed = below("- functions: [rootPort, rootPort]");
    const placed = below("- rootPort: { at: 01.0 }", "- rootPort: { at: 01.1 }");
    const shape = (nodes: readonly ScenarioNode[]): unknown[] =>
      nodes.map(({ kind, device, function: fn, multifunction }) => ({ kind, device, fn, multifunction }));
    expect(shape(listed)).toEqual(shape(placed));
    expect(shape(placed)).toHaveLength(2);
  });
});

describe("switches", () => {
  it("make one downstream port for each child", () => {
    const port = first(below("- rootPort:", "  below:", "    - switch:", "      below: [nvme, nic]"));
    if (port.kind !== "root-port") throw new Error(port.kind);
    const upstream = first(port.below);
    if (upstream.kind !== "switch") throw new Error(upstream.kind);
    expect(upstream.acs).toBeNull();
    expect(upstream.ports.map((one) => [one.device, one.below[0]?.kind, one.acs?.capability])).toEqual([
      [0, "endpoint", 0x5f],
      [1, "endpoint", 0x5f],
    ]);
  });

  it("hand their acs and portId down, and a port overrides them", () => {
    const text = ["- rootPort:", "  below:", "    - switch: { acs: false, portId: 1000:c030 }", "      below:"];
    const port = first(
      below(...text, "        - nvme", "        - port: { at: 04.0, acs: true }", "          below: [nvme]"),
    );
    const upstream = port.kind === "root-port" ? first(port.below) : port;
    if (upstream.kind !== "switch") throw new Error(upstream.kind);
    expect(upstream.ports.map((one) => [one.device, one.acs?.capability ?? null, one.id?.deviceId])).toEqual([
      [0, null, 0xc030],
      [4, 0x5f, 0xc030],
    ]);
  });
});

describe("ACS", () => {
  it.each([
    ["", { capability: 0x5f, control: null }],
    ["{ acs: true }", { capability: 0x5f, control: null }],
    ["{ acs: false }", null],
    ["{ acs: SV+ RR+ CR+ UF+ }", { capability: 0x5f, control: 0x1d }],
    ["{ acs: SV+ TB- EC+ }", { capability: 0x7f, control: 0x21 }],
  ])("of `rootPort: %s`", (text, expected) => {
    expect(below(`- rootPort: ${text}`)[0]?.acs).toEqual(expected);
  });
});

describe("endpoints", () => {
  it.each([
    ["nvme", 0x010802],
    ["nic", 0x020000],
    ["gpu", 0x030200],
    ["accel", 0x120000],
    ["device", 0x050000],
  ])("%s has a class, and ids only where the file gives them", (kind, classCode) => {
    const node = { kind: "endpoint", endpoint: kind, bus: "root", classCode };
    expect(first(below(`- ${kind}`))).toMatchObject({ ...node, id: null });
    expect(first(below(`- ${kind}: { id: 10de:2330 }`))).toMatchObject({
      ...node,
      id: { vendorId: 0x10de, deviceId: 0x2330 },
    });
  });

  it("have the controller memory buffer of an NVMe in BAR 2", () => {
    const node = first(below("- nvme: { cmb: 16M }"));
    expect(node.kind === "endpoint" && node.bars.at(-1)).toMatchObject({
      index: 2,
      is64Bit: true,
      prefetchable: true,
      sizeBytes: 16 * 2 ** 20,
    });
  });

  it("have a small BAR while Resizable BAR is off, and what it could be", () => {
    const node = first(below("- gpu: { bar: 1G, rebar: small }"));
    expect(node.kind === "endpoint" && node.bars[1]).toMatchObject({
      sizeBytes: 2 ** 28,
      resizableBytes: [2 ** 28, 2 ** 29, 2 ** 30],
    });
  });

  it.each([
    ["16M", { kind: "memory", is64Bit: true, prefetchable: true, sizeBytes: 2 ** 24, resizableBytes: null }],
    ["64K 32-bit", { is64Bit: false, prefetchable: false, sizeBytes: 65536 }],
    ["64K 32-bit prefetchable", { is64Bit: false, prefetchable: true }],
    ["1M 64-bit non-prefetchable", { is64Bit: true, prefetchable: false }],
    ["32 io", { kind: "io", is64Bit: false, prefetchable: false, sizeBytes: 32 }],
    ["256M of 1G", { sizeBytes: 2 ** 28, resizableBytes: [2 ** 28, 2 ** 29, 2 ** 30] }],
  ])("take the BAR '%s'", (text, expected) => {
    const node = first(below(`- device: { bars: { 0: ${text} } }`));
    expect(node.kind === "endpoint" && node.bars).toEqual([expect.objectContaining({ index: 0, ...expected })]);
  });

  it.each([
    ["gen4 x16", 16, 16, 16, 16],
    ["2.5GT/s x1", 2.5, 1, 2.5, 1],
    ["gen3 x8 of gen5 x16", 8, 8, 32, 16],
  ])("take the link '%s'", (text, speed, width, capableSpeed, capableWidth) => {
    const port = first(below("- rootPort:", `  below: [nic: { link: ${text} }]`));
    const node = port.kind === "root-port" ? first(port.below) : port;
    expect(node.kind === "endpoint" && node.link).toEqual({
      negotiated: { speedGTps: speed, width },
      capable: { speedGTps: capableSpeed, width: capableWidth },
    });
  });

  it("have no link on a root bus or a conventional one", () => {
    const [bridge, nic] = below("- bridge:", "  below: [nic]", "- nic");
    expect(nic?.kind === "endpoint" && nic.link).toBeNull();
    const conventional = bridge?.kind === "pcie-to-pci-bridge" ? bridge.below[0] : undefined;
    expect(conventional).toMatchObject({ bus: "conventional", link: null, id: null });
  });

  it("inherit the NUMA node of what is above", () => {
    const text = "hostBridges: [{numaNode: 1, below: [{rootPort: , below: [nvme]}, nic: {numaNode: 0}]}]";
    const [port, nic] = parseScenario(text, "f").hostBridges[0]?.below ?? [];
    expect(port?.kind === "root-port" && port.below[0]?.numaNode).toBe(1);
    expect(nic?.numaNode).toBe(0);
  });
});

it("A bridge on a conventional bus is a PCI-to-PCI bridge", () => {
  const outer = first(below("- bridge:", "  below: [bridge]"));
  expect(outer.kind === "pcie-to-pci-bridge" && outer.below[0]).toMatchObject({
    kind: "pci-bridge",
    id: null,
  });
});

it("An anchor repeats devices", () => {
  const nodes = below("- rootPort:", "  below: &pair [functions: [nvme, nic]]", "- rootPort:", "  below: *pair");
  expect(nodes.map((node) => (node.kind === "root-port" ? node.below.length : 0))).toEqual([2, 2]);
});

it("Every device knows its place in the file", () => {
  const [port] = below("- rootPort:", "  below:", "    - switch:", "      below: [nvme, nic]");
  const upstream = port?.kind === "root-port" ? port.below[0] : undefined;
  const nic = upstream?.kind === "switch" ? upstream.ports[1]?.below[0] : undefined;
  expect(port?.place).toEqual({ file: "test.yaml", line: 3, column: 9 });
  expect(nic?.place).toEqual({ file: "test.yaml", line: 6, column: 27 });
});
