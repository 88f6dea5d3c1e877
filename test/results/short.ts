import { readFileSync } from "node:fs";
import { join } from "node:path";
import { formatBdf } from "../../src/pci/bdf.ts";
import type { MeasuredDevice, MeasuredEntry } from "../../src/results/results.ts";

/** One of the texts beside the tests. */
export function resultText(name: string): string {
  return readFileSync(join(import.meta.dirname, "texts", name), "utf8");
}

/** `gpu0`, `gpu0 0000:19:00.0`, `mlx5_0`, `nvme0n1`, `host`, `gpu0 + gpu1`, `?`. */
export function deviceText(device: MeasuredDevice): string {
  switch (device.kind) {
    case "gpu":
      return device.bdf === null ? `gpu${device.index}` : `gpu${device.index} ${formatBdf(device.bdf)}`;
    case "bdf":
      return formatBdf(device.bdf);
    case "rdma":
    case "block":
      return device.name;
    case "file":
      return device.path;
    case "host":
      return "host";
    case "group":
      return device.members.map(deviceText).join(" + ");
    case "unknown":
      return "?";
  }
}

/** Rates in 10^9 bytes in a second, times in nanoseconds. */
function valueText({ bytesPerSecond, latencyNs }: MeasuredEntry): string {
  return bytesPerSecond === null ? `${latencyNs} ns` : `${Number((bytesPerSecond / 1e9).toPrecision(12))} GB/s`;
}

/** A figure as the rows of the tests have it: `line:column`, value, from, to, operation, mover, direction, peer. */
export function shortRow(entry: MeasuredEntry): string[] {
  const { place, from, to, operation, mover, direction, opposed, peer } = entry;
  const way = direction === "sum of both" ? "sum" : opposed ? "opposed" : "alone";
  return [
    `${place.line}:${place.column}`,
    valueText(entry),
    deviceText(from),
    deviceText(to),
    operation,
    `by ${mover}`,
    way,
    peer,
  ];
}
