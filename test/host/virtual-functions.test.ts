import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import { type Machine, topologyOf } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { readSnapshot } from "../../src/host/snapshot/read-snapshot.ts";
import { writeSnapshot } from "../../src/host/snapshot/write-snapshot.ts";
import { buildTopology } from "../../src/pci/build-topology.ts";
import { withPhysicals } from "../../src/pci/virtual-functions.ts";
import { linkText } from "../../src/report/link-text.ts";
import { at, endpoint, express } from "../rules/by-hand.ts";
import { read } from "./lspci/support.ts";

/** A NIC with two virtual functions as `lspci -vvnn` prints them: their own decode, link and BAR registers are empty. */
const nicText = (memoryEnable: "+" | "-"): string => `00:00.0 Host bridge [0600]: Intel Corporation Device [8086:09a2]
	Control: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-
	Status: Cap- 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-

00:01.0 PCI bridge [0604]: Intel Corporation Device [8086:352a] (prog-if 00 [Normal decode])
	Control: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx+
	Status: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-
	Bus: primary=00, secondary=01, subordinate=01, sec-latency=0
	Capabilities: [40] Express (v2) Root Port (Slot+), MSI 00
		LnkCap:	Port #1, Speed 16GT/s, Width x8, ASPM L1, Exit Latency L1 <16us
		LnkSta:	Speed 16GT/s, Width x8

01:00.0 Ethernet controller [0200]: Intel Corporation Ethernet Controller E810-C [8086:1592]
	Control: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx+
	Status: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-
	Region 0: Memory at a0000000 (64-bit, prefetchable) [size=32M]
	Capabilities: [40] Express (v2) Endpoint, MSI 00
		LnkCap:	Port #0, Speed 16GT/s, Width x16, ASPM L1, Exit Latency L1 <64us
		LnkSta:	Speed 16GT/s, Width x8 (downgraded)
	Capabilities: [160 v1] Single Root I/O Virtualization (SR-IOV)
		IOVCap:	Migration-, Interrupt Message Number: 000
		IOVCtl:	Enable+ Migration- Interrupt- MSE${memoryEnable} ARIHierarchy+
		IOVSta:	Migration-
		Initial VFs: 2, Total VFs: 2, Number of VFs: 2, Function Dependency Link: 00
		VF offset: 8, stride: 1, Device ID: 1889
	Kernel driver in use: ice

01:01.0 Ethernet controller [0200]: Intel Corporation Ethernet Adaptive Virtual Function [8086:1889]
	Control: I/O- Mem- BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-
	Status: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-
	Region 0: Memory at a4000000 (64-bit, prefetchable) [virtual] [size=128K]
	Capabilities: [40] Express (v2) Endpoint, MSI 00
		LnkCap:	Port #0, Speed 16GT/s, Width x16, ASPM L1, Exit Latency L1 <64us
		LnkSta:	Speed unknown, Width x0
	Kernel driver in use: iavf

01:01.1 Ethernet controller [0200]: Intel Corporation Ethernet Adaptive Virtual Function [8086:1889]
	Control: I/O- Mem- BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx-
	Status: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-
	Region 0: Memory at a4020000 (64-bit, prefetchable) [virtual] [size=128K]
	Capabilities: [40] Express (v2) Endpoint, MSI 00
		LnkCap:	Port #0, Speed 16GT/s, Width x16, ASPM L1, Exit Latency L1 <64us
		LnkSta:	Speed unknown, Width x0
	Kernel driver in use: iavf
`;

const scenario =
  "hostBridges: [below: [{rootPort: , below: [functions: [nic: {sriov: {total: 8, vfs: 2}}, nic]]}, {rootPort: , below: [nvme]}]]";

const fn = (machine: Machine, address: string): Machine["functions"][number] => {
  const found = machine.functions.find(({ bdf }) => bdf === at(address));
  if (found === undefined) throw new Error(`no ${address}`);
  return found;
};
/** But for what a NIC has for peers: its BARs hold registers. */
const gatesOf = (machine: Machine, provider: string, client: string): readonly string[] =>
  answer(machine, at(provider), at(client), { rules: "7.2" })
    .gates.map(({ kind }) => kind)
    .filter((kind) => kind !== "registers-only");

describe("Memory decode of a virtual function is its physical function's", () => {
  const text = read(nicText("+"));
  const machines: readonly (readonly [source: string, machine: Machine, provider: string, client: string])[] = [
    ["lspci", text, "01:01.0", "01:01.1"],
    ["a snapshot", readSnapshot(writeSnapshot(text), "nic.json"), "01:01.0", "01:01.1"],
    ["a scenario", readScenario(scenario, "vfs.yaml"), "01:00.2", "01:00.3"],
  ];
  test.each(machines)("%s: no gate", (_source, machine, provider, client) => {
    expect(fn(machine, provider).physicalFunction).toBe(at("01:00.0"));
    expect((fn(machine, provider).command as number) & 2).toBe(0);
    expect(gatesOf(machine, provider, client)).toEqual([]);
  });

  test("VF MSE off is a gate of all of them, at the physical function", () => {
    const machine = read(nicText("-"));
    const { gates } = answer(machine, at("01:01.0"), at("01:01.1"), { rules: "7.2" });
    expect(gates.filter(({ kind }) => kind !== "registers-only")).toEqual([
      {
        kind: "vf-memory-off",
        device: at("01:00.0"),
        effect: "blocks",
        message: "VF MSE of 0000:01:00.0 is off: none of its virtual functions answers to its BARs",
      },
    ]);
    expect(gatesOf(machine, "01:00.0", "01:01.0")).toEqual([]);
  });

  test("What may be virtual, as its physical function hides that, has no gate either", () => {
    const lines = nicText("+").split("\n");
    const from = lines.findIndex((line) => line.includes("Single Root"));
    const hidden = [...lines.slice(0, from - 3), "	Capabilities: <access denied>", ...lines.slice(from + 6)].join(
      "\n",
    );
    const machine = read(hidden);
    expect(fn(machine, "01:01.0").physicalFunction).toHaveProperty("unknown");
    expect(gatesOf(machine, "01:01.0", "01:01.1")).toEqual([]);
  });
});

test("The link of a virtual function is its physical function's, whatever its own registers hold", () => {
  const machine = read(nicText("+"));
  const linkOf = (address: string) => {
    const topology = topologyOf(machine);
    return linkText(topology, topology.indexOf(at(address)));
  };
  expect(linkOf("01:01.0")).toEqual(linkOf("01:00.0"));
  expect(linkOf("01:01.0").text).toBe("x8 16GT/s of x16 16GT/s, port");
});

test("No link is down at its far end: what has answered is there", () => {
  const down = (type: "endpoint" | "root-port"): string => {
    const own = { ...(express(type) as object), linkStatus: { width: 0, speedGTps: 0 } };
    return linkText(buildTopology([endpoint("01:00.0", { express: own as never })], []), 0).text;
  };
  expect([down("endpoint"), down("root-port")]).toEqual(["", "link down"]);
});

test("The empty BAR registers of a virtual function do not say that it has none", () => {
  const functions = [endpoint("01:00.0"), endpoint("01:00.1", { bars: [], physicalFunction: at("01:00.0") })];
  expect(withPhysicals(functions).map(({ bars }) => bars)).toEqual([
    [],
    { unknown: "the BARs of a virtual function are in the SR-IOV registers of 0000:01:00.0" },
  ]);
});
