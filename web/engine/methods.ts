import type { WhatIfRequest } from "../../src/advice/what-if/what-if.ts";
import { answersOf } from "../../src/answers/answer.ts";
import { isSureBlock } from "../../src/answers/gate.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readMachine } from "../../src/host/read-machine.ts";
import { selectDevices } from "../../src/host/select.ts";
import type { Bdf } from "../../src/pci/bdf.ts";
import { deviceKind } from "../../src/pci/device-kind.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { predictionsOf } from "../../src/predict/predict.ts";
import { displayName, shortAddress } from "../../src/report/device-names.ts";
import { machineLines } from "../../src/report/facts.ts";
import { placeText } from "../../src/report/island-lines.ts";
import type { WhatIfView } from "../../src/report/what-if.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { expectedIommuGroups } from "../../src/rules/iommu-groups.ts";
import { decideAll, type VerdictTable } from "../../src/rules/verdict-table.ts";
import { toldMapType } from "../../src/summary/going-up.ts";
import { islandsOf } from "../../src/summary/islands.ts";
import {
  type BandwidthView,
  LOCALITY_CODES,
  type MachineView,
  type MatrixDevice,
  type MatrixView,
  type Method,
  type Methods,
  type Request,
  VERDICT_CODES,
  type View,
} from "./protocol.ts";

/** A machine as it was read. */
interface Opened {
  readonly machine: Machine;
  readonly isBooted: boolean;
  /** What was asked of it lately, decided; the last one last. */
  readonly decided: Map<string, Decided>;
}

/** A machine as it would be, decided. */
interface Decided {
  readonly table: VerdictTable;
  readonly whatIf: WhatIfView | undefined;
}

/** Tables that are kept of one machine: what an undo goes back to is at hand. */
const KEPT = 8;
/** No column is too far right: the page wraps its lines itself. */
const UNBOUND = Number.MAX_SAFE_INTEGER;
const HOPS_HIDDEN = 0xffff;

const opened = new Map<number, Opened>();

/** Answers a request. Throws what the method throws, `PeerlaneError` on purpose. */
export async function answer<M extends Method>(request: Request<M>): Promise<ReturnType<Methods[M]>> {
  const method = METHODS[request.method] as (asked: Request<M>["asked"]) => Promise<ReturnType<Methods[M]>>;
  return method(request.asked);
}

const METHODS: { readonly [M in Method]: (asked: Parameters<Methods[M]>[0]) => Promise<ReturnType<Methods[M]>> } = {
  open: async ({ machine, name, bytes }) => {
    const { machine: read, isBooted } = await readMachine([bytes], { name });
    opened.set(machine, { machine: read, isBooted, decided: new Map() });
    return machineView((await decidedOf({ machine, asked: {} })).table);
  },
  close: async ({ machine }) => {
    opened.delete(machine);
    return null;
  },
  facts: async (view) => machineView((await decidedOf(view)).table),
  summary: async (view) => {
    const { table } = await decidedOf(view);
    const [{ summaryBlocks }, { peerRoutesOf }] = await Promise.all([
      import("../../src/report/screen-markdown.ts"),
      import("../../src/routes/peer-routes.ts"),
    ]);
    return summaryBlocks(table, peerRoutesOf(table));
  },
  tree: async (view) => {
    const { table, whatIf } = await decidedOf(view);
    const { wholeTreeScene } = await import("../../src/drawing/tree-scene.ts");
    return wholeTreeScene({ table, expectedGroups: expectedIommuGroups(table.machine, table.topology) }, whatIf);
  },
  matrix: async (view) => matrixView((await decidedOf(view)).table),
  bandwidth: async (view) => bandwidthView((await decidedOf(view)).table),
  explain: async ({ provider, client, ...view }) => {
    const { explainView } = await import("./explain.ts");
    return explainView((await decidedOf(view)).table, provider, client);
  },
  fixes: async ({ provider, client, ...view }) => {
    const { table } = await decidedOf(view);
    const [{ advise }, { fixBlocks }] = await Promise.all([
      import("../../src/advice/fix/advise.ts"),
      import("../../src/report/fix/blocks.ts"),
    ]);
    return fixBlocks(advise(table.machine, [{ provider, client }]), { isPart: true });
  },
  share: async ({ machine }) => {
    const { shareText } = await import("./share.ts");
    return shareText((await decidedOf({ machine, asked: {} })).table.machine);
  },
};

