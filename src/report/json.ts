import { type Answer, type Answers, answersOf, type RoutedAnswer } from "../answers/answer.ts";
import type { Gate } from "../answers/gate.ts";
import { type Bdf, formatBdf, formatBus } from "../pci/bdf.ts";
import { deviceKind } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { memoryOf } from "../pci/peer-roles.ts";
import type { Topology } from "../pci/topology.ts";
import type { DirectionFact } from "../platforms/directions.ts";
import type { PeerRoutes } from "../routes/peer-routes.ts";
import { expectedGroupOf } from "../rules/iommu-groups.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";
import { askedByJson, askingWaysJson } from "./asked-by.ts";
import { displayName, roleOf } from "./device-names.ts";
import type {
  DeviceJson,
  DirectionJson,
  ExplainedPairJson,
  ExplainJson,
  GateJson,
  LinkStateJson,
  PairJson,
  RoutedPairJson,
  TreeFunctionJson,
  TreeJson,
} from "./json-types.ts";
import { machineJson, mapKnown, notesJson } from "./machine-json.ts";
import { conditionText } from "./reasons.ts";
import { routeJson, routeWithHopsJson } from "./route-json.ts";
import type { TreeInput } from "./tree-text.ts";

/** Who asks about each pair of a table. */
function* askedPairs(answers: Answers): Generator<Pick<Answer, "askedBy">> {
  const { providers, clients } = answers.table;
  for (let i = 0; i < providers.length; i++) {
    for (let j = 0; j < clients.length; j++) yield { askedBy: answers.askedBy(i, j) };
  }
}

/** `peerlane.tree/1`: every function with its place, link, ACS and groups. */
export function treeJson(input: TreeInput): TreeJson {
  const { topology } = input.table;
  return {
    schema: "peerlane.tree/1",
    machine: machineJson(input.table),
    hostBridges: topology.roots.map((root) => formatBus(root.rootBus)),
    functions: topology.functions.map((fn, index) => ({
      ...deviceJson(fn, input),
      role: roleOf(fn),
      parent: parentJson(input.table, index),
      hostBridge: rootJson(input.table, index),
      driver: fn.driver,
      acs: mapKnown(fn.acs, (acs) => (acs === null ? null : { capability: acs.capability, control: acs.control })),
      link: linkJson(fn),
    })),
    notes: notesJson(input.table.machine),
  };
}

/** `peerlane.explain/1`: one pair both ways, with the names of the functions on the path and the fabric's hops. */
export function explainJson(table: VerdictTable, a: Bdf, b: Bdf, routes: PeerRoutes): ExplainJson {
  const answers = answersOf(table);
  const directions = a === b ? [[a, b] as const] : [[a, b] as const, [b, a] as const];
  return {
    schema: "peerlane.explain/1",
    machine: machineJson(table),
    directions: directions.map(([provider, client]) => {
      const [i, j] = [table.providers.indexOf(provider), table.clients.indexOf(client)];
      const answer = answers.routed(i, j, routes, true);
      return {
        ...pairJson(answer, table.topology),
        memory: memoryOf(table.topology.functionOf(provider)),
        route: routeWithHopsJson(answer.routing),
        meeting: answer.meeting === null ? null : formatBdf(answer.meeting),
        path: answer.path.map((bdf) => hopJson(table, bdf)),
      };
    }),
    asking: askingWaysJson(table.machine, askedPairs(answers)),
    notes: notesJson(table.machine),
  };
}

/** A function as people see it. */
export function deviceJson(fn: PciFunction, { expectedGroups }: TreeInput): DeviceJson {
  return {
    bdf: formatBdf(fn.bdf),
    name: fn.names[0] ?? null,
    names: fn.names,
    class: deviceKind(fn),
    classCode: mapKnown(fn.classCode, (code) => code.toString(16).padStart(6, "0")),
    vendor: mapKnown(fn.vendorId, hex4),
    device: mapKnown(fn.deviceId, hex4),
    label: fn.label,
    numaNode: fn.numaNode,
    iommuGroup: fn.iommuGroup,
    expectedIommuGroup: expectedGroupOf(expectedGroups, fn),
    p2pmem: mapKnown(fn.p2pmem, (memory) =>
      memory === null
        ? null
        : { size: memory.sizeBytes, available: memory.availableBytes, published: memory.published },
    ),
  };
}

function hex4(value: number): string {
  return value.toString(16).padStart(4, "0");
}

/** The name of a function of JSON: the most specific one, `null` where there is none. */
export function nameJson(topology: Topology, bdf: Bdf): string | null {
  return topology.find(bdf)?.names[0] ?? null;
}

/** What is said of one pair, but for its route. */
export function pairJson(answer: Answer, topology: Topology): PairJson {
  const { hint } = answer;
  return {
    provider: formatBdf(answer.provider),
    client: formatBdf(answer.client),
    providerName: nameJson(topology, answer.provider),
    clientName: nameJson(topology, answer.client),
    mapType: answer.mapType,
    distance: answer.distance,
    hops: answer.hops,
    locality: answer.locality.is,
    ...(answer.releases === undefined ? {} : { releases: answer.releases }),
    supported: answer.supported,
    condition: conditionText(answer),
    acsRedirect: answer.acsRedirect.map(formatBdf),
    acsHidden: answer.acsHidden.map(formatBdf),
    reason: answer.reason,
    hidden: answer.hidden,
    gates: answer.gates.map(gateJson),
    hardware: { write: directionJson(answer.hardware.write), read: directionJson(answer.hardware.read) },
    askedBy: askedByJson(answer.askedBy),
    fixes: hint === null ? [] : [{ kind: hint.kind, value: hint.value, mapType: hint.mapType }],
  };
}

/** The same with its route in brief. */
export function routedJson(answer: RoutedAnswer, topology: Topology): RoutedPairJson {
  return { ...pairJson(answer, topology), route: answer.routing === null ? null : routeJson(answer.routing) };
}

/** What stops or spoils a transfer. */
export function gateJson({ kind, device, effect, message, doubt }: Gate): GateJson {
  const gate = { kind, device: device === null ? null : formatBdf(device), effect, message };
  return doubt === undefined ? gate : { ...gate, doubt };
}

/** What is documented of the hardware, for one direction. */
export function directionJson({ outcome, why, facts }: DirectionFact): DirectionJson {
  return { outcome, why, facts };
}

function hopJson(table: VerdictTable, bdf: Bdf): ExplainedPairJson["path"][number] {
  const fn = table.topology.functionOf(bdf);
  return { bdf: formatBdf(bdf), name: displayName(fn), role: roleOf(fn) };
}

function parentJson({ topology }: VerdictTable, index: number): TreeFunctionJson["parent"] {
  if (topology.isOnRootBus(index)) return null;
  const parent = topology.parentOf(index);
  if (parent === undefined) return { unknown: "the source does not show what is above" };
  return formatBdf(topology.functionAt(parent).bdf);
}

function rootJson({ topology }: VerdictTable, index: number): TreeFunctionJson["hostBridge"] {
  const root = topology.rootBusOf(index);
  return root === undefined ? null : formatBus(root.rootBus);
}

function linkJson(fn: PciFunction): TreeFunctionJson["link"] {
  if (isUnknown(fn.express)) return { unknown: fn.express.unknown };
  if (fn.express === null) return null;
  const state = (link: typeof fn.express.linkStatus): Known<LinkStateJson | null> =>
    link === null ? null : mapKnown(link, ({ speedGTps, width }) => ({ speedGTps, width }));
  return { status: state(fn.express.linkStatus), capable: state(fn.express.linkCapable) };
}
