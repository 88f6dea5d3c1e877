import { Answers } from "../../../src/answers/answer.ts";
import type { Machine } from "../../../src/host/machine.ts";
import type { BlockDevice } from "../../../src/live/block/block-device.ts";
import { type DirectionResult, summarize, untestedDirection } from "../../../src/live/probe/direction.ts";
import type { MeasuredPair } from "../../../src/live/probe/result.ts";
import type { TrialResult } from "../../../src/live/probe/workbench.ts";
import type { DataState } from "../../../src/measured/probe.ts";
import { type Bdf, parseBdf } from "../../../src/pci/bdf.ts";
import { PeerRoutes } from "../../../src/routes/peer-routes.ts";
import { decideAll, type VerdictTable } from "../../../src/rules/verdict-table.ts";
import { qemuMachineOf } from "../../qemu-scenario.ts";

/** Pairs as if they had been measured on a machine with a switch behind a translating IOMMU. */

const text = `
scenario: a switch, and a drive beside it
cpu: intel
kernel: 7.2
iommu: strict
hostBridges:
  - below:
      - rootPort: { at: 04.0 }
        below:
          - switch: { acs: false }
            below:
              - nvme: { cmb: 16M, name: nvme0 }
              - nvme: { name: nvme1 }
      - rootPort: { at: 05.0 }
        below:
          - nvme: { name: nvme2 }
`;
export const machine: Machine = qemuMachineOf(text, "t.yaml");
export const provider: Bdf = parseBdf("03:00.0") as Bdf;
export const table: VerdictTable = decideAll(machine);
export const routes: PeerRoutes = new PeerRoutes(table);

export function trial(state: DataState, io: TrialResult["io"] = { bytes: 4096, errno: null }): TrialResult {
  return { sizeBytes: 4096, position: 0, bufferOffset: 0, io, state, isDistinct: true };
}
export const into = (...trials: TrialResult[]): DirectionResult => summarize("into", trials);
export const right: DirectionResult = into(trial({ kind: "right" }));
export const lost: DirectionResult = into(trial({ kind: "untouched" }));
export const refused: DirectionResult = into(trial({ kind: "not-tested" }, { bytes: 0, errno: "EINVAL" }));
export const failed: DirectionResult = into(trial({ kind: "not-tested" }, { bytes: 0, errno: "EIO" }));
const untested = untestedDirection("out", "not allowed", false);

export function pairOf(client: string, changes: Partial<MeasuredPair> = {}): MeasuredPair {
  const bdf = parseBdf(client) as Bdf;
  const [i, j] = [table.providers.indexOf(provider), table.clients.indexOf(bdf)];
  const answer = new Answers(table).routed(i, j, routes, true);
  const device = {
    name: "nvme1n1",
    path: "/dev/nvme1n1",
    identity: null,
    sizeBytes: 1 << 20,
    functions: [bdf],
    madeOf: [],
  } as unknown as BlockDevice;
  return {
    ...{ provider, device, isNamed: false, isOwnMemory: false, mapType: answer.mapType, messages: [], faults: [] },
    clients: [answer],
    ...{ into: right, out: untested },
    ...changes,
  };
}
