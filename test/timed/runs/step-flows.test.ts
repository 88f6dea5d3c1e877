import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { topologyOf } from "../../../src/host/machine.ts";
import { parseWorkload } from "../../../src/offload/workload/parse-workload.ts";
import { runWorkload } from "../../../src/offload/workload/run-workload.ts";
import type { Simulation, StepRun } from "../../../src/offload/workload/simulation.ts";
import { isUnknown } from "../../../src/pci/known.ts";
import { nameIn } from "../../../src/report/device-names.ts";
import { flowsOfStep } from "../../../src/timed/runs/step-flows.ts";
import { timeWorkload } from "../../../src/timed/runs/time-workload.ts";
import { rows } from "../../rows.ts";

const EXAMPLES = join(import.meta.dirname, "../../../examples/workloads");

const MACHINE = `machine:
  cpu: amd-zen
  kernel: 7.2
  iommu: off
  hostBridges:
    - below:
        - rootPort: { name: port0, acs: false, link: gen4 x16 }
          below:
            - switch: { name: switch0, id: 1000:c030, portId: 1000:c030, acs: false }
              below:
                - nvme: { name: nvme0, cmb: 16M }
                - nvme: { name: nvme1 }
                - nvme: { name: nvme2 }
                - nic: { name: nic0 }
                - nic: { name: nic1 }
                - gpu: { name: gpu0, bar: 256M }
                - gpu: { name: gpu1, bar: 256M }
                - gpu: { name: gpu2, bar: 256M }
`;

function simulated(step: string): Simulation {
  return runWorkload(parseWorkload(`${MACHINE}workload:\n  - ${step}\n`, "w.yaml"));
}

/** `nvme1 writes nvme0 64K×4, then nic0 reads nvme0 64K×4 | …`. */
function flowsText(simulation: Simulation, run: StepRun): string {
  const planned = flowsOfStep(simulation, run);
  if (isUnknown(planned)) return `none: ${planned.unknown}`;
  const topology = topologyOf(simulation.machine);
  return planned.flows
    .map(({ provider, client, operation, sizeBytes, bytes, follows }) => {
      const memory = provider === "host-memory" ? "RAM" : nameIn(topology, provider);
      return `${follows === null ? "" : "then "}${nameIn(topology, client)} ${operation}s ${memory} ${sizeBytes / 1024}K*${bytes / sizeBytes}`;
    })
    .join(", ");
}

