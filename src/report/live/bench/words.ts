import type { BenchJobView, PartyView, SideName } from "../../../measured/bench.ts";
import { formatBdf } from "../../../pci/bdf.ts";
import { isUnknown } from "../../../pci/known.ts";
import { formatSize } from "../../../pci/size.ts";

/** What the sides are called. */
export const SIDE_WORDS: Readonly<Record<SideName, string>> = { peer: "peer", dram: "DRAM" };

/** `1.5 GiB/s`. */
export function rateText(bytesPerSecond: number): string {
  return `${formatSize(Math.round(bytesPerSecond))}/s`;
}

/** Nanoseconds with three figures: `850 ns`, `12.3 µs`, `1.05 ms`, `2.5 s`. */
export function latencyText(nanoseconds: number): string {
  if (nanoseconds < 1000) return `${Math.round(nanoseconds)} ns`;
  if (nanoseconds < 999_500) return `${threeFigures(nanoseconds / 1000)} µs`;
  if (nanoseconds < 999_500_000) return `${threeFigures(nanoseconds / 1e6)} ms`;
  return `${threeFigures(nanoseconds / 1e9)} s`;
}

/** Three figures, without an exponent. */
export function threeFigures(value: number): string {
  if (value === 0 || !Number.isFinite(value)) return String(value);
  return value >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(3)));
}

/** `randrw (70 % reads), blocks of 128 KiB, depth 8`. */
export function jobText({ rw, rwmixreadPercent, blockBytes, iodepth }: BenchJobView): string {
  const mix = rw === "rw" || rw === "randrw" ? ` (${rwmixreadPercent} % reads)` : "";
  return `${rw}${mix}, blocks of ${formatSize(blockBytes)}, depth ${iodepth}`;
}

/** `nvme0 (0000:03:00.0, x4 8GT/s)`. */
export function partyText({ bdf, name, link }: PartyView): string {
  const address = formatBdf(bdf);
  const speed = isUnknown(link) || link === null || link.width === 0 ? "" : `x${link.width} ${link.speedGTps}GT/s`;
  const facts = [...(name === null ? [] : [address]), ...(speed === "" ? [] : [speed])];
  return facts.length === 0 ? (name ?? address) : `${name ?? address} (${facts.join(", ")})`;
}
