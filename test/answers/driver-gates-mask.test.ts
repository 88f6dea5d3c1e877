import { describe, expect, test } from "vitest";
import { dmaMaskGates } from "../../src/answers/driver-gates.ts";
import type { Gate } from "../../src/answers/gate.ts";
import type { Machine } from "../../src/host/machine.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import type { Bar } from "../../src/pci/bar.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import type { ResizableBar } from "../../src/pci/resizable-bar.ts";
import { rows } from "../rows.ts";
import { at, endpoint, linux, machineOf } from "../rules/by-hand.ts";
import { bar, GiB, hidden, iommu, MiB } from "./gate-cases.ts";
import { asked, judged, way, waysOf } from "./ways.ts";

/** Ways by what they do and the address that they give. */
const WAYS = {
  none: [],
  obeys: waysOf("asks-and-obeys"),
  "yes or no": waysOf("asks-yes-or-no"),
  rocm: [way("asks-yes-or-no", { id: "amdgpu-amdgpu" })],
  nvidia: [way("does-not-ask", { address: "nvidia" })],
  mapped: [way("does-not-ask", { address: "dma-api" })],
  both: [way("asks-yes-or-no"), way("does-not-ask", { address: "nvidia" })],
  "obeys and nvidia": [way("asks-and-obeys"), way("does-not-ask", { address: "nvidia" })],
  refused: waysOf("no-peer-dma"),
  "user space": waysOf("user-space"),
  aside: [way("asks-yes-or-no", { aside: "it is no PCIe" })],
  "nvidia aside": [way("user-space"), way("does-not-ask", { address: "nvidia", aside: "it is no PCIe" })],
} as const;

const provider = (bars: PciFunction["bars"], resizableBars: PciFunction["resizableBars"] = []): PciFunction =>
  endpoint("03:00.0", { bars, resizableBars });

const client = (dmaMaskBits: PciFunction["dmaMaskBits"], driver: PciFunction["driver"] = "some"): PciFunction =>
  endpoint("04:00.0", { dmaMaskBits, driver });

const machine = (mode: string, release: string | null = "7.2"): Machine =>
  machineOf([], { iommu: iommu(mode), kernel: { ...linux("7.2"), release: release ?? hidden } });

