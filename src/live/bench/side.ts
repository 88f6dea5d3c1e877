import type { SideName } from "../../measured/bench.ts";
import { poolUserText } from "../../measured/pools.ts";
import { formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import type { Host } from "../host.ts";
import { mapPeerMemory, mapSystemMemory, type TransferMemory } from "../memory/transfer-memory.ts";
import { readPools } from "../pools/memory-pool.ts";
import { type BenchJob, reads, writes } from "./job.ts";
import { benchPattern } from "./pattern.ts";
import type { BenchPlan } from "./plan.ts";

/** The memory of one side: `iodepth` blocks to read to, and as many with data to write. */
export interface Side {
  readonly name: SideName;
  readonly memory: TransferMemory;
  readonly readsAt: number;
  readonly writesAt: number;
}

/** Allocates a side's memory and lays out what it will write. Throws `operation-failed` where the pool has not enough. */
export async function openSide(host: Host, plan: BenchPlan, name: SideName, run: string): Promise<Side> {
  const { job } = plan;
  const bytes = bytesOf(job, job.iodepth);
  const memory = name === "dram" ? await mapSystemMemory(bytes) : await peerMemory(host, plan, bytes);
  const side = { name, memory, readsAt: 0, writesAt: reads(job) ? job.iodepth * job.blockBytes : 0 };
  try {
    for (let slot = 0; slot < job.iodepth && writes(job); slot++)
      memory.store(side.writesAt + slot * job.blockBytes, benchPattern(run, slot, job.blockBytes));
  } catch (error) {
    memory.release();
    throw error;
  }
  return side;
}

/** A mixed job has blocks for both, so that it never writes what it has read. */
function bytesOf(job: BenchJob, depth: number): number {
  return ((reads(job) ? 1 : 0) + (writes(job) ? 1 : 0)) * depth * job.blockBytes;
}

async function peerMemory(host: Host, plan: BenchPlan, bytes: number): Promise<TransferMemory> {
  if (plan.pool === null) throw new PeerlaneError("usage", "no provider was chosen for the peer side");
  const memory = await mapPeerMemory(plan.pool, bytes);
  if (memory !== null) return memory;
  const { provider } = plan.pool;
  const pool = readPools(host.tree, host.machine).find((one) => one.provider === provider);
  const users = pool?.users().map(poolUserText) ?? [];
  const free = pool === undefined || isUnknown(pool.availableBytes) ? "?" : String(pool.availableBytes);
  const depth = await greatestDepth(plan);
  throw new PeerlaneError(
    "operation-failed",
    `the pool of ${formatBdf(provider)} has no ${bytes} bytes in one piece for depth ${plan.job.iodepth}`,
    {
      facts: {
        "bytes free": `${free} of ${pool?.sizeBytes ?? "?"}`,
        "used by": users.length > 0 ? users.join(", ") : "no process that can be seen: drivers, or processes of others",
      },
      remedy:
        depth === 0
          ? "not one block fits: end what uses the pool, ask for a smaller --bs, or another provider with --via"
          : `--iodepth ${depth} fits now; or end what uses the pool, or ask for a smaller --bs`,
    },
  );
}

/** The greatest depth whose memory the pool gives right now, found by asking for it; 0 for none. */
async function greatestDepth({ job, pool }: BenchPlan): Promise<number> {
  for (let depth = job.iodepth - 1; depth > 0 && pool !== null; depth--) {
    const memory = await mapPeerMemory(pool, bytesOf(job, depth));
    if (memory === null) continue;
    memory.release();
    return depth;
  }
  return 0;
}
