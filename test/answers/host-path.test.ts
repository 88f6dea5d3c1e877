import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import { withHost } from "../../src/answers/guest-pairing.ts";
import type { Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { busAddr, physAddr } from "../../src/pci/addresses.ts";
import type { Bar } from "../../src/pci/bar.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { unknown } from "../../src/pci/known.ts";
import { acs, at, bridge, endpoint, hostBridge, ids, intel, machineOf, zen } from "../rules/by-hand.ts";

const GiB = 2 ** 30;
const TiB = 2 ** 40;
const hidden = unknown("hidden here");

function memory(start: number | null, sizeBytes: Bar["sizeBytes"] = 128 * GiB, index = 2): Bar {
  return {
    ...{ index, kind: "memory", sizeBytes, is64Bit: true, prefetchable: true, fromEnhancedAllocation: false },
    busAddress: start === null ? null : busAddr(start),
    physAddress: start === null ? null : physAddr(start),
  };
}

const H100 = { ...ids("10de:2330"), classCode: 0x030200, subsystem: { vendorId: 0x10de, deviceId: 0x16c1 } };
const CX7 = { ...ids("15b3:1021"), classCode: 0x020700, subsystem: { vendorId: 0x15b3, deviceId: 0x0041 } };

/** A GPU at 01, a second one at 03, a NIC at 02, each below a root port of QEMU's; GPUs lie from 56 TiB on. */
function guest(...more: readonly PciFunction[]): Machine {
  return machineOf(
    [
      hostBridge("00:00.0", "8086:29c0"),
      bridge("00:01.0", "root-port", 1, ids("1b36:000c")),
      endpoint("01:00.0", { ...H100, bars: [memory(56 * TiB)] }),
      bridge("00:02.0", "root-port", 2, ids("1b36:000c")),
      endpoint("02:00.0", { ...CX7, bars: [memory(57 * TiB, 2 ** 25, 0)] }),
      ...more,
    ],
    { cpu: zen, guestOf: { hypervisor: "KVM", shownBy: "lscpu" } },
  );
}

interface Place {
  readonly gpus: readonly string[];
  readonly nics: readonly string[];
}

const window = (start: number, size: number) => [{ kind: "prefetchable" as const, start: busAddr(start), size }];

/** An AMD host with its devices below root ports of their own, or below one switch where `isSwitch`. */
function host({ gpus, nics }: Place, parts: Partial<Machine> = {}, isSwitch = false, gpuAt = 16 * TiB): Machine {
  const devices = [
    ...gpus.map((address, index) => endpoint(address, { ...H100, bars: [memory(gpuAt + index * 128 * GiB)] })),
    ...nics.map((address) => endpoint(address, { ...CX7, bars: [memory(8 * TiB, 2 ** 25, 0)] })),
  ];
  const ports = devices.map((fn, index) => {
    const bus = Math.floor(fn.bdf / 256) % 256;
    const [bar] = fn.bars as readonly Bar[];
    const parts = {
      ...ids(isSwitch ? "1000:c030" : "1022:1483"),
      bridge: {
        ...{ primary: isSwitch ? 0x11 : 0, secondary: bus, subordinate: bus },
        windows: window(bar?.busAddress as number, bar?.sizeBytes as number),
      },
    };
    const where = index.toString(16).padStart(2, "0");
    return isSwitch
      ? bridge(`11:${where}.0`, "downstream-port", bus, parts)
      : bridge(`00:${(index + 1).toString(16).padStart(2, "0")}.1`, "root-port", bus, parts);
  });
  const all = window(8 * TiB, 16 * TiB);
  const above = isSwitch
    ? [
        bridge("00:01.1", "root-port", 0x10, {
          ...ids("1022:1483"),
          bridge: { primary: 0, secondary: 0x10, subordinate: 0xff, windows: all },
        }),
        bridge("10:00.0", "upstream-port", 0x11, {
          ...ids("1000:c030"),
          bridge: { primary: 0x10, secondary: 0x11, subordinate: 0xff, windows: all },
        }),
      ]
    : [];
  return machineOf([hostBridge("00:00.0", "1022:1480"), ...above, ...ports, ...devices], {
    cpu: zen,
    iommu: { kind: "amd", mode: "lazy", groupTypes: new Map() },
    ...parts,
  });
}

const one: Place = { gpus: ["21:00.0"], nics: ["22:00.0"] };

function candidates(machine: Machine): string {
  return [...(machine.host?.candidates ?? [])]
    .map(([fn, list]) => `${formatBdf(fn).slice(5)}=${list.map((bdf) => formatBdf(bdf).slice(5)).join("|")}`)
    .join(" ");
}

const inGuest = (change: Partial<PciFunction>): Machine => ({
  ...guest(),
  functions: guest().functions.map((fn) => (fn.bdf === at("01:00.0") ? { ...fn, ...change } : fn)),
});

describe("The devices of a guest are paired with those of its host", () => {
  test.each<[name: string, guest: Machine, host: Machine, stated: readonly string[], expected: string]>([
    ["by ids, where there is one of each", guest(), host(one), [], "01:00.0=21:00.0 02:00.0=22:00.0"],
    [
      "not where two are alike",
      guest(),
      host({ gpus: ["21:00.0", "23:00.0"], nics: ["22:00.0"] }),
      [],
      "01:00.0=21:00.0|23:00.0 02:00.0=22:00.0",
    ],
    [
      "unless it is stated",
      guest(),
      host({ gpus: ["21:00.0", "23:00.0"], nics: ["22:00.0"] }),
      ["01:00.0=23:00.0"],
      "01:00.0=23:00.0 02:00.0=22:00.0",
    ],
    [
      "what is stated for one is none of another's",
      guest(endpoint("03:00.0", { ...H100, bars: [memory(60 * TiB)] })),
      host({ gpus: ["21:00.0", "23:00.0"], nics: ["22:00.0"] }),
      ["01:00.0=23:00.0"],
      "01:00.0=23:00.0 02:00.0=22:00.0 03:00.0=21:00.0",
    ],
    [
      "by the subsystem",
      inGuest({ subsystem: { vendorId: 0x10de, deviceId: 0x1626 } }),
      host(one),
      [],
      "01:00.0= 02:00.0=22:00.0",
    ],
    [
      "a hidden subsystem contradicts nothing",
      inGuest({ subsystem: hidden }),
      host(one),
      [],
      "01:00.0=21:00.0 02:00.0=22:00.0",
    ],
    [
      "by the sizes of BARs",
      inGuest({ bars: [memory(56 * TiB, 64 * GiB)] }),
      host(one),
      [],
      "01:00.0= 02:00.0=22:00.0",
    ],
    [
      "by their numbers",
      inGuest({ bars: [memory(56 * TiB, 128 * GiB, 4)] }),
      host(one),
      [],
      "01:00.0= 02:00.0=22:00.0",
    ],
    ["hidden BARs contradict nothing", inGuest({ bars: hidden }), host(one), [], "01:00.0=21:00.0 02:00.0=22:00.0"],
    [
      "the programming interface may be left out",
      inGuest({ classCode: 0x030201 }),
      host(one),
      [],
      "01:00.0=21:00.0 02:00.0=22:00.0",
    ],
    [
      "what the hypervisor makes up is none of the host's",
      guest(endpoint("05:00.0", ids("1af4:1041"))),
      host(one),
      [],
      "01:00.0=21:00.0 02:00.0=22:00.0",
    ],
  ])("%s", (_, inside, outside, stated, expected) => {
    expect(candidates(withHost(inside, outside, stated))).toBe(expected);
  });

  test("of those that are alike a note gives the option in their order", () => {
    const second = endpoint("03:00.0", { ...H100, bars: [memory(60 * TiB)] });
    const { notes } = withHost(guest(second), host({ gpus: ["21:00.0", "23:00.0"], nics: ["22:00.0"] }), []);
    expect(notes).toEqual([
      {
        severity: "warning",
        message:
          "0000:01:00.0, 0000:03:00.0 (10de:2330) may each be one of 0000:21:00.0, 0000:23:00.0 of the host, which are alike",
        remedy: "state it; if their order is right: --pair 0000:01:00.0=0000:21:00.0 --pair 0000:03:00.0=0000:23:00.0",
      },
    ]);
  });

  test("of what the host has not, too", () => {
    const { notes } = withHost(guest(), host({ gpus: [], nics: ["22:00.0"] }), []);
    expect(notes).toMatchObject([
      {
        message: "0000:01:00.0 (10de:2330) is like no device of the host",
        remedy: expect.stringContaining("--pair 0000:01:00.0="),
      },
    ]);
  });

  test.each([
    ["no pair", ["01:00.0"], "'01:00.0' is no pair"],
    ["a device that the guest has not", ["09:00.0=21:00.0"], "no device '09:00.0'"],
    ["a device that the host has not", ["01:00.0=09:00.0"], "no device '09:00.0'"],
    ["one of the guest twice", ["01:00.0=21:00.0", "01:00.0=22:00.0"], "paired already"],
    ["one of the host twice", ["01:00.0=21:00.0", "02:00.0=21:00.0"], "paired already"],
  ])("refuses %s", (_, stated, message) => {
    expect(() => withHost(guest(), host(one), stated)).toThrow(PeerlaneError);
    expect(() => withHost(guest(), host(one), stated)).toThrow(message);
  });

  test("a machine that shows no sign of a guest is one by this; a scenario is none", () => {
    const { guestOf: _, ...bare } = machineOf(guest().functions.filter(({ vendorId }) => vendorId !== 0x1b36));
    expect(withHost(bare, host(one), []).guestOf).toEqual({ hypervisor: "unnamed", shownBy: "user" });
    const scenario = readScenario("hostBridges: [below: [{rootPort: , below: [nvme]}]]", "f");
    expect(() => withHost(scenario, host(one), [])).toThrow("a scenario is no guest");
  });
});

describe("The host's path decides the hardware line", () => {
  const two: Place = { gpus: ["21:00.0", "23:00.0"], nics: ["22:00.0"] };
  const noIommu = { iommu: { kind: "none", mode: "off", groupTypes: new Map() } } as const;
  const intelHost = { cpu: intel } as const;
  const vIommu: Machine = { ...guest(), iommu: { kind: "intel", mode: "strict", groupTypes: new Map() } };

  test.each<[name: string, machine: Machine, outcome: string, why: RegExp]>([
    [
      "two root ports of a Zen",
      withHost(guest(), host(one), []),
      "works",
      /^On the host 0000:22:00\.0 to 0000:21:00\.0, through its IOMMU if the hypervisor mapped the BAR there: .*amd-zen/,
    ],
    [
      "of a host of which nothing is documented",
      withHost(guest(), host(one, intelHost), []),
      "unknown",
      /no documented fact/,
    ],
    [
      "below one switch of it, whose ports do not claim the guest's address: up to the root complex and down again",
      withHost(guest(), host(one, {}, true), []),
      "works",
      /amd-zen/,
    ],
    [
      "a port of the switch that claims the guest's address leads the request astray",
      withHost(guest(), host(one, {}, true, 56 * TiB), []),
      "fails",
      /claims the guest's address 0x380000000000 before the IOMMU sees it/,
    ],
    ["unless it redirects", withHost(guest(), withRedirects(host(one, {}, true, 56 * TiB)), []), "works", /amd-zen/],
    ["no IOMMU on the host", withHost(guest(), host(one, noIommu), []), "unknown", /no IOMMU in use/],
    ["an IOMMU of the guest's own", withHost(vIommu, host(one), []), "unknown", /IOMMU of its own/],
    [
      "a BAR without address in the guest",
      withHost(inGuest({ bars: [memory(null)] }), host(one), []),
      "unknown",
      /no memory BAR/,
    ],
    [
      "a device that the host has not",
      withHost(guest(), host({ gpus: [], nics: one.nics }), []),
      "unknown",
      /no device like 0000:01:00\.0/,
    ],
    [
      "two that are alike and have the same answer",
      withHost(guest(), host(two), []),
      "works",
      /^For each of 2 pairs that are alike, as on the host /,
    ],
    [
      "two that are alike and have different answers",
      withHost(guest(), withOther(host(two)), []),
      "unknown",
      /may be any of 2 pairs that are alike: state which with --pair/,
    ],
    ["and one of them, stated", withHost(guest(), withOther(host(two)), ["01:00.0=21:00.0"]), "works", /amd-zen/],
  ])("%s", (_, machine, outcome, why) => {
    const said = answer(machine, at("01:00.0"), at("02:00.0"));
    expect([said.hardware.write.outcome, said.hardware.write.why]).toEqual([outcome, expect.stringMatching(why)]);
    expect(said.hardware.read.outcome).toBe(outcome);
    // The verdict is the guest's kernel's, and nobody has to look on the host any more.
    expect(said.mapType).toBe("thru-host-bridge");
    expect(said.gates.map(({ kind }) => kind)).not.toContain("virtual-machine");
  });

  test("what lspci prints of a sibling's BAR is its bus address on a PC, and hides it elsewhere", () => {
    const hiddenBus = { ...memory(9 * TiB, 2 ** 25, 0), busAddress: hidden };
    const sibling = endpoint("22:00.1", { ...ids("15b3:1022"), classCode: 0x020700, bars: [hiddenBus] });
    const whole = host(one);
    const twoPorts: Machine = { ...whole, functions: [...whole.functions, sibling] };
    const outcome = (machine: Machine): string =>
      answer(withHost(guest(), machine, []), at("01:00.0"), at("02:00.0")).hardware.write.outcome;
    expect(outcome(twoPorts)).toBe("works");
    expect(outcome({ ...twoPorts, cpu: { ...zen, architecture: "aarch64" } })).toBe("unknown");
  });

  test("of two emulated devices nothing changes, and of one with a real one the path stays the host's", () => {
    const emulated = [endpoint("03:00.0", ids("1b36:0010")), endpoint("04:00.0", ids("1af4:1041"))];
    const alone = guest(...emulated);
    const machine = withHost(alone, host(one), []);
    for (const [a, b] of [
      ["03:00.0", "04:00.0"],
      ["01:00.0", "03:00.0"],
    ] as const) {
      expect(answer(machine, at(a), at(b))).toEqual(answer(alone, at(a), at(b)));
    }
  });
});

/** With request redirect on at every port. */
function withRedirects(machine: Machine): Machine {
  const functions = machine.functions.map((fn) => (fn.headerType === 1 ? { ...fn, acs: acs(0x1d) } : fn));
  return { ...machine, functions };
}

/** With the port above the second GPU of another maker. */
function withOther(machine: Machine): Machine {
  const isAbove = ({ bridge: registers }: PciFunction): boolean =>
    registers !== null && !("unknown" in registers) && registers.secondary === 0x23;
  const functions = machine.functions.map((fn) => (isAbove(fn) ? { ...fn, ...ids("1234:5678") } : fn));
  return { ...machine, functions };
}
