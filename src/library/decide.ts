import type { MachineDifference } from "../advice/difference/machines.ts";
import * as machineDifference from "../advice/difference/machines.ts";
import type { VerdictChange } from "../advice/difference/verdicts.ts";
import * as verdictDifference from "../advice/difference/verdicts.ts";
import type { NearestSearch } from "../advice/find-nearest.ts";
import * as nearest from "../advice/find-nearest.ts";
import type { ProviderSearch } from "../advice/find-provider.ts";
import * as find from "../advice/find-provider.ts";
import type { Advice } from "../advice/fix/advise.ts";
import * as fix from "../advice/fix/advise.ts";
import type { HistoryEntry } from "../advice/history.ts";
import * as history from "../advice/history.ts";
import * as apply from "../advice/what-if/apply.ts";
import type { Change } from "../advice/what-if/change.ts";
import type { WhatIf, WhatIfRequest } from "../advice/what-if/what-if.ts";
import * as whatIf from "../advice/what-if/what-if.ts";
import { type Answer, Answers, answer } from "../answers/answer.ts";
import type { Gate } from "../answers/gate.ts";
import * as gates from "../answers/gates.ts";
import type { Machine } from "../host/machine.ts";
import * as machines from "../host/machine.ts";
import type { Device, DeviceSelection } from "../host/select.ts";
import * as select from "../host/select.ts";
import type { Bdf } from "../pci/bdf.ts";
import { buildTopology as build } from "../pci/build-topology.ts";
import type { PciFunction } from "../pci/function.ts";
import type { Known } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { FlowShare } from "../predict/flows.ts";
import * as flows from "../predict/flows.ts";
import { explainText } from "../report/explain-text.ts";
import { type PeerDirection, PeerRoutes } from "../routes/peer-routes.ts";
import * as groups from "../rules/iommu-groups.ts";
import type { RulesChoice } from "../rules/kernels/choose-rules.ts";
import * as releases from "../rules/kernels/choose-rules.ts";
import type { DecideOptions, VerdictTable } from "../rules/verdict-table.ts";
import * as verdictTable from "../rules/verdict-table.ts";
import { door, needed, optional } from "./arguments.ts";
import { frozen } from "./frozen.ts";
import {
  bytesAsked,
  changes,
  count,
  device,
  devices,
  flag,
  functions,
  known,
  listOf,
  machine,
  operation,
  options,
  pciFunction,
  table,
  text,
  topology,
  twoMachines,
} from "./kinds.ts";

/** A stream of reads or writes of a client, of a provider's memory. */
export interface DeviceFlow {
  readonly provider: Device;
  readonly client: Device;
  /** What the client does with the provider's memory. */
  readonly operation: PeerDirection;
}

/** How much each of several flows moves. */
export interface FlowOptions extends RulesOptions {
  /** Bytes of each read or write, many of which follow each other; 1 MiB by default. */
  readonly sizeBytes?: number;
  /** Bytes of the provider's memory that they go over, at random, for an IOMMU that translates; by default within its reach. */
  readonly windowBytes?: number;
}

/** What the rules are asked with, everywhere. */
export interface RulesOptions {
  /** A kernel release (`6.12`) whose rules decide instead of those of the machine's own kernel. */
  readonly rules?: string;
}

/** {@link DecideOptions}, with devices by any name. A class (`gpu`) stands for all that are of it. */
export interface TableOptions extends RulesOptions {
  readonly providers?: readonly Device[];
  readonly clients?: readonly Device[];
}

/** One pair, explained. */
export interface Explanation {
  /** What the client may do with the provider's memory. */
  readonly verdict: Answer;
  /** The same the other way round. */
  readonly reverse: Answer;
  /** Both ways as a screen of 100 columns, without colour. */
  readonly text: string;
}

const aMachine = needed("machine", machine);
const provider = needed("provider", device);
const client = needed("client", device);
const rules = optional("options", options({ rules: text }));
const TABLE = { providers: devices, clients: devices, rules: text };

/**
 * The verdict of every provider with every client: without `clients`, of all GPUs, NICs, NVMe controllers, accelerators
 * and whatever has peer memory; without `providers`, of those of them that may have memory for peers; with `all`, of every
 * function.
 */
export const verdicts: (machine: Machine, options?: TableOptions & { readonly all?: boolean }) => VerdictTable = door(
  "verdicts",
  (of: Machine, { all = false, ...chosen }: DecideOptions & { readonly all?: boolean } = {}) =>
    verdictTable.decideAll(of, { ...select.selectDevices(of, { all }), ...chosen }),
  [aMachine, optional("options", options({ ...TABLE, all: flag }))],
);

/**
 * What is said of the pairs of a table beside their verdicts: gates, what the hardware is documented to do, and the change
 * that the kernel hints at.
 */
