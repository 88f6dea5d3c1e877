import { describe, expect, it } from "vitest";
import { at, read } from "./support.ts";

const hidden = { unknown: expect.any(String) };
const known = { capability: 0x1f, control: 0x1d };

/** A port as `lspci -vvnn` prints it: its lines, by what they begin with. */
function port(address: string, secondary: string, type = "Root Port"): string[] {
  const bus = address.slice(0, 2);
  return [
    `${address} PCI bridge [0604]: X [8086:347a] (rev 01) (prog-if 00 [Normal decode])`,
    "\tControl: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR+ FastB2B- DisINTx+",
    "\tStatus: Cap+ 66MHz-",
    "\tLatency: 0, Cache Line Size: 64 bytes",
    "\tIOMMU group: 1",
    `\tBus: primary=${bus}, secondary=${secondary}, subordinate=${secondary}, sec-latency=0`,
    "\tI/O behind bridge: 0000f000-00000fff [disabled] [16-bit]",
    "\tMemory behind bridge: c0000000-c01fffff [size=2M] [32-bit]",
    "\tPrefetchable memory behind bridge: 00000000fff00000-00000000000fffff [disabled] [64-bit]",
    "\tSecondary status: 66MHz-",
    "\tBridgeCtl: Parity+ SERR+",
    `\tCapabilities: [40] Express (v2) ${type} (Slot+), MSI 00`,
    "\t\tDevCap:\tMaxPayload 512 bytes",
    "\t\tDevCtl:\tCorrErr+",
    "\t\tDevSta:\tCorrErr+",
    "\t\tLnkCap:\tPort #8, Speed 16GT/s, Width x16",
    "\t\tLnkCtl:\tASPM Disabled",
    "\t\tLnkSta:\tSpeed 16GT/s, Width x16",
    "\t\t\tTrErr- Train- SlotClk+ DLActive+ BWMgmt- ABWMgmt-",
    "\t\tSltCap:\tAttnBtn-",
    "\t\tSltCtl:\tEnable: AttnBtn-",
    "\t\tSltSta:\tStatus: AttnBtn- PowerFlt- MRL- CmdCplt- PresDet+ Interlock-",
    ...(type === "Root Port" ? ["\t\tRootCap: CRSVisible+", "\t\tRootCtl: ErrCorrectable-", "\t\tRootSta: PME"] : []),
    "\t\tDevCap2: Completion Timeout: Range ABCD",
    "\t\tDevCtl2: Completion Timeout: 50us to 50ms",
    "\t\tLnkCap2: Supported Link Speeds: 2.5-16GT/s",
    "\t\tLnkCtl2: Target Link Speed: 16GT/s",
    "\t\tLnkSta2: Current De-emphasis Level: -3.5dB",
    "\tCapabilities: [80] MSI: Enable+ Count=1/1 Maskable- 64bit+",
    "\tCapabilities: [100 v2] Advanced Error Reporting",
    "\t\tUESta:\tDLP-",
    "\t\tUEMsk:\tDLP-",
    "\t\tUESvrt:\tDLP+",
    "\t\tCESta:\tRxErr-",
    "\t\tCEMsk:\tRxErr-",
    "\t\tAERCap:\tFirst Error Pointer: 00",
    "\t\tHeaderLog: 00000000 00000000 00000000 00000000",
    "\tCapabilities: [148 v1] Access Control Services",
    "\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-",
    "\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd+ EgressCtrl- DirectTrans-",
    "",
  ];
}

function end(address: string): string[] {
  return [
    `${address} 3D controller [0302]: Y [10de:2330] (rev 01)`,
    "\tControl: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR+ FastB2B- DisINTx+",
    "\tStatus: Cap+ 66MHz-",
    "\tRegion 0: Memory at c0000000 (64-bit, prefetchable) [size=1M]",
    "\tRegion 2: Memory at c0100000 (64-bit, prefetchable) [size=1M]",
    "\tCapabilities: [40] Express (v2) Endpoint, MSI 00",
    ...port("00:01.0", "01", "Endpoint").slice(12, 18),
    ...port("00:01.0", "01", "Endpoint").slice(22),
  ];
}

