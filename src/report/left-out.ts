import { selectDevices } from "../host/select.ts";
import { type DeviceKind, deviceKind } from "../pci/device-kind.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import { mayProvide } from "../pci/peer-roles.ts";
import type { VerdictTable } from "../rules/verdict-table.ts";

const names: Partial<Readonly<Record<DeviceKind, string>>> = {
  gpu: "GPU",
  nic: "NIC",
  nvme: "NVMe",
  accel: "accelerator",
};

const without: Partial<Readonly<Record<DeviceKind, string>>> = {
  gpu: "no memory BAR",
  accel: "no memory BAR",
  nvme: "no controller memory buffer",
  nic: "registers only",
};

/**
 * Which devices of a table have no row, or one only because no device is known to have memory for peers, and why: in a
 * sentence or two. That rows are missing is no verdict. Nothing where providers were asked for.
 */
export function leftOutTexts({ machine, topology, providers, clients }: VerdictTable): readonly string[] {
  const usual = selectDevices(machine, { all: false }).providers;
  if (usual.length !== providers.length || usual.some((bdf, index) => bdf !== providers[index])) return [];
  const others = clients.map((bdf) => topology.functionOf(bdf)).filter((fn) => mayProvide(fn) !== true);
  if (others.length === 0) return [];
  const hidden = others.filter((fn) => isUnknown(mayProvide(fn))).length;
  const kinds = kindTexts(others.filter((fn) => mayProvide(fn) === false));
  const [it, has] = hidden === 1 ? ["it", "has"] : ["they", "have"];
  const hiddenText = `${hidden} NVMe: the source does not show whether ${it} ${has} a controller memory buffer`;
  if (others.length === clients.length) {
    const why = [...(hidden === 0 ? [] : [hiddenText]), ...kinds].join(", ");
    return [`no device here is known to have memory for peers (${why}): rows tell what the paths would give`];
  }
  return [
    ...(hidden === 0 ? [] : [`${hiddenText}; --all lists ${hidden === 1 ? "it as provider" : "them as providers"}`]),
    ...(kinds.length === 0 ? [] : [`without a row: ${kinds.join(", ")}; --all lists them as providers`]),
  ];
}

function kindTexts(functions: readonly PciFunction[]): readonly string[] {
  const counts = new Map<DeviceKind, number>();
  for (const fn of functions) counts.set(deviceKind(fn), (counts.get(deviceKind(fn)) ?? 0) + 1);
  return [...counts].flatMap(([kind, count]) =>
    names[kind] === undefined ? [] : [`${count} ${names[kind]} (${without[kind]})`],
  );
}
