import { readFileSync } from "node:fs";
import fc from "fast-check";
import { expect, test } from "vitest";
import { readHwloc } from "../../src/host/hwloc/read-hwloc.ts";
import type { Machine } from "../../src/host/machine.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { sharedFiles } from "../shared-files.ts";
import { mutations } from "./xml-mutations.ts";

const shared = sharedFiles("machines/hwloc").filter((path) => path.endsWith("/40intel64-2g2n4c+pcilocality.xml"));

const small = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE topology SYSTEM "hwloc2.dtd">
<topology version="2.0">
  <object type="Machine" os_index="0" complete_nodeset="0x00000003">
    <info name="OSName" value="Linux"/><info name="OSRelease" value="6.12.1"/><info name="Architecture" value="x86_64"/>
    <object type="Package" complete_nodeset="0x00000001">
      <info name="CPUVendor" value="GenuineIntel"/><info name="CPUFamilyNumber" value="6"/>
      <object type="Bridge" bridge_type="0-1" depth="0" bridge_pci="0000:[00-02]">
        <object type="PCIDev" pci_busid="0000:00:00.0" pci_type="0600 [8086:2020] [0000:0000] 04"/>
        <object type="Bridge" bridge_type="1-1" bridge_pci="0000:[01-02]" pci_busid="0000:00:01.0" pci_type="0604 [8086:2030] [0000:0000] 04">
          <object type="PCIDev" pci_busid="0000:01:00.0" pci_type="0302 [10de:2330] [10de:16c1] a1"/>
          <object type="PCIDev" pci_busid="0000:02:00.0" pci_type="0207 [15b3:1021] [15b3:0041] 00">
            <object type="OSDev" name="mlx5_0" osdev_type="3"/>
          </object>
        </object>
      </object>
    </object>
    <object type="Bridge" bridge_type="0-1" bridge_pci="10000:[e0-e1]">
      <object type="PCIDev" pci_busid="10000:e0:00.0" pci_type="0108 [144d:a80a] [144d:a801] 00"/>
    </object>
  </object>
</topology>
`;
const texts = [small, ...shared.flatMap((path) => [readFileSync(path, "utf8").slice(-12_000), small])];

/** Reads a text; refusals with a place are as good as a machine, anything else is a failure. */
function readOrRefuse(text: string): Machine | undefined {
  try {
    return readHwloc(text, "machine.xml");
  } catch (error) {
    if (error instanceof PeerlaneError && error.place?.file === "machine.xml" && error.place.line !== undefined) return;
    throw error;
  }
}

test("a damaged file gives a machine or a refusal with its line, and every verdict of the machine can be asked for", () => {
  fc.assert(
    fc.property(mutations(fc.constantFrom(...texts)), (text) => {
      const machine = readOrRefuse(text);
      if (machine === undefined) return;
      const bdfs = machine.functions.map((fn) => fn.bdf);
      expect(bdfs).toEqual([...new Set(bdfs)].sort((a, b) => a - b));
      const table = decideAll(machine, { providers: bdfs, clients: bdfs });
      bdfs.forEach((_, i) => {
        bdfs.forEach((__, j) => {
          const { mapType, meeting, hidden } = table.at(i, j);
          if (meeting !== null) expect(mapType).toBe("unknown");
          if (mapType === "unknown") expect(hidden.length).toBeGreaterThan(0);
        });
      });
    }),
    { numRuns: 1500 },
  );
});

test("a file that was cut is refused, wherever it was", () => {
  const end = small.trimEnd().length;
  for (let length = 0; length < end; length++) expect(readOrRefuse(small.slice(0, length))).toBeUndefined();
  expect(readOrRefuse(small)?.functions).toHaveLength(5);
});

test("any text is refused with a place, or shows no function", () => {
  fc.assert(
    fc.property(fc.string({ unit: "binary", maxLength: 200 }), (text) => {
      expect(readOrRefuse(text)?.functions ?? []).toEqual([]);
    }),
    { numRuns: 500 },
  );
});
