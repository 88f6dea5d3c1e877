import type { Machine } from "../../host/machine.ts";
import { functionOf } from "../../offload/workload/model-options.ts";
import type { CountedMemory, Simulation, StepRun } from "../../offload/workload/simulation.ts";
import type { DeviceName } from "../../offload/workload/step-base.ts";
import type { CopyStep, TargetStep } from "../../offload/workload/workload.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { deviceKind } from "../../pci/device-kind.ts";
import { entryAt } from "../../pci/entry-at.ts";
import { type Known, unknown } from "../../pci/known.ts";
import type { PeerDirection } from "../../routes/peer-routes.ts";
import { ASSUMED_DRIVE, type Engine } from "../engines.ts";
import type { AskedFlow, FlowMemory } from "./timed-run.ts";

/** The flows of a step, and what was taken for given where a workload file does not say it. */
export interface StepFlows {
  readonly flows: readonly AskedFlow[];
  readonly assumptions: readonly string[];
}

/** Who reads or writes which memory. */
interface Leg {
  readonly client: Bdf;
  readonly operation: PeerDirection;
  readonly memory: FlowMemory;
}

/** Transfers of one size that take the same way: each leg passes on what the one before has brought. */
interface Stream {
  readonly legs: readonly Leg[];
  readonly sizeBytes: number;
  readonly count: number;
}

/**
 * What a step that was run moves, as flows that all run at once; its data goes through the memory that the run used. No
 * flow for a step that moves nothing; unknown, with the reason, for one whose data did not arrive.
 */
export function flowsOfStep({ machine, workload }: Simulation, run: StepRun): Known<StepFlows> {
  const { step, outcome, lengthBytes } = run;
  if (lengthBytes === 0) return { flows: [], assumptions: [] };
  if (outcome !== "done") return unknown(run.why ?? outcome);
  const through = memoryOf(run.memory[0]);
  const find = (name: DeviceName): Bdf => functionOf(machine, name);
  const one = (client: Bdf, operation: PeerDirection): readonly Leg[] => [{ client, operation, memory: through }];
  switch (step.kind) {
    case "copy":
      return planned(machine, [{ ...step, legs: copyLegs(machine, step, through) }]);
    case "nvmeof":
      return planned(machine, targetStreams(machine, step, run.memory));
    case "gpu-read": {
      const [gpu, drive] = [find(step.gpu), find(step.drive.device)];
      const [write, read] = [one(drive, "write"), one(gpu, "read")];
      // What a drive writes into a GPU is there.
      return planned(machine, [{ ...step, legs: through === gpu ? write : [...write, ...read] }]);
    }
    case "rdma": {
      const region = workload.steps.find((each) => each.kind === "import" && each.as === step.region);
      if (region?.kind !== "import") return unknown(`no step imports ${step.region}`);
      return planned(machine, [{ ...step, legs: one(find(region.nic), step.direction) }]);
    }
    case "dma":
      return planned(machine, [{ ...step, legs: one(find(step.device), step.direction) }]);
    case "direct-io": {
      // What a drive reads off its medium it writes into memory.
      const operation = step.direction === "read" ? "write" : "read";
      return planned(machine, [{ ...step, legs: one(find(step.drive.device), operation) }]);
    }
    default:
      return unknown("the change under way cuts its transfer short");
  }
}

function memoryOf(used: CountedMemory | undefined): FlowMemory {
  return used?.source === "peer" ? used.provider : "host-memory";
}

/** Of drives through a buffer, between memories by whose engine it is, or through RAM. */
function copyLegs(machine: Machine, step: CopyStep, through: FlowMemory): readonly Leg[] {
  const [from, to] = [functionOf(machine, step.from.device), functionOf(machine, step.to.device)];
  const both: readonly Leg[] = [
    { client: from, operation: "write", memory: through },
    { client: to, operation: "read", memory: through },
  ];
  if (through === "host-memory" || isDrive(machine, step)) return both;
  const engine = step.engine === null ? from : functionOf(machine, step.engine);
  // An engine reaches its own function's memory inside.
  return [
    { client: engine, operation: "read", memory: from },
    { client: engine, operation: "write", memory: to },
  ];
}

