import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import { busAddr } from "../../src/pci/addresses.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { memoryBars } from "../../src/pci/function.ts";
import type { ResizableBar } from "../../src/pci/resizable-bar.ts";
import type { Sriov } from "../../src/pci/sriov.ts";
import { at, bridge, endpoint, hostBridge, machineOf, oneSwitch } from "../rules/by-hand.ts";
import { bar, GiB, gates, hidden, kinds, MiB, wholeGates } from "./gate-cases.ts";

describe("The provider's BARs", () => {
  const name = "0000:03:00.0";
  const noBar = `${name} has no memory BAR: it has nothing to provide`;
  const noAddress = (index: number): string =>
    `BAR ${index} of ${name} has no address: firmware or kernel found no space for it`;
  const decodeOff = `memory decode of ${name} is off: it answers to none of its BARs until a driver enables it`;

  test.each<[name: string, provider: Partial<PciFunction>, kind: string, messages: string[]]>([
    ["a memory BAR", { bars: [bar()] }, "", []],
    ["none", { bars: [] }, "bar-missing", [noBar]],
    ["hidden ones", { bars: hidden }, "", []],
    ["an I/O BAR only", { bars: [bar({ kind: "io" })] }, "bar-missing", [noBar]],
    ["the expansion ROM only, which is no BAR", { bars: [bar({ index: 6 })] }, "bar-missing", [noBar]],
    ["the last BAR only", { bars: [bar({ index: 5 })] }, "", []],
    ["no bus address", { bars: [bar({ busAddress: null })] }, "bar-unassigned", [noAddress(0)]],
    ["no CPU address", { bars: [bar({ physAddress: null })] }, "bar-unassigned", [noAddress(0)]],
    ["hidden addresses", { bars: [bar({ busAddress: hidden, physAddress: hidden })] }, "", []],
    ["an address of 0, which is one", { bars: [bar({ busAddress: busAddr(0) })] }, "", []],
    [
      "one of two without an address",
      { bars: [bar(), bar({ index: 2, busAddress: null })] },
      "bar-unassigned",
      [noAddress(2)],
    ],
    [
      "an I/O BAR without an address beside it",
      { bars: [bar(), bar({ index: 2, kind: "io", busAddress: null })] },
      "",
      [],
    ],
    ["an expansion ROM without an address beside it", { bars: [bar(), bar({ index: 6, busAddress: null })] }, "", []],
    ["memory decode off", { command: 0x0405 }, "memory-decode-off", [decodeOff]],
    ["memory decode on and all else off", { command: 0x0002 }, "", []],
    ["a hidden command register", { command: hidden }, "", []],
    ["memory decode off, and no BAR", { command: 0, bars: [] }, "bar-missing", [noBar]],
    ["memory decode off, and hidden BARs", { command: 0, bars: hidden }, "", []],
  ])("%s", (_name, provider, kind, messages) => {
    const found = gates({ provider });
    expect(kinds(found)).toBe(kind);
    expect(found).toMatchObject(
      messages.map((message) => ({ kind, device: at("03:00.0"), effect: "blocks", message })),
    );
    // The client's BARs are never looked at.
    const { bars, command } = provider;
    const client = { ...(bars === undefined ? {} : { bars }), ...(command === undefined ? {} : { command }) };
    expect(gates({ client })).toEqual([]);
    // They count whatever the map type is.
    expect(kinds(gates({ provider }, "thru-host-bridge"))).toBe(kind);
    expect(kinds(gates({ provider }, "not-supported"))).toBe(kind);
  });

  test("are the memory BARs 0 to 5", () => {
    const all = [bar(), bar({ index: 1, kind: "io" }), bar({ index: 5 }), bar({ index: 6 })];
    expect(memoryBars(endpoint("03:00.0", { bars: all }))).toEqual([bar(), bar({ index: 5 })]);
    expect(memoryBars(endpoint("03:00.0", { bars: hidden }))).toBeUndefined();
  });
});

test("Two BARs without an address are told apart, and one that may be resized", () => {
  const found = wholeGates({
    provider: {
      bars: [bar({ busAddress: null }), bar({ index: 4, busAddress: null })],
      resizableBars: [{ barIndex: 2, currentBytes: 16 * MiB, supportedBytes: [16 * MiB, GiB] }],
    },
  });
  expect(found.map(({ kind, about }) => `${kind}: ${about}`)).toEqual([
    "bar-unassigned: BAR 0",
    "bar-unassigned: BAR 4",
    "resizable-bar-small: BAR 2",
  ]);
});

