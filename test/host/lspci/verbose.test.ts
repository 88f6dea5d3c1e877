import { describe, expect, it } from "vitest";
import { at, read, verbose } from "./support.ts";

describe("lspci -vvnn of a root port", () => {
  const port = at(read(verbose), "00:1c.0");

  it("gives ids, class, revision, subsystem and command", () => {
    expect(port).toMatchObject({
      vendorId: 0x8086,
      deviceId: 0x9d10,
      classCode: 0x060400,
      revision: 0xf1,
      subsystem: { vendorId: 0x1028, deviceId: 0x07be },
      command: 0x0407,
      headerType: 1,
      label: "Intel Corporation Some Root Port",
      driver: "pcieport",
      numaNode: 0,
      iommuGroup: 5,
      bars: [],
    });
  });

  it("gives bus numbers and the windows that are open", () => {
    expect(port.bridge).toEqual({
      primary: 0,
      secondary: 1,
      subordinate: 2,
      windows: [
        { kind: "io", start: 0xe000, size: 0x1000 },
        { kind: "memory", start: 0xdc000000, size: 0x1000000 },
      ],
    });
  });

  it("gives port type, links and slot", () => {
    expect(port.express).toMatchObject({
      type: "root-port",
      version: 2,
      slotImplemented: true,
      slotNumber: 12,
      linkCapable: { speedGTps: 8, width: 4 },
      linkStatus: { speedGTps: 2.5, width: 2 },
    });
  });

  it("gives ACS capability and control", () => {
    expect(port.acs).toEqual({ capability: 0x0f, control: 0x0d });
    expect(port.sriov).toBeNull();
    expect(port.resizableBars).toEqual([]);
  });
});

describe("lspci -vvnn of an endpoint", () => {
  const nvme = at(read(verbose), "01:00.0");

  it("gives BARs with the kernel's addresses and sizes, and none for the regions of virtual functions", () => {
    expect(nvme.bars).toMatchObject([
      { index: 0, kind: "memory", is64Bit: true, prefetchable: false, physAddress: 0xdc200000, sizeBytes: 16384 },
      { index: 2, kind: "io", physAddress: 0xe000, sizeBytes: 256 },
      { index: 4, prefetchable: true, physAddress: null, busAddress: null, sizeBytes: 2 ** 31 },
      { index: 6, kind: "memory", physAddress: 0xdc100000, sizeBytes: 2 ** 20 },
    ]);
  });

  it("gives SR-IOV numbers, Resizable BAR sizes, and null for ACS where the list has none", () => {
    expect(nvme.sriov).toEqual({ totalVfs: 8, numVfs: 2, firstVfOffset: 1, vfStride: 1, vfDeviceId: 0xa809 });
    expect(nvme.resizableBars).toEqual([
      { barIndex: 4, currentBytes: 2 ** 31, supportedBytes: [2 ** 30, 2 ** 31, 2 ** 32] },
    ]);
    expect(nvme.acs).toBeNull();
    expect(nvme.bridge).toBeNull();
    expect(nvme.revision).toBe(0);
  });

  it("names its capabilities with their places and the fields that are printed", () => {
    expect(nvme.capabilities).toMatchObject([
      { space: "standard", id: 0x10, offset: 0x70 },
      { space: "standard", id: 0x11, offset: 0xb0 },
      { space: "extended", id: 0x03, offset: 0x148, version: 1 },
      { space: "extended", id: 0x10, offset: 0x168 },
      { space: "extended", id: 0x15, offset: 0x1b0 },
      { id: 0x0f, decoded: { enabled: true, invalidateQueueDepth: 32, smallestTranslationUnit: 3 } },
      { id: 0x23, decoded: { vendor: "0x1e98", dvsecId: "0x0000", revision: 1, length: 56, cxl: true } },
    ]);
  });

  it("takes a missing NUMA node for none where another function names one", () => {
    expect(nvme.numaNode).toBeNull();
  });
});

describe("PCI Express types", () => {
  const typeOf = (text: string): unknown => {
    const lines = `01:00.0 Bridge: X\n\tControl: I/O+\n\tCapabilities: [70] Express ${text}, MSI 00\n\n`;
    return at(read(lines), "01:00.0").express;
  };
  it.each([
    ["(v2) Root Port (Slot-)", "root-port"],
    ["(v2) Upstream Port", "upstream-port"],
    ["(v1) Downstream Port (Slot+)", "downstream-port"],
    ["Endpoint", "endpoint"],
    ["(v2) Legacy Endpoint", "legacy-endpoint"],
    ["(v1) PCI-Express to PCI/PCI-X Bridge", "pcie-to-pci-bridge"],
    ["(v1) PCI/PCI-X to PCI-Express Bridge (Slot-)", "pci-to-pcie-bridge"],
    ["(v2) Root Complex Integrated Endpoint", "root-complex-endpoint"],
    ["(v2) Root Complex Event Collector", "root-complex-event-collector"],
    ["(v2) Unknown type 13", "reserved"],
  ])("'%s' is %s", (text, type) => {
    expect(typeOf(text)).toMatchObject({ type });
  });

  it("an integrated endpoint has no link", () => {
    expect(typeOf("(v2) Root Complex Integrated Endpoint")).toMatchObject({ linkCapable: null, linkStatus: null });
  });
});

