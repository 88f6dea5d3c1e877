import { isScenario, type Machine, topologyOf } from "../host/machine.ts";
import { groupUnstated } from "../host/scenario/system.ts";
import type { Acs } from "../pci/acs.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";
import { type AsksOfFunction, acsParameters } from "../rules/acs-parameters.ts";
import {
  type AcsBits,
  acsOfBits,
  type BootWorld,
  bootBits,
  bootControl,
  bootWorlds,
  mergeBits,
  sameVariant,
} from "../rules/boot-acs.ts";
import { expectedIommuGroups, GROUPS_CONTRADICTED, groupMembers } from "../rules/iommu-groups.ts";

/** A function whose ACS control is not what its kernel's boot makes of it: something wrote to it since. */
export interface ChangedSinceBoot {
  readonly device: Bdf;
  /** The bits that differ. */
  readonly bits: number;
}

/** What a running register says of the boot that led to it. */
interface Trace {
  /** What firmware may have left. */
  readonly firmware: AcsBits;
  /** Bits that no firmware explains. */
  readonly contradicted: number;
}

/**
 * The machine after its next boot, as `planned` describes it (another command line, kernel, IOMMU mode, place of a
 * device, or a card more; the same functions otherwise): ACS as the kernel sets it from what firmware must have left, as
 * far as the running registers show that, and IOMMU groups to be formed anew. What firmware left and the running kernel
 * overwrote stays uncertain. A command line that the source hides counts as one without ACS parameters.
 */
export function reboot(machine: Machine, planned: Machine): Machine {
  const before = acsParameters(machine);
  const after = acsParameters(planned);
  const { steps, hidden } = bootSteps(machine, planned);
  const present = new Set(machine.functions.map(({ bdf }) => bdf));
  const functions = planned.functions.map((fn): PciFunction => {
    const { acs } = fn;
    if (acs === null || isUnknown(acs)) return fn;
    if (acs.capabilityHidden === true)
      return {
        ...fn,
        acs: unknown(`the source shows what is on in the ACS of ${formatBdf(fn.bdf)}, not what it offers`),
      };
    // What is put in for the next boot was asked for nothing by this one.
    const asked = (present.has(fn.bdf) ? before : after).asksOf(fn);
    const asks = after.asksOf(fn);
    if (isUnknown(asked)) return { ...fn, acs: asked };
    return { ...fn, acs: isUnknown(asks) ? asks : rebootedAcs(acs, steps, asked, asks, hidden) };
  });
  return withoutGroups({ ...planned, functions });
}

/** One way in which the running kernel may have booted, and one in which the next may. */
interface BootStep {
  readonly before: BootWorld;
  readonly after: BootWorld;
}

/** What is hidden of the machine and does not change is the same before and after. */
function bootSteps(machine: Machine, planned: Machine): { steps: readonly BootStep[]; hidden: readonly string[] } {
  const past = bootWorlds(machine);
  const future = bootWorlds(planned);
  const sameIommu = machine.iommu.mode === planned.iommu.mode;
  const sameKernel = machine.kernel.release === planned.kernel.release;
  const steps = past.worlds.flatMap((before) =>
    future.worlds
      .filter((after) => !sameIommu || after.asksForAcs === before.asksForAcs)
      .filter((after) => !sameKernel || sameVariant(after, before))
      .map((after) => ({ before, after })),
  );
  return { steps, hidden: [...new Set([...past.hidden, ...future.hidden])] };
}

function rebootedAcs(
  acs: Acs,
  steps: readonly BootStep[],
  asked: AsksOfFunction,
  asks: AsksOfFunction,
  hidden: readonly string[],
): Known<Acs> {
  const traced = steps.map((step) => ({ step, trace: traceOf(step.before, asked, acs) }));
  // A boot that cannot have led to the register is none to reckon with, unless none can.
  const possible = traced.filter(({ trace }) => trace.contradicted === 0);
  const results = (possible.length > 0 ? possible : traced).map(({ step, trace }) =>
    bootBits(step.after, asks, acs.capability, trace.firmware),
  );
  return acsOfBits(acs, mergeBits(results), hidden);
}