export const answers: (table: VerdictTable) => Answers = door("answers", (of: VerdictTable) => new Answers(of), [
  needed("table", table),
]);

/** Explains one pair both ways. Throws `unknown-device` for a name that the machine does not have. */
export const explain: (machine: Machine, provider: Device, client: Device, options?: RulesOptions) => Explanation =
  door(
    "explain",
    (of: Machine, a: Bdf, b: Bdf, asked: RulesOptions = {}): Explanation => {
      const both = a === b ? [a] : [a, b];
      const decided = verdictTable.decideAll(of, { ...asked, providers: both, clients: both });
      const said = new Answers(decided);
      const last = both.length - 1;
      return {
        verdict: said.at(0, last),
        reverse: said.at(last, 0),
        text: explainText(decided, a, b, SCREEN, new PeerRoutes(decided)),
      };
    },
    [aMachine, provider, client, rules],
  );

const SCREEN = { width: 100, color: false } as const;

/** The smallest changes that make a pair work, each shown by the rules on the changed machine. Throws as {@link explain}. */
export const fixes: (machine: Machine, provider: Device, client: Device, options?: RulesOptions) => Advice = door(
  "fixes",
  (of: Machine, a: Bdf, b: Bdf, asked: RulesOptions = {}) => fix.advise(of, [{ provider: a, client: b }], asked),
  [aMachine, provider, client, rules],
);

/** {@link fixes} for several pairs together. */
export const advise: (
  machine: Machine,
  pairs: readonly { readonly provider: Device; readonly client: Device }[],
  options?: RulesOptions,
) => Advice = door("advise", fix.advise, [
  aMachine,
  needed(
    "pairs",
    listOf(
      "a list of pairs",
      options({ provider: device, client: device }, ["provider", "client"]),
      "write [{ provider, client }]",
    ),
  ),
  rules,
]);

/** Decides one pair: the verdict, and what is to be said beside it. */
export const decide: (machine: Machine, provider: Device, client: Device, options?: RulesOptions) => Answer = door(
  "decide",
  answer,
  [aMachine, provider, client, rules],
);

/** Decides every pair of `options.providers` × `options.clients`; without them, of the devices of interest. */
export const decideAll: (machine: Machine, options?: TableOptions) => VerdictTable = door(
  "decideAll",
  verdictTable.decideAll,
  [aMachine, optional("options", options(TABLE))],
);

/** The provider that the kernel chooses for `clients` (`pci_p2pmem_find_many`, Linux 7.2). */
export const findProvider: (
  machine: Machine,
  clients: readonly Device[],
  options?: Omit<TableOptions, "clients">,
) => ProviderSearch = door("findProvider", find.findProvider, [
  aMachine,
  needed("clients", devices),
  optional("options", options({ providers: devices, rules: text })),
]);

/**
 * What each of several flows is predicted to carry where all run at once, in 10^9 data bytes per second: max-min fair shares
 * of the links, and of the reads that a client has in flight; `alone` is what it has by itself, with its range, what holds it
 * and what was assumed. In the order of `of`; unknown, with the reason, where nothing arrives or it is not known where it
 * goes, and such a flow takes nothing from the others. One flow of a list is a prediction of one pair. Throws
 * `unknown-device` for a name that the machine does not have, `usage` for sizes that are no whole numbers from 1 on.
 */
export const sharesOf: (
  machine: Machine,
  of: readonly DeviceFlow[],
  options?: FlowOptions,
) => readonly Known<FlowShare>[] = door(
  "sharesOf",
  (
    on: Machine,
    of: readonly (DeviceFlow & { readonly provider: Bdf; readonly client: Bdf })[],
    { sizeBytes, windowBytes, ...asked }: FlowOptions = {},
  ) => {
    const providers = [...new Set(of.map((flow) => flow.provider))];
    const clients = [...new Set(of.map((flow) => flow.client))];
    const decided = verdictTable.decideAll(on, { ...asked, providers, clients });
    const places = of.map((flow) => ({
      ...flow,
      provider: providers.indexOf(flow.provider),
      client: clients.indexOf(flow.client),
    }));
    return flows.sharesOf(decided, places, {
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(windowBytes === undefined ? {} : { windowBytes }),
    });
  },
  [
    aMachine,
    needed(
      "of",
      listOf(
        "a list of flows",
        options({ provider: device, client: device, operation }, ["provider", "client", "operation"]),
        'write [{ provider, client, operation: "write" }]',
      ),
    ),
    optional("options", options({ rules: text, sizeBytes: bytesAsked, windowBytes: bytesAsked })),
  ],
);

/**
 * The nearest devices of each device, as `peerlane find` has them. Words ask: `gpu:nic` of each of the first the nearest of
 * the second, and the other way round; `gpu` or `gpu0` the nearest of every other class; none, each class of each other.
 */