/** The lines of `first` before the one that begins with `from`, and those of `second` from the one that begins with `to`. */
function join(first: readonly string[], from: string, second: readonly string[], to: string): string[] {
  const at = (lines: readonly string[], start: string): number => {
    const found = lines.findIndex((line) => line.trim().startsWith(start));
    if (found < 0) throw new Error(`no line begins with ${start}`);
    return found;
  };
  return [...first.slice(0, at(first, from)), ...second.slice(at(second, to))];
}

const text = (...records: readonly (readonly string[])[]): string => `${records.flat().join("\n")}\n`;
const rootPort = port("00:01.0", "01");
const other = port("00:03.0", "02");

describe("the ACS of a record into which lines of another may have run is hidden", () => {
  // Each joins 00:01.0 with a later function whose first lines are lost, and says in the order of lspci's lines why it is none.
  it.each([
    ["the command register twice", join(rootPort, "Capabilities: [80]", other, "Control:")],
    ["a status register behind the capabilities", join(rootPort, "Capabilities: [80]", other, "Status:")],
    ["the latency behind the capabilities", join(rootPort, "Capabilities: [80]", other, "Latency:")],
    ["the bus numbers twice", join(rootPort, "Secondary status:", other, "Bus:")],
    ["a window behind the bridge's control", join(rootPort, "Capabilities: [40]", other, "Memory behind")],
    ["no status register", join(rootPort, "Status:", other, "Latency:")],
    ["a bridge without bus numbers", join(rootPort, "Bus:", other, "Secondary status:")],
    ["a bridge without its control", join(rootPort, "BridgeCtl:", other, "Capabilities: [40]")],
    ["device control before device capabilities", join(rootPort, "DevCap:", other, "DevCtl:")],
    ["second device control without second capabilities", join(rootPort, "DevCap2:", other, "DevCtl2:")],
    ["link control behind the second link status", join(rootPort, "Capabilities: [80]", other, "LnkCtl:")],
    ["the slot's status without its control", join(rootPort, "SltCtl:", other, "SltSta:")],
    ["second link lines that end too early", join(rootPort, "LnkCtl2:", other, "Capabilities: [80]")],
    ["error lines that skip one", join(rootPort, "UESvrt:", other, "CESta:")],
    ["error lines that end too early", join(rootPort, "HeaderLog:", other, "Capabilities: [148")],
    ["error lines below another capability", join(rootPort, "Capabilities: [100", other, "UEMsk:")],
    ["a capability's offset twice", join(rootPort, "Capabilities: [148", other, "Capabilities: [80]")],
    [
      "a port's capability in a function of another class",
      join(end("01:00.0"), "Capabilities: [40]", other, "Capabilities"),
    ],
    [
      "an endpoint's capability in a bridge",
      join(rootPort, "Capabilities: [40]", end("02:00.0"), "Capabilities: [40]"),
    ],
    ["a BAR before the last one", join(end("01:00.0"), "Capabilities: [40]", end("02:00.0"), "Region 0")],
    ["primary bus of another", join(rootPort, "Bus:", port("40:01.0", "41"), "Bus:")],
    ["buses below what is no bridge", join(end("03:00.0"), "Control:", rootPort, "Control:")],
    ["buses below that come before its own", join(port("02:00.0", "03"), "Control:", rootPort, "Control:")],
    ["extended capabilities without PCI Express", join(rootPort, "Capabilities: [40]", other, "Capabilities: [100")],
  ])("%s", (_, joined) => {
    const address = joined[0]?.slice(0, 7) ?? "";
    const behind = port("80:01.0", "81");
    const machine = read(text(address === "00:01.0" ? [] : rootPort, joined, behind));
    expect(at(machine, address).acs).toEqual(hidden);
    expect(at(machine, "80:01.0").acs).toEqual(known);
  });

  it("is known where both are whole", () => {
    const machine = read(text(rootPort, other, end("01:00.0"), end("02:00.0")));
    for (const address of ["00:01.0", "00:03.0", "01:00.0"]) expect(at(machine, address).acs).toEqual(known);
  });

  it("so is its kind of port where the title of that capability is filtered out", () => {
    const filtered = rootPort.filter((line) => !line.includes("Express"));
    expect(at(read(text(filtered)), "00:01.0")).toMatchObject({ express: hidden, acs: hidden });
  });

  it("is known where all records leave out the same lines", () => {
    const short = (lines: readonly string[]): string[] =>
      lines.filter((line) => !/Latency|Secondary|BridgeCtl|DevCtl|DevSta|LnkCtl|Slt|Header|LnkCap2/.test(line));
    const machine = read(text(short(rootPort), short(other), short(end("01:00.0")), short(end("02:00.0"))));
    for (const address of ["00:01.0", "00:03.0", "01:00.0"]) expect(at(machine, address).acs).toEqual(known);
  });
});

