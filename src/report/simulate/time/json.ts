import { formatBdf } from "../../../pci/bdf.ts";
import { chooseRules } from "../../../rules/kernels/choose-rules.ts";
import type { LinkUse } from "../../../timed/run.ts";
import type { NamedRun } from "../../../timed/runs/time-workload.ts";
import type { RanFlow } from "../../../timed/runs/timed-run.ts";
import type { TimedFlowJson, TimedJson, TimedLinkJson, TimedRunJson } from "../../json-types.ts";
import { machineJson, mapKnown, notesJson } from "../../machine-json.ts";
import { rounded } from "../../predict/numbers.ts";
import type { TimeView } from "./time-view.ts";

/** `peerlane.timed/1`. */
export function timedJson({ machine, rules, of, lengthNs, runs }: TimeView): TimedJson {
  return {
    schema: "peerlane.timed/1",
    machine: machineJson({ machine, rules: chooseRules(machine, rules) }),
    workload:
      "simulation" in of
        ? {
            file: of.simulation.workload.file,
            name: of.simulation.workload.name,
            outcome: of.simulation.outcome,
          }
        : null,
    pattern: "pattern" in of ? { name: of.pattern, operation: of.operation } : null,
    lengthNs,
    runs: runs.map(runJson),
    notes: notesJson(machine),
  };
}

function runJson({ name, way, outcome, why, run }: NamedRun): TimedRunJson {
  const result = run?.result ?? null;
  const has = run !== null && result !== null;
  return {
    name,
    way,
    outcome,
    why,
    gbps: has ? rounded(run.gbps) : null,
    endNs: has ? rounded(result.endNs) : null,
    flows: (run?.flows ?? []).map(flowJson),
    links: (result?.links ?? []).map(linkJson),
    bucketNs: has ? rounded(result.bucketNs) : null,
    memory: has
      ? {
          readBytes: result.memory.readBytes,
          writtenBytes: result.memory.writtenBytes,
          utilisation: rounded(result.memory.utilisation),
          overTime: result.memory.overTime.map(rounded),
        }
      : null,
    rootPorts: has ? run.rootLanes : null,
    tlps: result?.tlps ?? null,
    assumptions: run?.assumptions ?? [],
  };
}

function flowJson({ flow: { provider, client, operation, sizeBytes, follows }, ran }: RanFlow): TimedFlowJson {
  return {
    provider: provider === "host-memory" ? provider : formatBdf(provider),
    client: formatBdf(client),
    operation,
    sizeBytes,
    follows,
    ran: mapKnown(ran, ({ bytes, operations, gbps, latencyNs, doneNs }) => ({
      bytes,
      operations,
      gbps: rounded(gbps),
      latencyNs,
      doneNs: rounded(doneNs),
    })),
  };
}

function linkJson({ below, towards, state, bytes, tlps, utilisation, overTime }: LinkUse): TimedLinkJson {
  return {
    below: formatBdf(below),
    towards,
    link: { speedGTps: state.speedGTps, width: state.width },
    bytes,
    tlps: { posted: tlps.posted, nonPosted: tlps["non-posted"], completions: tlps.completion },
    utilisation: rounded(utilisation),
    overTime: overTime.map(rounded),
  };
}
