import type { Bdf } from "../pci/bdf.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { Names } from "./names.ts";

const ORDINALS = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];

/** Where ports are, in words: `below the second switch (4 ports)`, `of 4 root ports`, `of gpu:0`. */
export function portsPlace(topology: Topology, ports: readonly Bdf[], names: Names): string {
  const switches = topology.functions.flatMap((_, index) =>
    portType(topology, index) === "upstream-port" ? [index] : [],
  );
  const below = new Map<number, number>();
  const roots: Bdf[] = [];
  const others: Bdf[] = [];
  for (const bdf of ports) {
    const index = topology.indexOf(bdf);
    const type = portType(topology, index);
    const above = type === "downstream-port" ? topology.parentOf(index) : type === "upstream-port" ? index : undefined;
    if (above !== undefined && switches.includes(above)) below.set(above, (below.get(above) ?? 0) + 1);
    else if (type === "root-port") roots.push(bdf);
    else others.push(bdf);
  }
  const parts = [
    ...(below.size === 0 ? [] : [switchesText(switches, below)]),
    ...(roots.length === 0 ? [] : [rootsText(topology, roots, names)]),
    ...(others.length === 0 ? [] : [`of ${names.all(others)}`]),
  ];
  return parts.join(", ");
}

function switchesText(switches: readonly number[], below: ReadonlyMap<number, number>): string {
  const count = [...below.values()].reduce((sum, ports) => sum + ports, 0);
  const ports = count === 1 ? "1 port" : `${count} ports`;
  const which = [...below.keys()].map((index) => switches.indexOf(index)).sort((a, b) => a - b);
  if (switches.length === 1) return `below the switch (${ports})`;
  if (which.length === switches.length) return `below all ${switches.length} switches (${ports})`;
  const words = which.map((at) => ORDINALS[at] ?? `${at + 1}th`);
  if (words.length > 3) return `below ${words.length} of ${switches.length} switches (${ports})`;
  const last = words.at(-1) ?? "";
  const list = words.length === 1 ? last : `${words.slice(0, -1).join(", ")} and ${last}`;
  return `below the ${list} ${words.length === 1 ? "switch" : "switches"} (${ports})`;
}

/** One root port by what is below it. */
function rootsText(topology: Topology, roots: readonly Bdf[], names: Names): string {
  if (roots.length > 1) return `of ${roots.length} root ports`;
  const [root] = roots as readonly [Bdf];
  const [first] = topology.children(topology.indexOf(root));
  return first === undefined
    ? `of ${names.of(root)}`
    : `of the root port above ${names.of(topology.functionAt(first).bdf)}`;
}

function portType(topology: Topology, index: number): string | undefined {
  const { express } = topology.functionAt(index);
  if (isUnknown(express) || express === null || isUnknown(express.type)) return undefined;
  return express.type;
}
