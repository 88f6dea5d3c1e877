import type { BackendName, SystemOptions } from "../../devices/system-options.ts";
import type { RouteHop } from "../../fabric/route.ts";
import type { Machine } from "../../host/machine.ts";
import { findDevice } from "../../host/select.ts";
import type { Bdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { isUnknown } from "../../pci/known.ts";
import { present } from "../../pci/present.ts";
import { formatSize } from "../../pci/size.ts";
import { atPlace } from "./placed-error.ts";
import { MAX_RAM_BYTES } from "./schema.ts";
import type { DeviceName } from "./step-base.ts";
import type { NamedSystemOptions } from "./workload.ts";

/** The function that a file names. Throws with the place in it where there is none, or several. */
export function functionOf(machine: Machine, { text, place }: DeviceName): Bdf {
  return atPlace(place, () => findDevice(machine, text));
}

/** `model:` as the model takes it. Throws, with the place, for devices that are not there. */
export function systemOptions(
  machine: Machine,
  model: NamedSystemOptions,
  trace: ((hop: RouteHop) => void) | undefined,
): SystemOptions {
  const { backend, dmaMaskBits, peerMemory, ramBusOffset, ...same } = model;
  refuseHugePools(machine);
  return {
    ...same,
    ...present({ trace }),
    ...(typeof backend === "string" ? { backend } : backendsOf(machine, backend)),
    dmaMaskBits: new Map(dmaMaskBits.map(([device, bits]) => [functionOf(machine, device), bits])),
    peerMemory: peerMemory.map(({ device, ...part }) => ({ fn: functionOf(machine, device), ...part })),
    ...(ramBusOffset === undefined ? {} : { ramBusOffset: () => ramBusOffset }),
  };
}

function backendsOf(
  machine: Machine,
  chosen: readonly (readonly [DeviceName, BackendName])[],
): Pick<SystemOptions, "backend"> {
  if (chosen.length === 0) return {};
  const byFunction = new Map(chosen.map(([device, backend]) => [functionOf(machine, device), backend]));
  return { backend: (fn) => byFunction.get(fn) };
}

/** A scenario may give a controller any amount of memory; each page of it costs the model memory of its own. */
function refuseHugePools(machine: Machine): void {
  const bytes = machine.functions.reduce(
    (sum, { p2pmem }) => sum + (isUnknown(p2pmem) || p2pmem === null ? 0 : p2pmem.sizeBytes),
    0,
  );
  if (bytes <= MAX_RAM_BYTES) return;
  throw new PeerlaneError("too-large", `${formatSize(bytes)} of peer memory are too much for the model`, {
    place: { file: machine.source.name },
    remedy: `take a machine with at most ${formatSize(MAX_RAM_BYTES)} of it`,
  });
}
