import { planCopy } from "../../../../src/live/copy/plan.ts";
import type { CopyRequest } from "../../../../src/live/copy/request.ts";
import type { CopyResult } from "../../../../src/live/copy/result.ts";
import { runCopy } from "../../../../src/live/copy/run.ts";
import type { Host } from "../../../../src/live/host.ts";
import { PeerlaneError } from "../../../../src/pci/error.ts";
import type { Machine } from "./machine.ts";
import type { WorldState } from "./world-state.ts";
import { type Call, type CallFault, WorldSystem } from "./world-system.ts";

/** What a user types after `peerlane copy --fallback --yes --chunk 4096`. */
export interface CopyCommand {
  readonly source: string;
  readonly target: string;
  readonly journal: string | null;
  readonly sourceOffset: number;
  readonly targetOffset: number;
  readonly length: number | null;
  readonly depth: number;
  readonly resume: boolean;
  readonly verify: boolean;
}

/** Chunks are pages, and each is a checkpoint of its own. */
const CHUNK = 4096;

/** Something that happens to a run at one of its calls: a fault of the call, or Ctrl-C before it. */
export interface Incident {
  readonly at: number;
  readonly what: CallFault | { readonly kind: "interrupt" };
}

/** What a run came to. */
export type Outcome =
  | { readonly kind: "ended"; readonly result: CopyResult }
  | { readonly kind: "refused"; readonly error: PeerlaneError }
  /** Something that no user should see. */
  | { readonly kind: "broken"; readonly error: unknown };

/** A run from its first to its last call. */
export interface Run {
  readonly outcome: Outcome;
  readonly calls: readonly Call[];
  /** The world before each call. */
  readonly before: readonly WorldState[];
  readonly after: WorldState;
  /** Files that it did not close. */
  readonly leftOpen: readonly string[];
}

/** Changes what the program's calls do: a fault put in on purpose. */
export type Bend = (system: WorldSystem) => Partial<Host["system"]>;

/** How programs run in a search. */
export interface RunSettings {
  /** Calls that wait end in the order they began, or the last one first. */
  readonly order: "first" | "last";
  readonly uid: number;
  readonly bend: Bend | null;
}

/** Runs the real copy in a world, with at most one incident. */
export async function runCommand(
  machine: Machine,
  state: WorldState,
  command: CopyCommand,
  incident: Incident | null,
  { order, uid, bend }: RunSettings,
): Promise<Run> {
  const calls: Call[] = [];
  const before: WorldState[] = [];
  const stop = new AbortController();
  const system = new WorldSystem(
    machine,
    state,
    (call, now) => {
      const isHere = incident?.at === calls.length;
      calls.push(call);
      before.push(now);
      if (!isHere) return null;
      if (incident.what.kind !== "interrupt") return incident.what;
      stop.abort();
      return null;
    },
    { order, uid },
  );
  const host = {
    tree: machine.tree,
    system: bend === null ? system : Object.assign(Object.create(system), bend(system)),
    // No device is one of PCI, so nothing of it is looked at.
    machine: null,
    pools: [],
  } as unknown as Host;
  const outcome = await outcomeOf(host, command, stop.signal);
  return { outcome, calls, before, after: system.state.afterKill(), leftOpen: system.openFiles };
}

async function outcomeOf(host: Host, command: CopyCommand, signal: AbortSignal): Promise<Outcome> {
  try {
    const result = await runCopy(planCopy(host, requestOf(command)), {
      confirm: async () => {},
      onBytes: () => {},
      signal,
    });
    return { kind: "ended", result };
  } catch (error) {
    return error instanceof PeerlaneError ? { kind: "refused", error } : { kind: "broken", error };
  }
}

function requestOf(command: CopyCommand): CopyRequest {
  const { source, target, journal, depth, resume, verify } = command;
  return {
    ...{ source, target, journal, depth, resume, verify },
    via: null,
    sourceOffsetBytes: command.sourceOffset,
    targetOffsetBytes: command.targetOffset,
    lengthBytes: command.length,
    chunkBytes: CHUNK,
    syncEveryBytes: CHUNK,
    fallback: true,
  };
}
