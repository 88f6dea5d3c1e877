import type { NvmeDriver } from "../../devices/nvme/driver.ts";
import type { RdmaNic } from "../../devices/rdma/rdma-nic.ts";
import { RemoteHost } from "../../devices/rdma/remote-host.ts";
import { type NvmeOfQueue, NvmeOfTarget, type NvmeOfWork } from "../nvmeof-target.ts";
import type { WorkloadDevices } from "./devices.ts";
import { fillWithPattern } from "./pattern.ts";
import type { Transfer } from "./simulation.ts";
import type { TargetIo, TargetStep } from "./workload.ts";

/** A host's queue to one namespace, and where the host keeps that namespace's data. */
interface Lane {
  readonly queue: NvmeOfQueue;
  readonly host: RemoteHost;
  readonly hostOffset: number;
  readonly drive: NvmeDriver;
}

/**
 * Brings drives and NICs up and connects the hosts, `queues` through each NIC and each to every namespace; I/Os are run each
 * when it is asked for. `seed` is that of the first.
 */
export function targetTransfers(devices: WorkloadDevices, step: TargetStep, seed: number): Generator<Transfer> {
  const { system } = devices;
  const drives = step.drives.map((drive) => devices.drive(drive));
  const nics = step.nics.map((nic) => devices.nic(nic));
  const peerMemory = devices.provider(step.provider);
  const largest = Math.max(...step.io.map(({ sizeBytes }) => sizeBytes));
  const hosts = Array.from({ length: step.queues * nics.length }, () => new RemoteHost(largest * drives.length));
  // Drives first: neighbours in the list are other drives, so that one I/O after the other goes to another.
  const lanes = hosts.flatMap((host, index) =>
    drives.map((drive, position): Lane => {
      const nic = nics[index % nics.length] as RdmaNic;
      const target = new NvmeOfTarget(system, { nic, drive, peerMemory, seed: step.seed + index });
      return { queue: target.connect(host), host, hostOffset: position * largest, drive };
    }),
  );
  return ios(lanes, step.io, seed);
}

/** Deals I/Os over lanes, one of each under way at a time: all first halves, then all second ones. */
function* ios(lanes: readonly Lane[], list: readonly TargetIo[], seed: number): Generator<Transfer> {
  let done = 0;
  for (const { kind, block, count, sizeBytes: lengthBytes } of list) {
    for (let first = 0; first < count; ) {
      // Whoever is next in turn, across the I/Os of a list.
      const start = done % lanes.length;
      const round = lanes.slice(start, start + count - first);
      const works: NvmeOfWork[] = [];
      try {
        for (const [index, lane] of round.entries()) {
          works.push(begin(lane, { kind, block, lengthBytes }, first + index, seed + done + index));
        }
        for (let work = works.shift(); work !== undefined; work = works.shift()) {
          const { buffer, ...report } = work.finish();
          yield { report, memory: buffer };
        }
      } finally {
        for (const work of works) work.abandon();
      }
      first += round.length;
      done += round.length;
    }
  }
}

function begin(
  { queue, host, hostOffset, drive }: Lane,
  { kind, block, lengthBytes }: Pick<TargetIo, "kind" | "block"> & { readonly lengthBytes: number },
  index: number,
  seed: number,
): NvmeOfWork {
  const { namespace, blockBytes } = drive.controller;
  const at = block + (index * lengthBytes) / blockBytes;
  if (kind === "write") fillWithPattern(host.memory, hostOffset, lengthBytes, seed);
  else fillWithPattern(namespace, at * blockBytes, lengthBytes, seed);
  return queue.begin(kind, { key: host.key, offset: hostOffset, block: at, lengthBytes });
}
