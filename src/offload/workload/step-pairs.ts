import type { Bdf } from "../../pci/bdf.ts";
import type { WorkloadDevices } from "./devices.ts";
import type { CountedMemory, StepPair } from "./simulation.ts";
import type { DeviceName } from "./step-base.ts";
import type { WorkloadStep } from "./workload.ts";

/** The pairs of a step: between two memories those that were asked for, else those of the memory that was used. */
export function pairsOfStep(
  devices: WorkloadDevices,
  step: WorkloadStep,
  memory: readonly CountedMemory[],
): readonly StepPair[] {
  const pairs = asked(devices, step) ?? used(clientsOf(devices, step), memory);
  return pairs.filter(({ provider, client }) => provider !== client);
}

function asked(devices: WorkloadDevices, step: WorkloadStep): readonly StepPair[] | undefined {
  if (step.kind === "gpu-read") {
    const [gpu, drive] = [step.gpu, step.drive.device].map((name) => devices.endpoint(name).bdf) as [Bdf, Bdf];
    if (step.way === "through-ram") return [];
    return [step.way === "gpu-reads" ? { provider: drive, client: gpu } : { provider: gpu, client: drive }];
  }
  if (step.kind !== "copy") return undefined;
  const [from, to] = [devices.end(step.from), devices.end(step.to)];
  if (from.kind !== "memory" || to.kind !== "memory") return undefined;
  const engine = step.engine === null ? from.fn : devices.endpoint(step.engine).bdf;
  return [{ provider: engine === to.fn ? from.fn : to.fn, client: engine }];
}

function clientsOf(devices: WorkloadDevices, step: WorkloadStep): readonly Bdf[] {
  const named = (...names: readonly DeviceName[]): readonly Bdf[] => names.map((name) => devices.endpoint(name).bdf);
  switch (step.kind) {
    case "copy":
      return [devices.end(step.from).fn, devices.end(step.to).fn];
    case "nvmeof":
      return named(...step.nics, ...step.drives.map(({ device }) => device));
    case "rdma":
      return devices.shared.clientOf(step.region);
    case "reset":
    case "revoke":
    case "restore":
      if (step.during === null) return [];
      return step.during.way === "rdma" ? devices.shared.clientOf(step.during.region) : named(step.during.drive.device);
    case "dma":
      return named(step.device);
    case "direct-io":
      return named(step.drive.device);
    default:
      return [];
  }
}

function used(clients: readonly Bdf[], memory: readonly CountedMemory[]): readonly StepPair[] {
  const providers = memory.flatMap((use) => (use.source === "peer" ? [use.provider] : []));
  return providers.flatMap((provider) => [...new Set(clients)].map((client) => ({ provider, client })));
}