function traceOf(world: BootWorld, asked: AsksOfFunction, acs: Acs): Trace {
  const { capability, control, uncertain = 0, firmwareControl } = acs;
  const low = bootControl(world, asked, capability, 0);
  const passedOn = low ^ bootControl(world, asked, capability, capability);
  const contradicted = capability & ~passedOn & ~uncertain & (control ^ low);
  if (firmwareControl !== undefined) return { firmware: { control: firmwareControl, uncertain: 0 }, contradicted };
  const shown = passedOn & ~uncertain;
  return { firmware: { control: control & shown, uncertain: capability & ~shown }, contradicted };
}

/**
 * The machine with the groups in doubt that its source states and the rules contradict: of each function whose group has
 * other members than the rules predict of this very machine, booted as it is. `booted` is that machine without groups.
 */
export function withDoubtedGroups(machine: Machine, booted: () => Machine): Machine {
  const isStated = machine.functions.some((fn) => !isUnknown(fn.iommuGroup) && fn.iommuGroup !== null);
  if (!isStated) return machine;
  const again = booted();
  const anew = expectedIommuGroups(again, topologyOf(again));
  const predicted = isUnknown(anew) ? expectedIommuGroups(machine, topologyOf(machine)) : anew;
  if (isUnknown(predicted)) return machine;
  const shown = machine.functions.flatMap(({ bdf, iommuGroup }) =>
    isUnknown(iommuGroup) ? [] : [{ bdf, stated: iommuGroup, predicted: predicted.get(bdf) ?? null }],
  );
  const statedMembers = membersOf(shown.map(({ bdf, stated }) => [bdf, stated]));
  const predictedMembers = membersOf(shown.map((one) => [one.bdf, one.predicted]));
  const doubted = new Set(
    shown.filter(({ bdf }) => statedMembers.get(bdf) !== predictedMembers.get(bdf)).map(({ bdf }) => bdf),
  );
  if (doubted.size === 0) return machine;
  const functions = machine.functions.map((fn) =>
    doubted.has(fn.bdf) ? { ...fn, iommuGroup: GROUPS_CONTRADICTED } : fn,
  );
  return { ...machine, functions };
}

/** Of each function all that share its group, as a text to be compared; nothing of one without a group. */
function membersOf(groups: readonly (readonly [Bdf, number | null])[]): ReadonlyMap<Bdf, string> {
  return new Map([...groupMembers(groups).values()].flatMap((own) => own.map((bdf) => [bdf, own.join()] as const)));
}

const groupsToCome = unknown("the kernel forms IOMMU groups anew at this boot");
const typesToCome = unknown("the kernel gives its groups types anew at this boot");

/**
 * The machine without the IOMMU groups of an earlier boot. Those that the next one forms are predicted, by whoever asks for
 * them, and said to be so.
 */
export function withoutGroups(machine: Machine): Machine {
  const toCome = isScenario(machine) ? groupUnstated : groupsToCome;
  const isOff = machine.iommu.kind === "none";
  const functions = machine.functions.map((fn): PciFunction => {
    if (isOff) return fn.iommuGroup === null ? fn : { ...fn, iommuGroup: null };
    return isUnknown(fn.iommuGroup) ? fn : { ...fn, iommuGroup: toCome };
  });
  const { groupTypes } = machine.iommu;
  const iommu = isOff || isUnknown(groupTypes) ? machine.iommu : { ...machine.iommu, groupTypes: typesToCome };
  const { groupsAtBoot: _, ...rest } = machine;
  return { ...rest, functions, iommu };
}

/**
 * Functions whose ACS control no boot of the machine's kernel with its command line explains, as after `setpci`. Empty
 * where the source hides the command line: a parameter in it could explain anything.
 */
export function changedSinceBoot(machine: Machine): readonly ChangedSinceBoot[] {
  if (isUnknown(machine.kernel.commandLine)) return [];
  const parameters = acsParameters(machine);
  const { worlds } = bootWorlds(machine);
  return machine.functions.flatMap((fn): ChangedSinceBoot[] => {
    const { acs } = fn;
    if (acs === null || isUnknown(acs)) return [];
    const asked = parameters.asksOf(fn);
    if (isUnknown(asked)) return [];
    const contradicted = worlds.map((world) => traceOf(world, asked, acs).contradicted);
    if (contradicted.length === 0 || contradicted.includes(0)) return [];
    return [{ device: fn.bdf, bits: contradicted.reduce((all, one) => all & one) }];
  });
}
