import type { IommuMode, Machine } from "../../host/machine.ts";
import { checkedRelease, type Overrides, withOverrides } from "../../host/override.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { afterBoot } from "../../rules/boot-acs.ts";
import { applyChanges, bootChanged } from "./apply.ts";
import type { Change } from "./change.ts";
import { modeWithParameters } from "./iommu-parameters.ts";
import { idleNotes, parameterNotes } from "./parameter-notes.ts";
import { parseMove, parseSet } from "./parse-change.ts";

/** What a user says of a machine or asks of it, in the words of the command line. */
export interface WhatIfRequest extends Overrides {
  /** Register writes, `00:04.0.acs=-RR-CR`. */
  readonly set?: readonly string[];
  /** Devices in other slots, `05:00.0=under:02:01.0`. */
  readonly move?: readonly string[];
  /** Kernel parameters, behind the command line; those of the IOMMU set its mode. */
  readonly append?: string;
}

/** A machine as it is and as it would be. */
export interface WhatIf {
  readonly before: Machine;
  readonly after: Machine;
  /** Empty where nothing was asked: then both are the same. */
  readonly changes: readonly Change[];
}

/**
 * Takes a request apart: what the source hides is filled in (a statement about the machine as it is), what it shows
 * differently is a change. `isBooted` is false for a machine as firmware leaves it, as a scenario is: it is booted first.
 * Throws `usage` for words that mean nothing here.
 */
export function askWhatIf(machine: Machine, request: WhatIfRequest, isBooted = true): WhatIf {
  const { append } = request;
  const byParameters = modeOfParameters(machine, request);
  const { facts, changes: factChanges } = splitOverrides(machine, request, byParameters);
  const filled = withOverrides(machine, facts);
  const before = isBooted ? filled : afterBoot(filled);
  const changes: Change[] = [
    ...factChanges,
    ...(append === undefined ? [] : [{ kind: "parameters", text: append } as const]),
    ...(request.move ?? []).map((text) => parseMove(before, text)),
    ...(request.set ?? []).map((text) => parseSet(before, text)),
  ];
  if (changes.length === 0) return { before, after: before, changes };
  const after = isBooted ? applyChanges(before, changes) : bootChanged(filled, changes);
  const told = append === undefined ? [] : parameterNotes(after, append);
  const withOnly = (text: string): Machine | null => {
    const mode = modeIfKnown(machine, { ...request, append: text });
    if (mode === null) return null;
    const others = changes
      .filter((change) => change.kind !== "iommu" || change.byParameters !== true)
      .map((change) => (change.kind === "parameters" ? { ...change, text } : change));
    const isOther = mode !== undefined && mode !== machine.iommu.mode;
    const all = [...(isOther ? [{ kind: "iommu", mode, byParameters: true } as const] : []), ...others];
    return isBooted ? applyChanges(before, all) : bootChanged(filled, all);
  };
  const notes = append === undefined ? [] : [...told, ...idleNotes(after, append, withOnly)];
  return { before, after: notes.length === 0 ? after : { ...after, notes: [...after.notes, ...notes] }, changes };
}

/** {@link modeOfParameters}; `null` where it does not follow from them. */
function modeIfKnown(machine: Machine, request: WhatIfRequest): IommuMode | undefined | null {
  try {
    return modeOfParameters(machine, request);
  } catch (error) {
    if (error instanceof PeerlaneError && error.code === "usage") return null;
    throw error;
  }
}

/** The mode that the appended parameters of the IOMMU set; `undefined` where there are none. */
function modeOfParameters(machine: Machine, { append, cpu: name, iommu }: WhatIfRequest): IommuMode | undefined {
  if (append === undefined) return undefined;
  const { cpu } = name === undefined ? machine : withOverrides(machine, { cpu: name });
  const found = modeWithParameters(machine, cpu, append);
  if (found === undefined || iommu === undefined || iommu === found.mode) return found?.mode;
  throw new PeerlaneError("usage", `--iommu ${iommu} and --append '${found.given}' are two modes of the IOMMU`, {
    remedy: "leave one of them out",
  });
}

/** `byParameters` is the mode of the IOMMU that parameters set, which is no statement about the machine as it is. */
function splitOverrides(
  machine: Machine,
  request: Overrides,
  byParameters: IommuMode | undefined,
): { facts: Overrides; changes: Change[] } {
  const { kernel, cpu, iommu } = request;
  const changes: Change[] = [];
  const facts: { kernel?: string; cpu?: string; iommu?: string } = {};
  if (kernel !== undefined) {
    const { release } = machine.kernel;
    if (isUnknown(release)) facts.kernel = kernel;
    else if (!isSameRelease(release, checkedRelease(kernel))) changes.push({ kind: "kernel", release: kernel });
  }
  if (cpu !== undefined) {
    if (isUnknown(machine.cpu.vendor)) facts.cpu = cpu;
    else changes.push({ kind: "cpu", name: cpu });
  }
  if (byParameters !== undefined) {
    if (machine.iommu.mode !== byParameters) changes.push({ kind: "iommu", mode: byParameters, byParameters: true });
  } else if (iommu !== undefined) {
    if (isUnknown(machine.iommu.mode)) facts.iommu = iommu;
    else if (machine.iommu.mode !== iommu) changes.push({ kind: "iommu", mode: iommu });
  }
  return { facts, changes };
}

/** `7.2` is the same as `7.2.12+deb13-amd64`: the longer name says more of the same kernel. */
function isSameRelease(release: string, asked: string): boolean {
  return release === asked || (release.startsWith(asked) && !/^\d/.test(release.slice(asked.length)));
}
