import { describe, expect, test } from "vitest";
import { answer } from "../../src/answers/answer.ts";
import { machineGates } from "../../src/answers/gates.ts";
import type { Machine } from "../../src/host/machine.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { at, bridge, endpoint, hostBridge, ids, linux, machineOf, zen } from "../rules/by-hand.ts";
import { bar, type Driver, gates, hidden, type Pair } from "./gate-cases.ts";

describe("The kernel", () => {
  const tooOld = (release: string): string =>
    `Linux ${release} has no P2PDMA, below a switch or elsewhere: it came with 4.20`;
  const builtWithout = (name: string): string =>
    `${name} is built without CONFIG_PCI_P2PDMA: no driver that asks the kernel can register or map peer memory`;
  const on = { CONFIG_PCI_P2PDMA: "y" };

  test.each<[name: string, kernel: Partial<Machine["kernel"]>, messages: string[]]>([
    ["7.2 with P2PDMA", { release: "7.2.12", config: on }, []],
    ["7.2 without P2PDMA", { release: "7.2.12", config: { CONFIG_PCI: "y" } }, [builtWithout("7.2.12")]],
    ["7.2 of hidden configuration", { release: "7.2.12", config: hidden }, []],
    ["4.20", { release: "4.20.0", config: hidden }, []],
    ["4.19", { release: "4.19.316", config: hidden }, [tooOld("4.19.316")]],
    ["4.19 without P2PDMA", { release: "4.19", config: {} }, [tooOld("4.19"), builtWithout("4.19")]],
    [
      "RHEL 8, which has it carried back and off",
      { release: "4.18.0-553.el8_10.x86_64", config: hidden },
      [
        "RHEL 8 and its clones (el8) build P2PDMA off, which was carried back to 4.18: no pair works (CONFIG_PCI_P2PDMA is not set in 4.18.0-240 to 4.18.0-553.66.1)",
      ],
    ],
    ["3.10", { release: "3.10.0-1160", config: hidden }, [tooOld("3.10.0-1160")]],
    ["a hidden release", { release: hidden, config: hidden }, []],
    ["a hidden release without P2PDMA", { release: hidden, config: {} }, [builtWithout("this kernel")]],
    ["no release at all", { release: "custom", config: on }, []],
  ])("%s", (_name, kernel, messages) => {
    const machine = { kernel: { ...linux("7.2"), ...kernel } };
    const expected = messages.map((message) => ({
      kind: "kernel-without-p2pdma",
      device: null,
      effect: "blocks",
      message,
    }));
    expect(machineGates(machineOf([], machine))).toEqual(expected);
    // Of 4.19, older ones and those without a number no rules are known, and so no pair below a switch works.
    const { release } = machine.kernel;
    const hasRules = !isUnknown(release) && /^(?:7|4\.2)/.test(release);
    if (hasRules) expect(gates({ machine })).toEqual(expected);
  });

  test.each<[name: string, commandLine: string | null, drivers: Driver[], isTold: boolean]>([
    ["the IOMMU off beside a device that a guest is to have", "iommu=off", ["nvme", "vfio-pci"], true],
    ["off beside none", "iommu=off", ["nvme", null], false],
    ["off beside one that hides its driver", "iommu=off", [hidden, null], false],
    ["on beside one", "iommu=pt", ["vfio-pci"], false],
    ["a hidden command line beside one", null, ["vfio-pci"], false],
  ])("may turn what VFIO wants off: %s", (_name, commandLine, drivers, isTold) => {
    const functions = drivers.map((driver, index) => endpoint(`0${index + 1}:00.0`, { driver }));
    const kernel = { ...linux("7.2"), commandLine: commandLine ?? hidden };
    const message =
      "'iommu=off' and VFIO exclude each other on x86: without an IOMMU there are no groups, and no device can be given to a guest";
    const remedy = "leave it out; iommu=pt is for a host whose own devices are to go untranslated";
    const gate = { kind: "kernel-parameter-misread", device: null, effect: "warns", message, remedy };
    expect(machineGates(machineOf(functions, { kernel }))).toEqual(isTold ? [gate] : []);
  });

  test("has words that do nothing, which are told with what does", () => {
    const found = gates({ machine: { kernel: linux("7.2", "pci=noacs") } });
    expect(found).toMatchObject([
      {
        kind: "kernel-parameter-misread",
        device: null,
        effect: "warns",
        message: expect.stringContaining("noacs"),
        remedy: expect.stringContaining("disable_acs_redir"),
      },
    ]);
  });

  test("may have read a parameter otherwise than it was meant", () => {
    const commandLine = "pci=disable_acs_redir=00:01.0,00:02.0";
    const message =
      "the kernel reads '00:02.0' as an option of its own and ignores it: devices are separated by ';', not ','";
    const expected = [{ kind: "kernel-parameter-misread", device: null, effect: "warns", message }];
    expect(gates({ machine: { kernel: linux("7.2", commandLine) } })).toEqual(expected);
    expect(gates({ machine: { kernel: { ...linux("7.2"), commandLine: hidden } } })).toEqual([]);
  });
});

describe("A guest", () => {
  const qemu = { vendorId: 0x1b36, deviceId: 0x0010 };
  const real = { vendorId: 0x144d, deviceId: 0xa80a };
  const message =
    "this is a virtual machine (KVM; shown by lscpu): its kernel decides by the bus that the hypervisor emulates; the real " +
    "path between devices that were passed through (switches, root complex, IOMMU) is the host's: look there";
  const gate = { kind: "virtual-machine", device: null, effect: "warns", message };
  test.each<[name: string, provider: Partial<PciFunction>, client: Partial<PciFunction>, pair: Pair, gates: object[]]>([
    ["of two devices that were passed through", real, real, "bus-addr", [gate]],
    ["of one that is emulated", qemu, real, "bus-addr", [gate]],
    ["of another that is emulated", real, qemu, "bus-addr", [gate]],
    ["of two that are emulated", qemu, qemu, "bus-addr", []],
    ["of one whose ids are hidden", { ...real, vendorId: hidden }, qemu, "bus-addr", [gate]],
    ["of a function with itself", real, real, "same function", []],
  ])("%s", (_name, provider, client, pair, expected) => {
    const machine = { guestOf: { hypervisor: "KVM", shownBy: "lscpu" } } as const;
    expect(gates({ provider, client, machine }, pair)).toEqual(expected);
  });
});

test("A host whose devices are all hardware is no guest", () => {
  const port = ids("1022:1483");
  const drive = { ...ids("144d:a80a"), bars: [bar()] };
  const functions = [
    hostBridge("00:00.0", "1022:1480"),
    bridge("00:01.0", "root-port", 1, port),
    endpoint("01:00.0", drive),
    bridge("00:02.0", "root-port", 2, port),
    endpoint("02:00.0", drive),
  ];
  expect(answer(machineOf(functions, { cpu: zen }), at("01:00.0"), at("02:00.0")).gates).toEqual([]);
});
