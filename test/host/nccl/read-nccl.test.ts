import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { topologyOf } from "../../../src/host/machine.ts";
import { looksLikeNccl, readNccl } from "../../../src/host/nccl/read-nccl.ts";
import { withOverrides } from "../../../src/host/override.ts";
import { busOf, formatBdf, parseBdf } from "../../../src/pci/bdf.ts";
import { PeerlaneError } from "../../../src/pci/error.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { decideAll } from "../../../src/rules/verdict-table.ts";

const shared = join(import.meta.dirname, "../../../../shared/machines/nccl");
const hasShared = existsSync(shared);
if (!hasShared) console.warn("the shared machines are not beside this checkout: the tests that read them are skipped");

const read = (text: string): Machine => readNccl(text, "topo.xml");
const readShared = (name: string): Machine => readNccl(readFileSync(join(shared, name), "utf8"), name);

/** How the source draws the functions: each top with what is below it, and the NUMA node. */
function drawing(machine: Machine): Record<string, readonly string[]> {
  const tops: Record<string, string[]> = {};
  for (const { bdf, drawnBelow, numaNode } of machine.functions) {
    if (drawnBelow === null) tops[`${formatBdf(bdf)} at ${isUnknown(numaNode) ? "?" : numaNode}`] = [];
  }
  for (const { bdf, drawnBelow, numaNode } of machine.functions) {
    if (drawnBelow === null || drawnBelow === undefined) continue;
    tops[`${formatBdf(drawnBelow)} at ${isUnknown(numaNode) ? "?" : numaNode}`]?.push(formatBdf(bdf));
  }
  return tops;
}

/** Addresses of what the rules place: each with its place, `root` or `hidden`. */
function places(machine: Machine): Record<string, string> {
  const { functions, parent } = topologyOf(machine);
  return Object.fromEntries(
    functions.map((fn, index) => [formatBdf(fn.bdf), parent[index] === -1 ? "root" : "hidden"]),
  );
}

function expectHonestVerdicts(machine: Machine): void {
  const bdfs = machine.functions.map((fn) => fn.bdf);
  for (const rules of ["5.4", "5.10", "6.1", "6.12", "7.3"]) {
    const table = decideAll(machine, { providers: bdfs, clients: bdfs, rules });
    bdfs.forEach((provider, i) => {
      bdfs.forEach((client, j) => {
        const verdict = table.at(i, j);
        // Nothing but bus 0 has a place, and there no two functions have one in common.
        const isPlaced = provider !== client && busOf(provider) === 0 && busOf(client) === 0;
        if (!isPlaced) expect(verdict.mapType).toBe("unknown");
        if (verdict.mapType === "unknown") expect(verdict.hidden.length).toBeGreaterThan(0);
        if (provider !== client && !isPlaced) expect([verdict.hops, verdict.distance]).toEqual([null, null]);
      });
    });
  }
}

