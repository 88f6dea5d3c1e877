import type { Machine } from "../host/machine.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import { inferCpu } from "../rules/inferred-cpu.ts";
import type { RootDistance } from "./crossings.ts";

/** How sure a figure is: `measured`, on such hardware; `specification`; `assumption`, as no source shows it. */
export type Sureness = "measured" | "specification" | "assumption";

/** A figure with what it may be, and why. */
export interface Ranged {
  readonly value: number;
  readonly low: number;
  readonly high: number;
  readonly why: string;
  readonly sure: Sureness;
}

/**
 * The part of a link's packet rate that data packets get beside what the data link layer sends and waits for. The median of
 * the points of docs/time.md that calibrate; the range is that of all its points of single flows between peers.
 */
export const LINK_EFFICIENCY: Ranged = {
  value: 0.98,
  low: 0.91,
  high: 1,
  why: "98 % of a link's packet rate, as measured on four machines",
  sure: "measured",
};

/** What a root complex does to peer traffic that crosses it. */
export interface RootComplexLimit {
  /** Data bytes of the packets that it sends down, at most; `null`: as they came. */
  readonly payload: Ranged | null;
  /** 10^9 data bytes per second in one direction of one pair at most; `null`: none is known beside that of the links. */
  readonly gbps: Ranged | null;
  /** In words: which processors, and the source; or that nothing is documented. */
  readonly why: string;
  readonly sure: Sureness;
}

/** Processors by the vendor's name and family, as `/proc/cpuinfo` has them, with models from one to another. */
interface Processors {
  readonly name: string;
  readonly vendor: string;
  readonly family: number;
  readonly models?: readonly (readonly [first: number, last: number])[];
}

const GENOA: Processors = {
  name: "AMD EPYC of Zen 4 (Genoa)",
  vendor: "AuthenticAMD",
  family: 0x19,
  models: [
    [0x10, 0x1f],
    [0xa0, 0xaf],
  ],
};
const TURIN: Processors = {
  name: "AMD EPYC of Zen 5 (Turin)",
  vendor: "AuthenticAMD",
  family: 0x1a,
  models: [[0x00, 0x1f]],
};

/** What crossing from one socket to the other leaves of a flow of writes: published measurements, never first principles. */
export const ACROSS_SOCKETS: readonly { readonly on: Processors; readonly gbps: Ranged }[] = [
  {
    on: TURIN,
    gbps: {
      value: 51,
      low: 48,
      high: 54,
      why: "51 GB/s across two Turin sockets (github.com/voipmonitor/rtx6kpro, pcie-bandwidth.md)",
      sure: "measured",
    },
  },
  {
    on: GENOA,
    gbps: {
      value: 41.5,
      low: 38,
      high: 45,
      why: "39 to 44.4 GB/s across two Genoa sockets (github.com/voipmonitor/rtx6kpro, two machines)",
      sure: "measured",
    },
  },
];

/** Processors whose root complex passes peer writes on as they come, at the rate of the links. */
const PASSES_ON: readonly Processors[] = [GENOA, TURIN];

/** Data bytes of a packet that Intel's root complexes send on. */
export const REPACKED_BYTES = 64;

/** The low end of what nobody measured: a quarter of what the links carry. */
export const UNMEASURED_SHARE = 4;

/** What a machine's root complex does to peer traffic from port to port, beside links that carry so much, and at most so much. */
export function rootComplexLimit(
  machine: Machine,
  distance: RootDistance,
  linksGBps: number,
  linksHighGBps: number = linksGBps,
): RootComplexLimit {
  const nothing = `nothing is published of peer traffic through the root complex of ${nameOf(machine)}`;
  const unmeasured = (why: string): Ranged => ({
    value: linksGBps,
    low: linksGBps / UNMEASURED_SHARE,
    high: linksHighGBps,
    why,
    sure: "assumption",
  });
  if (distance === "two-sockets" || distance === "hidden") {
    const known = distance === "hidden" ? undefined : ACROSS_SOCKETS.find(({ on }) => isOf(machine, on));
    if (known !== undefined) return { payload: null, gbps: known.gbps, why: known.gbps.why, sure: "measured" };
    const why =
      distance === "hidden"
        ? "the source does not show whether the two are on one socket"
        : `nothing is published of peer traffic between two sockets of ${nameOf(machine)}`;
    return { payload: intelPayload(machine), gbps: unmeasured(why), why, sure: "assumption" };
  }
  const passing = PASSES_ON.find((on) => isOf(machine, on));
  if (passing !== undefined) {
    const why = `${passing.name} passes peer writes on at the rate of the links (github.com/voipmonitor/rtx6kpro)`;
    return { payload: null, gbps: null, why, sure: "measured" };
  }
  const payload = intelPayload(machine);
  if (payload !== null) return { payload, gbps: null, why: payload.why, sure: "assumption" };
  return { payload: null, gbps: unmeasured(nothing), why: nothing, sure: "assumption" };
}

/**
 * Intel's root complexes cut peer writes into packets of 64 bytes. A hypothesis: four published figures agree with it, and
 * NCCL's topo.h says so of GPUs.
 */
function intelPayload(machine: Machine): Ranged | null {
  if (vendorOf(machine) !== "GenuineIntel") return null;
  const why = `an Intel root complex sends peer data on in packets of ${REPACKED_BYTES} bytes (a hypothesis: four published figures agree, and NCCL's topo.h says so)`;
  return { value: REPACKED_BYTES, low: REPACKED_BYTES, high: 256, why, sure: "assumption" };
}

function vendorOf(machine: Machine): string | null {
  const { vendor } = machine.cpu;
  if (!isUnknown(vendor)) return vendor;
  return inferCpu(machine)?.make.vendor ?? null;
}

function nameOf({ cpu: { name, vendor } }: Machine): string {
  if (!isUnknown(name) && name !== null) return name;
  return isUnknown(vendor) || vendor === null ? "this machine" : vendor;
}

function isOf({ cpu }: Machine, { vendor, family, models }: Processors): boolean {
  if (cpu.vendor !== vendor || cpu.family !== family) return false;
  const { model } = cpu;
  if (models === undefined) return true;
  return !isUnknown(model) && model !== null && models.some(([first, last]) => model >= first && model <= last);
}

/**
 * What a family of devices puts in one packet of data at most, whatever MaxPayload allows. MODEL: seen of writes, and taken
 * of answers to reads too.
 */
interface EmittedPayload {
  readonly name: string;
  readonly vendorId: number;
  readonly devices: readonly (readonly [first: number, last: number])[];
  readonly bytes: number;
  readonly why: string;
}

const EMITTED: readonly EmittedPayload[] = [
  {
    name: "NVIDIA GPUs of GA10x",
    vendorId: 0x10de,
    devices: [
      [0x2200, 0x22ff],
      [0x2400, 0x25ff],
    ],
    bytes: 128,
    why: "NVIDIA's GA10x GPUs send packets of 128 bytes (worked back from an A6000: github.com/NVIDIA/nvbandwidth, issue 50)",
  },
];

/** What a device is known to put in one packet at most; `null` where nothing is. */
export function emittedPayload({
  vendorId,
  deviceId,
}: PciFunction): { readonly bytes: number; readonly why: string } | null {
  if (isUnknown(vendorId) || isUnknown(deviceId)) return null;
  return (
    EMITTED.find(
      (row) => row.vendorId === vendorId && row.devices.some(([first, last]) => deviceId >= first && deviceId <= last),
    ) ?? null
  );
}
