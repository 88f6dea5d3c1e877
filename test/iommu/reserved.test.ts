import { describe, expect, test } from "vitest";
import type { HostBridgeWindow, IommuKind, Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { reservedRanges } from "../../src/iommu/reserved.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import { isUnknown, type Known, unknown } from "../../src/pci/known.ts";

const base = readScenario(
  `kernel: 7.2
cpu: intel
hostBridges:
  - below:
      - rootPort: {}
        below: [nvme]
`,
  "reserved.yaml",
);

/** A machine with an IOMMU of a kind, and one host bridge with the windows. */
function machine(kind: Known<IommuKind>, windows: Known<readonly HostBridgeWindow[]>): Machine {
  if (isUnknown(base.hostBridges)) throw new Error("hidden");
  const hostBridges = base.hostBridges.map((bridge) => ({ ...bridge, windows }));
  return { ...base, iommu: { ...base.iommu, kind }, hostBridges };
}

function window(
  kind: HostBridgeWindow["kind"],
  physStart: number,
  busStart: Known<number>,
  sizeBytes: number,
): HostBridgeWindow {
  const bus = isUnknown(busStart) ? busStart : busAddr(busStart);
  return { kind, physStart: physAddr(physStart), busStart: bus, sizeBytes } as HostBridgeWindow;
}

const MSI = { start: 0xfee0_0000, sizeBytes: 0x10_0000, what: "MSI window" };

describe("where interrupts are written no IOVA lies", () => {
  test.for([
    ["intel", [MSI]],
    ["none", [MSI]],
    ["amd", [MSI, { start: 0xfd_0000_0000, sizeBytes: 0x3_0000_0000, what: "HyperTransport" }]],
    ["arm-smmu", [{ start: 0x0800_0000, sizeBytes: 0x10_0000, what: "MSI window" }, MSI]],
    ["virtio", [{ start: 0x0800_0000, sizeBytes: 0x10_0000, what: "MSI window" }, MSI]],
    ["other", [MSI]],
    ["hidden", [MSI]],
  ] as const)("with the IOMMU %s", ([kind, expected]) => {
    const known = kind === "hidden" ? unknown("no source") : (kind as IommuKind);
    expect(reservedRanges(machine(known, []))).toEqual(expected);
  });
});

describe("in a window of a host bridge no IOVA lies", () => {
  const name = "window of host bridge 0000:00";
  test.for([
    [
      "memory, by its bus address",
      window("memory", 0xc000_0000, 0x8000_0000, 0x1000_0000),
      [[0x8000_0000, 0x1000_0000]],
    ],
    ["one byte", window("memory", 0, 0x1000, 1), [[0x1000, 1]]],
    ["memory of no size", window("memory", 0, 0x1000, 0), []],
    ["I/O ports", window("io" as HostBridgeWindow["kind"], 0, 0x1000, 0x100), []],
  ] as const)("%s", ([, one, expected]) => {
    expect(reservedRanges(machine("intel", [one]))).toEqual([
      ...expected.map(([start, sizeBytes]) => ({ start, sizeBytes, what: name })),
      MSI,
    ]);
  });
});

describe("what is hidden is named, with the way out", () => {
  const said = (what: string) =>
    expect.objectContaining({
      code: "unsupported",
      message: `IOVAs cannot be kept apart from bus addresses: ${what}: no proc/iomem`,
      remedy: "read the machine from a source that shows /proc/iomem as root sees it, or from a scenario",
    });
  const why = unknown("no proc/iomem");

  test.for([
    ["the host bridges", { ...base, hostBridges: why }],
    ["the windows of host bridge 0000:00", machine("intel", why)],
    ["the bus addresses of host bridge 0000:00", machine("intel", [window("memory", 0x1000, why, 0x1000)])],
  ] as const)("%s", ([what, one]) => {
    expect(() => reservedRanges(one)).toThrow(said(what));
  });

  test("what is no machine is refused by the function's name", () => {
    expect(() => reservedRanges({} as Machine)).toThrow("reservedRanges");
  });
});
