import { expect, test } from "vitest";
import { busAddr } from "../../src/pci/addresses.ts";
import { bar, GiB, gates, iommu, kinds, MiB } from "./gate-cases.ts";

test("A pair of a sound machine has no gate", () => {
  for (const pair of ["bus-addr", "thru-host-bridge", "not-supported", "same function"] as const) {
    expect(gates({}, pair)).toEqual([]);
  }
});

test("Gates stand in one order: machine, BARs, sizes, mask, IOMMU", () => {
  const found = gates({
    provider: {
      bars: [bar({ busAddress: busAddr(8 * GiB) }), bar({ index: 2, busAddress: null })],
      command: 0,
      resizableBars: [{ barIndex: 0, currentBytes: 16 * MiB, supportedBytes: [16 * MiB, GiB] }],
    },
    client: { dmaMaskBits: 32, driver: "nvme" },
    machine: {
      kernel: { release: "7.2", commandLine: "disable_acs_redir=00:01.0", config: {} },
      iommu: iommu("strict"),
    },
  });
  expect(kinds(found)).toBe(
    "kernel-without-p2pdma kernel-parameter-misread bar-unassigned memory-decode-off resizable-bar-small beyond-dma-mask iommu-translates",
  );
});
