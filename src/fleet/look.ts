import { type Machine, topologyOf } from "../host/machine.ts";
import { keptRelease } from "../host/redaction/kernel-release.ts";
import { selectDevices } from "../host/select.ts";
import { type DeviceKind, deviceKind, isBridge } from "../pci/device-kind.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { MapType } from "../rules/verdict.ts";
import { decideAll } from "../rules/verdict-table.ts";
import { type Fingerprint, fingerprintOf } from "./fingerprint.ts";

/** What all machines of a class have alike, in numbers; `null` where their sources do not show it. */
export interface ClassFacts {
  readonly kernel: string | null;
  readonly iommu: string | null;
  readonly functions: number;
  readonly gpus: number;
  readonly nics: number;
  readonly ssds: number;
  /** Pairs of two different devices, each way counted, by their verdicts. */
  readonly pairs: number;
  readonly direct: number;
  readonly hostBridge: number;
  readonly notSupported: number;
  readonly undecided: number;
}

/** A machine as a fleet counts it. */
export interface Looked {
  readonly machine: Machine;
  readonly topology: Topology;
  readonly fingerprint: Fingerprint;
}

/** Finds what class a machine is of. */
export function lookAt(machine: Machine): Looked {
  const topology = topologyOf(machine);
  return { machine, topology, fingerprint: fingerprintOf(machine, topology) };
}

/** What a class is, by one of its machines: all pairs are decided once for all of them. */
export function factsOf(machine: Machine): ClassFacts {
  const table = decideAll(machine, selectDevices(machine, { all: false }));
  const counts: Record<MapType, number> = { "bus-addr": 0, "thru-host-bridge": 0, "not-supported": 0, unknown: 0 };
  let pairs = 0;
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      if (provider === client) return;
      pairs++;
      counts[table.mapType(i, j)]++;
    });
  });
  const { release } = machine.kernel;
  const { mode } = machine.iommu;
  const countOf = (kind: DeviceKind): number =>
    machine.functions.filter((fn) => !isBridge(fn) && deviceKind(fn) === kind).length;
  return {
    kernel: isUnknown(release) ? null : keptRelease(release),
    iommu: isUnknown(mode) ? null : mode,
    functions: machine.functions.length,
    gpus: countOf("gpu"),
    nics: countOf("nic"),
    ssds: countOf("nvme"),
    pairs,
    direct: counts["bus-addr"],
    hostBridge: counts["thru-host-bridge"],
    notSupported: counts["not-supported"],
    undecided: counts.unknown,
  };
}
