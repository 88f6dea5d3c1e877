import type { Machine } from "../../../src/host/machine.ts";
import { formatBdf } from "../../../src/pci/bdf.ts";
import type { PciFunction } from "../../../src/pci/function.ts";
import { isUnknown } from "../../../src/pci/known.ts";

/** What is said of something, part by part, as JSON. */
type Claims = ReadonlyMap<string, string>;

/** All that a whole machine says, by the names of its functions, and of itself as `the machine`. */
export type AllClaims = ReadonlyMap<string, Claims>;

export function allClaims(machine: Machine): AllClaims {
  const claims = new Map([["the machine", toJson(claimsOfSystem(machine))]]);
  for (const fn of machine.functions) claims.set(formatBdf(fn.bdf), toJson(claimsOf(fn)));
  return claims;
}

function toJson(values: Values): Claims {
  return new Map(Object.entries(values).map(([name, value]) => [name, JSON.stringify(value) ?? "nothing"]));
}

/**
 * What a machine of a damaged source says that the whole source does not: each as a sentence. What it hides is none, and
 * what the whole one hides it cannot know either.
 */
export function otherClaims(damaged: Machine, whole: AllClaims): readonly string[] {
  const faults: string[] = [];
  const compare = (name: string, said: Values): void => {
    const right = whole.get(name);
    if (right === undefined) return void faults.push(`${name} is none of the machine`);
    for (const [claim, value] of Object.entries(said)) {
      if (isHidden(value)) continue;
      const text = JSON.stringify(value) ?? "nothing";
      if (text !== right.get(claim)) faults.push(`${claim} of ${name} is ${right.get(claim)}, and ${text} after`);
    }
  };
  for (const fn of damaged.functions) compare(formatBdf(fn.bdf), claimsOf(fn));
  compare("the machine", claimsOfSystem(damaged));
  return faults;
}

type Values = Readonly<Record<string, unknown>>;

const isHidden = (value: unknown): boolean => typeof value === "object" && value !== null && "unknown" in value;

/** All that is said of a function, in parts that may be hidden on their own. */
function claimsOf(fn: PciFunction): Values {
  const { vendorId, deviceId, subsystem, revision, classCode, headerType, multifunction, command, acs, sriov } = fn;
  const { driver, numaNode, iommuGroup, physicalFunction, attachment, dmaMaskBits } = fn;
  return {
    ...{ vendorId, deviceId, subsystem, revision, classCode, headerType, multifunction, command, acs, sriov },
    ...{ driver, numaNode, iommuGroup, physicalFunction, attachment, dmaMaskBits },
    ...partsOf("bridge", fn.bridge),
    ...partsOf("express", fn.express),
    // The expansion ROM is in no register of a BAR.
    "number of BARs": isUnknown(fn.bars) ? fn.bars : fn.bars.filter(({ index }) => index < 6).length,
    ...Object.assign({}, ...(isUnknown(fn.bars) ? [] : fn.bars.map((bar) => partsOf(`BAR ${bar.index}`, { ...bar })))),
  };
}

function partsOf(name: string, value: object | null): Values {
  if (value === null || isHidden(value)) return { [name]: value };
  return {
    [name]: "there",
    ...Object.fromEntries(Object.entries(value).map(([part, content]) => [`${part} of ${name}`, content])),
  };
}

function claimsOfSystem({ cpu, kernel, iommu, hostBridges, guestOf }: Machine): Values {
  const { groupTypes } = iommu;
  return {
    ...cpu,
    ...kernel,
    kind: iommu.kind,
    mode: iommu.mode,
    ...(isUnknown(groupTypes)
      ? {}
      : Object.fromEntries([...groupTypes].map(([group, type]) => [`type of group ${group}`, type]))),
    // That nothing shows a guest is no claim.
    ...(guestOf === undefined ? {} : { guestOf }),
    ...(isUnknown(hostBridges)
      ? {}
      : Object.fromEntries(
          hostBridges.flatMap(({ rootBus, windows, numaNode }) => [
            ...(isUnknown(windows)
              ? []
              : windows.flatMap((window, at) =>
                  Object.entries(window).map(([part, value]) => [`${part} of window ${at} of ${rootBus}`, value]),
                )),
            [`NUMA node of ${rootBus}`, numaNode],
          ]),
        )),
  };
}
