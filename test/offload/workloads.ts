import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Machine } from "../../src/host/machine.ts";
import { parseWorkload } from "../../src/offload/workload/parse-workload.ts";
import { type RunOptions, runWorkload } from "../../src/offload/workload/run-workload.ts";
import type { Simulation, StepRun } from "../../src/offload/workload/simulation.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";

const examples = join(import.meta.dirname, "../../examples/workloads");

/** The example workloads by name. */
export const WORKLOAD_EXAMPLES = [
  "nvmeof-one-switch",
  "nvmeof-acs-redirect",
  "silent-loss",
  "ssd-to-gpu",
  "nvmeof-two-nics-four-drives",
  "vm-dma-buf-reset",
  "one-device",
  "refused",
] as const;

/** The text of an example. */
export function exampleText(name: (typeof WORKLOAD_EXAMPLES)[number]): string {
  return readFileSync(join(examples, `${name}.yaml`), "utf8");
}

/** A machine as `machine:` of a workload: a switch with drives, NIC and GPU, a drive and a NIC beside it. */
export const SERVER = `machine:
  cpu: amd-zen
  kernel: 7.2
  iommu: off
  hostBridges:
    - below:
        - rootPort: { name: root1, acs: false }
          below:
            - switch: { id: 1000:c030, portId: 1000:c030, acs: false, name: switch }
              below:
                - nvme: { cmb: 1M, name: cmb0 }
                - nvme: { name: nvme0 }
                - nic: { name: nic0 }
                - gpu: { bar: 256M, name: gpu0 }
                - gpu: { bar: 256M, name: gpu1 }
        - rootPort: { name: root2, acs: false }
          below:
            - nvme: { cmb: 1M, name: cmb1 }
`;

/** Parses and runs a workload on its own machine, or on another. */
export function simulate(text: string, options: RunOptions = {}, machine?: Machine): Simulation {
  const workload = parseWorkload(text, "test.yaml");
  if (machine !== undefined) return runWorkload(workload, machine, options);
  if (workload.machine.kind !== "inline") throw new Error("this workload's machine is elsewhere");
  return runWorkload(workload, afterBoot(workload.machine.machine), options);
}

/** Runs steps on {@link SERVER}; `model` is the text of its `model:`. */
export function onServer(steps: string, model = "{}"): Simulation {
  return simulate(`${SERVER}model: ${model}\nworkload:\n${steps}\n`);
}

/** The only step of a run. */
export function onlyStep({ steps }: Simulation): StepRun {
  const [step] = steps;
  if (step === undefined || steps.length > 1) throw new Error(`${steps.length} steps`);
  return step;
}
