import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { messagesOf } from "../../../src/live/probe/evidence.ts";
import { type IommuFault, parseFaults } from "../../../src/live/probe/faults.ts";
import { type Bdf, formatBdf, parseBdf } from "../../../src/pci/bdf.ts";
import type { PciFunction } from "../../../src/pci/function.ts";

const client = parseBdf("04:00.0") as Bdf;

function only(...texts: string[]): Partial<IommuFault> & { readonly from?: string | null } {
  const faults = parseFaults(texts.map((text) => ({ text })));
  expect(faults).toHaveLength(1);
  const [fault] = faults;
  return { ...fault, from: fault?.requester == null ? null : formatBdf(fault.requester) };
}

describe("a fault of an IOMMU is read from the message of", () => {
  test.each([
    [
      "Linux 7.2 on Intel",
      "DMAR: [DMA Write NO_PASID] Request device [0000:04:00.0] fault addr 0xfc020000 [fault reason 0x05] PTE Write access is not set",
      false,
    ],
    [
      "Linux 6.1 on Intel",
      "DMAR: [DMA Write NO_PASID] Request device [04:00.0] fault addr 0xfc020000 [fault reason 0x05] PTE Write access is not set",
      true,
    ],
    [
      "Linux 5.12 on Intel",
      "DMAR: [DMA Write PASID 0x1] Request device [0x04:0x00.0] fault addr 0xfc020000 [fault reason 0x05] PTE Write",
      true,
    ],
    [
      "Linux 5.4 on Intel",
      "DMAR: [DMA Write] Request device [04:00.0] PASID ffffffff fault addr fc020000 [fault reason 05] PTE Write access is not set",
      true,
    ],
  ])("%s", (_, text, isAnySegment) => {
    expect(only(text)).toMatchObject({
      iommu: "intel",
      from: "0000:04:00.0",
      access: "write",
      address: 0xfc020000,
      isAnySegment,
    });
  });

  test("AMD, with the device before or among the fields, and the way only where it is told", () => {
    const fields = "domain=0x000d address=0xfc020000 flags=0x0070]";
    const expected = { iommu: "amd", from: "0000:04:00.0", access: "write", address: 0xfc020000, reason: "flags 0x70" };
    expect(only(`nvme 0000:04:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT ${fields}`)).toMatchObject({
      ...expected,
      isAnySegment: false,
    });
    expect(only(`AMD-Vi: Event logged [IO_PAGE_FAULT device=0000:04:00.0 ${fields}`)).toMatchObject({
      ...expected,
      isAnySegment: false,
    });
    expect(only("AMD-Vi: Event logged [", `IO_PAGE_FAULT device=04:00.0 ${fields}`)).toMatchObject({
      ...expected,
      isAnySegment: true,
    });
    expect(
      only("x 0000:04:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x1 address=0x10 flags=0x0050]").access,
    ).toBe("read");
    expect(
      only("x 0000:04:00.0: AMD-Vi: Event logged [IO_PAGE_FAULT domain=0x1 address=0x10 flags=0x0000]").access,
    ).toBeNull();
  });

  test("ARM's SMMUv3, from Linux 6.14 on once, before by the words of the record", () => {
    const raw = [
      "arm-smmu-v3 arm-smmu-v3.0.auto: event 0x10 received:",
      "arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000040000000010",
      "arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000000000000000",
      "arm-smmu-v3 arm-smmu-v3.0.auto: \t0x00000000fc020000",
      "arm-smmu-v3 arm-smmu-v3.0.auto: \t0x0000000000000000",
    ];
    const expected = {
      iommu: "arm-smmu-v3",
      from: "0000:04:00.0",
      access: "write",
      address: 0xfc020000,
      reason: "F_TRANSLATION",
    };
    expect(only(...raw)).toMatchObject(expected);
    const newer = [
      "arm-smmu-v3 arm-smmu-v3.0.auto: event: F_TRANSLATION client: 0000:04:00.0 sid: 0x400 ssid: 0x0 iova: 0xfc020000 ipa: 0x0",
      'arm-smmu-v3 arm-smmu-v3.0.auto: unpriv data write s1 "Input address caused fault" stag: 0x0',
    ];
    expect(only(...raw, ...newer)).toMatchObject(expected);
    expect(only(newer[0]?.replace("0000:04:00.0", "(unassigned sid)") ?? "")).toMatchObject({
      from: "0000:04:00.0",
      access: null,
    });
    expect(parseFaults(raw.slice(0, 3).map((text) => ({ text })))).toEqual([]);
  });

  test("ARM's SMMUv2 and virtio", () => {
    expect(
      only(
        "arm-smmu 2b400000.iommu: Unhandled context fault: fsr=0x402, iova=0xfc020000, fsynr=0x11, cbfrsynra=0x400, cb=0",
      ),
    ).toMatchObject({ iommu: "arm-smmu", from: "0000:04:00.0", access: "write", address: 0xfc020000 });
    expect(only("virtio_iommu virtio0: page fault from EP 1024 at 0xfc020000 [W]")).toMatchObject({
      iommu: "virtio",
      from: "0000:04:00.0",
      access: "write",
      address: 0xfc020000,
    });
  });
});