function openedAt(machine: number): Opened {
  const found = opened.get(machine);
  if (found === undefined)
    throw new PeerlaneError("not-found", "this machine is not open", { remedy: "open it again" });
  return found;
}

async function decidedOf({ machine, asked }: View): Promise<Decided> {
  const of = openedAt(machine);
  const key = JSON.stringify(asked);
  const kept = of.decided.get(key) ?? (await decide(of, asked));
  of.decided.delete(key);
  of.decided.set(key, kept);
  const [oldest] = of.decided.keys();
  if (of.decided.size > KEPT && oldest !== undefined) of.decided.delete(oldest);
  return kept;
}

async function decide({ machine, isBooted }: Opened, asked: WhatIfRequest): Promise<Decided> {
  if (Object.keys(asked).length === 0)
    return { table: tableOf(isBooted ? machine : afterBoot(machine)), whatIf: undefined };
  const [{ askWhatIf }, { whatIfView }] = await Promise.all([
    import("../../src/advice/what-if/what-if.ts"),
    import("../../src/report/what-if.ts"),
  ]);
  const { before, after, changes } = askWhatIf(machine, asked, isBooted);
  const table = tableOf(after);
  return { table, whatIf: changes.length === 0 ? undefined : whatIfView(changes, tableOf(before), table) };
}

function tableOf(machine: Machine): VerdictTable {
  return decideAll(machine, selectDevices(machine, { all: false }));
}

function machineView({ machine, rules }: VerdictTable): MachineView {
  return {
    name: machine.source.name,
    facts: machineLines(machine, rules, UNBOUND),
    notes: machine.notes.map(({ message, remedy }) => ({ message, remedy })),
    functions: machine.functions.length,
  };
}

function matrixView(table: VerdictTable): MatrixView {
  const { providers, clients, topology } = table;
  const islands = islandsOf(table);
  const placeOf = new Map(islands.flatMap(({ devices }, place) => devices.map((bdf): [Bdf, number] => [bdf, place])));
  const device = (bdf: Bdf): MatrixDevice => {
    const fn = topology.functionOf(bdf);
    const names = { name: displayName(fn), address: shortAddress(fn) };
    return { bdf, ...names, kind: deviceKind(fn), place: placeOf.get(bdf) ?? 0 };
  };
  const size = providers.length * clients.length;
  const [verdicts, localities, blocked] = [new Uint8Array(size), new Uint8Array(size), new Uint8Array(size)];
  const hops = new Uint16Array(size);
  const answers = answersOf(table);
  let at = 0;
  for (let i = 0; i < providers.length; i++) {
    for (let j = 0; j < clients.length; j++, at++) {
      const isSelf = providers[i] === clients[j];
      verdicts[at] = isSelf ? 0 : VERDICT_CODES.indexOf(toldMapType(table, i, j));
      hops[at] = Math.min(table.hops(i, j) ?? HOPS_HIDDEN, HOPS_HIDDEN);
      const { is } = answers.locality(i, j);
      localities[at] = is === null ? 0 : isUnknown(is) ? LOCALITY_CODES.length - 1 : LOCALITY_CODES.indexOf(is);
      blocked[at] = !isSelf && answers.gates(i, j).some(isSureBlock) ? 1 : 0;
    }
  }
  return {
    providers: providers.map(device),
    clients: clients.map(device),
    places: islands.map(({ place, numaNode }) => {
      const node = numaNode === null ? "" : `, NUMA ${numaNode}`;
      return `${placeText(topology, place)}${node}`;
    }),
    ...{ verdicts, localities, hops, blocked },
  };
}

function bandwidthView(table: VerdictTable): BandwidthView {
  const { providers, clients } = table;
  const writes = new Float32Array(providers.length * clients.length);
  const predictions = predictionsOf(table);
  let at = 0;
  for (let i = 0; i < providers.length; i++) {
    for (let j = 0; j < clients.length; j++, at++) {
      const figure = predictions.figureAt(i, j, "write");
      const arrives = table.mapType(i, j) !== "not-supported";
      writes[at] = isUnknown(figure) ? (arrives ? Number.NaN : 0) : figure.value;
    }
  }
  return { writes };
}