describe("A virtual function", () => {
  const on: Sriov = {
    totalVfs: 8,
    numVfs: 1,
    firstVfOffset: 1,
    vfStride: 1,
    vfDeviceId: 0x1234,
    vfMemoryEnable: true,
  };
  const { vfMemoryEnable: _, ...hiding } = on;
  const off = "VF MSE of 0000:03:00.0 is off: none of its virtual functions answers to its BARs";

  test.each<[name: string, sriov: PciFunction["sriov"], virtual: Partial<PciFunction>, message?: string]>([
    ["of one whose VF MSE is on", on, {}],
    ["of one whose VF MSE is off", { ...on, vfMemoryEnable: false }, {}, off],
    ["of one that hides VF MSE", hiding, {}],
    ["of one that hides its SR-IOV capability", hidden, {}],
    ["of one without the capability", null, {}],
    ["with a memory decode of its own, which is none", on, { command: 0 }],
    [
      "without a BAR",
      { ...on, vfMemoryEnable: false },
      { bars: [] },
      "0000:03:00.1 has no memory BAR: it has nothing to provide",
    ],
    ["with hidden BARs", { ...on, vfMemoryEnable: false }, { bars: hidden }],
    ["or what may be one", { ...on, vfMemoryEnable: false }, { physicalFunction: hidden, command: 0 }],
  ])("%s", (_name, sriov, virtual, ...messages) => {
    const functions = [
      ...oneSwitch(),
      endpoint("03:00.0", { sriov, bars: [bar()] }),
      endpoint("03:00.1", { physicalFunction: at("03:00.0"), bars: [bar()], ...virtual }),
      endpoint("04:00.0"),
    ];
    const found = answer(machineOf(functions), at("03:00.1"), at("04:00.0"));
    const whose = (message: string): object =>
      message === off
        ? { kind: "vf-memory-off", device: at("03:00.0") }
        : { kind: "bar-missing", device: at("03:00.1") };
    expect(found.gates).toEqual(messages.map((message = "") => ({ ...whose(message), effect: "blocks", message })));
  });

  test("of a physical function that the source lacks is left alone", () => {
    const functions = [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1),
      endpoint("01:00.1", { physicalFunction: at("01:00.0"), bars: [bar()] }),
      bridge("00:02.0", "root-port", 2),
      endpoint("02:00.0"),
    ];
    expect(answer(machineOf(functions), at("01:00.1"), at("02:00.0")).gates).toEqual([]);
  });
});

describe("Resizable BAR", () => {
  const sized = (
    currentBytes: ResizableBar["currentBytes"],
    supportedBytes: ResizableBar["supportedBytes"],
  ): ResizableBar => ({
    barIndex: 2,
    currentBytes,
    supportedBytes,
  });

  test.each<[name: string, bars: PciFunction["resizableBars"], small: boolean]>([
    ["below its largest size", [sized(256 * MiB, [256 * MiB, 8 * GiB, 32 * GiB])], true],
    ["one step below", [sized(16 * GiB, [16 * GiB, 32 * GiB])], true],
    ["at its largest size", [sized(32 * GiB, [256 * MiB, 32 * GiB])], false],
    ["beyond what it lists", [sized(64 * GiB, [256 * MiB, 32 * GiB])], false],
    ["that lists no size", [sized(256 * MiB, [])], false],
    ["of hidden size", [sized(hidden, [32 * GiB])], false],
    ["of hidden sizes", [sized(256 * MiB, hidden)], false],
    ["hidden", hidden, false],
    ["absent", [], false],
  ])("%s", (_name, resizableBars, small) => {
    const message =
      /^BAR 2 of 0000:03:00\.0 is (256 MiB|16 GiB) of 32 GiB: peers reach only that part until Resizable BAR is turned on$/;
    const found = gates({ provider: { resizableBars } });
    expect(found).toEqual(
      small
        ? [
            {
              kind: "resizable-bar-small",
              device: at("03:00.0"),
              effect: "warns",
              message: expect.stringMatching(message),
            },
          ]
        : [],
    );
    expect(gates({ client: { resizableBars } })).toEqual([]);
  });
});
