import type { BenchView, PartyView } from "../../../measured/bench.ts";
import { formatBdf } from "../../../pci/bdf.ts";
import type { BenchJson, PartyJson } from "../../json-types.ts";
import { machineJson, notesJson } from "../../machine-json.ts";

/** `peerlane.bench/1`: the job in fio's words, what matters of the machine, both sides, and every slice. */
export function benchJson(view: BenchView): BenchJson {
  const { table, target, job, path, outcome, why, sides, ratio, slices, notes } = view;
  return {
    schema: "peerlane.bench/1",
    machine: machineJson(table),
    target: {
      name: target.name,
      path: target.path,
      kind: target.kind,
      size: target.sizeBytes,
      logicalBlock: target.logicalBlockBytes,
      functions: target.functions.map(partyJson),
    },
    job: {
      rw: job.rw,
      rwmixread: job.rwmixreadPercent,
      bs: job.blockBytes,
      iodepth: job.iodepth,
      runtime: job.runtimeSeconds,
      ramp: job.rampSeconds,
      offset: job.offsetBytes,
      size: job.sizeBytes,
      seed: job.seed,
    },
    path:
      path === null
        ? null
        : {
            provider: partyJson(path.provider),
            clients: path.clients.map((client) => ({
              ...partyJson(client),
              mapType: client.mapType,
              hops: client.hops,
            })),
          },
    outcome,
    why,
    ratio,
    sides,
    slices,
    notes: [
      ...notes.map((message) => ({ severity: "info", message, remedy: null }) as const),
      ...notesJson(table.machine),
    ],
  };
}

function partyJson({ bdf, name, link }: PartyView): PartyJson {
  return { bdf: formatBdf(bdf), name, link };
}
