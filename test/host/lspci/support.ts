import { execFileSync } from "node:child_process";
import { expect } from "vitest";
import { readLspci } from "../../../src/host/lspci/read-lspci.ts";
import type { Machine } from "../../../src/host/machine.ts";
import { formatBdf, parseBdf } from "../../../src/pci/bdf.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { packetControlOf } from "../../../src/pci/packet-control.ts";
import { sharedFiles } from "../../shared-files.ts";

const encoder = new TextEncoder();

export const bytesOf = (text: string): Uint8Array => encoder.encode(text);
export const read = (text: string): Machine => readLspci(bytesOf(text), "paste.txt");

/** The function at an address, which must be there. */
export function at(machine: Machine, address: string): PciFunction {
  const bdf = parseBdf(address);
  const fn = machine.functions.find((candidate) => candidate.bdf === bdf);
  if (fn === undefined)
    throw new Error(`no function ${address}: ${machine.functions.map((f) => formatBdf(f.bdf)).join()}`);
  return fn;
}

/** What `lspci` printed of real machines. */
export const sharedTexts: readonly string[] = sharedFiles("machines/lspci");

/** Runs `lspci`; `undefined` where it is not installed. */
export function lspci(...args: string[]): Uint8Array | undefined {
  try {
    return execFileSync("lspci", args, { stdio: ["ignore", "pipe", "ignore"], maxBuffer: 1 << 26 });
  } catch {
    return undefined;
  }
}
export const hasLspci: boolean = lspci("--version") !== undefined;

/** A root port with a slot and ACS, and an NVMe below it, as `lspci -vvnn` of release 3.9 prints them. */
export const verbose = `00:1c.0 PCI bridge [0604]: Intel Corporation Some Root Port [8086:9d10] (rev f1) (prog-if 00 [Normal decode])
\tSubsystem: Dell Device [1028:07be]
\tControl: I/O+ Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx+
\tStatus: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-
\tLatency: 0, Cache Line Size: 64 bytes
\tInterrupt: pin A routed to IRQ 122
\tNUMA node: 0
\tIOMMU group: 5
\tBus: primary=00, secondary=01, subordinate=02, sec-latency=0
\tI/O behind bridge: 0000e000-0000efff [size=4K] [16-bit]
\tMemory behind bridge: dc000000-dcffffff [size=16M] [32-bit]
\tPrefetchable memory behind bridge: 0000000000000000-00000000000fffff [disabled] [64-bit]
\tSecondary status: 66MHz- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort+ <SERR- <PERR-
\tBridgeCtl: Parity- SERR+ NoISA- VGA- VGA16+ MAbort- >Reset- FastB2B-
\t\tPriDiscTmr- SecDiscTmr- DiscTmrStat- DiscTmrSERREn-
\tCapabilities: [40] Express (v2) Root Port (Slot+), MSI 00
\t\tDevCap:\tMaxPayload 256 bytes, PhantFunc 0
\t\t\tExtTag- RBE+
\t\tLnkCap:\tPort #1, Speed 8GT/s, Width x4, ASPM L1, Exit Latency L1 <16us
\t\tLnkSta:\tSpeed 2.5GT/s (downgraded), Width x2 (downgraded)
\t\t\tTrErr- Train- SlotClk+ DLActive+ BWMgmt+ ABWMgmt+
\t\tSltCap:\tAttnBtn- PwrCtrl- MRL- AttnInd- PwrInd- HotPlug+ Surprise+
\t\t\tSlot #12, PowerLimit 25W; Interlock- NoCompl+
\t\tRootCtl: ErrCorrectable- ErrNon-Fatal- ErrFatal- PMEIntEna+ CRSVisible-
\t\tDevCap2: Completion Timeout: Range ABC, TimeoutDis+ NROPrPrP- LTR+
\tCapabilities: [80] MSI: Enable+ Count=1/1 Maskable- 64bit-
\t\tAddress: fee00238  Data: 0000
\tCapabilities: [90] Subsystem: Dell Device [1028:07be]
\tCapabilities: [100 v1] Advanced Error Reporting
\t\tUESta:\tDLP- SDES- TLP- FCP- CmpltTO- CmpltAbrt- UnxCmplt- RxOF- MalfTLP- ECRC- UnsupReq- ACSViol-
\tCapabilities: [140 v1] Access Control Services
\t\tACSCap:\tSrcValid+ TransBlk+ ReqRedir+ CmpltRedir+ UpstreamFwd- EgressCtrl- DirectTrans-
\t\tACSCtl:\tSrcValid+ TransBlk- ReqRedir+ CmpltRedir+ UpstreamFwd- EgressCtrl- DirectTrans-
\tKernel driver in use: pcieport

01:00.0 Non-Volatile memory controller [0108]: Samsung Electronics Co Ltd NVMe SSD [144d:a808] (prog-if 02 [NVM Express])
\tSubsystem: Samsung Electronics Co Ltd SSD 970 EVO [144d:a801]
\tPhysical Slot: 12
\tControl: I/O- Mem+ BusMaster+ SpecCycle- MemWINV- VGASnoop- ParErr- Stepping- SERR- FastB2B- DisINTx+
\tStatus: Cap+ 66MHz- UDF- FastB2B- ParErr- DEVSEL=fast >TAbort- <TAbort- <MAbort- >SERR- <PERR- INTx-
\tLatency: 0, Cache Line Size: 64 bytes
\tInterrupt: pin A routed to IRQ 16
\tIOMMU group: 14
\tRegion 0: Memory at dc200000 (64-bit, non-prefetchable) [size=16K]
\tRegion 2: I/O ports at e000 [disabled] [size=256]
\tRegion 4: Memory at <unassigned> (64-bit, prefetchable) [disabled] [size=2G]
\tExpansion ROM at dc100000 [disabled] [size=1M]
\tCapabilities: [70] Express (v2) Endpoint, MSI 00
\t\tLnkCap:\tPort #0, Speed 8GT/s, Width x4, ASPM L1, Exit Latency L1 <64us
\t\tLnkSta:\tSpeed 8GT/s (ok), Width x4 (ok)
\tCapabilities: [b0] MSI-X: Enable+ Count=33 Masked-
\t\tVector table: BAR=0 offset=00003000
\tCapabilities: [148 v1] Device Serial Number 00-00-00-00-00-00-00-00
\tCapabilities: [168 v1] Single Root I/O Virtualization (SR-IOV)
\t\tIOVCap:\tMigration-, Interrupt Message Number: 000
\t\tInitial VFs: 8, Total VFs: 8, Number of VFs: 2, Function Dependency Link: 00
\t\tVF offset: 1, stride: 1, Device ID: a809
\t\tRegion 0: Memory at 00000000dc210000 (64-bit, non-prefetchable)
\tCapabilities: [1b0 v1] Physical Resizable BAR
\t\tBAR 4: current size: 2GB, supported: 1GB 2GB 4GB
\tCapabilities: [1c0 v1] Address Translation Service (ATS)
\t\tATSCap:\tInvalidate Queue Depth: 00
\t\tATSCtl:\tEnable+, Smallest Translation Unit: 03
\tCapabilities: [1d0 v1] Designated Vendor-Specific: Vendor=1e98 ID=0000 Rev=1 Len=56: CXL <?>
\tKernel driver in use: nvme
\tKernel modules: nvme

`;