describe("odd values", () => {
  const bars = (...regions: string[]): unknown =>
    at(read(`01:00.0 Bridge: X\n\tControl: I/O+\n${regions.map((r) => `\t${r}\n`).join("")}\n`), "01:00.0").bars;

  it("an ignored BAR has no CPU address, and what its register holds is unknown", () => {
    expect(bars("Region 0: Memory at <ignored> (32-bit, non-prefetchable) [size=4K]")).toMatchObject([
      { physAddress: null, busAddress: { unknown: expect.any(String) } },
    ]);
  });

  it("without sizes the addresses are those of the registers", () => {
    expect(bars("Region 0: Memory at f0000000 (64-bit, prefetchable)")).toMatchObject([
      {
        busAddress: 0xf0000000,
        physAddress: { unknown: expect.any(String) },
        sizeBytes: { unknown: expect.any(String) },
      },
    ]);
  });

  it("a virtual BAR has its CPU address only, before or behind the words", () => {
    const virtual = [{ physAddress: 0x843000000000, busAddress: { unknown: expect.any(String) } }];
    expect(bars("Region 0: [virtual] Memory at 843000000000 (32-bit, non-prefetchable) [size=1G]")).toMatchObject(
      virtual,
    );
    expect(bars("Region 0: Memory at 843000000000 (32-bit, non-prefetchable) [virtual] [size=1G]")).toMatchObject(
      virtual,
    );
  });

  it("an address beyond 2^53 is unknown", () => {
    expect(bars("Region 0: Memory at ffffffff00000000 (64-bit, prefetchable) [size=1G]")).toMatchObject([
      { physAddress: { unknown: expect.any(String) } },
    ]);
  });

  it("windows above 4 GiB where only 32 bits fit are CPU addresses, so that the bus side is unknown", () => {
    const text = `00:00.0 PCI bridge: X\n\tControl: I/O+\n\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0
\tMemory behind bridge: 600000000-6000fffff [size=1M] [32-bit]\n\n`;
    expect(at(read(text), "00:00.0").bridge).toMatchObject({ secondary: 1, windows: { unknown: expect.any(String) } });
  });

  it("a device that is gone is unknown in all that needs its registers", () => {
    const text =
      "01:00.0 VGA compatible controller [0300]: NVIDIA Corporation GPU [10de:2330] (rev ff) (prog-if ff)\n\t!!! Unknown header type 7f\n\tKernel driver in use: nvidia\n\n";
    const gpu = at(read(text), "01:00.0");
    expect(gpu).toMatchObject({ vendorId: 0x10de, driver: "nvidia" });
    expect([gpu.acs, gpu.express, gpu.bridge, gpu.bars, gpu.revision]).toEqual(
      Array(5).fill({ unknown: expect.stringContaining("does not answer") }),
    );
  });

  it("a flag line that was cut gives nothing", () => {
    const cut = verbose.replace(/(ACSCtl:\tSrcValid\+ TransBlk- ReqRedir\+).*/, "$1");
    expect(at(read(cut), "00:1c.0").acs).toEqual({ unknown: expect.any(String) });
  });

  it("reads Enhanced Allocation as BARs", () => {
    const text = `01:00.0 Ethernet controller: X\n\tControl: I/O- Mem+\n\tCapabilities: [98] Enhanced Allocation (EA): NumEntries=2
\t\tEntry 0: Enable+ Writable- EntrySize=3
\t\t\t BAR Equivalent Indicator: BAR 0
\t\t\t PrimaryProperties: memory space, non-prefetchable
\t\t\t SecondaryProperties: entry unavailable for use, PrimaryProperties should be used
\t\t\t Base: 843000000000
\t\t\t MaxOffset: 3fffffff
\t\tEntry 1: Enable+ Writable- EntrySize=3
\t\t\t BAR Equivalent Indicator: VF-BAR 0
\t\t\t PrimaryProperties: VF memory space, non-prefetchable
\t\t\t Base: 8430a0000000
\t\t\t MaxOffset: 001fffff\n\n`;
    expect(at(read(text), "01:00.0").bars).toMatchObject([
      { index: 0, busAddress: 0x843000000000, sizeBytes: 2 ** 30, is64Bit: true, fromEnhancedAllocation: true },
    ]);
  });
});
