import { type Bdf, formatBdf } from "./bdf.ts";
import type { PciExpress } from "./express.ts";
import type { PciFunction } from "./function.ts";
import { isUnknown, unknown } from "./known.ts";

/** The physical function of one that is known to be virtual, else `undefined`. */
export function physicalOf({ physicalFunction }: PciFunction): Bdf | undefined {
  return isUnknown(physicalFunction) || physicalFunction === null ? undefined : physicalFunction;
}

/**
 * The functions with what a virtual one leaves to its physical function (PCIe 6.0 sec 9.3.4): it has the link of that one,
 * and its own BAR registers are empty, as those of SR-IOV hold the addresses. What a source shows of a virtual function
 * itself (its resources, as the kernel names them) stays. For readers that decode registers.
 */
export function withPhysicals(functions: readonly PciFunction[]): readonly PciFunction[] {
  const byBdf = new Map(functions.map((fn) => [fn.bdf, fn]));
  return functions.map((fn) => {
    const bdf = physicalOf(fn);
    return bdf === undefined ? fn : withPhysical(fn, bdf, byBdf.get(bdf));
  });
}

function withPhysical(fn: PciFunction, bdf: Bdf, physical: PciFunction | undefined): PciFunction {
  const hasNoBars = !isUnknown(fn.bars) && fn.bars.length === 0;
  return {
    ...fn,
    bars: hasNoBars
      ? unknown(`the BARs of a virtual function are in the SR-IOV registers of ${formatBdf(bdf)}`)
      : fn.bars,
    express: expressOf(fn.express, bdf, physical?.express),
  };
}

function expressOf(
  own: PciFunction["express"],
  bdf: Bdf,
  physical: PciFunction["express"] | undefined,
): PciFunction["express"] {
  if (isUnknown(own) || own === null || !isDown(own)) return own;
  const linkStatus =
    physical === undefined || isUnknown(physical) || physical === null || isDown(physical)
      ? unknown(`the link of a virtual function is that of ${formatBdf(bdf)}, which the source does not show`)
      : physical.linkStatus;
  return { ...own, linkStatus };
}

function isDown({ linkStatus }: PciExpress): boolean {
  return linkStatus !== null && !isUnknown(linkStatus) && linkStatus.width === 0;
}
