import { expect, test } from "vitest";
import { ACS_BIT_NAMES, ACS_LETTERS, ACS_REDIRECT_BITS, redirects } from "../../src/pci/acs.ts";
import { busAddr, formatAddress, iova, PAGE_BYTES, physAddr } from "../../src/pci/addresses.ts";
import { busKeyOf, devfnOf, formatBus, makeBdf } from "../../src/pci/bdf.ts";
import { capabilityName } from "../../src/pci/capability-names.ts";
import { formatPlace, PeerlaneError } from "../../src/pci/error.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { rows } from "../rows.ts";

test.each(
  rows(`
    // bit | letters | lspci's word | redirects (PCIe 6.0 sec 7.7.11)
    0x01   | SV      | SrcValid     | no
    0x02   | TB      | TransBlk     | no
    0x04   | RR      | ReqRedir     | yes
    0x08   | CR      | CmpltRedir   | yes
    0x10   | UF      | UpstreamFwd  | no
    0x20   | EC      | EgressCtrl   | yes
    0x40   | DT      | DirectTrans  | no
  `),
)("ACS bit %s is %s, %s to lspci, and redirects: %s", (bit, letters, word, isRedirecting) => {
  const position = Math.log2(Number(bit));
  expect([ACS_LETTERS[position], ACS_BIT_NAMES[position]]).toEqual([letters, [Number(bit), word]]);
  expect(redirects({ capability: 0, control: Number(bit) })).toBe(isRedirecting === "yes");
  expect((ACS_REDIRECT_BITS & Number(bit)) !== 0).toBe(isRedirecting === "yes");
  expect([ACS_LETTERS.length, ACS_BIT_NAMES.length]).toEqual([7, 7]);
});

/** PCI Code and ID Assignment 1.15 sec 2 and 3, by decimal id. */
const CAPABILITIES = rows(`
  standard | 1 Power Management, 2 AGP, 3 Vital Product Data, 4 Slot ID, 5 MSI, 6 CompactPCI hot-swap, 7 PCI-X
  standard | 8 HyperTransport, 9 Vendor Specific Information, 10 Debug port, 11 CompactPCI central resource control
  standard | 12 Hot-plug capable, 13 Bridge subsystem vendor ID, 14 AGP3, 15 Secure device, 16 Express, 17 MSI-X
  standard | 18 SATA HBA, 19 PCI Advanced Features, 20 Enhanced Allocation, 21 Flattening Portal Bridge
  extended | 1 Advanced Error Reporting, 2 Virtual Channel, 3 Device Serial Number, 4 Power Budgeting
  extended | 5 Root Complex Link Declaration, 6 Root Complex Internal Link Control
  extended | 7 Root Complex Event Collector Endpoint Association, 8 Multi-Function Virtual Channel
  extended | 9 Virtual Channel (MFVC), 10 Root Complex Register Block, 11 Vendor Specific Information
  extended | 12 Configuration Access Correlation, 13 Access Control Services, 14 Alternative Routing-ID Interpretation
  extended | 15 Address Translation Service, 16 Single Root I/O Virtualization, 17 Multi-Root I/O Virtualization
  extended | 18 Multicast, 19 Page Request Interface, 21 Resizable BAR, 22 Dynamic Power Allocation, 23 TPH Requester
  extended | 24 Latency Tolerance Reporting, 25 Secondary PCI Express, 26 Protocol Multiplexing
  extended | 27 Process Address Space ID, 28 LN Requester, 29 Downstream Port Containment, 30 L1 PM Substates
  extended | 31 Precision Time Measurement, 32 PCI Express over M-PHY, 33 FRS Queueing, 34 Readiness Time Reporting
  extended | 35 Designated Vendor-Specific, 36 VF Resizable BAR, 37 Data Link Feature, 38 Physical Layer 16.0 GT/s
  extended | 39 Lane Margining at the Receiver, 40 Hierarchy ID, 41 Native PCIe Enclosure Management
  extended | 42 Physical Layer 32.0 GT/s, 43 Alternate Protocol, 44 System Firmware Intermediary, 45 Shadow Functions
  extended | 46 Data Object Exchange, 47 Device 3, 48 Integrity and Data Encryption, 49 Physical Layer 64.0 GT/s
  extended | 50 Flit Logging, 51 Flit Performance Measurement, 52 Flit Error Injection
`);

