import { answersOf } from "../answers/answer.ts";
import type { PeerRoutes } from "../routes/peer-routes.ts";
import { askingWaysJson } from "./asked-by.ts";
import { deviceJson } from "./json.ts";
import type { MatrixJson, NoteJson } from "./json-types.ts";
import { leftOutTexts } from "./left-out.ts";
import { machineJson, notesJson } from "./machine-json.ts";
import { listDevices } from "./matrix-text.ts";
import { SharedParts } from "./shared-parts.ts";
import type { TreeInput } from "./tree-text.ts";

/** `peerlane.matrix/2`: the machine, its devices, and every pair of two of them; what pairs have in common stands once. */
export function matrixJson(input: TreeInput, routes: PeerRoutes): MatrixJson {
  const { table } = input;
  const answers = answersOf(table);
  const shared = new SharedParts(table.topology);
  const pairs = table.providers.flatMap((provider, i) =>
    table.clients.flatMap((client, j) => {
      if (provider === client) return [];
      const answer = answers.routed(i, j, routes, false);
      return [shared.pair(answer, table, answer.routing)];
    }),
  );
  return {
    schema: "peerlane.matrix/2",
    machine: machineJson(table),
    devices: listDevices(table).map((fn) => deviceJson(fn, input)),
    pairs,
    reasons: shared.reasons,
    hidden: shared.hidden,
    gates: shared.gates,
    routes: shared.routes,
    asking: askingWaysJson(table.machine, shared.asked),
    notes: [...notesJson(table.machine), ...leftOutTexts(table).map(leftOutJson)],
  };
}

function leftOutJson(message: string): NoteJson {
  return { severity: "info", message, remedy: null };
}
