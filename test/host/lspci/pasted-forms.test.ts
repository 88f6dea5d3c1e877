import { describe, expect, it, test } from "vitest";
import type { Machine } from "../../../src/host/machine.ts";
import { topologyOf } from "../../../src/host/machine.ts";
import { readMachine } from "../../../src/host/read-machine.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { expectedIommuGroups } from "../../../src/rules/iommu-groups.ts";
import { at, bytesOf } from "./support.ts";

/** Texts as people paste them, and what is read of each. */

const read = async (text: string, name = "paste"): Promise<Machine> =>
  (await readMachine([bytesOf(text)], { name })).machine;
const addresses = ({ functions }: Machine): string[] => functions.map(({ bdf }) => formatBdf(bdf).slice(5));

const LIST = `00:00.0 Host bridge [0600]: Intel Corporation 82G33 [8086:29c0]
00:01.0 PCI bridge [0604]: Red Hat, Inc. QEMU PCIe Root port [1b36:000c]
01:00.0 Non-Volatile memory controller [0108]: Red Hat, Inc. QEMU NVM Express Controller [1b36:0010] (rev 02)
`;
const three = ["00:00.0", "00:01.0", "01:00.0"];

describe("What a text begins with does not decide what it is", () => {
  it.each([
    ["a prompt in brackets", `[root@server ~]# lspci -nn\n${LIST}`],
    [
      "a form for reports to the kernel's list",
      `[1.] One line summary: NVMe resets\n\n[7.5.] PCI information\n${LIST}`,
    ],
    ["the kernel's messages", `[    0.000000] Linux version 6.8.0 (x@y) #1 SMP\n${LIST}`],
    ["details of HTML", `<details><summary>lspci</summary>\n\n\`\`\`\n${LIST}\`\`\`\n</details>\n`],
    ["preformatted HTML", `<pre>\n${LIST}</pre>\n`],
    ["an element that nobody knows", `<paste>\n${LIST}</paste>\n`],
    ["a brace", `{code}\n${LIST}{code}\n`],
    ["a list of numbers", `[1, see below]\n${LIST}`],
  ])("%s", async (_, text) => {
    expect(addresses(await read(text))).toEqual(three);
    expect(addresses(await read(text, "paste.yaml"))).toEqual(three);
  });

  it.each([
    ['{"a": 1}', "JSON"],
    ['[{"a": 1}]', "JSON"],
    ["<graphs/>", "XML"],
    ["<details>no device</details>", "no device"],
    ["[root@server ~]# uptime", "no device"],
  ])("%s without a device is refused by name", async (text, word) => {
    await expect(read(text)).rejects.toThrow(word);
  });

  // Each line has blanks at its end, so that the mark stands behind those of the line before it.
  test.each(["{code}", "```", "~~~", "</pre>", "[root@server ~]# lspci -vvv"])(
    "%s behind blanks ends the last function, as a blank line does",
    async (mark) => {
      const port = [
        "00:01.0 PCI bridge [0604]: X [1b36:000c]",
        "\tControl: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-",
        "\tStatus: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-",
        "\tBus: primary=00, secondary=01, subordinate=01, sec-latency=0",
        "\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00",
        "\tCapabilities: [100 v1] Advanced Error Reporting",
        "",
        "",
      ];
      const text = `${port.map((line) => `${line}  `).join("\n")}${mark}\n`;
      expect((await read(text)).functions.map(({ acs }) => acs)).toEqual([null]);
      // A text that ends there without any mark may have been cut.
      expect(isUnknown((await read(port.slice(0, -2).join("\n"))).functions[0]?.acs ?? null)).toBe(true);
    },
  );

  test("many empty lines before what tells take no time", async () => {
    expect(addresses(await read(`x${"\n".repeat(60_000)}${LIST}`))).toEqual(three);
  });
});

