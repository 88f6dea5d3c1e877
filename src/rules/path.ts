import { redirects } from "../pci/acs.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";

/** The way between two functions, by index; see `Verdict` for the meaning of the fields. */
export interface Path {
  /** Index of the meeting point, `undefined` where the two have none in the tree that the source shows. */
  readonly meeting: number | undefined;
  /** From the provider up to and including the meeting point, or to the top. */
  readonly providerArm: readonly number[];
  /** From the client up, without the meeting point. */
  readonly clientArm: readonly number[];
}

/** From a function up to the one before `end`; without it to the top. */
function upwards(topology: Topology, start: number, end: number | undefined): number[] {
  const arm: number[] = [];
  for (let index: number | undefined = start; index !== undefined && index !== end; index = topology.parentOf(index)) {
    arm.push(index);
  }
  return arm;
}

/** Finds the lowest function that is both's ancestor (a function counts as its own) and the two arms to it. */
export function findPath(topology: Topology, provider: number, client: number): Path {
  let meeting: number | undefined = provider;
  while (meeting !== undefined && !topology.isAtOrBelow(client, meeting)) meeting = topology.parentOf(meeting);
  const providerArm = upwards(topology, provider, meeting);
  if (meeting !== undefined) providerArm.push(meeting);
  return { meeting, providerArm, clientArm: upwards(topology, client, meeting) };
}

/**
 * The functions of a path that redirect, and those whose ACS is hidden, in the kernel's order. Without a meeting point
 * ACS decides nothing and the kernel names no function.
 */
export function acsOnPath(topology: Topology, path: Path): { redirect: number[]; hidden: number[] } {
  const redirect: number[] = [];
  const hidden: number[] = [];
  if (path.meeting === undefined) return { redirect, hidden };
  for (const index of [...path.providerArm, ...path.clientArm]) {
    const { acs } = topology.functionAt(index);
    if (acs === null) continue;
    if (isUnknown(acs)) hidden.push(index);
    else if (redirects(acs)) redirect.push(index);
  }
  return { redirect, hidden };
}