export const findNearest: (machine: Machine, words: readonly string[], options?: RulesOptions) => NearestSearch = door(
  "findNearest",
  (of: Machine, words: readonly string[], asked: RulesOptions = {}) =>
    nearest.findNearest(of, nearest.nearestQuestions(of, words), asked),
  [aMachine, needed("words", listOf("a list of texts", text, 'write ["gpu:nic"], or [] for all')), rules],
);

/** What each kernel release says of one pair, releases that agree in one entry, oldest first. */
export const verdictHistory: (machine: Machine, provider: Device, client: Device) => readonly HistoryEntry[] = door(
  "verdictHistory",
  history.verdictHistory,
  [aMachine, provider, client],
);

/**
 * The functions that a word means: an address or slot, a name or pattern (`nvme*`), ids, a class or one of it (`gpu:0`),
 * `all`. Throws `unknown-device` for none.
 */
export const findDevices: (machine: Machine, name: string) => readonly Bdf[] = door("findDevices", select.findDevices, [
  aMachine,
  needed("name", text),
]);

/** The one function that a word means; throws `unknown-device` for none, `usage` where several fit. */
export const findDevice: (machine: Machine, name: string) => Bdf = door("findDevice", select.findDevice, [
  aMachine,
  needed("name", text),
]);

/** The functions that `matrix` shows, or all. */
export const selectDevices: (machine: Machine, options: { readonly all: boolean }) => DeviceSelection = door(
  "selectDevices",
  select.selectDevices,
  [aMachine, needed("options", options({ all: flag }, ["all"]))],
);

/** Chooses the rules: those of `override` (a release such as `6.12`), else those of the machine's kernel. */
export const chooseRules: (machine: Machine, override?: string) => RulesChoice = door(
  "chooseRules",
  releases.chooseRules,
  [aMachine, optional("override", text)],
);

/** What stops or spoils every transfer of a machine. */
export const machineGates: (machine: Machine) => readonly Gate[] = door("machineGates", gates.machineGates, [aMachine]);

/** The topology of a machine. Its typed arrays are the tables that verdicts are made of: read them, write nothing. */
export const topologyOf: (machine: Machine) => Topology = door("topologyOf", machines.topologyOf, [aMachine]);

/** The tree that functions and root buses make; see {@link topologyOf}. */
export const buildTopology: (functions: readonly PciFunction[], rootBuses: Known<readonly number[]>) => Topology = door(
  "buildTopology",
  build,
  [needed("functions", functions), needed("rootBuses", known(listOf("a list of root buses (busKeyOf)", count)))],
);

/** The IOMMU groups that the kernel forms at boot; unknown as soon as something that it looks at is hidden. */
export const expectedIommuGroups: (machine: Machine, topology: Topology) => Known<ReadonlyMap<Bdf, number>> = door(
  "expectedIommuGroups",
  groups.expectedIommuGroups,
  [aMachine, needed("topology", topology)],
);

/** True when the function cannot send peer traffic past the IOMMU. */
export const isIsolated: (fn: PciFunction) => Known<boolean> = door("isIsolated", groups.isIsolated, [
  needed("fn", pciFunction),
]);

/** Compares two machines function by function, those of the same place and ids; of each its topology and itself. */
export const compareMachines: (
  before: Topology,
  after: Topology,
  machines: readonly [Machine, Machine],
) => MachineDifference = door("compareMachines", machineDifference.compareMachines, [
  needed("before", topology),
  needed("after", topology),
  needed("machines", twoMachines),
]);

/** The pairs of the same two devices in both tables on which they differ. */
export const compareVerdicts: (before: VerdictTable, after: VerdictTable) => readonly VerdictChange[] = door(
  "compareVerdicts",
  verdictDifference.compareVerdicts,
  [needed("before", table), needed("after", table)],
);

/** Takes a request in the words of the command line apart: the machine as it is, and as it would be, both frozen. */
export const askWhatIf: (machine: Machine, request: WhatIfRequest, isBooted?: boolean) => WhatIf = door(
  "askWhatIf",
  whatIf.askWhatIf,
  [
    aMachine,
    needed(
      "request",
      options({
        ...{ kernel: text, cpu: text, iommu: text, append: text },
        ...{ set: listOf("a list of texts", text), move: listOf("a list of texts", text) },
      }),
    ),
    optional("isBooted", flag),
  ],
  frozen,
);

/** The machine as it would be with all of `changes`, frozen. Throws `usage` for what cannot be done to this machine. */
export const applyChanges: (machine: Machine, changes: readonly Change[]) => Machine = door(
  "applyChanges",
  apply.applyChanges,
  [aMachine, needed("changes", changes)],
  frozen,
);
