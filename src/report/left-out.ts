import { noPeerDmaGates } from "../answers/driver-gates.ts";
import { selectDevices } from "../host/select.ts";
import type { Bdf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind, isBmcDisplay, isKindHidden, isKindOfName } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import { mayProvide, whyNoMemory } from "../pci/peer-roles.ts";
import { askedByOf, askingKey } from "../platforms/who-asks.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";

const names: Partial<Readonly<Record<DeviceKind, string>>> = {
  gpu: "GPU",
  nic: "NIC",
  nvme: "NVMe",
  accel: "accelerator",
};

const plurals: Partial<Readonly<Record<DeviceKind, string>>> = { gpu: "s", nic: "s", nvme: "", accel: "s" };

/**
 * Which devices of a table have no row, or one only because no device is known to have memory for peers, and why; which
 * functions are not listed although they may be of interest; whose kind is an inference: in a few sentences. That rows are
 * missing is no verdict. Of what was asked for only the inference.
 */
export function leftOutTexts(table: VerdictTable): readonly string[] {
  const inferred = inferredTexts(table);
  const usual = selectDevices(table.machine, { all: false });
  if (!isSame(usual.providers, table.providers)) return inferred;
  const isUsual = isSame(usual.clients, table.clients);
  const bmc = isUsual ? table.machine.functions.filter(isBmcDisplay).length : 0;
  const bmcTexts = bmc === 0 ? [] : [`${bmc} BMC display${bmc === 1 ? "" : "s"} (no GPU)`];
  return [...inferred, ...withoutRowTexts(table, bmcTexts), ...(isUsual ? hiddenKindTexts(table) : [])];
}

function isSame(some: readonly Bdf[], others: readonly Bdf[]): boolean {
  return some.length === others.length && some.every((bdf, index) => bdf === others[index]);
}

function withoutRowTexts(table: VerdictTable, bmcTexts: readonly string[]): readonly string[] {
  const { topology, clients } = table;
  const others = clients.map((bdf) => topology.functionOf(bdf)).filter((fn) => mayProvide(fn) !== true);
  const hidden = others.filter((fn) => isUnknown(mayProvide(fn))).length;
  const kinds = kindTexts(
    table,
    others.filter((fn) => mayProvide(fn) === false),
  );
  const [it, has] = hidden === 1 ? ["it", "has"] : ["they", "have"];
  const hiddenText = `${hidden} NVMe: the source does not show whether ${it} ${has} a controller memory buffer`;
  if (others.length === clients.length) {
    const why = [...(hidden === 0 ? [] : [hiddenText]), ...kinds].join(", ");
    return [
      ...(others.length === 0
        ? []
        : [`no device here is known to have memory for peers (${why}): rows tell what the paths would give`]),
      ...withoutRowText(bmcTexts),
    ];
  }
  return [
    ...(hidden === 0 ? [] : [`${hiddenText}; --all lists ${hidden === 1 ? "it as provider" : "them as providers"}`]),
    ...withoutRowText([...kinds, ...bmcTexts]),
  ];
}

function withoutRowText(kinds: readonly string[]): readonly string[] {
  return kinds.length === 0 ? [] : [`without a row: ${kinds.join(", ")}; --all lists them as providers`];
}

/** That drivers share registers of a function with some client: `explain` and policies that name it say more than a no. */
function sharedText({ machine, topology, clients }: VerdictTable, fn: PciFunction): string {
  const ways = clients.flatMap((bdf) => {
    const askedBy = askedByOf(fn, topology.functionOf(bdf));
    if (bdf === fn.bdf || askedBy.hidden !== null || noPeerDmaGates(machine, askedBy).length > 0) return [];
    return askedBy.ways.filter(({ row }) => row.sharesAnyBar === true && row.aside === undefined);
  });
  return ways.length === 0 ? "" : `, which drivers share: ${[...new Set(ways.map(({ row }) => row.id))].join(", ")}`;
}

/** What may be a GPU, NIC, NVMe controller or accelerator for all that the source shows. */
function hiddenKindTexts({ machine, topology, clients }: VerdictTable): readonly string[] {
  const shown = new Set(clients);
  const hidden = topology.functions.filter((fn) => isKindHidden(fn) && !shown.has(fn.bdf)).length;
  if (hidden === 0) return [];
  // Of all that lspci prints, only a tree shows host bridges.
  const isTree = machine.source.format === "lspci" && !isUnknown(machine.hostBridges);
  const why = isTree ? " (a tree prints none)" : "";
  const [functions, them] = hidden === 1 ? ["function", "it"] : ["functions", "them"];
  return [`${hidden} ${functions} without a class${why}: --all lists ${them}`];
}

function inferredTexts({ topology, providers, clients }: VerdictTable): readonly string[] {
  const shown = new Set([...providers, ...clients]);
  const inferred = topology.functions.filter((fn) => shown.has(fn.bdf) && isKindOfName(fn)).length;
  if (inferred === 0) return [];
  const whose = inferred === 1 ? "the kind of 1 device is" : `the kinds of ${inferred} devices are`;
  return [`${whose} inferred from the name: the source shows no class`];
}

function kindTexts(table: VerdictTable, functions: readonly PciFunction[]): readonly string[] {
  const shared = new Map<string, string>();
  const groups = new Map<string, { readonly kind: DeviceKind; readonly why: string; count: number }>();
  for (const fn of functions) {
    // Functions of the same driver are shared alike.
    const drivers = askingKey(fn);
    const text = shared.get(drivers) ?? sharedText(table, fn);
    shared.set(drivers, text);
    const kind = deviceKind(fn);
    const key = `${kind} ${text}`;
    const group = groups.get(key) ?? { kind, why: `${whyNoMemory(fn)}${text}`, count: 0 };
    group.count++;
    groups.set(key, group);
  }
  return [...groups.values()].flatMap(({ kind, why, count }) =>
    names[kind] === undefined ? [] : [`${count} ${names[kind]}${count === 1 ? "" : plurals[kind]} (${why})`],
  );
}