describe.skipIf(!hasShared)("files of cloud vendors", () => {
  test("aws-p4d: two GPUs and a NIC below each of four switches that were drawn by hand", () => {
    const machine = readShared("aws-p4d-24xl-topo.xml");
    expect(drawing(machine)).toEqual({
      "ffff:ff:01.0 at 0": ["0000:10:1b.0", "0000:10:1c.0", "0000:10:1d.0"],
      "ffff:ff:02.0 at 0": ["0000:20:1b.0", "0000:20:1c.0", "0000:20:1d.0"],
      "ffff:ff:03.0 at 1": ["0000:90:1b.0", "0000:90:1c.0", "0000:90:1d.0"],
      "ffff:ff:04.0 at 1": ["0000:a0:1b.0", "0000:a0:1c.0", "0000:a0:1d.0"],
    });
    expect(new Set(Object.values(places(machine)))).toEqual(new Set(["hidden"]));
    expect(machine.cpu).toMatchObject({ architecture: "x86_64", vendor: "GenuineIntel", family: 6, model: 85 });
    const gpu = machine.functions.find(({ bdf }) => bdf === parseBdf("10:1c.0"));
    expect(gpu).toMatchObject({
      vendorId: 0x10de,
      deviceId: 0x20b0,
      classCode: 0x030200,
      subsystem: { vendorId: 0x10de, deviceId: 0x134f },
      numaNode: 0,
    });
    expect(machine.functions.at(-1)).toMatchObject({ vendorId: { unknown: expect.stringContaining("ffff") } });
    expect(machine.notes.map(({ message }) => message).join()).toContain("ffff:ff:01.0, ffff:ff:02.0");
    expectHonestVerdicts(machine);
    expectHonestVerdicts(withOverrides(machine, { cpu: "amd-zen" }));
  });

  test("aws-g5: bare addresses on bus 0, with no class", () => {
    const machine = readShared("aws-g5.48xl-topo.xml");
    expect(drawing(machine)).toEqual({
      "0000:00:15.0 at 1": [],
      "0000:00:16.0 at 0": [],
      "0000:00:17.0 at 0": [],
      "0000:00:18.0 at 0": [],
      "0000:00:19.0 at 0": [],
      "0000:00:1a.0 at 1": [],
      "0000:00:1b.0 at 1": [],
      "0000:00:1c.0 at 1": [],
      "0000:00:1d.0 at 1": [],
    });
    expect(new Set(Object.values(places(machine)))).toEqual(new Set(["root"]));
    expect(machine.functions.every(({ classCode }) => isUnknown(classCode))).toBe(true);
    expectHonestVerdicts(machine);
  });

  test("azure-ndv2: each device in a domain of its own", () => {
    const machine = readShared("azure-ndv2-topo.xml");
    expect(drawing(machine)).toEqual({
      "0001:00:00.0 at 0": [],
      "0002:00:00.0 at 0": [],
      "0003:00:00.0 at 0": [],
      "0004:00:00.0 at 0": [],
      "0005:00:00.0 at 1": [],
      "0006:00:00.0 at 1": [],
      "0007:00:00.0 at 1": [],
      "0008:00:00.0 at 1": [],
      "0101:00:00.0 at 0": [],
    });
    expectHonestVerdicts(machine);
  });

  test("azure-ndv4: drawn below switches, and in the kernel each on bus 0 of its own domain", () => {
    const machine = readShared("azure-ndv4-topo.xml");
    expect(drawing(machine)).toEqual({
      "ffff:ff:01.0 at 0": ["0003:00:00.0", "0004:00:00.0", "0103:00:00.0", "0104:00:00.0"],
      "ffff:ff:02.0 at 1": ["0001:00:00.0", "0002:00:00.0", "0101:00:00.0", "0102:00:00.0"],
      "ffff:ff:03.0 at 2": ["000d:00:00.0", "000e:00:00.0", "0107:00:00.0", "0108:00:00.0"],
      "ffff:ff:04.0 at 3": ["000b:00:00.0", "000c:00:00.0", "0105:00:00.0", "0106:00:00.0"],
    });
    for (const [bdf, place] of Object.entries(places(machine))) {
      expect(place).toBe(bdf.startsWith("ffff") ? "hidden" : "root");
    }
    expect(machine.cpu).toMatchObject({ vendor: "AuthenticAMD", family: 0x17, model: 0x31 });
    expectHonestVerdicts(machine);
  });
});

/** As NCCL writes it itself: ids of NVML, a class cut short, merged NICs, and more than Peerlane needs. */
const dump = `<system version="1">
  <cpu host_hash="0x5a6b7c8d9e0f1a2b" numaid="0" affinity="ffffffff" arch="x86_64" vendor="AuthenticAMD" familyid="143" modelid="49">
    <pci busid="0000:21:00.0" class="0x060400" vendor="0x1000" device="0xc030" subsystem_vendor="0x25" subsystem_device="0x1" link_speed="16.0 GT/s PCIe" link_width="16">
      <pcilink target="0000:41:00.0"/>
      <pci busid="00000000:24:00.0" class="0x03" vendor="0x10de" device="0x20b0" subsystem_vendor="0x10de" subsystem_device="0x144e" link_speed="16.0 GT/s PCIe" link_width="16">
        <gpu dev="0" sm="80" rank="0" gdr="1"><nvlink target="0000:c4:00.0" count="12" tclass="0x068000"/></gpu>
      </pci>
      <pci busid="0000:25:00.0" class="0x020700" vendor="0x15b3" device="0x101b" link_speed="" link_width="">
        <nic>
          <net name="mlx5_0" dev="0" latency="0.0" speed="200000" port="1" guid="0xe4a6c30003f6ceb8" maxconn="131072" gdr="1"/>
          <net name="mlx5_0+mlx5_1" dev="1" guid="0xe4a6c30003f6ceb9"/>
        </nic>
      </pci>
    </pci>
    <nic><net name="eth0" dev="2"/></nic>
  </cpu>
  <cpu host_hash="0x5a6b7c8d9e0f1a2b" numaid="-1" arch="x86_64" vendor="AuthenticAMD" familyid="143" modelid="49">
    <pci busid="0000:81:00.0" class="0x010802"/>
  </cpu>
</system>
`;