describe("What is packed or encoded in a way that is not read is refused by its name, with the way out", () => {
  const bytes = (...list: number[]): string => String.fromCharCode(...list);
  it.each([
    ["zip", `PK${bytes(3, 4)} paste.txt`],
    ["7z", ""],
    ["base64", `From: a@b\nContent-Transfer-Encoding: base64\n\n${btoa(LIST)}\n`],
    ["quoted-printable", `From: a@b\ncontent-transfer-encoding: quoted-printable\n\n${LIST.replaceAll(" Q", "=\n Q")}`],
  ])("%s", async (name, text) => {
    const source = name === "7z" ? Uint8Array.of(0x37, 0x7a, 0xbc, 0xaf, 0x27, 0x1c, 0) : bytesOf(text);
    await expect(readMachine([source], { name: "paste" })).rejects.toMatchObject({
      code: "unsupported",
      message: expect.stringContaining(name),
      remedy: expect.any(String),
    });
  });

  test("xz", async () => {
    const source = Uint8Array.of(0xfd, 0x37, 0x7a, 0x58, 0x5a, 0, 0, 4);
    await expect(readMachine([source], { name: "paste" })).rejects.toMatchObject({
      remedy: expect.stringContaining("xz -dc"),
    });
  });

  test("an archive of logs names the text of lspci in it", async () => {
    const name = "sosreport/sos_commands/pci/lspci_-nnvv";
    const header = new Uint8Array(512);
    const put = (at: number, text: string): void => header.set(bytesOf(text), at);
    put(0, name);
    put(100, "0000644\u00000000000\u00000000000\u000000000000000\u000000000000000\u0000        0\u0000");
    put(257, "ustar\u000000");
    const sum = header.reduce((total, byte) => total + byte, 0);
    put(148, `${sum.toString(8).padStart(6, "0")}\u0000 `);
    const archive = new Uint8Array(512 * 3);
    archive.set(header);
    await expect(readMachine([archive], { name: "sos.tar" })).rejects.toMatchObject({
      message: expect.stringContaining(name),
      remedy: expect.stringContaining("tar xOf"),
    });
  });
});

describe("Paths, groups and remarks", () => {
  test("a path of lspci -PP says what is above a function", async () => {
    const text =
      LIST.replace("\n01:00.0", "\n00:01.0/01:00.0") +
      "0000:00:01.0/01:00.1 Ethernet controller [0200]: X [1234:0001]\n";
    const machine = await read(text);
    expect(addresses(machine)).toEqual([...three, "01:00.1"]);
    expect(at(machine, "01:00.1").attachment).toEqual({ upstream: at(machine, "00:01.0").bdf, rootBus: 0 });
    expect(topologyOf(machine).hiddenTops).toEqual([]);
  });

  const lines = LIST.trimEnd().split("\n");
  it.each([
    ["on each line", lines.map((line, index) => `IOMMU Group ${[0, 1, 1][index]} ${line}`).join("\n")],
    ["with a colon", lines.map((line, index) => `IOMMU Group ${[0, 1, 1][index]}: ${line}`).join("\n")],
    ["as headings", `IOMMU Group 0:\n\t${lines[0]}\nIOMMU Group 1:\n\t${lines[1]}\n\t${lines[2]}\n`],
    ["as short headings", `Group 0:\n${lines[0]}\nGroup 1:\n${lines[1]}\n${lines[2]}\n`],
    [
      "in the kernel's messages",
      `${LIST}\n[ 0.4] pci 0000:00:00.0: Adding to iommu group 0\n[ 0.4] pci 0000:00:01.0: Adding to iommu group 1\npci 0000:01:00.0: Adding to iommu group 1\n`,
    ],
  ])("a listing of IOMMU groups %s is read", async (_, text) => {
    const machine = await read(text);
    expect(machine.functions.map(({ iommuGroup }) => iommuGroup)).toEqual([0, 1, 1]);
  });

  test("a function that a listing of groups leaves out has no known group, and a heading ends with its list", async () => {
    const machine = await read(`IOMMU Group 3:\n\t${lines[0]}\n\n${lines[1]}\n`);
    expect(at(machine, "00:00.0").iommuGroup).toBe(3);
    expect(at(machine, "00:01.0").iommuGroup).toHaveProperty("unknown");
  });

  const remarks = ["<-- the disk", " <-- the disk", "  <== here", " # slot 3", " (my SSD)", "  ← this one"];
  it.each(remarks)("'%s' behind a line of a tree is a remark", async (remark) => {
    const machine = await read(`${LIST}\n-[0000:00]-+-00.0\n           \\-01.0-[01]----00.0${remark}\n`);
    expect(addresses(machine)).toEqual(three);
    expect(at(machine, "01:00.0").attachment).toEqual({ upstream: at(machine, "00:01.0").bdf, rootBus: 0 });
  });

  test("another name in a tree makes its place unknown, and is no second device", async () => {
    const machine = await read(
      `${LIST}\n-[0000:00]-+-00.0\n           \\-01.0-[01]----00.0  Intel Corporation Another\n`,
    );
    expect(at(machine, "01:00.0").attachment).toHaveProperty("unknown");
  });
});

