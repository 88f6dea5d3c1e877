import { redirects } from "../pci/acs.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";

/** The way between two functions, by index; see `Verdict` for the meaning of the fields. */
export interface Path {
  /** Index of the meeting point, -1 where the two have none in the tree that the source shows. */
  readonly meeting: number;
  /** From the provider up to and including the meeting point, or to the top. */
  readonly providerArm: readonly number[];
  /** From the client up, without the meeting point. */
  readonly clientArm: readonly number[];
}

function upwards(topology: Topology, start: number, end: number): number[] {
  const arm: number[] = [];
  for (let index = start; index >= 0 && index !== end; index = topology.parent[index] ?? -1) arm.push(index);
  return arm;
}

/** Finds the lowest function that is both's ancestor (a function counts as its own) and the two arms to it. */
export function findPath(topology: Topology, provider: number, client: number): Path {
  const { enter, exit, parent } = topology;
  const position = enter[client] ?? 0;
  let meeting = provider;
  while (meeting >= 0 && !((enter[meeting] ?? 0) <= position && position < (exit[meeting] ?? 0))) {
    meeting = parent[meeting] ?? -1;
  }
  if (meeting < 0) {
    return { meeting: -1, providerArm: upwards(topology, provider, -1), clientArm: upwards(topology, client, -1) };
  }
  return {
    meeting,
    providerArm: [...upwards(topology, provider, meeting), meeting],
    clientArm: upwards(topology, client, meeting),
  };
}

/**
 * The functions of a path that redirect, and those whose ACS is hidden, in the kernel's order. Without a meeting point
 * ACS decides nothing and the kernel names no function.
 */
export function acsOnPath(topology: Topology, path: Path): { redirect: number[]; hidden: number[] } {
  const redirect: number[] = [];
  const hidden: number[] = [];
  if (path.meeting < 0) return { redirect, hidden };
  for (const index of [...path.providerArm, ...path.clientArm]) {
    const acs = topology.functions[index]?.acs;
    if (acs === undefined || acs === null) continue;
    if (isUnknown(acs)) hidden.push(index);
    else if (redirects(acs)) redirect.push(index);
  }
  return { redirect, hidden };
}