describe("A BAR beyond the client's mask, by what its driver does", () => {
  const until = ": ROCm's peer access is refused for that by Linux 6.1 although the IOMMU translates, and not by 6.12";

  /** The BAR ends at 0xc1000000 on the bus, and at 0x101000000 for the CPU. */
  test.each(
    rows(`
      // ways          | bits | pair             | IOMMU       | Linux  | effect | end
      none             | 31   | bus-addr         | off         | 7.2    | blocks | 0xc1000000
      none             | 32   | bus-addr         | off         | 7.2    | -
      none             | 32   | thru-host-bridge | off         | 7.2    | blocks | 0x101000000
      obeys            | 31   | bus-addr         | strict      | 7.2    | blocks | 0xc1000000  // a bus address is no IOVA
      obeys            | 32   | thru-host-bridge | passthrough | 7.2    | blocks | 0x101000000
      obeys            | 32   | thru-host-bridge | strict      | 7.2    | -
      obeys            | 32   | thru-host-bridge | lazy        | 7.2    | -
      obeys            | 32   | thru-host-bridge | ?           | 7.2    | blocks | 0x101000000
      obeys            | 31   | not-supported    | off         | 7.2    | -
      obeys            | 32   | unknown          | off         | 7.2    | blocks | 0x101000000
      obeys and nvidia | 31   | not-supported    | off         | 7.2    | -
      yes or no        | 32   | bus-addr         | off         | 7.2    | blocks | 0x101000000 // the CPU's address, below a switch as well
      yes or no        | 33   | bus-addr         | off         | 7.2    | -
      yes or no        | 32   | thru-host-bridge | passthrough | 7.2    | blocks | 0x101000000
      yes or no        | 32   | bus-addr         | ?           | 7.2    | may    | 0x101000000
      yes or no        | 32   | bus-addr         | strict      | 6.1    | -       // an IOVA stands in
      yes or no        | 32   | not-supported    | off         | 7.2    | -
      rocm             | 32   | bus-addr         | off         | 7.2    | blocks | 0x101000000
      rocm             | 32   | bus-addr         | strict      | 6.1    | warns: | 0x101000000
      rocm             | 32   | bus-addr         | lazy        | 6.11   | warns: | 0x101000000 // 6.12 is the oldest that was read
      rocm             | 32   | bus-addr         | strict      | 6.12   | -
      rocm             | 32   | bus-addr         | strict      | 6.13   | -
      rocm             | 32   | bus-addr         | strict      | ?      | warns: | 0x101000000
      rocm             | 33   | bus-addr         | strict      | 6.1    | -
      both             | 32   | bus-addr         | off         | 7.2    | blocks | 0x101000000
      both             | 31   | not-supported    | off         | 7.2    | warns, | 0xc1000000  // NVIDIA's does not ask
      nvidia           | 31   | not-supported    | off         | 7.2    | warns, | 0xc1000000
      nvidia           | 31   | thru-host-bridge | passthrough | 7.2    | warns, | 0xc1000000
      nvidia           | 32   | thru-host-bridge | off         | 7.2    | -
      nvidia           | 31   | bus-addr         | strict      | 6.12   | warns, | 0xc1000000  // raw
      nvidia           | 31   | bus-addr         | strict      | 6.11   | -       // by the DMA API
      nvidia           | 31   | bus-addr         | ?           | 7.2    | -
      mapped           | 31   | bus-addr         | off         | 7.2    | -
      refused          | 31   | bus-addr         | off         | 7.2    | -
      user space       | 31   | bus-addr         | off         | 7.2    | -
      aside            | 31   | bus-addr         | off         | 7.2    | blocks | 0xc1000000  // as the kernel says
      nvidia aside     | 31   | bus-addr         | off         | 7.2    | -
    `),
  )("%s of %s bits, %s, IOMMU %s, Linux %s: %s", (ways, bits, pair = "", mode = "", release, effect = "", end = "") => {
    const found = dmaMaskGates(
      provider([bar()]),
      client(Number(bits)),
      judged(pair, asked(WAYS[ways as keyof typeof WAYS])),
      machine(mode, release === "?" ? null : release),
    );
    const also = effect === "warns:" ? until : effect === "warns," ? ", and nothing refuses it" : "";
    const expected = {
      kind: "beyond-dma-mask",
      device: at("04:00.0"),
      effect: effect.startsWith("warns") ? "warns" : "blocks",
      message: `BAR 0 of 0000:03:00.0 ends at ${end}, beyond the ${bits} address bits of 0000:04:00.0${also}`,
      about: `BAR 0${also}`,
      ...(effect === "may" ? { doubt: "hidden here" } : {}),
    };
    expect(found.map(({ remedy: _, isFinal: __, ...gate }) => gate)).toStrictEqual(effect === "-" ? [] : [expected]);
  });

  test.each<[name: string, client: PciFunction]>([
    ["a hidden mask", client(hidden)],
    ["no driver, and the default of 32 bits", client(31, null)],
    ["a hidden driver", client(31, hidden)],
    ["itself as provider", endpoint("03:00.0", { dmaMaskBits: 31, driver: "some" })],
  ])("nothing is said of a client with %s", (_name, of) => {
    expect(dmaMaskGates(provider([bar()]), of, judged("bus-addr", asked([])), machine("off"))).toEqual([]);
  });
});

describe("Which BARs are beyond a mask", () => {
  const address = 8 * GiB;
  test.each<[name: string, bars: PciFunction["bars"], beyond: string]>([
    ["ends with the mask", [bar({ physAddress: physAddr(4 * GiB - 16 * MiB) })], ""],
    ["ends a byte beyond", [bar({ physAddress: physAddr(4 * GiB - 16 * MiB + 1) })], "0"],
    ["has no address", [bar({ physAddress: null, sizeBytes: 8 * GiB })], ""],
    ["hides its address", [bar({ physAddress: hidden, sizeBytes: 8 * GiB })], ""],
    ["hides its size", [bar({ physAddress: physAddr(address), sizeBytes: hidden })], ""],
    ["is of I/O", [bar({ kind: "io", physAddress: physAddr(address) })], ""],
    [
      "is the last of two",
      [bar({ physAddress: physAddr(GiB) }), bar({ index: 2, physAddress: physAddr(address) })],
      "2",
    ],
    [
      "is one of two",
      [bar({ physAddress: physAddr(address) }), bar({ index: 4, physAddress: physAddr(address) })],
      "0 4",
    ],
    ["is hidden", hidden, ""],
  ])("one that %s", (_name, bars, beyond) => {
    for (const ways of [WAYS.obeys, WAYS["yes or no"]]) {
      const pair = judged("thru-host-bridge", asked(ways));
      const found = dmaMaskGates(provider(bars), client(32), pair, machine("off"));
      expect(found.map(({ about }) => about?.slice(4)).join(" ")).toBe(beyond);
    }
  });
});