describe("a file that NCCL wrote", () => {
  const machine = read(dump);

  test("is drawn as the file draws it, and no function has a place in the kernel's tree", () => {
    expect(drawing(machine)).toEqual({
      "0000:21:00.0 at 0": ["0000:24:00.0", "0000:25:00.0"],
      "0000:81:00.0 at null": [],
    });
    expect(new Set(Object.values(places(machine)))).toEqual(new Set(["hidden"]));
    expect(machine.functions.every(({ attachment }) => isUnknown(attachment))).toBe(true);
    expect(machine.functionsMayBeMissing).toContain("lspci -nn");
    expectHonestVerdicts(machine);
    expectHonestVerdicts(withOverrides(machine, { cpu: "intel", kernel: "6.12" }));
  });

  test("ids without leading zeros, a class cut short and 8 digits of domain are read", () => {
    const [top, gpu, nic] = machine.functions;
    expect(top).toMatchObject({ vendorId: 0x1000, subsystem: { vendorId: 0x25, deviceId: 1 }, classCode: 0x060400 });
    expect(gpu).toMatchObject({ vendorId: 0x10de, classCode: 0x030000 });
    expect(nic).toMatchObject({ subsystem: { unknown: expect.any(String) }, names: ["mlx5_0"] });
  });

  test("the family of AMD's Zen is 23, however it is written", () => {
    expect(machine.cpu).toMatchObject({ vendor: "AuthenticAMD", family: 23, model: 49 });
    const family = (id: string): unknown => read(dump.replaceAll('"143"', `"${id}"`)).cpu.family;
    expect([family("191"), family("6"), family("15"), family("23"), family("26")]).toEqual([26, 6, 15, 23, 26]);
  });

  test("neither GUIDs nor the host's hash get into the machine", () => {
    expect(JSON.stringify(machine)).not.toMatch(/e4a6|5a6b/);
  });

  test("what NCCL's XML never has is unknown and names the way out", () => {
    for (const fn of machine.functions) {
      for (const field of ["acs", "express", "bars", "attachment", "driver", "iommuGroup"] as const) {
        const value = fn[field];
        expect(isUnknown(value) && value.unknown).toContain("give sudo lspci -vvvnn, or a capture");
      }
    }
    expect(machine.kernel.release).toEqual({ unknown: "NCCL's XML does not show the kernel: give --kernel" });
  });
});

describe("odd files", () => {
  test("an address that is none is left out with a note, and what is inside counts to the one around it", () => {
    const machine = read(`<system version="1"><cpu numaid="0"><pci busid="0000:10:00.0">
<pci busid="switch"><pci busid="0000:20:00.0"/></pci></pci></cpu></system>`);
    expect(drawing(machine)).toEqual({ "0000:10:00.0 at 0": ["0000:20:00.0"] });
    expect(machine.notes[0]).toMatchObject({
      message: "'switch' is no address of a PCI function: it is left out",
      place: { file: "topo.xml", line: 2, column: 1 },
    });
  });

  test("NUMA nodes with different CPUs make the CPU unknown", () => {
    const { cpu } = read(`<system><cpu arch="x86_64" vendor="GenuineIntel"/><cpu vendor="AuthenticAMD"/></system>`);
    expect(cpu.vendor).toEqual({ unknown: "the file names several CPU vendors: GenuineIntel, AuthenticAMD" });
  });

  test("ARM has no vendor of the kernel's kind", () => {
    expect(read(`<system><cpu arch="arm64"/></system>`).cpu).toMatchObject({ architecture: "aarch64", vendor: null });
  });

  test.for([
    ["cut off", dump.slice(0, 500), "bad-input", /not well-formed XML/],
    ["another root", `<graphs version="1"/>`, "bad-input", /first element is <graphs>/],
    ["another version", `<system version="3"/>`, "unsupported", /version '3'/],
    ["a function twice", dump.replace("0000:81:00.0", "0000:25:00.0"), "bad-input", /twice, first on line 8/],
    ["several hosts", dump.replace("0x5a6b7c8d9e0f1a2b", "0x1"), "bad-input", /several hosts/],
  ] as const)("%s is refused with its place", ([, text, code, message]) => {
    let error: unknown;
    try {
      read(text);
    } catch (thrown) {
      error = thrown;
    }
    expect(error).toBeInstanceOf(PeerlaneError);
    expect(error).toMatchObject({ code, message: expect.stringMatching(message), place: { file: "topo.xml" } });
    expect((error as PeerlaneError).place?.line).toBeGreaterThan(0);
  });
});

test("an NCCL file is known by its first element", () => {
  expect(looksLikeNccl("<!--\nCopyright <b>\n-->\n<system version='1'>")).toBe(true);
  expect(looksLikeNccl("<topology/>")).toBe(false);
  expect(looksLikeNccl("<!-- <system>")).toBe(false);
  expect(looksLikeNccl("")).toBe(false);
});
