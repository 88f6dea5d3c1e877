import { expect, test } from "vitest";
import { selectDevices } from "../../src/host/select.ts";
import { leftOutTexts } from "../../src/report/left-out.ts";
import { matrixJson } from "../../src/report/matrix-json.ts";
import { matrixText } from "../../src/report/matrix-text.ts";
import { PeerRoutes } from "../../src/routes/peer-routes.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { read } from "../host/lspci/support.ts";

const SSD =
  "Non-Volatile memory controller [0108]: Samsung Electronics Co Ltd NVMe SSD [144d:a80a] (prog-if 02 [NVM Express])";
const NIC = "Ethernet controller [0200]: Mellanox Technologies MT2910 [15b3:1021]";
const BMC = "VGA compatible controller [0300]: ASPEED Technology, Inc. ASPEED Graphics Family [1a03:2000]";
const CONTROL =
  "\n\tControl: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx+" +
  "\n\tStatus: Cap- 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-";
const REGISTERS = `${CONTROL}\n\tRegion 0: Memory at fc800000 (64-bit, non-prefetchable) [size=16K]`;
const BUFFER = "\n\tRegion 4: Memory at 380000000000 (64-bit, prefetchable) [size=512M]";

function tableOf(text: string, all = false): VerdictTable {
  // The blank line shows that the last record is whole.
  const machine = read(`${text}\n`);
  return decideAll(machine, selectDevices(machine, { all }));
}

const hidden = "the source does not show whether";

const GPU = "3D controller [0302]: NVIDIA Corporation GH100 [10de:2330]";
const gpu = `09:00.0 ${GPU}${CONTROL}\n\tRegion 2: Memory at 390000000000 (64-bit, prefetchable) [size=128G]\n`;

test.each<[name: string, text: string, expected: readonly string[]]>([
  ["a GPU alone", gpu, []],
  [
    "SSDs and a NIC by their registers",
    `01:00.0 ${SSD}${REGISTERS}\n\n02:00.0 ${SSD}${REGISTERS}\n\n03:00.0 ${NIC}${REGISTERS}\n\n${gpu}`,
    ["without a row: 2 NVMe (no controller memory buffer), 1 NIC (registers only); --all lists them as providers"],
  ],
  [
    "an SSD with a BAR that can hold a buffer has its row",
    `01:00.0 ${SSD}${REGISTERS}${BUFFER}\n\n02:00.0 ${SSD}${REGISTERS}\n`,
    ["without a row: 1 NVMe (no controller memory buffer); --all lists them as providers"],
  ],
  [
    "a list without BARs",
    `01:00.0 ${SSD}\n02:00.0 ${SSD}\n09:00.0 ${GPU}\n`,
    [`2 NVMe: ${hidden} they have a controller memory buffer; --all lists them as providers`],
  ],
  [
    "one of them",
    `01:00.0 ${SSD}\n09:00.0 ${GPU}\n`,
    [`1 NVMe: ${hidden} it has a controller memory buffer; --all lists it as provider`],
  ],
  [
    "no device that may: each has its row",
    `01:00.0 ${SSD}\n02:00.0 ${NIC}\n`,
    [
      `no device here is known to have memory for peers (1 NVMe: ${hidden} it has a controller memory buffer, 1 NIC (registers only)): rows tell what the paths would give`,
    ],
  ],
  [
    "a BMC's display beside a GPU",
    `01:00.0 ${BMC}\n\n02:00.0 ${NIC}${REGISTERS}\n\n${gpu}`,
    ["without a row: 1 NIC (registers only), 1 BMC display (no GPU); --all lists them as providers"],
  ],
  [
    "a BMC's display and no GPU",
    `01:00.0 ${BMC}\n\n02:00.0 ${NIC}${REGISTERS}\n`,
    [
      "no device here is known to have memory for peers (1 NIC (registers only)): rows tell what the paths would give",
      "without a row: 1 BMC display (no GPU); --all lists them as providers",
    ],
  ],
  [
    "a tree, with the names of some",
    "-[0000:00]-+-00.0  Advanced Micro Devices, Inc. [AMD] Device 14a4\n" +
      "           +-01.1-[01]----00.0  NVIDIA Corporation GH100 [H100 SXM5 80GB]\n" +
      "           +-01.2-[02]----00.0  Mellanox Technologies MT2910 Family [ConnectX-7]\n" +
      "           +-01.3-[03]----00.0  ASPEED Technology, Inc. ASPEED Graphics Family\n" +
      "           \\-02.0  Lenovo Device 781d\n",
    [
      "the kinds of 2 devices are inferred from the name: the source shows no class",
      "without a row: 1 NIC (registers only), 1 BMC display (no GPU); --all lists them as providers",
      "2 functions without a class (a tree prints none): --all lists them",
    ],
  ],
  [
    "a tree in which no name tells a kind",
    "-[0000:00]-+-00.0  Advanced Micro Devices, Inc. [AMD] Device 14a4\n" +
      "           \\-01.1-[01]----00.0  Lenovo Device 781d\n",
    ["2 functions without a class (a tree prints none): --all lists them"],
  ],
])("%s", (_, text, expected) => {
  const table = tableOf(text);
  expect(leftOutTexts(table)).toEqual(expected);
  const screen = matrixText(table, { width: 200, color: false });
  for (const line of expected) expect(screen).toContain(line);
  const input = { table, expectedGroups: expectedIommuGroups(table.machine, table.topology) };
  expect(matrixJson(input, new PeerRoutes(table)).notes.map(({ message }) => message)).toEqual(
    expect.arrayContaining([...expected]),
  );
});

test("that no name tells a kind does not say that no device has it", () => {
  const screen = matrixText(
    tableOf("-[0000:00]-+-00.0  Lenovo Device 781d\n           \\-01.0  Lenovo Device 781d\n"),
    {
      width: 200,
      color: false,
    },
  );
  expect(screen).toContain("no device is known to be a GPU, NIC,");
});

test("with --all each has a row, and nothing is said", () => {
  const table = tableOf(`01:00.0 ${SSD}\n02:00.0 ${SSD}\n09:00.0 ${GPU}\n`, true);
  expect(table.providers.length).toBe(3);
  expect(leftOutTexts(table)).toEqual([]);
});
