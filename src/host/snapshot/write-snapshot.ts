import type { Machine } from "../machine.ts";
import { SNAPSHOT_SCHEMA, snapshotForm } from "./form.ts";
import { ReasonsTable } from "./reasons-table.ts";
import { redact } from "./redact.ts";

/** Writes a machine as a snapshot: JSON text with one function on a line, without what {@link redact} leaves out. */
export function writeSnapshot(machine: Machine): string {
  const { source, functions, iommu, ...rest } = redact(machine);
  const { groupTypes } = iommu;
  const table = new ReasonsTable();
  const whole = {
    schema: SNAPSHOT_SCHEMA,
    source: { format: "snapshot", name: source.name, madeOf: source.madeOf ?? source.format },
    reasons: [],
    ...rest,
    iommu: {
      ...iommu,
      groupTypes: groupTypes instanceof Map ? [...groupTypes].map(([group, type]) => ({ group, type })) : groupTypes,
    },
    functions,
  };
  const encoded = snapshotForm(table).encode(whole) as Record<string, unknown> & { functions: readonly object[] };
  const lines = Object.entries({ ...encoded, reasons: table.reasons }).map(([key, value]) => {
    if (key !== "functions") return ` ${JSON.stringify(key)}: ${JSON.stringify(value)}`;
    return ` "functions": [\n${encoded.functions.map((fn) => `  ${JSON.stringify(fn)}`).join(",\n")}\n ]`;
  });
  return `{\n${lines.join(",\n")}\n}\n`;
}

/** Packs a snapshot's text by gzip. */
export async function compressSnapshot(text: string): Promise<Uint8Array> {
  const stream = new Blob([text]).stream().pipeThrough(new CompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}
