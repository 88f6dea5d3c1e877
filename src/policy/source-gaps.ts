import type { Machine } from "../host/machine.ts";
import { isUnknown } from "../pci/known.ts";
import type { Topology } from "../pci/topology.ts";

/** Why a machine may have devices that its source does not list; `null` where the source lists all. */
export function listingGap(machine: Machine, { hiddenTops }: Topology): string | null {
  const { source, functions, functionsMayBeMissing } = machine;
  if (functionsMayBeMissing !== undefined) return functionsMayBeMissing;
  if (source.format === "rdma-topo") return "a dump of rdma_topo lists only some of a machine's devices";
  if (source.format !== "lspci") return null;
  const hasHostBridge = functions.some((fn) => !isUnknown(fn.classCode) && fn.classCode >>> 8 === 0x0600);
  return hasHostBridge && hiddenTops.length === 0
    ? null
    : "the text is not all that lspci prints of a machine: paste the whole of it";
}

/** Why a function may have a name that its source does not give; `null` where the source gives them all. */
export function namesGap({ source, functions }: Machine): string | null {
  const { format } = source;
  if (format === "sysfs" || format === "archive" || format === "scenario") return null;
  if (format === "snapshot" && functions.some(({ names }) => names.length > 0)) return null;
  return "the source does not give every device its name: name it by address, class or ids";
}
