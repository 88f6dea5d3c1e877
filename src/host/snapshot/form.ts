import { z } from "zod";
import { functionForm } from "./function-form.ts";
import { count, hex, knownForm } from "./parts.ts";
import type { ReasonsTable } from "./reasons-table.ts";

/** What this program writes and reads. */
export const SNAPSHOT_SCHEMA = "peerlane.snapshot/1";
/** No machine has more functions: a domain has 65,536, and machines have a few of them. */
const MAX_FUNCTIONS = 1_000_000;

const formats = z.enum(["sysfs", "archive", "lspci", "scenario", "snapshot", "rdma-topo", "hwloc", "nccl"]);

/**
 * The form of a snapshot, both ways: what JSON holds against the machine that it is. `table` takes the reasons of what
 * is hidden when writing, and gives them when reading.
 */
export function snapshotForm(table: ReasonsTable): z.ZodType {
  const known = knownForm(table);
  const numaNode = known(z.int().nullable());
  return z.strictObject({
    schema: z.literal(SNAPSHOT_SCHEMA),
    source: z.strictObject({ format: formats, name: z.string(), madeOf: formats.exactOptional() }),
    reasons: z.array(z.string()).describe("why things are hidden; { unknown: N } names one of these"),
    kernel: z.strictObject({
      release: known(z.string()),
      commandLine: known(z.string()),
      config: known(z.record(z.string(), z.string())),
    }),
    cpu: z.strictObject({
      architecture: known(z.string()),
      vendor: known(z.string().nullable()),
      family: known(count.nullable()),
      model: known(count.nullable()),
      name: known(z.string().nullable()),
    }),
    iommu: z.strictObject({
      kind: known(z.enum(["none", "intel", "amd", "arm-smmu", "virtio", "other"])),
      mode: known(z.enum(["off", "passthrough", "strict", "lazy"])),
      groupTypes: known(z.array(z.strictObject({ group: count, type: z.string() }))),
    }),
    hostBridges: known(
      z.array(
        z.strictObject({
          rootBus: count.describe("domain × 256 + bus"),
          windows: known(
            z.array(
              z.strictObject({
                kind: z.enum(["io", "memory"]),
                physStart: hex,
                busStart: known(hex),
                sizeBytes: count,
              }),
            ),
          ),
          numaNode,
        }),
      ),
    ),
    functionsMayBeMissing: z.string().exactOptional(),
    notes: z.array(
      z.strictObject({
        severity: z.enum(["info", "warning"]),
        message: z.string(),
        remedy: z.string().exactOptional(),
      }),
    ),
    functions: z.array(functionForm(known)).max(MAX_FUNCTIONS),
  });
}
