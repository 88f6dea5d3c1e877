import { rmSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { differences } from "../../../scripts/kernel-facts/differences.ts";
import { readTree, type TreeFacts } from "../../../scripts/kernel-facts/read-tree.ts";
import { factLines } from "../../../scripts/kernel-facts/show.ts";
import { edited, NEW, OLD, type Tree, writeTree } from "./made-up-tree.ts";

function factsOf(tree: Tree): TreeFacts {
  const folder = writeTree(tree);
  try {
    return readTree(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("A tree in the shape of the newest kernels is read whole", () => {
  expect(factLines(factsOf(NEW))).toEqual([
    "version: 9.8.7",
    "option PCI_P2PDMA: depends on MADE_UP, 64BIT",
    "AMD families from: 0x19",
    "allow-list: 1234 (same host bridge): 00ab; 8086: 4321; 1ae0: any",
    "a root port stands for its host bridge: true",
    "redirected paths go through the host bridge: true",
    "an IOMMU closes the host bridge: false",
    "added to the distance through the host bridge: 0x0",
    "refused mappings: EMADEUP",
    "refused page-less ranges: EOTHER",
    "bus offset: added",
    "ACS at boot, named functions: starts-from-firmware",
    "config_acs: every-entry",
    "ACS turned on with an IOMMU: SV RR",
    "pci= parameters: nothing disable_acs_redir= config_acs=",
    "ACS quirk of 1234 on any, isolated: 0001-0002",
    "ACS quirk of 1234 on port, isolated: 0010-001f 0022",
    "ACS quirk of 1234 on port, open: every other device",
    "ACS quirk of 1234 on root-port, isolated: 0100-0101 0103",
    "ACS quirk of 19a2 on any, isolated: 0710",
    "ACS quirk of 8086 on root-complex-endpoint, isolated: every other device",
  ]);
});

test("A tree in the shape of the first kernels, with a vendor's numbers, is read whole", () => {
  expect(factLines(factsOf(OLD))).toEqual([
    "version: 5.2.0-rc9-777.el8_9",
    "option PCI_P2PDMA: depends on PCI && ZONE_DEVICE",
    "AMD families from: none",
    "allow-list: 1022: 0042",
    "a root port stands for its host bridge: false",
    "redirected paths go through the host bridge: false",
    "an IOMMU closes the host bridge: true",
    "added to the distance through the host bridge: 0x2000",
    "refused mappings: not refused by the DMA API",
    "refused page-less ranges: no such mapping",
    "bus offset: subtracted",
    "ACS at boot, named functions: clears",
    "config_acs: unknown-parameter",
    "ACS turned on with an IOMMU: SV",
    "pci= parameters: disable_acs_redir=",
    "ACS quirk of 1022 on any, isolated: 0009",
    "ACS quirk of 1022 on root-port, isolated: 4200-42ff",
  ]);
});

test("The kernels between mixed what firmware left and what was asked, and read the first entry only", () => {
  const mixing = edited(
    edited(NEW, "drivers/pci/pci.c", "if (!acs_mask)", "if (!mask)"),
    "drivers/pci/pci.c",
    "caps->ctrl = (caps->fw_ctrl & ~mask) | (flags & mask);",
    "caps->ctrl = (caps->ctrl & ~mask) | (caps->fw_ctrl & mask);\n\tcaps->ctrl |= flags;",
  );
  expect(factsOf(mixing)).toMatchObject({ acsAtBoot: "mixes", configAcs: "first-entry" });
});

describe("A shape that is not known is said, with its place", () => {
  const p2pdma = "drivers/pci/p2pdma.c";
  const pci = "drivers/pci/pci.c";
  test.each<[fact: keyof TreeFacts, path: string, was: string, becomes: string, says: RegExp]>([
    [
      "firstAmdFamily",
      p2pdma,
      "return false;\n}\nstruct",
      "return true;\n}\nstruct",
      /p2pdma\.c:8: cpu_supports_p2pdma\(\) trusts/,
    ],
    ["firstAmdFamily", p2pdma, "X86_VENDOR_AMD", "X86_VENDOR_HYGON", /trusts other CPUs/],
    [
      "allowList",
      p2pdma,
      "PCI_VENDOR_ID_MADE_UP",
      "PCI_VENDOR_ID_NOBODY",
      /p2pdma\.c:17: the vendor PCI_VENDOR_ID_NOBODY/,
    ],
    ["allowList", p2pdma, "0x4321", "PCI_DEVICE_ID_NONE", /the device PCI_DEVICE_ID_NONE/],
    ["allowList", p2pdma, "0x4321, 0", "0x4321, REQ_MORE", /the flag REQ_MORE/],
    [
      "allowList",
      p2pdma,
      "if (vendor != entry->vendor)",
      "if (vendor == entry->vendor)",
      /compares entries in an unknown way/,
    ],
    [
      "rootPortStandsForHostBridge",
      p2pdma,
      "PCI_EXP_TYPE_ROOT_PORT",
      "PCI_EXP_TYPE_UPSTREAM",
      /takes devices in an unknown way/,
    ],
    [
      "redirectedMayUseHostBridge",
      p2pdma,
      "!host_bridge_whitelist(provider, client, acs_redirects)",
      "other(provider)",
      /redirected path/,
    ],
    [
      "busOffset",
      "include/linux/pci-p2pdma.h",
      "paddr + p->bus_offset",
      "paddr ^ p->bus_offset",
      /bus address is made/,
    ],
    ["busOffset", p2pdma, "pci_bus_address(pdev, bar)", "other(pdev, bar)", /what the bus offset is/],
    ["acsAtBoot", pci, "(flags & mask)", "flags", /makes the control in an unknown way/],
    ["configAcs", pci, "if (!acs_mask)", "if (other)", /reads its list in an unknown way/],
    [
      "acsEnabled",
      pci,
      "caps->ctrl |= (dev->acs & PCI_ACS_SV);\n\tcaps->ctrl |= (dev->acs & PCI_ACS_RR);",
      "",
      /turns on bits/,
    ],
    ["pciParameters", pci, "pci_setup", "pci_other", /no pci_setup/],
    ["refusal", "kernel/dma/direct.c", "ret = -EMADEUP", "ret = other()", /refuses peer memory in an unknown way/],
    [
      "pageLessRefusal",
      "drivers/dma-buf/dma-buf-mapping.c",
      "ret = -EOTHER",
      "ret = 0",
      /what it refuses peer ranges with/,
    ],
    ["version", "Makefile", "VERSION = 9", "VERSION = x", /no VERSION/],
  ])("%s, %s: '%s' as '%s'", (fact, path, was, becomes, says) => {
    expect(factsOf(edited(NEW, path, was, becomes))[fact]).toEqual({ notRecognised: expect.stringMatching(says) });
  });

  test.each<[was: string, becomes: string, says: RegExp]>([
    [
      "acs_flags, PCI_ACS_SV | PCI_ACS_RR)",
      "acs_flags, other(dev))",
      /quirks\.c:3: anywhere\(\) answers in an unknown way/,
    ],
    ["PCI_EXP_TYPE_RC_END", "PCI_EXP_TYPE_UPSTREAM", /integrated\(\) answers/],
    ["static bool listed_match", "static bool other", /listed\(\) answers/],
    ["0x0101, 0x0103,", "OTHER,", /listed\(\) answers/],
    ["0x0001, anywhere", "0x0001, nowhere", /no function nowhere\(\)/],
    ["{ 0x19a2", "{ PCI_VENDOR_ID_NONE", /the vendor PCI_VENDOR_ID_NONE/],
    ["} pci_dev_acs_enabled[] =", "} other[] =", /no table pci_dev_acs_enabled/],
  ])("ACS quirks: '%s' as '%s'", (was, becomes, says) => {
    const odd = factsOf(edited(NEW, "drivers/pci/quirks.c", was, becomes)).acsQuirks.filter(
      (row) => "notRecognised" in row,
    );
    expect(odd).toContainEqual({ notRecognised: expect.stringMatching(says) });
  });

  test("a file that is missing", () => {
    const { "drivers/pci/p2pdma.c": _, ...without } = NEW;
    expect(factsOf(without).allowList).toEqual({ notRecognised: "drivers/pci/p2pdma.c is not there" });
  });
});

describe("Against the rows", () => {
  test("a tree of a release that was not read has none to be held against", () => {
    expect(differences(factsOf(NEW))).toMatch(/^no single row for 9\.8\.7: /);
  });

  test("what differs is named, and what is not recognised counts as different", () => {
    // Of kernel.org: a vendor's has no row of its own.
    const { "Makefile.rhelver": _, ...ofNobody } = edited(OLD, "Makefile", "-rc9", "");
    const found = differences(factsOf(edited(ofNobody, "drivers/pci/p2pdma.c", "return -2", "return -3")));
    expect(found).toEqual([
      { fact: "allowList", ours: "1022: 1450", tree: "0042 1022:" },
      { fact: "redirectedMayUseHostBridge", ours: "false", tree: expect.stringMatching(/^not recognised: /) },
      { fact: "distanceThroughHostBridge", ours: "4096", tree: "8192" },
    ]);
  });
});
