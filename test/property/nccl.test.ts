import fc from "fast-check";
import { expect, test } from "vitest";
import type { Machine } from "../../src/host/machine.ts";
import { readNccl } from "../../src/host/nccl/read-nccl.ts";
import { busOf } from "../../src/pci/bdf.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { mutations } from "./xml-mutations.ts";

const text = `<!-- drawn by hand -->
<system version="1">
  <cpu numaid="0" affinity="0000ffff" arch="x86_64" vendor="AuthenticAMD" familyid="143" modelid="49">
    <pci busid="0000:21:00.0" class="0x060400" vendor="0x1000" device="0xc030" link_speed="16.0 GT/s PCIe" link_width="16">
      <pci busid="0000:24:00.0" class="0x030200" vendor="0x10de" device="0x20b0"><gpu dev="0" sm="80" rank="0" gdr="1"/></pci>
      <pci busid="0000:25:00.0" class="0x020700" vendor="0x15b3" device="0x101b">
        <nic><net name="mlx5_0" dev="0" speed="200000" port="1" guid="0xe4a6c30003f6ceb8" gdr="1"/></nic>
      </pci>
    </pci>
    <pci busid="0001:00:00.0" class="0x010802"/>
  </cpu>
  <cpu numaid="1" arch="x86_64" vendor="AuthenticAMD" familyid="143" modelid="49">
    <pci busid="0002:00:00.0" class="0x030200"/>
  </cpu>
</system>
`;

/** Reads a text; refusals with a place are as good as a machine, anything else is a failure. */
function readOrRefuse(damaged: string): Machine | undefined {
  try {
    return readNccl(damaged, "topo.xml");
  } catch (error) {
    if (error instanceof PeerlaneError && error.place?.file === "topo.xml" && error.place.line !== undefined) return;
    throw error;
  }
}

test("a damaged file gives a machine or a refusal with its line, and no verdict that hangs on what is not drawn", () => {
  fc.assert(
    fc.property(mutations(fc.constant(text)), (damaged) => {
      const machine = readOrRefuse(damaged);
      if (machine === undefined) return;
      const bdfs = machine.functions.map((fn) => fn.bdf);
      expect(bdfs).toEqual([...new Set(bdfs)].sort((a, b) => a - b));
      const table = decideAll(machine, { providers: bdfs, clients: bdfs, rules: "6.12" });
      bdfs.forEach((provider, i) => {
        bdfs.forEach((client, j) => {
          const { mapType, hidden } = table.at(i, j);
          if (provider === client || busOf(provider) !== 0 || busOf(client) !== 0) expect(mapType).toBe("unknown");
          if (mapType === "unknown") expect(hidden.length).toBeGreaterThan(0);
        });
      });
    }),
    { numRuns: 1500 },
  );
});

test("a file that was cut is refused, wherever it was", () => {
  const end = text.trimEnd().length;
  for (let length = 0; length < end; length++) expect(readOrRefuse(text.slice(0, length))).toBeUndefined();
  expect(readOrRefuse(text)?.functions).toHaveLength(5);
});
