import { describe, expect, it } from "vitest";
import { buildMachine } from "../../src/devices/build-machine.ts";
import type { MachineParts } from "../../src/host/scenario/machine-parts.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";

const server: MachineParts = {
  cpu: "amd-zen",
  kernel: "7.2",
  iommu: { mode: "lazy", kind: "amd" },
  cmdline: "quiet",
  hostBridges: [
    {
      bus: 0,
      busOffset: 2 ** 39,
      below: [
        {
          rootPort: { acs: true, at: "04.0" },
          below: [
            {
              switch: { id: "1000:c030", portId: "1000:c030", acs: false },
              below: [
                { nvme: { name: "nvme0", cmb: 2 ** 20 } },
                { functions: [{ gpu: { name: "gpu0", bars: { 1: "256M" } } }, "nic"] },
                { port: { acs: "RR+" }, below: [{ accel: { name: "x", bar: "64K", dmaMaskBits: 40, ats: true } }] },
              ],
            },
          ],
        },
        "nic",
      ],
    },
  ],
};

const asText = `
cpu: amd-zen
kernel: 7.2
iommu: { mode: lazy, kind: amd }
cmdline: quiet
hostBridges:
  - bus: 0
    busOffset: 512G
    below:
      - rootPort: { acs: true, at: 04.0 }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030, acs: false }
            below:
              - nvme: { name: nvme0, cmb: 1M }
              - functions: [ gpu: { name: gpu0, bars: { 1: 256M } }, nic ]
              - port: { acs: RR+ }
                below: [ accel: { name: x, bar: 64K, dmaMaskBits: 40, ats: true } ]
      - nic
`;

describe("buildMachine", () => {
  it("makes the machine that the same words in a scenario file make, booted", () => {
    expect(buildMachine(server, "server")).toEqual(afterBoot(readScenario(asText, "server")));
  });

  it.each<[parts: unknown, message: string, place: string]>([
    [
      { hostBridges: [{ below: [{ nvme: { cmb: 3 } }] }] },
      "a size that is a power of two",
      "m: hostBridges[0].below[0].nvme.cmb",
    ],
    [
      { hostBridges: [{ below: [{ nvmee: {} }] }] },
      "'nvmee' is no key of a device",
      "m: hostBridges[0].below[0].nvmee",
    ],
    [{ hostBridges: [{ below: [{ nvme: {}, gpu: {} }] }] }, "cannot be both", "m: hostBridges[0].below[0]"],
    [{ hostBridges: [{ below: [() => 1] }] }, "function is no value here", "m: hostBridges[0].below[0]"],
    [{}, "'hostBridges' is missing", "m: hostBridges"],
    [null, "expected the keys of a scenario", "m"],
    [{ hostBridges: [], cpu: Number.NaN }, "number is no value here", "m: cpu"],
  ])("%j is refused, with the way to what is wrong", (parts, message, place) => {
    try {
      buildMachine(parts as MachineParts, "m");
      expect.unreachable();
    } catch (error) {
      if (!(error instanceof PeerlaneError)) throw error;
      expect([error.code, error.place?.file]).toEqual(["bad-input", place]);
      expect(error.message).toContain(message);
    }
  });

  it("an object that contains itself is refused, too", () => {
    const parts: { hostBridges: unknown[] } = { hostBridges: [] };
    parts.hostBridges.push(parts);
    expect(() => buildMachine(parts as unknown as MachineParts)).toThrow("object is no value here");
  });
});
