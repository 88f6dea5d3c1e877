import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { findDevice } from "../../src/host/select.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { gbpsText } from "../../src/report/predict/numbers.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import type { Engine } from "../../src/timed/engines.ts";
import { type AskedFlow, runInTime, type TimedRun } from "../../src/timed/runs/timed-run.ts";
import { tableText, withTable } from "./marked-tables.ts";

/** 10^9 bytes per second that a NIC of 200 Gbit/s has, and that a drive's x4 link at 16 GT/s carries at most. */
const NIC_GBPS = 25;
const DRIVE_GBPS = 7;
const BLOCK_BYTES = 4096;
/** What lies between two lengths of a run is steady: before the first, the first blocks are still on their way. */
const FROM_NS = 50_000;
const TO_NS = 150_000;

const NICS = [1, 2, 4] as const;
const DRIVES = [4, 8, 16] as const;

/** What hosts do with the drives of a target. */
export type HostWork = "read" | "write";

/** A target of some size, offloaded and bounced. */
export interface TradeOff {
  readonly work: HostWork;
  readonly nics: number;
  readonly drives: number;
  readonly offload: Rates;
  readonly bounce: Rates;
}

/** What one way takes, once it is steady: 10^9 bytes per second. */
export interface Rates {
  readonly gbps: number;
  /** Of the first part alone, where the data goes through DRAM. */
  readonly firstGBps: number;
  /** Read and written together. */
  readonly dramGBps: number;
  /** Both directions of the links below root ports. */
  readonly rootGBps: number;
  readonly lanes: number;
}

/** Every size, hosts that read and hosts that write. */
export function tradeOffs(): readonly TradeOff[] {
  return NICS.flatMap((nics) =>
    DRIVES.flatMap((drives) => {
      const machine = targetMachine(nics, drives);
      const run = (work: HostWork, isBounced: boolean): Rates => steady(machine, { nics, drives, work, isBounced });
      return (["read", "write"] as const).map(
        (work): TradeOff => ({ work, nics, drives, offload: run(work, false), bounce: run(work, true) }),
      );
    }),
  );
}

/** docs/trade-off.md with its tables made of the runs. */
export function withTradeOffs(page: string, all: readonly TradeOff[]): string {
  return (["read", "write"] as const).reduce(
    (text, work) =>
      withTable(
        text,
        work === "read" ? "hosts read" : "hosts write",
        tradeOffTable(all.filter((each) => each.work === work)),
      ),
    page,
  );
}

function tradeOffTable(all: readonly TradeOff[]): string {
  const head = [
    "NICs",
    "SSDs",
    "offload GB/s",
    "bounce GB/s",
    "gain",
    "DRAM GB/s: offload",
    "bounce",
    "CPU lanes: offload",
    "bounce",
    "on them GB/s",
  ];
  const rows = all.map(({ nics, drives, offload, bounce }) => [
    String(nics),
    String(drives),
    gbpsText(offload.gbps),
    gbpsText(bounce.gbps),
    `${(offload.gbps / bounce.gbps).toFixed(2)}×`,
    offload.dramGBps === 0 ? "0" : gbpsText(offload.dramGBps),
    gbpsText(bounce.dramGBps),
    String(offload.lanes),
    String(bounce.lanes),
    gbpsText(bounce.rootGBps),
  ]);
  return tableText(head, rows);
}

/** The rates of a plan: a first part that is ahead of what passes its data on waits for buffers, and is asked for less. */
function steady(machine: Machine, plan: TargetPlan): Rates {
  let asked = Math.min(NIC_GBPS * plan.nics, DRIVE_GBPS * plan.drives);
  for (;;) {
    const flows = targetFlows(machine, plan, asked);
    const rates = ratesBetween(
      runInTime(machine, flows, { lengthNs: FROM_NS }),
      runInTime(machine, flows, { lengthNs: TO_NS }),
    );
    if (!plan.isBounced || rates.gbps >= KEEPS_UP * rates.firstGBps) return rates;
    asked = Math.min(asked * LESS, rates.firstGBps * LESS);
  }
}

const KEEPS_UP = 0.98;
const LESS = 0.98;

function ratesBetween(before: TimedRun, after: TimedRun): Rates {
  const rate = (bytesOf: (run: TimedRun) => number): number => (bytesOf(after) - bytesOf(before)) / (TO_NS - FROM_NS);
  return {
    gbps: rate(({ gbps, result }) => gbps * (result?.endNs ?? 0)),
    firstGBps: rate(({ flows }) =>
      flows.reduce((sum, { flow, ran }) => sum + (isUnknown(ran) || flow.follows !== null ? 0 : ran.bytes), 0),
    ),
    dramGBps: rate(({ result }) => (result?.memory.readBytes ?? 0) + (result?.memory.writtenBytes ?? 0)),
    rootGBps: rate(({ rootLanes }) => rootLanes.bytes),
    lanes: after.rootLanes.lanes,
  };
}

/** NICs and drives with a memory buffer below one switch of x16 at 16 GT/s. */
function targetMachine(nics: number, drives: number): Machine {
  const below = [
    ...Array.from({ length: nics }, (_, at) => `nic: { name: nic${at}, link: gen4 x16, maxReadRequest: 512 }`),
    ...Array.from(
      { length: drives },
      (_, at) => `nvme: { name: nvme${at}, cmb: 16M, link: gen4 x4, maxReadRequest: 512 }`,
    ),
  ];
  const text = `scenario: a target below one switch
kernel: 7.2
cpu: amd-zen
iommu: off
hostBridges:
  - below:
      - rootPort: { acs: false, link: gen4 x16, maxPayload: 256 }
        below:
          - switch: { acs: false, link: gen4 x16 }
            below:
${below.map((each) => `              - ${each}`).join("\n")}
`;
  return afterBoot(readScenario(text, "target.yaml"));
}

interface TargetPlan {
  readonly nics: number;
  readonly drives: number;
  readonly work: HostWork;
  readonly isBounced: boolean;
}

/** A flow for each NIC and drive, of so many 10^9 bytes per second in all; bounced ones in two parts. */
function targetFlows(
  machine: Machine,
  { nics, drives, work, isBounced }: TargetPlan,
  asked: number,
): readonly AskedFlow[] {
  const gbps = asked / (nics * drives);
  const flows: AskedFlow[] = [];
  const add = (provider: AskedFlow["provider"], client: Bdf, operation: HostWork, follows: number | null): number => {
    const engine: Engine = { kind: "nic", lineGbps: 8 * gbps };
    const bytes = Number.POSITIVE_INFINITY;
    return flows.push({ provider, client, operation, sizeBytes: BLOCK_BYTES, bytes, engine, follows }) - 1;
  };
  for (let n = 0; n < nics; n++) {
    for (let m = 0; m < drives; m++) {
      const [nic, drive] = [findDevice(machine, `nic${n}`), findDevice(machine, `nvme${m}`)];
      // A drive and its own buffer are one device.
      if (!isBounced) add(drive, nic, work, null);
      else if (work === "read") add("host-memory", nic, "read", add("host-memory", drive, "write", null));
      else add("host-memory", drive, "read", add("host-memory", nic, "write", null));
    }
  }
  return flows;
}