describe("The way out of a mask", () => {
  const above4G = "turn 'Above 4G Decoding' off in firmware setup, so that BARs get addresses below 4 GiB";
  const high = "lower 'MMIO High Base' in firmware setup until the BAR is within what 0000:04:00.0 can address";
  const other = "take a client whose driver uses more bits, or a provider with a smaller BAR";
  const none = (size: string, bits: number, way: string): string =>
    `none: a BAR of ${size} does not fit within ${bits} address bits; ${way}`;
  const smaller = (size: string, way: string): string =>
    `with Resizable BAR turned off in firmware setup ${size} of it would: then ${way}`;
  const resizable = (barIndex: number, supportedBytes: ResizableBar["supportedBytes"]): ResizableBar => ({
    barIndex,
    currentBytes: 16 * GiB,
    supportedBytes,
  });
  const beyond = (parts: Partial<Bar>): Bar => bar({ physAddress: physAddr(2 ** 45), ...parts });
  const of = (...sizes: number[]): Bar[] => sizes.map((sizeBytes, at) => beyond({ index: 2 * at, sizeBytes }));

  test.each<[name: string, bits: number, bars: Bar[], sizes: PciFunction["resizableBars"], remedy: string]>([
    ["of 1 GiB, 32 bits", 32, of(GiB), [], above4G],
    ["of 1 GiB and a byte, 32 bits", 32, of(GiB + 1), [], none("1.0 GiB", 32, other)],
    ["of 512 MiB twice, 32 bits", 32, of(512 * MiB, 512 * MiB), [], above4G],
    ["of 512 MiB and 1 GiB, 32 bits", 32, of(512 * MiB, GiB), [], none("1 GiB", 32, other)],
    ["of 16 MiB, 31 bits", 31, of(16 * MiB), [], none("16 MiB", 31, other)],
    ["of 4 GiB, 33 bits", 33, of(4 * GiB), [], high],
    ["of 8 GiB, 33 bits", 33, of(8 * GiB), [], none("8 GiB", 33, other)],
    ["of 8 GiB, 34 bits", 34, of(8 * GiB), [], high],
    ["of 512 GiB, 40 bits", 40, of(512 * GiB), [], high],
    ["of 512 GiB and 16 MiB, 40 bits", 40, of(512 * GiB, 16 * MiB), [], none("512 GiB", 40, other)],
    ["beside one of a hidden size", 32, [...of(GiB), beyond({ index: 2, sizeBytes: hidden })], [], above4G],
    [
      "beside a hidden size that is none",
      32,
      [...of(16 * GiB), beyond({ index: 2, sizeBytes: hidden })],
      [resizable(0, [GiB])],
      none("16 GiB", 32, smaller("1 GiB", above4G)),
    ],
    [
      "that may be smaller",
      32,
      of(16 * GiB),
      [resizable(0, [256 * MiB, 512 * MiB, 16 * GiB])],
      none("16 GiB", 32, smaller("256 MiB", above4G)),
    ],
    [
      "that may be smaller, 40 bits",
      40,
      of(1024 * GiB),
      [resizable(0, [256 * MiB])],
      none("1 TiB", 40, smaller("256 MiB", high)),
    ],
    ["that may not be small enough", 32, of(16 * GiB), [resizable(0, [2 * GiB])], none("16 GiB", 32, other)],
    ["that hides how small it may be", 32, of(16 * GiB), [resizable(0, hidden)], none("16 GiB", 32, other)],
    ["that may be of no size", 32, of(16 * GiB), [resizable(0, [])], none("16 GiB", 32, other)],
    ["that may not be resized, for all that is shown", 32, of(16 * GiB), hidden, none("16 GiB", 32, other)],
    ["beside another that may be smaller", 32, of(16 * GiB), [resizable(2, [MiB])], none("16 GiB", 32, other)],
    [
      "that may be smaller, beside one that may not",
      32,
      of(512 * MiB, 16 * GiB),
      [resizable(4, [MiB]), resizable(2, [256 * MiB])],
      none("16 GiB", 32, smaller("512 MiB", above4G)),
    ],
    [
      "that may be smaller, beside one that leaves no room",
      32,
      of(GiB, 16 * GiB),
      [resizable(2, [256 * MiB])],
      none("16 GiB", 32, other),
    ],
  ])("a BAR %s", (_name, bits, bars, sizes, remedy) => {
    const pair = judged("thru-host-bridge", asked([]));
    const found = dmaMaskGates(provider(bars, sizes), client(bits), pair, machine("off"));
    const isFinal: Pick<Gate, "isFinal"> = remedy.startsWith("none") ? { isFinal: true } : {};
    expect(found.length).toBeGreaterThan(0);
    for (const one of found) {
      expect({ remedy: one.remedy, ...("isFinal" in one ? { isFinal: one.isFinal } : {}) }).toStrictEqual({
        remedy,
        ...isFinal,
      });
    }
  });

  test("counts BARs below the mask, too: they take room", () => {
    const bars = [bar({ busAddress: busAddr(GiB), physAddress: physAddr(GiB), sizeBytes: GiB }), ...of(0).slice(1)];
    const pair = judged("thru-host-bridge", asked([]));
    const [found] = dmaMaskGates(
      provider([...bars, beyond({ index: 2, sizeBytes: 16 * MiB })]),
      client(32),
      pair,
      machine("off"),
    );
    expect(found?.remedy).toBe(none("1 GiB", 32, other));
  });
});
