import { ADDRESS_GIVEN_ANEW, type Bar } from "../pci/bar.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";
import type { BarsRule } from "./policy.ts";
import type { BarFinding, FindingList, Member, RuleOutcome } from "./result.ts";

/** Devices that must have a memory BAR of a size, with an address. */
export function checkBars(
  topology: Topology,
  { atLeast }: BarsRule,
  devices: readonly Member[],
  findings: FindingList,
): void {
  for (const { bdf, hidden } of devices) {
    const finding = judgeBars(topology.functionOf(bdf), atLeast);
    if (hidden !== null && finding.outcome === "pass") continue;
    const isOpen = hidden !== null && finding.outcome === "fail";
    findings.add(isOpen ? "unknown" : finding.outcome, () => (isOpen ? { ...finding, hidden } : finding));
  }
}

function judgeBars(fn: PciFunction, least: number): BarFinding {
  const finding = (outcome: RuleOutcome, bar: Bar | null, hidden: string | null): BarFinding => {
    return { kind: "bar", outcome, device: fn.bdf, bar, hidden };
  };
  const bars = memoryBars(fn);
  if (bars === undefined) return finding("unknown", null, isUnknown(fn.bars) ? fn.bars.unknown : null);
  const sizeOf = ({ sizeBytes }: Bar): number => (isUnknown(sizeBytes) ? -1 : sizeBytes);
  const [largest = null] = [...bars].sort((a, b) => sizeOf(b) - sizeOf(a));
  const large = bars.filter((bar) => sizeOf(bar) >= least);
  const usable = large.find(({ busAddress }) => {
    return isUnknown(busAddress) ? busAddress.unknown === ADDRESS_GIVEN_ANEW.unknown : busAddress !== null;
  });
  if (usable !== undefined) return finding("pass", usable, null);
  for (const { sizeBytes } of bars) {
    if (isUnknown(sizeBytes)) return finding("unknown", largest, sizeBytes.unknown);
  }
  for (const bar of large) {
    if (isUnknown(bar.busAddress)) return finding("unknown", bar, bar.busAddress.unknown);
  }
  return finding("fail", large[0] ?? largest, null);
}
