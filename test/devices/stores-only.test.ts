import { describe, expect, it } from "vitest";
import { mapMemory } from "../../src/devices/mapped-memory.ts";
import { buildSystem } from "../../src/devices/system.ts";
import type { BackendName } from "../../src/devices/system-options.ts";
import { buildWorkload } from "../../src/offload/workload/parse-workload.ts";
import { runWorkload } from "../../src/offload/workload/run-workload.ts";
import { bdfOf, machineOf } from "./machines.ts";

/** A client and a card across host bridges; the ports are those of POWER9, or of nothing that is documented. */
function machine(id: string, iommu: "off" | "strict" = "off") {
  const port = (device: string): string => `\n      - rootPort: { id: "${id}" }\n        below: [${device}]`;
  const near = `\n      - rootPort: { id: "${id}", acs: false }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below: [{ accel: { name: near, bars: { 0: "1M" } } }, { nic: { name: client } }]`;
  const hosts = `\n  - below:${near}\n  - bus: 0x40\n    below:${port('accel: { name: far, bars: { 0: "1M" } }')}`;
  return machineOf(hosts, iommu, "cpu: { architecture: ppc64le }");
}

const POWER9 = "1014:04c1";
const DIRECTIONS = ["to-device", "from-device", "bidirectional"] as const;

describe("stores only, outside of the lab", () => {
  it.each<[string, string, BackendName | undefined, string, readonly string[]]>([
    // What the device does there: read it, write it, both.
    ["POWER9, across host bridges", POWER9, "stores-only", "far", ["EREMOTEIO", "mapped", "EREMOTEIO"]],
    ["POWER9, below one switch", POWER9, "stores-only", "near", ["mapped", "mapped", "mapped"]],
    ["POWER9, as the kernel maps", POWER9, undefined, "far", ["EREMOTEIO", "EREMOTEIO", "EREMOTEIO"]],
    ["of which nothing is documented", "1b36:000c", "stores-only", "far", ["EREMOTEIO", "EREMOTEIO", "EREMOTEIO"]],
  ])("%s", (_, id, backend, card, expected) => {
    const made = machine(id);
    const system = buildSystem(made, {
      peerMemory: [{ fn: card, bar: 0 }],
      ...(backend === undefined ? {} : { backend }),
    });
    const client = bdfOf(made, "client");
    const found = DIRECTIONS.map((direction) => {
      const range = system.pools.get(bdfOf(made, card))?.alloc(4096) ?? null;
      if (range === null) throw new Error("no peer memory");
      const mapped = mapMemory(system, client, [range], direction);
      if (!mapped.ok) return mapped.errno;
      mapped.value.unmap();
      return "mapped";
    });
    expect(found).toEqual(expected);
  });

  it("maps RAM in both directions", () => {
    const made = machine(POWER9);
    const system = buildSystem(made, { backend: "stores-only" });
    const range = system.ram.alloc(4096);
    if (range === null) throw new Error("no RAM");
    for (const direction of DIRECTIONS) {
      const mapped = mapMemory(system, bdfOf(made, "client"), [range], direction);
      expect(mapped.ok, direction).toBe(true);
      if (mapped.ok) mapped.value.unmap();
    }
  });

  it("in a workload: a copy engine pushes across host bridges, and may not pull", () => {
    const run = (engine: string, backend?: "stores-only") =>
      runWorkload(
        buildWorkload(
          {
            machine: {
              cpu: { architecture: "ppc64le" },
              kernel: "7.2",
              iommu: "off",
              hostBridges: ["", "0x40"].map((bus, index) => ({
                ...(bus === "" ? {} : { bus }),
                below: [
                  { rootPort: { id: POWER9 }, below: [{ accel: { name: `gpu${index}`, bars: { 0: "1M" as const } } }] },
                ],
              })),
            },
            model: {
              ...(backend === undefined ? {} : { backend }),
              peerMemory: [0, 1].map((index) => ({ device: `gpu${index}`, bar: 0 })),
            },
            workload: [{ copy: { from: "gpu0", to: "gpu1", size: "64K", engine } }],
          },
          "test",
        ),
      );
    expect(run("gpu0", "stores-only").steps[0]).toMatchObject({ outcome: "done", checked: { rightBytes: 65536 } });
    expect(run("gpu1", "stores-only").steps[0]).toMatchObject({ outcome: "mapping-failed", errors: ["EREMOTEIO"] });
    expect(run("gpu0").steps[0]).toMatchObject({ outcome: "mapping-failed", errors: ["EREMOTEIO"] });
  });
});