test("Capabilities have the names of the specification, and others their id", () => {
  for (const space of ["standard", "extended"] as const) {
    const named = new Map<number, string>();
    for (const [, list = ""] of CAPABILITIES.filter(([of]) => of === space)) {
      for (const item of list.split(", ")) named.set(Number.parseInt(item, 10), item.slice(item.indexOf(" ") + 1));
    }
    const hex = (id: number): string => `capability 0x${id.toString(16).padStart(2, "0")}`;
    const ids = Array.from({ length: 0x120 }, (_, id) => id);
    expect(ids.map((id) => capabilityName(space, id))).toEqual(ids.map((id) => named.get(id) ?? hex(id)));
  }
});

test.each([
  ["bus address", busAddr],
  ["physical address", physAddr],
  ["IOVA", iova],
] as const)("A %s is a whole number from 0 to 2^53 - 1, and another is refused by name", (what, make) => {
  expect([make(0), make(2 ** 53 - 1)]).toEqual([0, 2 ** 53 - 1]);
  for (const value of [-1, 0.5, 2 ** 53]) {
    const refusal = { code: "bad-input", message: `${what} ${value} is not an address below 2^53` };
    expect(() => make(value)).toThrow(expect.objectContaining(refusal));
  }
  expect([formatAddress(make(0xfe800000)), PAGE_BYTES]).toEqual(["0xfe800000", 4096]);
});

test.each([
  [0, 0, 0, 0, true],
  [0xffffffff, 255, 31, 7, true],
  [-1, 0, 0, 0, false],
  [2 ** 32, 0, 0, 0, false],
  [0, -1, 0, 0, false],
  [0, 256, 0, 0, false],
  [0, 0, -1, 0, false],
  [0, 0, 32, 0, false],
  [0, 0, 0, -1, false],
  [0, 0, 0, 8, false],
  [0.5, 0, 0, 0, false],
  [0, 0.5, 0, 0, false],
  [0, 0, 0.5, 0, false],
  [0, 0, 0, 0.5, false],
])("Domain %d, bus %d, device %d, function %d is an address: %s", (domain, bus, device, fn, isOne) => {
  if (isOne) {
    const bdf = makeBdf(domain, bus, device, fn);
    expect([bdf, busKeyOf(bdf), devfnOf(bdf)]).toEqual([
      domain * 0x10000 + bus * 0x100 + device * 8 + fn,
      domain * 0x100 + bus,
      device * 8 + fn,
    ]);
    expect(formatBus(busKeyOf(bdf))).toBe(
      `${domain.toString(16).padStart(4, "0")}:${bus.toString(16).padStart(2, "0")}`,
    );
  } else {
    const message = `not a PCI address: domain ${domain}, bus ${bus}, device ${device}, function ${fn}`;
    expect(() => makeBdf(domain, bus, device, fn)).toThrow(expect.objectContaining({ code: "bad-input", message }));
  }
});

test("An error says what, where and the way out, and keeps its cause", () => {
  const cause = new Error("why");
  const place = { file: "a.yaml", line: 3, column: 5 };
  const error = new PeerlaneError("usage", "what", { place, facts: { at: "0x0" }, remedy: "so", cause });
  expect(error).toMatchObject({
    name: "PeerlaneError",
    code: "usage",
    message: "what",
    place,
    facts: { at: "0x0" },
    remedy: "so",
    cause,
  });
  const bare = new PeerlaneError("usage", "what");
  expect(bare).toMatchObject({ name: "PeerlaneError", code: "usage", place: undefined, facts: {}, remedy: undefined });
  expect("cause" in bare).toBe(false);
  expect([place, { file: "a", line: 3 }, { file: "-" }].map(formatPlace)).toEqual(["a.yaml:3:5", "a:3", "-"]);
});

test.each([
  [unknown("x"), true],
  [null, false],
  [0, false],
  ["unknown", false],
  [{}, false],
  [[], false],
])("%j is hidden: %s", (value, isHidden) => {
  expect(isUnknown(value)).toBe(isHidden);
});
