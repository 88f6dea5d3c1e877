import type { Bdf } from "../src/pci/bdf.ts";
import { isUnknown } from "../src/pci/known.ts";
import type { Topology } from "../src/pci/topology.ts";
import type { KernelRules } from "../src/rules/kernels/kernel-rules.ts";

/** What `trust` of per-pair-walk.c holds. */
const TRUST = { never: 0, always: 1, sameOnly: 2 } as const;

/**
 * The tree as per-pair-walk.c reads it, numbers with white space between them: the root buses with what the allow-list
 * says of each, the functions with their parent, root bus and ACS, the endpoints. For an Intel CPU, and a machine that
 * hides nothing and has a function at 00.0 of each root bus.
 */
export function flatTree(topology: Topology, endpoints: readonly Bdf[], rules: KernelRules): string {
  const lines = [
    String(topology.roots.length),
    ...topology.roots.map((root) => trustOf(topology, root.functions, rules)),
  ];
  lines.push(String(topology.functions.length));
  topology.functions.forEach((fn, index) => {
    const { acs } = fn;
    if (isUnknown(acs)) throw new Error("the benchmark's machines hide nothing");
    lines.push(`${topology.parent[index]} ${topology.root[index]} ${acs === null ? 0 : 1} ${acs?.control ?? 0}`);
  });
  lines.push(String(endpoints.length), endpoints.map((bdf) => topology.indexOf(bdf)).join(" "));
  return `${lines.join("\n")}\n`;
}

function trustOf(topology: Topology, onBus: readonly number[], rules: KernelRules): string {
  const first = topology.functions[onBus[0] ?? -1];
  const entry = rules.allowList.find(
    ({ vendorId, deviceId }) => vendorId === first?.vendorId && (deviceId === "any" || deviceId === first.deviceId),
  );
  return String(entry === undefined ? TRUST.never : entry.sameHostBridgeOnly ? TRUST.sameOnly : TRUST.always);
}
