import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findNearest, nearestQuestions } from "../../src/advice/find-nearest.ts";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import { readNccl } from "../../src/host/nccl/read-nccl.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import { machineLines } from "../../src/report/facts.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { nearestText } from "../../src/report/nearest.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";

const ZEN = `00:00.0 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Genoa/Bergamo Root Complex [1022:14a4] (rev 01)
00:18.0 Host bridge [0600]: Advanced Micro Devices, Inc. [AMD] Genoa/Bergamo Data Fabric; Function 0 [1022:14ad]
`;

test("kernel, make and IOMMU stand in front, and what the make was inferred from on a line of its own", () => {
  const table = decideAll(readLspci(new TextEncoder().encode(ZEN), "server.txt"));
  expect(machineLines(table.machine, table.rules, 120)).toEqual([
    "server.txt · CPU AMD Zen, inferred · IOMMU unknown",
    expect.stringMatching(/^CPU AMD Zen, inferred: 0000:00:\d\d\.0 is 1022:14a[4d], /),
    "kernel not named: what holds on 5.10 and newer",
  ]);
});

test("at 80 columns facts that do not fit stand on lines of their own, and none is cut", () => {
  const machine = readScenario(
    "scenario: a\ncpu: intel\nkernel: 7.2\niommu: strict\nhostBridges: [{ below: [nvme: { name: nvme0 }] }]",
    "server.yaml",
  );
  const named = {
    ...machine,
    cpu: { ...machine.cpu, name: "Intel(R) Xeon(R) Platinum 8480+ Processor of a Long Name", family: 6, model: 143 },
    kernel: { ...machine.kernel, release: "7.2.0-1234-azure-nvidia-64k" },
  };
  const table = decideAll(named);
  const facts = machineLines(named, table.rules, 400).join(" · ").split(" · ");
  for (const width of [80, 60, 40]) {
    const lines = machineLines(named, table.rules, width);
    expect(lines.every((line) => line.length <= width)).toBe(true);
    expect(lines.join(" ").replaceAll(" · ", " ")).toBe(facts.join(" "));
    expect(lines.at(-1)).toContain("IOMMU intel strict");
  }
});

const GUEST = `<system version="1">
  <cpu numaid="0" affinity="ffffffff" arch="x86_64" vendor="AuthenticAMD" familyid="143" modelid="49">
    <pci busid="0001:00:00.0" class="0x030200" vendor="0x10de" device="0x20b0" subsystem_vendor="0x10de" subsystem_device="0x134f" link_speed="" link_width="0"><gpu dev="0" sm="80" rank="0" gdr="1"/></pci>
    <pci busid="0101:00:00.0" class="0x020700" vendor="0x15b3" device="0x101c" subsystem_vendor="0x15b3" subsystem_device="0x0000" link_speed="" link_width="0"><nic><net name="mlx5_0" dev="0"/></nic></pci>
  </cpu>
</system>
`;

test("what the kernel allows in a guest is not said to work, and that the path is the host's stands in the head", () => {
  const machine = readNccl(GUEST, "azure.xml");
  const table = decideAll({ ...machine, guestOf: { hypervisor: "Hyper-V", shownBy: "dmi" } });
  const screen = { width: 100, color: false };
  const said = "guest of Hyper-V: the real path is the host's";
  const text = matrixText(table, screen);
  expect(text).toContain(said);
  expect(text).toMatch(/through the host bridge \(the kernel allows th(?:is|ese)\)/);
  expect(nearestText(findNearest(table.machine, nearestQuestions(table.machine, [])), screen)).toContain(said);
});

const TWO_BRIDGES = `
hostBridges:
  - { bus: 0x10, id: 1022:14a4, below: [{ rootPort: { id: 1022:14ab }, below: [{ nvme: { name: nvme0, cmb: 16M } }] }] }
  - { bus: 0x20, id: 1022:14a4, below: [{ rootPort: { id: 1022:14ab }, below: [{ nvme: { name: nvme1, cmb: 16M } }] }] }`;

test("through the host bridge of hardware that is documented to do it works, slower", () => {
  const machine = readScenario(`scenario: a\ncpu: amd-zen\nkernel: 7.2\niommu: off${TWO_BRIDGES}`, "server.yaml");
  expect(matrixText(decideAll(machine), { width: 100, color: false })).toContain(
    "of 2 pairs: 0 direct, 2 through the host bridge (these work, slower)",
  );
});

test("a kernel that is newer than all that were read is not said to have a list that nobody read", () => {
  const text = `scenario: a\ncpu: intel\nkernel: 9.9\niommu: off${TWO_BRIDGES.replaceAll("1022:14a4", "8086:09a2")}`;
  const screen = matrixText(decideAll(readScenario(text, "server.yaml")), { width: 160, color: false });
  expect(screen).toContain("the host bridge is on the allow-list of Linux 7.3, the newest read");
  expect(screen).not.toContain("list of Linux 9.9");
});

test("a switch all of whose pairs are blocked is blocked, and the cause and the way out stand above", () => {
  const example = readFileSync(join(import.meta.dirname, "../../examples/gpu-nic-server.yaml"), "utf8");
  const text = example.replace(/^iommu: .*$/m, "iommu: strict");
  const machine = afterBoot(readScenario(text, "server.yaml"));
  const table = decideAll(machine, selectDevices(machine, { all: false }));
  const lines = matrixText(table, { width: 100, color: false }).split("\n");
  const above = lines.slice(0, 12).join("\n");
  expect(lines.join("\n")).toMatch(/^ {2}switch 16:00.0, NUMA 0 +gpu0 .*mlx5_1 +blocked$/m);
  expect(above).toMatch(/blocked \(120 pairs: 64 GPU → NIC, 56 GPU → GPU\): the IOMMU translates \(strict\)/);
  expect(above.replaceAll(/\s+/g, " ")).toContain("boot with iommu=pt");
});