/**
 * Holds two readings of a machine against each other: wherever both know, they must agree, and `known` names what the
 * second must know wherever the first does.
 */
export function expectAgreement(first: Machine, second: Machine, known: readonly (keyof PciFunction)[]): void {
  expect(second.functions.map((fn) => fn.bdf)).toEqual(first.functions.map((fn) => fn.bdf));
  for (const [index, fn] of first.functions.entries()) {
    const other = second.functions[index] as PciFunction;
    const found: string[] = [];
    for (const key of comparedFields) compare(key, fn[key], other[key], found);
    compare("express", expressOf(fn), expressOf(other), found);
    compare("packets", packetsOf(fn), packetsOf(other), found);
    compare("bars", withoutRom(fn.bars), withoutRom(other.bars), found);
    for (const key of known) if (isUnknown(other[key]) && !isUnknown(fn[key])) found.push(`${key} is hidden`);
    expect(found, `${formatBdf(fn.bdf)} of ${second.source.name}`).toEqual([]);
  }
}

const comparedFields = [
  "vendorId",
  "deviceId",
  "subsystem",
  "revision",
  "classCode",
  "headerType",
  "command",
  "bridge",
  "acs",
  "sriov",
  "resizableBars",
  "iommuGroup",
  "numaNode",
] as const;

/** The capability without what a text states in place of the registers. */
function expressOf({ express }: PciFunction): unknown {
  if (isUnknown(express) || express === null) return express;
  const { stated, ...rest } = express;
  return rest;
}

/** What Device Control says, from whatever tells it. */
export function packetsOf({ express }: PciFunction): unknown {
  return isUnknown(express) || express === null ? express : packetControlOf(express);
}

/** Config space is decoded without the expansion ROM, which no peer reads. */
function withoutRom(bars: PciFunction["bars"]): PciFunction["bars"] {
  return isUnknown(bars) ? bars : bars.filter((bar) => bar.index < 6);
}

/** Lists where two values differ that are both known; fields that one side hides are passed over. */
export function compare(path: string, a: unknown, b: unknown, found: string[]): void {
  if (isUnknown(a) || isUnknown(b)) return;
  // What a text states of Device Control is a key less where it does not.
  if (path.includes(".stated") && (a === undefined || b === undefined)) return;
  if (typeof a === "object" && typeof b === "object" && a !== null && b !== null) {
    for (const key of new Set([...Object.keys(a), ...Object.keys(b)])) {
      compare(`${path}.${key}`, (a as Record<string, unknown>)[key], (b as Record<string, unknown>)[key], found);
    }
  } else if (!Object.is(a, b)) {
    found.push(`${path}: ${JSON.stringify(a)} and ${JSON.stringify(b)}`);
  }
}

/** The machine with its BARs hidden, for comparisons with sources that tell them otherwise. */
export function withoutBars(machine: Machine): Machine {
  const bars = { unknown: "left out" };
  return { ...machine, functions: machine.functions.map((fn) => ({ ...fn, bars })) };
}
