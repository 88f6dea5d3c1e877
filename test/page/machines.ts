import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "../..");

/** A machine that the page is clicked through on. */
export interface ShownMachine {
  readonly name: string;
  readonly bytes: Buffer;
  /** A word of its devices, to look for. */
  readonly word: string;
}

function recorded(name: string): ShownMachine {
  const file = `${name}.tar.gz`;
  return { name: file, bytes: readFileSync(join(root, "test/machines/recorded", file)), word: "nvme0" };
}

/** Three machines that were recorded with a real kernel, the server with 8 GPUs, and one of 1,000 functions. */
export const MACHINES: readonly ShownMachine[] = [
  recorded("wide-switch.intel.strict"),
  recorded("three-host-bridges.amd-zen.strict"),
  recorded("nested-switches.amd-zen.strict"),
  {
    name: "gpu-nic-server.yaml",
    bytes: readFileSync(join(root, "examples/gpu-nic-server.yaml")),
    word: "gpu3",
  },
  { name: "thousand.yaml", bytes: Buffer.from(manyDevices(16, 31)), word: "nvme100" },
];

/** A scenario of switches with SSDs: two functions for each device, and two for each switch above them. */
export function manyDevices(switches: number, devices: number): string {
  const bridges = Array.from({ length: switches }, (_, at) =>
    [
      `  - { id: 8086:29c0, segment: ${at}, numaNode: ${at % 2}, below: [{ rootPort: { at: 04.0 }, below: [{ switch: { acs: ${at % 2 === 0} }, below: [`,
      ...Array.from(
        { length: devices },
        (__, one) => `      { nvme: { ${one % 4 === 0 ? "cmb: 16M, " : ""}name: nvme${at * devices + one} } },`,
      ),
      "    ] }] }] }",
    ].join("\n"),
  );
  return `scenario: many devices\ncpu: amd-zen\nkernel: 7.2\niommu: off\nhostBridges:\n${bridges.join("\n")}\n`;
}