test("an address beyond 2^53 is no number", () => {
  expect(
    only("DMAR: [DMA Read NO_PASID] Request device [04:00.0] fault addr 0xffffffffffffffff [fault reason 0x06] x"),
  ).toMatchObject({ address: null, access: "read" });
});

test("other messages are no faults", () => {
  for (const text of [
    "DMAR: DRHD: handling fault status reg 2",
    "DMAR: [INTR-REMAP] Request device [04:00.0] fault index 0x10 [fault reason 0x25] Blocked",
    "AMD-Vi: Event logged [INVALID_DEVICE_REQUEST device=00:00.1 address=0xfdf8000020 flags=0x0a00]",
    "nvme nvme0: I/O 1 QID 2 timeout",
  ]) {
    expect(parseFaults([{ text }])).toEqual([]);
  }
});

test("any text is read in bounded time, without an error", () => {
  const piece = fc.constantFrom(
    "DMAR: [DMA Write NO_PASID] Request device [",
    "ff:1f.7] fault addr 0x",
    "fc020000",
    " [fault reason ",
    "] ",
    "IO_PAGE_FAULT ",
    "device=",
    "address=",
    "flags=0x",
    "arm-smmu-v3 x: event 0x10 received:",
    "arm-smmu-v3 x: \t0x0123456789abcdef",
    "event: F_X client: ",
    "sid: 0x",
    "ssid: 0x0 iova: 0x1",
    "Unhandled context fault: fsr=0x1, iova=0x",
    "page fault from EP ",
    "999999999999",
    "\n",
    "\0",
    "é",
    "a".repeat(5000),
  );
  const text = fc.array(fc.oneof(piece, fc.string()), { maxLength: 12 }).map((parts) => parts.join(""));
  fc.assert(
    fc.property(
      fc.array(
        text.map((each) => ({ text: each })),
        { maxLength: 8 },
      ),
      (messages) => {
        for (const { address, requester } of parseFaults(messages)) {
          expect(address === null || Number.isSafeInteger(address)).toBe(true);
          expect(requester === null || parseBdf(formatBdf(requester)) === requester).toBe(true);
        }
      },
    ),
  );
});

describe("of all that the kernel says", () => {
  const bar = {
    index: 2,
    kind: "memory",
    is64Bit: true,
    prefetchable: true,
    busAddress: 0xfc000000,
    physAddress: 0xfc000000,
    sizeBytes: 1 << 24,
    fromEnhancedAllocation: false,
  };
  const provider = { bdf: parseBdf("03:00.0"), bars: [bar] } as unknown as PciFunction;
  const said = (text: string, clients = [client]) =>
    messagesOf([{ sequence: 1, timeUs: 1, text }], { provider, clients, names: ["nvme1n1", "nvme1"] });

  test("what names provider, client or disk belongs to the pair", () => {
    for (const text of [
      "nvme 0000:04:00.0: cannot be used",
      "x (0000:03:00.0) y",
      "I/O error, dev nvme1n1, sector 0",
      "nvme nvme1: reset",
    ]) {
      expect(said(text).messages).toHaveLength(1);
    }
    for (const text of ["nvme nvme10: reset", "dev nvme1n10, x", "0000:04:00.01", "10000:04:00.0 x", "usb 1-1: new"]) {
      expect(said(text).messages).toHaveLength(0);
    }
  });

  test("a fault in the provider's BAR went up to the IOMMU", () => {
    const text = (address: string, device = "04:00.0"): string =>
      `DMAR: [DMA Write NO_PASID] Request device [${device}] fault addr ${address} [fault reason 0x05] x`;
    expect(said(text("0xfc020000"))).toMatchObject({ messages: [{}], faults: [{ providerBar: 2 }] });
    expect(said(text("0xfd000000")).faults).toMatchObject([{ providerBar: null }]);
    expect(said(text("0xfd000000", "05:00.0")).faults).toEqual([]);
    expect(said(text("0x10", "0001:04:00.0")).faults).toEqual([]);
    const far = parseBdf("0001:04:00.0") as Bdf;
    expect(said(text("0x10"), [far]).faults).toHaveLength(1);
  });
});