describe("The flows of a step, and of the same through RAM", () => {
  test.each(
    rows(`
      copy: { from: nvme1, to: nvme2, size: 64K, count: 4, provider: nvme0 } | nvme1 writes nvme0 64K*4, then nvme2 reads nvme0 64K*4 | nvme1 writes RAM 64K*4, then nvme2 reads RAM 64K*4
      copy: { from: nvme0, to: nvme1, size: 64K, provider: nvme0 }           | nvme1 reads nvme0 64K*1                                | nvme0 writes RAM 64K*1, then nvme1 reads RAM 64K*1
      copy: { from: nvme1, to: nvme0, size: 64K, provider: nvme0 }           | nvme1 writes nvme0 64K*1                               | nvme1 writes RAM 64K*1, then nvme0 reads RAM 64K*1
      copy: { from: gpu0, to: gpu1, size: 64K, count: 2 }                    | gpu0 writes gpu1 64K*2                                 | gpu0 writes RAM 64K*2, then gpu1 reads RAM 64K*2
      copy: { from: gpu0, to: gpu1, size: 64K, engine: gpu1 }                | gpu1 reads gpu0 64K*1                                  | gpu0 writes RAM 64K*1, then gpu1 reads RAM 64K*1
      copy: { from: gpu0, to: gpu1, size: 64K, engine: gpu2 }                | gpu2 reads gpu0 64K*1, then gpu2 writes gpu1 64K*1     | gpu0 writes RAM 64K*1, then gpu1 reads RAM 64K*1
      nvmeof: { nic: nic0, drive: nvme1, io: [{ write: 64K, count: 4 }] }    | nic0 writes nvme0 64K*4, then nvme1 reads nvme0 64K*4  | nic0 writes RAM 64K*4, then nvme1 reads RAM 64K*4
      nvmeof: { nic: nic0, drive: nvme0, io: [{ read: 4K, count: 4 }] }      | nic0 reads nvme0 4K*4                                  | nvme0 writes RAM 4K*4, then nic0 reads RAM 4K*4
      nvmeof: { nics: [nic0, nic1], drive: nvme0, io: [{ read: 4K, count: 3 }] } | nic0 reads nvme0 4K*2, nic1 reads nvme0 4K*1       | nvme0 writes RAM 4K*2, then nic0 reads RAM 4K*2, nvme0 writes RAM 4K*1, then nic1 reads RAM 4K*1
      gpuRead: { gpu: gpu0, drive: nvme1, size: 64K }                        | nvme1 writes gpu0 64K*1                                | nvme1 writes RAM 64K*1, then gpu0 reads RAM 64K*1
      gpuRead: { gpu: gpu0, drive: nvme0, size: 64K, way: gpu-reads }        | gpu0 reads nvme0 64K*1                                 | nvme0 writes RAM 64K*1, then gpu0 reads RAM 64K*1
    `),
  )("%s", (step, asked, throughRam) => {
    const simulation = simulated(step.replace(/^(\w+):/, "compare: dram\n    $1:"));
    const [run] = simulation.steps;
    if (run?.staged == null) throw new Error("it was not compared");
    expect([flowsText(simulation, run), flowsText(simulation, run.staged)]).toEqual([asked, throughRam]);
  });

  test("what is not delivered has none, and says why", () => {
    const simulation = runWorkload(parseWorkload(readFileSync(join(EXAMPLES, "silent-loss.yaml"), "utf8"), "w.yaml"));
    const [run] = simulation.steps;
    expect(run === undefined ? "" : flowsText(simulation, run)).toMatch(/^none: a write of .* IOMMU fault/);
  });

  test("a process, a guest's device and a host at the other end of the wire", () => {
    const simulation = runWorkload(
      parseWorkload(readFileSync(join(EXAMPLES, "vm-dma-buf-reset.yaml"), "utf8"), "w.yaml"),
    );
    const texts = simulation.steps.flatMap((run) => {
      const text = flowsText(simulation, run);
      return text === "" ? [] : [text.replace(/(\w\w\w\w:)?\w\w:\w\w\.\w/g, "fn")];
    });
    expect(texts).toEqual(
      expect.arrayContaining([expect.stringMatching(/ writes card /), expect.stringMatching(/ reads card /)]),
    );
    expect(texts).toContain("none: the change under way cuts its transfer short");
  });
});

/** Two models of one machine that share no code for bytes: what one routes TLP by TLP, the other sends over its links in time. */
describe("Bytes in time are those of the model without time", () => {
  test.each(readdirSync(EXAMPLES))("%s", (file) => {
    const workload = parseWorkload(readFileSync(join(EXAMPLES, file), "utf8"), file);
    const steps = workload.steps.map((step) => ({ ...step, isCompared: step.expected === null }));
    const simulation = runWorkload({ ...workload, steps });
    let compared = 0;
    for (const { name, way, run } of timeWorkload(simulation)) {
      const whole = simulation.steps.find(({ step }) => step.name === name);
      const counted = way === "as-asked" ? whole : whole?.staged;
      if (run?.result == null || counted == null) continue;
      const { traffic } = counted;
      const { memory, links } = run.result;
      expect([memory.readBytes, memory.writtenBytes], `${name}, ${way}: DRAM`).toEqual([
        traffic.dramReadBytes,
        traffic.dramWrittenBytes,
      ]);
      const timed = byDevice(links.map(({ below, towards, bytes }) => ({ below, towards, bytes })));
      const routed = byDevice(
        traffic.links.flatMap(({ fn, upBytes, downBytes }) => [
          { below: fn, towards: "up", bytes: upBytes },
          { below: fn, towards: "down", bytes: downBytes },
        ]),
      );
      // The model without time counts what is inside a switch, between its ports, as links too.
      for (const [link, bytes] of timed) expect(routed.get(link), `${name}, ${way}: ${link}`).toBe(bytes);
      expect(timed.size).toBeGreaterThan(0);
      compared++;
    }
    expect(compared).toBeGreaterThan(["one-device.yaml", "refused.yaml"].includes(file) ? -1 : 0);
  });
});

/** Bytes by link and direction: functions of one device have one. */
function byDevice(
  links: readonly { readonly below: number; readonly towards: string; readonly bytes: number }[],
): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { below, towards, bytes } of links) {
    const key = `${below - (below % 8)} ${towards}`;
    if (bytes > 0) sums.set(key, (sums.get(key) ?? 0) + bytes);
  }
  return sums;
}
