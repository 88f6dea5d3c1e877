import type { NvmeDriver } from "../../devices/nvme/driver.ts";
import { RemoteHost } from "../../devices/rdma/remote-host.ts";
import { type NvmeOfQueue, NvmeOfTarget } from "../nvmeof-target.ts";
import type { WorkloadDevices } from "./devices.ts";
import { fillWithPattern } from "./pattern.ts";
import type { Transfer } from "./simulation.ts";
import type { TargetIo, TargetStep } from "./workload.ts";

/** A queue and the host at its other end. */
interface Connection {
  readonly queue: NvmeOfQueue;
  readonly host: RemoteHost;
}

/** Brings drive and NIC up and connects the hosts; I/Os are run each when it is asked for. `seed` is that of the first. */
export function targetTransfers(devices: WorkloadDevices, step: TargetStep, seed: number): Generator<Transfer> {
  const drive = devices.drive(step.drive);
  const nic = devices.nic(step.nic);
  const peerMemory = devices.provider(step.provider);
  const largest = Math.max(...step.io.map(({ sizeBytes }) => sizeBytes));
  const connections = Array.from({ length: step.queues }, (_, index): Connection => {
    const host = new RemoteHost(largest);
    const target = new NvmeOfTarget(devices.system, { nic, drive, peerMemory, seed: step.seed + index });
    return { queue: target.connect(host), host };
  });
  return ios(connections, drive, step.io, seed);
}

function* ios(
  connections: readonly Connection[],
  drive: NvmeDriver,
  list: readonly TargetIo[],
  seed: number,
): Generator<Transfer> {
  const { namespace, blockBytes } = drive.controller;
  let done = 0;
  for (const { kind, block, lengthBytes } of eachIo(list, blockBytes)) {
    const connection = connections[done % connections.length];
    if (connection === undefined) return;
    const { queue, host } = connection;
    if (kind === "write") fillWithPattern(host.memory, 0, lengthBytes, seed + done);
    else fillWithPattern(namespace, block * blockBytes, lengthBytes, seed + done);
    const { buffer, ...report } = queue[kind]({ key: host.key, offset: 0, block, lengthBytes });
    yield { report, memory: buffer };
    done++;
  }
}

function* eachIo(
  list: readonly TargetIo[],
  blockBytes: number,
): Generator<Pick<TargetIo, "kind" | "block"> & { readonly lengthBytes: number }> {
  for (const { kind, block, count, sizeBytes: lengthBytes } of list) {
    for (let index = 0; index < count; index++) {
      yield { kind, block: block + (index * lengthBytes) / blockBytes, lengthBytes };
    }
  }
}
