import type { PartyView, PeerPathView, SideName } from "../../measured/bench.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { LinkState } from "../../pci/express.ts";
import { isUnknown, type Known, unknown } from "../../pci/known.ts";
import { decideAll, type VerdictTable } from "../../rules/verdict-table.ts";
import { clientsOf, type DataFile, findDataFile, nameOf } from "../block/data-file.ts";
import type { Host } from "../host.ts";
import { choosePools } from "../pools/choose-pools.ts";
import { chooseProvider } from "../pools/choose-provider.ts";
import type { PermittedPool } from "../pools/pool-use.ts";
import { type BenchJob, type JobRequest, resolveJob } from "./job.ts";

/** What is asked for. */
export interface BenchRequest {
  /** As {@link findDataFile} takes it. */
  readonly target: string;
  readonly job: JobRequest;
  /** Default both. */
  readonly only?: SideName;
  /** Use this provider's memory instead of the one that the kernel would choose. */
  readonly via?: Bdf;
  /** Also memory that its driver did not publish. */
  readonly allowUnpublished?: boolean;
}

/** What will be done; nothing has been opened yet. */
export interface BenchPlan {
  readonly target: DataFile;
  readonly functions: readonly PartyView[];
  readonly job: BenchJob;
  readonly sides: readonly SideName[];
  readonly table: VerdictTable;
  /** `null` where only DRAM is measured, as {@link pool}. */
  readonly path: PeerPathView | null;
  readonly pool: PermittedPool | null;
}

/**
 * Finds the target and, unless only DRAM is measured, the provider. Throws `usage` and `not-found` for what does not
 * fit, `environment` for what this host lacks, `no-path` where no peer memory serves the target.
 */
export function planBench(
  host: Host,
  { target: word, job, only, via, allowUnpublished = false }: BenchRequest,
): BenchPlan {
  const target = findDataFile(host.tree, word);
  const resolved = resolveJob(job, { ...target, name: nameOf(target) });
  const clients = functionsOf(target);
  const functions = clients.map((client) => partyOf(host, client));
  if (only === "dram") {
    const table = decideAll(host.machine, { providers: [], clients });
    return { target, functions, job: resolved, sides: ["dram"], table, path: null, pool: null };
  }
  const pools = choosePools(host, { allowUnpublished }, via === undefined ? [] : [[via]]);
  const { pool } = chooseProvider(host.machine, pools, clientsOf(target));
  const { provider } = pool;
  const table = decideAll(host.machine, { providers: [provider], clients });
  const path = {
    provider: partyOf(host, provider),
    clients: functions.map((party, j) => ({ ...party, mapType: table.mapType(0, j), hops: table.hops(0, j) })),
  };
  return { target, functions, job: resolved, sides: only === "peer" ? ["peer"] : ["peer", "dram"], table, path, pool };
}

function functionsOf(target: DataFile): readonly Bdf[] {
  return (target.kind === "device" ? target : target.device)?.functions ?? [];
}

function partyOf({ machine }: Host, bdf: Bdf): PartyView {
  const fn = machine.functions.find((one) => one.bdf === bdf);
  return {
    bdf,
    name: fn?.names[0] ?? null,
    link: fn === undefined ? unknown("sysfs lists no such function") : linkOf(fn.express),
  };
}

function linkOf(express: Known<{ readonly linkStatus: Known<LinkState | null> } | null>): Known<LinkState | null> {
  if (isUnknown(express)) return express;
  return express === null ? null : express.linkStatus;
}
