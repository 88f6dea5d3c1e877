import { expect } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import type { Gate } from "../../src/answers/gate.ts";
import type { IommuMode, Machine } from "../../src/host/machine.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import type { Bar } from "../../src/pci/bar.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { type Unknown, unknown } from "../../src/pci/known.ts";
import { at, bridge, endpoint, machineOf, oneSwitch, zen } from "../rules/by-hand.ts";

/** What a function says of its driver. */
export type Driver = PciFunction["driver"];

/** A value that the source hides. */
export const hidden: Unknown = unknown("hidden here");
export const MiB: number = 2 ** 20;
export const GiB: number = 2 ** 30;

/** A memory BAR of 16 MiB, on the bus 1 GiB below where the CPU sees it. */
export function bar(parts: Partial<Bar> = {}): Bar {
  return {
    index: 0,
    kind: "memory",
    is64Bit: true,
    prefetchable: true,
    busAddress: busAddr(3 * GiB),
    physAddress: physAddr(4 * GiB),
    sizeBytes: 16 * MiB,
    fromEnhancedAllocation: false,
    ...parts,
  };
}

/** What a machine of one pair differs in from a sound one. */
export interface Setting {
  /** Parts of the function whose memory is used, 03:00.0. */
  readonly provider?: Partial<PciFunction>;
  /** Parts of the function that reads and writes it. */
  readonly client?: Partial<PciFunction>;
  readonly machine?: Partial<Machine>;
}

/** Where the client sits: below the provider's switch, below another root port, or in the very same function. */
export type Pair = "bus-addr" | "thru-host-bridge" | "not-supported" | "same function";

/** Gates without what tells several of one kind apart. */
export function gates(setting: Setting, pair: Pair = "bus-addr"): readonly Gate[] {
  return wholeGates(setting, pair).map(({ about: _, ...gate }) => gate);
}

/** Those of one kind; the others have to be gates, too. */
export function ofKind(found: readonly Gate[], kind: Gate["kind"]): readonly Gate[] {
  const text = expect.stringMatching(/./);
  expect(found).toEqual(found.map(() => expect.objectContaining({ kind: text, effect: text, message: text })));
  return found.filter((gate) => gate.kind === kind);
}

/** Gates as they are. */
export function wholeGates(setting: Setting, pair: Pair = "bus-addr"): readonly Gate[] {
  const { provider, client, machine } = setting;
  const functions = [
    ...oneSwitch(),
    endpoint("03:00.0", { bars: [bar()], ...provider }),
    endpoint("04:00.0", client),
    bridge("00:02.0", "root-port", 5),
    endpoint("05:00.0", client),
  ];
  const whom = pair === "same function" ? "03:00.0" : pair === "bus-addr" ? "04:00.0" : "05:00.0";
  const cpu = pair === "not-supported" ? {} : { cpu: zen };
  const found = answer(machineOf(functions, { ...cpu, ...machine }), at("03:00.0"), at(whom));
  expect(found.mapType).toBe(pair === "same function" ? "bus-addr" : pair);
  return found.gates;
}

/** The kinds of gates, in their order. */
export const kinds = (found: readonly Gate[]): string => found.map(({ kind }) => kind).join(" ");

/** The IOMMU in this mode; `?` is hidden. */
export function iommu(mode: string): Machine["iommu"] {
  if (mode === "off") return { kind: "none", mode, groupTypes: new Map() };
  return { kind: "intel", mode: mode === "?" ? hidden : (mode as IommuMode), groupTypes: new Map() };
}