describe("Lines of ACS that grep left", () => {
  const acs = "\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-\n";
  const text = LIST.replace("[1b36:000c]\n", `[1b36:000c]\n${acs}`);
  const tree = "-[0000:00]-+-00.0\n           \\-01.0-[01]----00.0\n";

  test("are of the function before them, where a tree shows that none is left out", async () => {
    const machine = await read(text + tree);
    expect(at(machine, "00:01.0").acs).toMatchObject({ control: 0x1d, capabilityHidden: true });
    expect(at(machine, "01:00.0").acs).toHaveProperty("unknown");
  });

  test("are of nobody certain without a tree, or with a function that the list leaves out", async () => {
    expect(at(await read(text), "00:01.0").acs).toHaveProperty("unknown");
    const more = `${tree.replace("\\-01.0", "+-01.0")}           \\-02.0\n`;
    expect(at(await read(text + more), "00:01.0").acs).toHaveProperty("unknown");
  });

  test("twice in one function are of two", async () => {
    expect(at(await read(text.replace(acs, acs + acs) + tree), "00:01.0").acs).toHaveProperty("unknown");
  });
});

describe("Expected IOMMU groups of a text", () => {
  const expected = async (text: string): Promise<unknown> => {
    const machine = await read(text);
    const groups = expectedIommuGroups(
      { ...machine, iommu: { ...machine.iommu, mode: "strict" } },
      topologyOf(machine),
    );
    return isUnknown(groups)
      ? groups
      : Object.fromEntries([...groups].map(([bdf, group]) => [formatBdf(bdf).slice(5), group]));
  };
  const control =
    "\tControl: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-\n";

  test("follow from the groups that are listed where capabilities are hidden", async () => {
    const text = `00:00.0 Host bridge [0600]: X [8086:29c0]\n${control}\tIOMMU group: 0\n
00:1f.0 ISA bridge [0601]: X [8086:1234]\n${control}\tIOMMU group: 1\n
00:1f.3 SMBus [0c05]: X [8086:1235]\n${control}\tIOMMU group: 1\n\n`;
    expect(await expected(text)).toEqual({ "00:00.0": 0, "00:1f.0": 1, "00:1f.3": 1 });
    expect(await expected(text.replaceAll(/\tIOMMU group: 1\n/g, ""))).toHaveProperty("unknown");
  });

  test("an unknown vendor is not one without a quirk", async () => {
    const text = `00:14.0 USB controller: Intel Corporation XHCI\n${control}\tStatus: Cap+ 66MHz-\n\tCapabilities: [70] Power Management version 2\n
00:14.3 Network controller: Intel Corporation WiFi\n${control}\tStatus: Cap+ 66MHz-
\tCapabilities: [40] Express (v2) Root Complex Integrated Endpoint, MSI 00\n\tCapabilities: [100 v1] Latency Tolerance Reporting\n\n`;
    expect(await expected(text)).toHaveProperty("unknown");
    const named = text.replace("WiFi", "WiFi [8086:51f0]").replace("XHCI", "XHCI [8086:51ed]");
    expect(await expected(named)).toEqual({ "00:14.0": 0, "00:14.3": 1 });
  });
});

describe("Virtual functions of a text", () => {
  const physical = `01:00.0 Ethernet controller [0200]: X [8086:1521]
\tControl: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-
\tStatus: Cap+ 66MHz-
\tCapabilities: [a0] Express (v2) Endpoint, MSI 00
\tCapabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)
\t\tInitial VFs: 8, Total VFs: 8, Number of VFs: 2, Function Dependency Link: 00
\t\tVF offset: 384, stride: 4, Device ID: 1520
\n`;
  const virtual = (address: string): string => `${address} Ethernet controller [0200]: X [8086:1520]
\tControl: I/O- Mem- BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-
\tStatus: Cap+ 66MHz-
\tCapabilities: [a0] Express (v2) Endpoint, MSI 00
\tCapabilities: [100 v1] Advanced Error Reporting
\n`;

  test("are found by the SR-IOV lines of their physical function", async () => {
    const machine = await read(physical + virtual("02:10.0") + virtual("02:10.4") + virtual("02:11.0"));
    expect(machine.functions.map(({ physicalFunction }) => physicalFunction)).toEqual([
      null,
      at(machine, "01:00.0").bdf,
      at(machine, "01:00.0").bdf,
      null,
    ]);
  });

  test("may be any that decode nothing, behind one of their class that hides its capabilities", async () => {
    const machine = await read(
      physical.replace(/\tCapabilities[\s\S]*/, "\tCapabilities: <access denied>\n\n") + virtual("02:10.0"),
    );
    expect(at(machine, "01:00.0").physicalFunction).toBeNull();
    expect(at(machine, "02:10.0").physicalFunction).toHaveProperty("unknown");
  });
});