describe("a text over which a filter went hides the capabilities that it does not show", () => {
  const driven = [rootPort, other, port("00:05.0", "03"), end("01:00.0"), end("02:00.0"), end("03:00.0")].map(
    (lines) => [
      ...lines
        .filter((line) => line !== "" && !/Access Control|ACS(?:Cap|Ctl)/.test(line))
        .map((line) => line.replace(/(UE\w+:\tDLP.)/, "$1 ACSViol-")),
      "\tKernel driver in use: x",
      "",
    ],
  );
  const filtered = (gone: RegExp, some = driven): string =>
    text(...some.map((lines) => lines.filter((line) => !gone.test(line))));

  it.each([
    ["what names ACS", /ACS/],
    ["all that stands below titles", /^\t\t/],
    ["all that stands below titles but an address", /^\t\t(?!Address)/],
  ])("without %s", (_, gone) => {
    const machine = read(filtered(gone));
    for (const address of ["00:05.0", "03:00.0"]) {
      expect(at(machine, address).acs).toEqual({ unknown: expect.stringContaining("missing throughout") });
    }
  });

  it("of a whole text, and of some lines that are shortened by hand, it is absent", () => {
    const few = driven.filter(([first = ""]) => /^0[03]:0[05]/.test(first));
    for (const some of [text(...driven), filtered(/^\t\t/, few)]) {
      for (const address of ["00:05.0", "03:00.0"]) expect(at(read(some), address).acs).toBeNull();
    }
  });
});

describe("records of one length", () => {
  // Cut at 35 lines: the first port within its error lines, the second behind them.
  const cut = [rootPort, port("00:03.0", "02", "Downstream Port")].map((lines) => lines.slice(0, 35));
  const tree = ["", "-[0000:00]-+-01.0-[01]--", "           \\-03.0-[02]--"];

  it.each([
    ["alone", cut],
    ["beside a tree", [...cut, tree]],
  ])("%s hide what may have followed", (_, records) => {
    const machine = read(text(...records));
    for (const address of ["00:01.0", "00:03.0"]) expect(at(machine, address).acs).toEqual(hidden);
  });
});

describe("the ACS of a record behind which a function is lost is hidden", () => {
  const joined = join(rootPort, "Capabilities: [148", other, "Capabilities: [148");
  const list = [rootPort, other, end("01:00.0"), end("02:00.0")].map(([first = ""]) => first);
  const tree = ["-[0000:00]-+-01.0-[01]----00.0", "           \\-03.0-[02]----00.0"];

  it.each([
    ["a list names it", [list, joined, end("01:00.0"), end("02:00.0")]],
    ["a tree draws it", [joined, end("01:00.0"), end("02:00.0"), tree]],
    ["the function below it has no bridge", [joined, end("01:00.0"), end("02:00.0")]],
    ["a device has no first function", [joined, end("00:03.1"), end("01:00.0")]],
  ])("%s", (_, records) => {
    expect(at(read(text(...records)), "00:01.0").acs).toEqual(hidden);
  });

  it("a port whose link is up has nothing below", () => {
    const machine = read(text(rootPort, port("00:05.0", "03"), end("01:00.0")));
    expect(at(machine, "01:00.0").acs).toEqual(hidden);
    expect(at(machine, "00:01.0").acs).toEqual(known);
  });

  it("is known where the command line chooses functions", () => {
    const machine = read(
      text(["$ lspci -t"], tree, ["$ lspci -vvvnns 00:01.0"], rootPort, ["$ lspci -vvvnns 01:"], end("01:00.0")),
    );
    expect(at(machine, "00:01.0").acs).toEqual(known);
  });
});
