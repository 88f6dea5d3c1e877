import { describe, expect, it } from "vitest";
import { misreadParameters, parsePciParameters } from "../../src/p2pdma/kernel-parameters.ts";
import { parseBdf } from "../../src/pci/bdf.ts";

describe("pci=disable_acs_redir=", () => {
  it.each([
    ["00:04.0", { kind: "path", start: parseBdf("00:04.0"), below: [] }],
    ["0001:3f:1e.7", { kind: "path", start: parseBdf("0001:3f:1e.7"), below: [] }],
    ["00:04.0/00.0/01.2", { kind: "path", start: parseBdf("00:04.0"), below: [0, 10] }],
    ["pci:1b36:000c", { kind: "ids", vendorId: 0x1b36, deviceId: 12, subsystemVendorId: 0, subsystemDeviceId: 0 }],
    ["pci:8086:0", { kind: "ids", vendorId: 0x8086, deviceId: 0, subsystemVendorId: 0, subsystemDeviceId: 0 }],
    ["pci:1:2:3:4", { kind: "ids", vendorId: 1, deviceId: 2, subsystemVendorId: 3, subsystemDeviceId: 4 }],
  ])("takes %s", (device, expected) => {
    const { disableAcsRedirect, misread } = parsePciParameters(`quiet pci=disable_acs_redir=${device} ro`);
    expect(disableAcsRedirect).toEqual([expected]);
    expect(misread).toEqual([]);
  });

  it("separates devices by ';'", () => {
    expect(parsePciParameters("pci=disable_acs_redir=00:04.0;pci:8086:0").disableAcsRedirect).toHaveLength(2);
  });

  it("ends at a ',', and what follows is read as options of their own", () => {
    const { disableAcsRedirect, misread } = parsePciParameters("pci=disable_acs_redir=00:04.0,00:05.0,noats");
    expect(disableAcsRedirect).toMatchObject([{ start: parseBdf("00:04.0") }]);
    expect(misread).toEqual([expect.stringMatching(/'00:05\.0'.*';', not ','/)]);
  });

  it("may stand after other options", () => {
    expect(parsePciParameters("pci=noats,disable_acs_redir=00:04.0").disableAcsRedirect).toHaveLength(1);
  });

  it("given twice, counts the last time", () => {
    const { disableAcsRedirect } = parsePciParameters("pci=disable_acs_redir=00:04.0 pci=disable_acs_redir=00:05.0");
    expect(disableAcsRedirect).toMatchObject([{ start: parseBdf("00:05.0") }]);
  });

  it("ends at what is no device", () => {
    const { disableAcsRedirect, misread } = parsePciParameters("pci=disable_acs_redir=00:04.0;nvme0;00:05.0");
    expect(disableAcsRedirect).toHaveLength(1);
    expect(misread).toEqual([expect.stringContaining("'nvme0'")]);
  });

  it("may be quoted", () => {
    expect(parsePciParameters('a="b c" pci="disable_acs_redir=00:04.0;00:05.0"').disableAcsRedirect).toHaveLength(2);
  });

  it("without pci= does nothing, and is told", () => {
    const { disableAcsRedirect, misread } = parsePciParameters("disable_acs_redir=00:04.0");
    expect(disableAcsRedirect).toEqual([]);
    expect(misread).toEqual([expect.stringContaining("belongs behind pci=")]);
  });
});

it.each(["", "quiet", "pci=", "pci=noats", "pcie_ports=native pci=realloc=on,nomsi", 'x="', "=", "pci"])(
  "%j holds nothing to misread",
  (commandLine) => {
    expect(misreadParameters(commandLine)).toEqual([]);
  },
);
