import { describe, expect, test } from "vitest";
import { isTranslating } from "../../src/host/machine.ts";
import { busAddr } from "../../src/pci/addresses.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { rows } from "../rows.ts";
import { at } from "../rules/by-hand.ts";
import { bar, GiB, gates, hidden, iommu, MiB, type Pair } from "./gate-cases.ts";

describe("The client's DMA mask", () => {
  /** The BAR lies at 3 GiB on the bus, 4 GiB for the CPU, and has 16 MiB. */
  test.each(
    rows(`
      // bits | driver | pair             | IOMMU       | gate
      31      | nvme   | bus-addr         | off         | yes  // 3 GiB is beyond 2 GiB
      32      | nvme   | bus-addr         | off         | no   // ends below 4 GiB
      32      | nvme   | thru-host-bridge | off         | yes  // begins at 4 GiB
      33      | nvme   | thru-host-bridge | off         | no
      32      | nvme   | thru-host-bridge | passthrough | yes  // no IOVA stands in
      32      | nvme   | thru-host-bridge | strict      | no   // an IOVA does
      32      | nvme   | thru-host-bridge | lazy        | no
      32      | nvme   | thru-host-bridge | ?           | yes
      31      | nvme   | bus-addr         | strict      | yes  // a bus address is no IOVA
      31      | nvme   | not-supported    | off         | no   // nothing is mapped
      31      | nvme   | same function    | off         | no   // no TLP leaves it
      31      | -      | bus-addr         | off         | no   // the default of 32 bits says nothing of the device
      31      | ?      | bus-addr         | off         | no
      ?       | nvme   | bus-addr         | off         | no
      64      | nvme   | thru-host-bridge | off         | no
    `),
  )("of %s bits, driver %s, %s, IOMMU %s: %s", (bits, driver, pair = "", mode, gate) => {
    const dmaMaskBits = bits === "?" ? hidden : Number(bits);
    const found = gates(
      {
        client: { dmaMaskBits, driver: driver === "?" ? hidden : driver === "-" ? null : (driver ?? "") },
        provider: pair === "same function" ? { dmaMaskBits, driver: "nvme" } : {},
        machine: { iommu: iommu(mode ?? "") },
      },
      pair as Pair,
    ).filter(({ kind }) => kind !== "iommu-translates");
    const [client, end] = pair === "bus-addr" ? ["04:00.0", "0xc1000000"] : ["05:00.0", "0x101000000"];
    const message = `BAR 0 of 0000:03:00.0 ends at ${end}, beyond the ${bits} address bits of 0000:${client}`;
    expect(found).toEqual(
      gate === "yes"
        ? [expect.objectContaining({ kind: "beyond-dma-mask", device: at(client), effect: "blocks", message })]
        : [],
    );
  });

  const resizable = [{ barIndex: 0, currentBytes: 16 * GiB, supportedBytes: [256 * MiB, 16 * GiB] }];
  test.each<
    [name: string, bits: number, sizeBytes: number, isResizable: boolean, isFinal: true | undefined, way: RegExp]
  >([
    ["below 4 GiB", 32, 1 * GiB, false, undefined, /^turn 'Above 4G Decoding' off/],
    ["nowhere, as it is too large for 32 bits", 32, 2 * GiB, false, true, /^none: .* take a client whose driver/],
    [
      "nowhere as it is, and as a smaller one below 4 GiB",
      32,
      16 * GiB,
      true,
      true,
      /^none: .* 256 MiB of it would: then turn/,
    ],
    ["nowhere, as memory begins below", 31, 16 * MiB, false, true, /^none: a BAR of 16 MiB does not fit within 31/],
    ["lower", 40, 512 * GiB, false, undefined, /^lower 'MMIO High Base'/],
    ["nowhere, as it takes all that 40 bits reach", 40, 1024 * GiB, false, true, /^none: a BAR of 1 TiB/],
  ])("may lie %s", (_name, bits, sizeBytes, isResizable, isFinal, way) => {
    const [gate] = gates(
      {
        client: { dmaMaskBits: bits, driver: "nvme" },
        provider: {
          bars: [bar({ busAddress: busAddr(2 ** bits), sizeBytes })],
          resizableBars: isResizable ? resizable : [],
        },
        machine: { iommu: iommu("off") },
      },
      "bus-addr",
    ).filter(({ kind }) => kind === "beyond-dma-mask");
    expect(gate?.isFinal).toBe(isFinal);
    expect(gate?.remedy).toMatch(way);
  });

  const client = { dmaMaskBits: 32, driver: "nvme" };
  test.each<[name: string, bars: PciFunction["bars"], count: number]>([
    ["ends at the last byte that it reaches", [bar({ busAddress: busAddr(4 * GiB - 16 * MiB) })], 0],
    ["ends one byte beyond", [bar({ busAddress: busAddr(4 * GiB - 16 * MiB), sizeBytes: 16 * MiB + 1 })], 1],
    ["has no address", [bar({ busAddress: null })], 0],
    ["has no address and more bytes than it reaches", [bar({ busAddress: null, sizeBytes: 8 * GiB })], 0],
    ["has a hidden address", [bar({ busAddress: hidden })], 0],
    ["has a hidden size", [bar({ busAddress: busAddr(8 * GiB), sizeBytes: hidden })], 0],
    ["is an I/O BAR", [bar(), bar({ index: 1, kind: "io", busAddress: busAddr(8 * GiB) })], 0],
    ["is the expansion ROM", [bar(), bar({ index: 6, busAddress: busAddr(8 * GiB) })], 0],
    ["is one of two", [bar({ busAddress: busAddr(8 * GiB) }), bar({ index: 2, busAddress: busAddr(9 * GiB) })], 2],
    ["is hidden", hidden, 0],
  ])("and a BAR that %s", (_name, bars, count) => {
    const found = gates({ provider: { bars }, client }).filter(({ kind }) => kind === "beyond-dma-mask");
    expect(found).toHaveLength(count);
  });
});

describe("The IOMMU", () => {
  test.each(
    rows(`
      // mode     | pair             | gate
      off         | bus-addr         | no
      passthrough | bus-addr         | no
      strict      | bus-addr         | yes
      lazy        | bus-addr         | yes
      ?           | bus-addr         | no
      strict      | thru-host-bridge | no   // by an IOVA, as it wants
      lazy        | thru-host-bridge | no
      strict      | not-supported    | no
      strict      | same function    | no
    `),
  )("in mode %s, %s: %s", (mode = "", pair, gate) => {
    const found = gates({ machine: { iommu: iommu(mode) } }, pair as Pair);
    const message =
      `the IOMMU translates (${mode}) and the DMA address is a bus address: a switch that sends peer traffic up ` +
      "all the same meets an IOMMU fault, and the data is lost without an error; test with real data, or use iommu=pt";
    expect(found).toEqual(gate === "yes" ? [{ kind: "iommu-translates", device: null, effect: "warns", message }] : []);
    expect(isTranslating(mode)).toBe(mode === "strict" || mode === "lazy");
  });
});
