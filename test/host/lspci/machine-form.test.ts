import { describe, expect, it } from "vitest";
import { at, hasLspci, lspci, read } from "./support.ts";

describe("lspci -mm", () => {
  it("gives class, ids, revision and subsystem", () => {
    const text = `00:1f.3 "Audio device [0403]" "Intel \\"Corp\\" [8086]" "Sunrise Point [9d71]" -r21 -p80 "Dell [1028]" "Device [07be]"\n`;
    expect(at(read(text), "00:1f.3")).toMatchObject({
      classCode: 0x040380,
      vendorId: 0x8086,
      deviceId: 0x9d71,
      revision: 0x21,
      subsystem: { vendorId: 0x1028, deviceId: 0x07be },
      label: 'Intel "Corp" Sunrise Point',
    });
  });

  it("gives names as the other forms do", () => {
    const text = `00:1f.3 "Audio device" "Intel Corporation" "Device 9d71" "" ""\n00:1f.3 Audio device: Intel Corporation Device 9d71\n`;
    expect(at(read(text), "00:1f.3")).toMatchObject({ label: "Intel Corporation Device 9d71", revision: 0 });
  });
});

describe("lspci -vmm", () => {
  const text = `Slot:\t01:00.0
Class:\tNon-Volatile memory controller [0108]
Vendor:\tSamsung Electronics Co Ltd [144d]
Device:\tNVMe SSD [a808]
SVendor:\tSamsung Electronics Co Ltd [144d]
SDevice:\tSSD 970 EVO [a801]
Rev:\t01
ProgIf:\t02
Driver:\tnvme
NUMANode:\t1
IOMMUGroup:\t14

Device:\t02:00.0
Class:\tEthernet controller
Vendor:\tIntel Corporation
Device:\tI210
`;
  it("gives ids, driver, NUMA node and IOMMU group", () => {
    expect(at(read(text), "01:00.0")).toMatchObject({
      classCode: 0x010802,
      vendorId: 0x144d,
      deviceId: 0xa808,
      subsystem: { deviceId: 0xa801 },
      driver: "nvme",
      numaNode: 1,
      iommuGroup: 14,
      label: "Samsung Electronics Co Ltd NVMe SSD",
    });
    expect(at(read(text), "02:00.0")).toMatchObject({ classCode: 0x020000, label: "Intel Corporation I210" });
  });
});

describe.skipIf(!hasLspci)("on this host", () => {
  it.each(["-mm", "-mmnn", "-mmn", "-vmm", "-vmmnn", "-vmmk", "-Dvmm", "-vm"])(
    "lspci %s names the same functions",
    (flag) => {
      const list = lspci("-D") ?? new Uint8Array();
      if (list.length === 0) return;
      const addresses = (bytes: Uint8Array): number[] =>
        read(new TextDecoder().decode(bytes)).functions.map((fn) => fn.bdf);
      expect(addresses(lspci(flag) ?? new Uint8Array())).toEqual(addresses(list));
    },
  );
});