function isDrive(machine: Machine, { from: { bar, device } }: CopyStep): boolean {
  const bdf = functionOf(machine, device);
  const fn = machine.functions.find((each) => each.bdf === bdf);
  return bar === null && fn !== undefined && deviceKind(fn) === "nvme";
}

/** The I/O of a target is dealt over its NICs, drives and the memory that it used. */
function targetStreams(machine: Machine, step: TargetStep, memory: readonly CountedMemory[]): readonly Stream[] {
  const nics = step.nics.map((nic) => functionOf(machine, nic));
  const drives = step.drives.map(({ device }) => functionOf(machine, device));
  const lanes = nics.flatMap((nic) => drives.map((drive) => ({ nic, drive })));
  const transfers = memory.flatMap((each) => Array.from({ length: each.transfers }, () => memoryOf(each)));
  const memoryAt = (part: number): FlowMemory => transfers[Math.floor(part * transfers.length)] ?? "host-memory";
  return step.io.flatMap((io) =>
    lanes.map(({ nic, drive }, at): Stream => {
      const count = Math.floor(io.count / lanes.length) + (at < io.count % lanes.length ? 1 : 0);
      const [from, to] = io.kind === "write" ? [nic, drive] : [drive, nic];
      const through = memoryAt((at + 0.5) / lanes.length);
      const legs: readonly Leg[] = [
        { client: from, operation: "write", memory: through },
        { client: to, operation: "read", memory: through },
      ];
      return { legs, sizeBytes: io.sizeBytes, count };
    }),
  );
}

/** Flows of streams: what a device does with its own memory goes over no link. */
function planned(machine: Machine, streams: readonly Stream[]): StepFlows {
  const flows: AskedFlow[] = [];
  const assumptions = new Set<string>();
  const drives = new DriveQueues(machine, streams);
  for (const { legs, sizeBytes, count } of streams) {
    if (count === 0) continue;
    let follows: number | null = null;
    for (const { client, operation, memory } of legs) {
      if (client === memory) {
        assumptions.add("what a device does with memory of its own takes no time");
        continue;
      }
      const engine = drives.engineOf(client);
      if (engine.kind === "stream") assumptions.add("network and host keep up with what NICs carry");
      flows.push({ provider: memory, client, operation, sizeBytes, bytes: sizeBytes * count, engine, follows });
      follows = flows.length - 1;
    }
  }
  return { flows, assumptions: [...assumptions, ...drives.assumptions] };
}

/** Who issues the requests; a drive's commands are dealt over the flows that it has. */
class DriveQueues {
  readonly #machine: Machine;
  readonly #flows = new Map<Bdf, number>();

  constructor(machine: Machine, streams: readonly Stream[]) {
    this.#machine = machine;
    for (const { legs, count } of streams) {
      for (const { client, memory } of legs) {
        if (client !== memory && count > 0) this.#flows.set(client, (this.#flows.get(client) ?? 0) + 1);
      }
    }
  }

  get assumptions(): readonly string[] {
    const isShared = [...this.#flows].some(([bdf, flows]) => flows > 1 && this.#kind(bdf) === "nvme");
    return isShared
      ? [`an NVMe drive has ${ASSUMED_DRIVE.queueDepth} commands under way, dealt over its flows alike`]
      : [];
  }

  engineOf(client: Bdf): Engine {
    const kind = this.#kind(client);
    if (kind === "gpu" || kind === "accel") return { kind: "gpu-copy" };
    if (kind !== "nvme") return { kind: "stream" };
    const flows = this.#flows.get(client) ?? 1;
    if (flows === 1) return { kind: "nvme" };
    return { kind: "nvme", queueDepth: Math.max(1, Math.floor(ASSUMED_DRIVE.queueDepth / flows)) };
  }

  #kind(client: Bdf): string {
    const at = this.#machine.functions.findIndex(({ bdf }) => bdf === client);
    return deviceKind(entryAt(this.#machine.functions, at));
  }
}
