import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import type { Gate } from "../../src/answers/gate.ts";
import type { Machine } from "../../src/host/machine.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import type { BridgeRegisters } from "../../src/pci/bridge.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { at, bridge, endpoint, hostBridge, machineOf, zen } from "../rules/by-hand.ts";
import { bar, GiB, gates, hidden, kinds, MiB } from "./gate-cases.ts";

describe("A bridge window too small for a BAR is named, with its size", () => {
  const window = (size: number, kind: "prefetchable" | "memory" = "prefetchable"): { bridge: BridgeRegisters } => ({
    bridge: {
      primary: 0,
      secondary: 1,
      subordinate: 1,
      windows: [
        { kind: "memory" as const, start: busAddr(2 * GiB), size: 16 * MiB },
        { kind, start: busAddr(64 * GiB), size },
      ],
    },
  });
  const sizes = Array.from({ length: 8 }, (_, position) => 2 ** (28 + position));
  const gpu = (address: string, currentBytes: number, start: number | null): PciFunction =>
    endpoint(address, {
      bars: [
        bar({
          index: 1,
          sizeBytes: currentBytes,
          busAddress: start === null ? null : busAddr(start),
          physAddress: start === null ? null : physAddr(start),
        }),
      ],
      resizableBars: [{ barIndex: 1, currentBytes, supportedBytes: sizes }],
    });
  const decided = (other: number, one: PciFunction, above = window(288 * MiB)): readonly Gate[] => {
    const functions = [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1, above),
      one,
      bridge("00:02.0", "root-port", 2),
      gpu("02:00.0", other, 1024 * GiB),
    ];
    return answer(machineOf(functions, { cpu: zen }), at("01:00.0"), at("02:00.0")).gates;
  };

  test("where Resizable BAR is on, as another device's shows, the window is the cause", () => {
    expect(decided(32 * GiB, gpu("01:00.0", 256 * MiB, 64 * GiB))).toMatchObject([
      {
        kind: "bridge-window-small",
        device: at("00:01.0"),
        effect: "warns",
        message:
          "BAR 1 of 0000:01:00.0 is 256 MiB of 32 GiB: the prefetchable window of 0000:00:01.0 (288 MiB) cannot hold more; " +
          "Resizable BAR itself is on (BAR 1 of 0000:02:00.0 has 32 GiB)",
      },
    ]);
  });

  test("where nothing shows that it is on, both are named", () => {
    const [gate, ...others] = decided(256 * MiB, gpu("01:00.0", 256 * MiB, 64 * GiB));
    expect(others).toEqual([]);
    expect(gate?.kind).toBe("resizable-bar-small");
    expect(gate?.message).toBe(
      "BAR 1 of 0000:01:00.0 is 256 MiB of 32 GiB: peers reach only that part until Resizable BAR is turned on, " +
        "and the prefetchable window of 0000:00:01.0 (288 MiB) made larger",
    );
  });

  test("a BAR lies in a window of a kind that may hold it: one that is not prefetchable in a memory window only", () => {
    const { bridge: registers } = window(288 * MiB);
    const io = { kind: "io" as const, start: busAddr(64 * GiB), size: 4096 };
    const windows = isUnknown(registers.windows) ? [] : registers.windows;
    const above = { bridge: { ...registers, windows: [io, ...windows] } };
    const plain = (fn: PciFunction): PciFunction => ({
      ...fn,
      bars: isUnknown(fn.bars) ? fn.bars : fn.bars.map((one) => ({ ...one, prefetchable: false })),
    });
    const cause = (one: PciFunction): string | undefined =>
      /the \w+ window of \S+ \([^)]+\)/.exec(decided(32 * GiB, one, above)[0]?.message ?? "")?.[0];
    // An I/O window at the same address is none of them.
    expect(cause(gpu("01:00.0", 256 * MiB, 64 * GiB))).toBe("the prefetchable window of 0000:00:01.0 (288 MiB)");
    expect(cause(plain(gpu("01:00.0", 256 * MiB, 64 * GiB)))).toBeUndefined();
    expect(cause(plain(gpu("01:00.0", 256 * MiB, 2 * GiB)))).toBe("the memory window of 0000:00:01.0 (16 MiB)");
    // Without an address it is the largest of those.
    expect(cause(plain(gpu("01:00.0", 256 * MiB, null)))).toBe("the memory window of 0000:00:01.0 (16 MiB)");
    expect(cause(gpu("01:00.0", 32 * GiB, null))).toBe("the prefetchable window of 0000:00:01.0 (288 MiB)");
  });

  test.each<[name: string, windows: BridgeRegisters["windows"], cause: string | undefined]>([
    [
      "a window as large as the BAR may be",
      [{ kind: "prefetchable", start: busAddr(64 * GiB), size: 32 * GiB }],
      undefined,
    ],
    ["hidden windows", hidden, undefined],
    ["no window", [], undefined],
    ["a window that begins at the BAR", [{ kind: "memory", start: busAddr(64 * GiB), size: GiB }], "memory 1 GiB"],
    ["one that begins behind it", [{ kind: "memory", start: busAddr(64 * GiB + MiB), size: GiB }], undefined],
    ["one that ends before it", [{ kind: "memory", start: busAddr(63 * GiB), size: GiB }], undefined],
    ["one in whose midst it lies", [{ kind: "memory", start: busAddr(63 * GiB), size: 2 * GiB }], "memory 2 GiB"],
  ])("%s", (_name, windows, cause) => {
    const above = { bridge: { primary: 0, secondary: 1, subordinate: 1, windows } };
    const { message = "" } = decided(32 * GiB, gpu("01:00.0", 256 * MiB, 64 * GiB), above)[0] ?? {};
    const [, kind, size] = /the (\w+) window of \S+ \(([^)]+)\)/.exec(message) ?? [];
    expect(kind === undefined ? undefined : `${kind} ${size}`).toBe(cause);
  });

  test("the smallest of several windows above is named, whichever comes first", () => {
    const named = (outer: PciFunction["bridge"], inner: PciFunction["bridge"], bars?: PciFunction["bars"]): string => {
      const one = gpu("03:00.0", 256 * MiB, 64 * GiB);
      const functions = [
        hostBridge("00:00.0", "8086:29c0"),
        bridge("00:01.0", "root-port", 1, { bridge: outer }),
        bridge("01:00.0", "upstream-port", 2, { bridge: inner }),
        bridge("02:00.0", "downstream-port", 3),
        bars === undefined ? one : { ...one, bars },
        bridge("00:02.0", "root-port", 5),
        endpoint("05:00.0"),
      ];
      const [gate] = answer(machineOf(functions, { cpu: zen }), at("03:00.0"), at("05:00.0")).gates;
      return /the .* window of \S+ \([^)]+\)/.exec(gate?.message ?? "")?.[0] ?? "";
    };
    const of = (secondary: number, size: number): BridgeRegisters => ({
      primary: secondary - 1,
      secondary,
      subordinate: 3,
      windows: [{ kind: "prefetchable", start: busAddr(64 * GiB), size }],
    });
    const [outer, inner] = ["the prefetchable window of 0000:00:01.0", "the prefetchable window of 0000:01:00.0"];
    expect(named(of(1, 512 * MiB), of(2, 256 * MiB))).toBe(`${inner} (256 MiB)`);
    expect(named(of(1, 256 * MiB), of(2, 512 * MiB))).toBe(`${outer} (256 MiB)`);
    expect(named(of(1, 512 * MiB), of(2, 512 * MiB))).toBe(`${inner} (512 MiB)`);
    // A BAR that hides its address may lie in any.
    const unseen = [bar({ index: 1, busAddress: hidden, physAddress: hidden, sizeBytes: 256 * MiB })];
    expect(named(of(1, 512 * MiB), of(2, 256 * MiB), unseen)).toBe("");
    // Where one of both addresses is hidden, the other one tells.
    const physical = [bar({ index: 1, busAddress: hidden, physAddress: physAddr(64 * GiB), sizeBytes: 256 * MiB })];
    expect(named(of(1, 512 * MiB), of(2, 256 * MiB), physical)).toBe(`${inner} (256 MiB)`);
  });

  test.each<[name: string, bars: PciFunction["resizableBars"], isOn: boolean]>([
    ["all it can be", [{ barIndex: 1, currentBytes: GiB, supportedBytes: [256 * MiB, GiB] }], true],
    [
      "the second of two",
      [
        { barIndex: 0, currentBytes: 16 * MiB, supportedBytes: [16 * MiB] },
        { barIndex: 1, currentBytes: GiB, supportedBytes: [256 * MiB, GiB] },
      ],
      true,
    ],
    [
      "more than such BARs have anyway",
      [{ barIndex: 1, currentBytes: 512 * MiB, supportedBytes: [GiB / 2, GiB] }],
      false,
    ],
    [
      "the first size that they do not have",
      [{ barIndex: 1, currentBytes: 512 * MiB, supportedBytes: [256 * MiB, 512 * MiB] }],
      true,
    ],
    ["the only size that it has", [{ barIndex: 1, currentBytes: GiB, supportedBytes: [GiB] }], false],
    ["less than it can be", [{ barIndex: 1, currentBytes: GiB, supportedBytes: [256 * MiB, GiB, 2 * GiB] }], false],
    [
      "what such BARs have anyway",
      [{ barIndex: 1, currentBytes: 256 * MiB, supportedBytes: [128 * MiB, 256 * MiB] }],
      false,
    ],
    ["a hidden size", [{ barIndex: 1, currentBytes: hidden, supportedBytes: [256 * MiB, GiB] }], false],
    ["hidden sizes", [{ barIndex: 1, currentBytes: GiB, supportedBytes: hidden }], false],
    ["a hidden capability", hidden, false],
  ])("another BAR shows that Resizable BAR is on by %s", (_name, resizableBars, isOn) => {
    const functions = [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1, window(288 * MiB)),
      gpu("01:00.0", 256 * MiB, 64 * GiB),
      bridge("00:02.0", "root-port", 2),
      endpoint("02:00.0", { resizableBars }),
    ];
    const [gate] = answer(machineOf(functions, { cpu: zen }), at("01:00.0"), at("02:00.0")).gates;
    expect(gate?.kind).toBe(isOn ? "bridge-window-small" : "resizable-bar-small");
  });

  test("its own BAR does not show it, nor does a scenario, whose windows are laid out around the BARs", () => {
    const both: PciFunction["resizableBars"] = [
      { barIndex: 1, currentBytes: 256 * MiB, supportedBytes: [256 * MiB, 32 * GiB] },
      { barIndex: 3, currentBytes: GiB, supportedBytes: [256 * MiB, GiB] },
    ];
    const functions = [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1, window(288 * MiB)),
      { ...gpu("01:00.0", 256 * MiB, 64 * GiB), resizableBars: both },
      bridge("00:02.0", "root-port", 2),
      endpoint("02:00.0"),
    ];
    const told = (parts: Partial<Machine> = {}): readonly Gate[] =>
      answer(machineOf(functions, { cpu: zen, ...parts }), at("01:00.0"), at("02:00.0")).gates;
    expect(told()).toMatchObject([
      { kind: "resizable-bar-small", message: expect.stringContaining("window of 0000:00:01.0 (288 MiB) made larger") },
    ]);
    const [gate] = told({ source: { format: "scenario", name: "by hand" } });
    expect(gate?.message).toBe(
      "BAR 1 of 0000:01:00.0 is 256 MiB of 32 GiB: peers reach only that part until Resizable BAR is turned on",
    );
  });

  test("a Resizable BAR without a BAR or without sizes", () => {
    const told = (parts: Partial<PciFunction>): readonly Gate[] => gates({ provider: parts });
    const sizes = [{ barIndex: 2, currentBytes: 16 * MiB, supportedBytes: [16 * MiB, GiB] }];
    const message =
      "BAR 2 of 0000:03:00.0 is 16 MiB of 1 GiB: peers reach only that part until Resizable BAR is turned on";
    expect(told({ resizableBars: sizes })).toMatchObject([{ kind: "resizable-bar-small", message }]);
    expect(told({ resizableBars: sizes, bars: hidden })).toMatchObject([{ kind: "resizable-bar-small", message }]);
    expect(told({ resizableBars: [{ barIndex: 0, currentBytes: 0, supportedBytes: [] }] })).toEqual([]);
  });

  test("the window is the one of the BAR that is resizable, and not of the first one", () => {
    const registers = bar({ busAddress: busAddr(2 * GiB), physAddress: physAddr(2 * GiB), prefetchable: false });
    const { bars, ...one } = gpu("01:00.0", 256 * MiB, 64 * GiB);
    const [gate] = decided(32 * GiB, { ...one, bars: [registers, ...(isUnknown(bars) ? [] : bars)] });
    expect(gate?.message).toContain("the prefetchable window of 0000:00:01.0 (288 MiB) cannot hold more");
  });

  test("a window that holds the BAR is no cause", () => {
    const [gate] = decided(32 * GiB, gpu("01:00.0", 256 * MiB, 64 * GiB), window(64 * GiB));
    expect(gate?.message).toBe(
      "BAR 1 of 0000:01:00.0 is 256 MiB of 32 GiB: peers reach only that part until Resizable BAR is turned on",
    );
  });

  test("it is why a BAR has no address, where it is smaller; else there was no space", () => {
    const one = endpoint("01:00.0", { bars: [bar({ sizeBytes: 32 * GiB, busAddress: null, physAddress: null })] });
    expect(decided(32 * GiB, one)).toMatchObject([
      {
        kind: "bridge-window-small",
        device: at("00:01.0"),
        effect: "blocks",
        message:
          "BAR 0 of 0000:01:00.0 has no address: the prefetchable window of 0000:00:01.0 (288 MiB) cannot hold 32 GiB",
      },
    ]);
    expect(kinds(decided(32 * GiB, one, window(64 * GiB)))).toBe("bar-unassigned");
  });
});
