import { describe, expect, test } from "vitest";
import { noPeerDmaGates, openRefusals, vfioGates } from "../../src/answers/driver-gates.ts";
import type { Gate } from "../../src/answers/gate.ts";
import type { Kernel, Machine } from "../../src/host/machine.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import type { AskedWay } from "../../src/platforms/who-asks.ts";
import { rows } from "../rows.ts";
import { endpoint, linux, machineOf } from "../rules/by-hand.ts";
import { hidden, iommu } from "./gate-cases.ts";
import { asked, gate, proviso, way, waysOf } from "./ways.ts";

const on = (release: string, kernel: Partial<Kernel> = {}): Machine =>
  machineOf([], { kernel: { ...linux(release), ...kernel } });

/** Ways of each kind, for Linux 7.2 of which modules are not shown. */
const WAYS: Readonly<Record<string, AskedWay>> = {
  open: way("asks-and-obeys", { id: "open" }),
  closed: way("no-peer-dma", { id: "closed", words: "It lets nobody in.", onNo: "EPERM" }),
  "closed unless": way("no-peer-dma", { id: "closed unless", unless: "a program goes around it" }),
  "too old": way("asks-and-obeys", { id: "too old", provisos: [proviso({ kernelBefore: "9.1" }, "refusal")] }),
  "too old unless": way("asks-and-obeys", {
    id: "too old unless",
    provisos: [proviso({ kernelBefore: "9.1" }, "host-memory", { unless: "a target uses it" })],
  }),
  "no longer old": way("asks-and-obeys", { provisos: [proviso({ kernelBefore: "7.2" }, "refusal")] }),
  "too new": way("asks-and-obeys", { id: "too new", provisos: [proviso({ kernelFrom: "7.2" }, "host-memory")] }),
  "in part": way("asks-and-obeys", { provisos: [proviso({ kernelFrom: "7.2" }, "part")] }),
  otherwise: way("asks-and-obeys", { provisos: [proviso({ kernelFrom: "7.2" }, "peer-dma")] }),
  "without P2PDMA": way("asks-and-obeys", { provisos: [proviso({ configOff: "CONFIG_PCI_P2PDMA" }, "refusal")] }),
  "may be off": way("asks-and-obeys", {
    provisos: [proviso({ moduleFrom: { module: "m", version: "1" } }, "refusal")],
  }),
  "may be in part": way("asks-and-obeys", {
    provisos: [proviso({ moduleFrom: { module: "m", version: "1" } }, "part")],
  }),
  "in part, and too old": way("asks-and-obeys", {
    id: "in part, and too old",
    provisos: [proviso({ kernelFrom: "7.2" }, "part"), proviso({ kernelBefore: "9.2" }, "host-memory")],
  }),
  "in part, and may be off": way("asks-and-obeys", {
    provisos: [
      proviso({ kernelFrom: "7.2" }, "part"),
      proviso({ moduleFrom: { module: "m", version: "1" } }, "part"),
      proviso({ moduleFrom: { module: "n", version: "2" } }, "host-memory"),
    ],
  }),
  "(open)": way("does-not-ask", { aside: "it is no PCIe" }),
  "(closed)": way("no-peer-dma", { aside: "it is no peer DMA" }),
  "(out of tree)": way("does-not-ask", { title: "A stack", aside: "it is there with modules", isOutOfTree: true }),
};

const named = (names: string): readonly AskedWay[] =>
  names.split(" + ").flatMap((name) => (name === "none" ? [] : (WAYS[name] ?? [])));

const DOUBTS: Readonly<Record<string, string>> = {
  "out of tree": "A stack: it is there with modules, which the source does not show",
  around: "not so where a program goes around it, which the source does not show",
  target: "not so where a target uses it, which the source does not show",
};

describe("Ways that let no peer at the memory", () => {
  test.each(
    rows(`
      // ways                                    | gates                        | doubt
      none                                       | -                            | -
      open                                       | -                            | -
      closed                                     | closed                       | -
      closed + open                              | -                            | -  // one is enough
      open + closed                              | -                            | -
      closed + (open)                            | closed                       | -
      (open) + closed                            | closed                       | -
      (closed)                                   | -                            | -
      closed + (closed)                          | closed                       | -
      closed unless                              | closed unless                | around
      closed + closed unless                     | closed, closed unless        | around
      closed unless + too old unless             | closed unless, too old unless| around  // the first
      closed + (out of tree)                     | closed                       | out of tree
      closed unless + (out of tree)              | closed unless                | out of tree
      too old                                    | too old                      | -
      too old unless                             | too old unless               | target
      too old + closed                           | too old, closed              | -
      no longer old                              | -                            | -
      too new                                    | too new                      | -
      in part                                    | -                            | -
      otherwise                                  | -                            | -
      in part, and too old                       | in part, and too old         | -
      without P2PDMA                             | -                            | -  // that has a gate of its own
      may be off                                 | -                            | -
      closed + may be off                        | -                            | -
    `),
  )("%s: %s, doubt %s", (ways = "", gates = "", doubt = "") => {
    const found = noPeerDmaGates(on("7.2", { config: {} }), asked(named(ways)));
    expect(found.map(({ about }) => about).join(", ") || "-").toBe(gates);
    for (const one of found) expect(one).toMatchObject({ kind: "no-peer-dma", device: null, effect: "blocks" });
    for (const one of found) expect(one.doubt).toBe(DOUBTS[doubt]);
  });

  test("nothing is said where drivers are hidden", () => {
    expect(noPeerDmaGates(on("7.2"), asked(named("closed"), "the driver is hidden"))).toEqual([]);
  });

  test.each<[ways: string, gate: Gate]>([
    ["closed", gate("no-peer-dma", "blocks", "It lets nobody in. On this machine: EPERM", { about: "closed" })],
    [
      "closed unless",
      gate("no-peer-dma", "blocks", "What it does. On this machine: it fails", {
        about: "closed unless",
        doubt: "not so where a program goes around it, which the source does not show",
      }),
    ],
    [
      "too old",
      gate("no-peer-dma", "blocks", "The way: as Linux is older than 9.1: nothing is shared", {
        about: "too old",
        remedy: "boot Linux 9.1 or newer: on older ones it is so",
      }),
    ],
    [
      "too old unless",
      gate("no-peer-dma", "blocks", "The way: as Linux is older than 9.1: nothing is shared, unless a target uses it", {
        about: "too old unless",
        remedy: "boot Linux 9.1 or newer: on older ones it is so",
        doubt: "not so where a target uses it, which the source does not show",
      }),
    ],
    [
      "too new",
      gate("no-peer-dma", "blocks", "The way: as Linux is 7.2 or newer: nothing is shared", { about: "too new" }),
    ],
    [
      "in part, and too old",
      gate("no-peer-dma", "blocks", "The way: as Linux is older than 9.2: nothing is shared", {
        about: "in part, and too old",
        remedy: "boot Linux 9.2 or newer: on older ones it is so",
      }),
    ],
  ])("%s, in words", (ways, expected) => {
    expect(noPeerDmaGates(on("7.2"), asked(named(ways)))).toStrictEqual([expected]);
  });
});

describe("What may stop a pair", () => {
  test.each(
    rows(`
      // ways                              | modules
      none                                 | -
      open                                 | -
      closed                               | -      // it does stop
      may be off                           | m
      may be off + may be off              | m, m
      may be off + open                    | -      // one is sure to be open
      open + may be off                    | -
      may be off + closed                  | m
      too old + may be off                 | m
      may be off + (open)                  | m
      (open) + may be off                  | m
      may be in part                       | -
      may be off + may be in part          | -
      in part, and may be off              | n
      may be off + in part, and may be off | m, n
      without P2PDMA                       | -
    `),
  )("%s: %s", (ways = "", modules) => {
    const found = openRefusals(on("7.2", { config: hidden }), asked(named(ways)));
    expect(found.map(({ when }) => when.moduleFrom?.module).join(", ") || "-").toBe(modules);
    for (const { holds } of found) expect(holds).toMatchObject({ unknown: expect.any(String) });
  });

  test("nothing is said where drivers are hidden", () => {
    expect(openRefusals(on("7.2"), asked(named("may be off"), "the driver is hidden"))).toEqual([]);
    expect(openRefusals(on("7.2"), asked(waysOf("none"), "the driver is hidden"))).toEqual([]);
  });
});

describe("Devices of VFIO without an IOMMU", () => {
  const provider = (driver: PciFunction["driver"]): PciFunction => endpoint("03:00.0", { driver });
  const client = (driver: PciFunction["driver"]): PciFunction => endpoint("04:00.0", { driver });
  const off = (commandLine: string | null, parameter?: string): Machine =>
    machineOf([], {
      iommu: iommu("off"),
      kernel: {
        ...linux("7.2"),
        commandLine: commandLine ?? hidden,
        ...(parameter === undefined
          ? {}
          : { modules: { vfio: { version: null, parameters: { enable_unsafe_noiommu_mode: parameter } } } }),
      },
    });
  const remedy = "turn the IOMMU on (iommu=pt where the host's own devices are to go untranslated)";
  const SWITCH = "vfio.enable_unsafe_noiommu_mode";
  const shut = (driver: string): string =>
    `0000:03:00.0 is ${driver}'s, and no IOMMU is on: VFIO lets no program at a device without an IOMMU, unless ${SWITCH} is on`;
  const open = (driver: string): string =>
    `0000:03:00.0 is ${driver}'s, and no IOMMU is on: with ${SWITCH} a program gives devices physical addresses, and nobody looks at them`;
  const doubt = `the source does not show ${SWITCH}`;

  test.each<[name: string, machine: Machine, effect: Gate["effect"], message: string, doubt: string | undefined]>([
    ["hidden", off(""), "blocks", shut("vfio-pci"), doubt],
    ["hidden with the command line", off(null), "blocks", shut("vfio-pci"), doubt],
    ["on by the command line", off(`${SWITCH}=1`), "warns", open("vfio-pci"), undefined],
    ["Y by the command line", off(`${SWITCH}=Y`), "warns", open("vfio-pci"), undefined],
    ["y by the command line", off(`${SWITCH}=y`), "warns", open("vfio-pci"), undefined],
    ["off by the command line", off(`${SWITCH}=0`), "blocks", shut("vfio-pci"), undefined],
    ["another module's", off("vfio_pci.enable_unsafe_noiommu_mode=1"), "blocks", shut("vfio-pci"), doubt],
    ["another of its parameters", off("vfio.disable_vga=1"), "blocks", shut("vfio-pci"), doubt],
    ["on as the module says", off("", "Y"), "warns", open("vfio-pci"), undefined],
    ["off as the module says", off(`${SWITCH}=1`, "N"), "blocks", shut("vfio-pci"), undefined],
  ])("whose switch is %s", (_name, machine, effect, message, why) => {
    expect(vfioGates(machine, provider("vfio-pci"), client("nvme"))).toStrictEqual([
      {
        kind: "no-peer-dma",
        device: provider(null).bdf,
        effect,
        message,
        about: "no IOMMU",
        remedy,
        ...(why === undefined ? {} : { doubt: why }),
      },
    ]);
  });

  test.each(
    rows(`
      // provider       | client          | IOMMU       | devices
      vfio-pci          | vfio-pci        | off         | 3 4
      mlx5_vfio_pci     | nvme            | off         | 3
      nvme              | mlx5_vfio_pci   | off         | 4
      nvme              | nvme            | off         | -
      uio_pci_generic   | igb_uio         | off         | -    // wants no IOMMU
      -                 | ?               | off         | -
      ?                 | vfio-pci        | off         | 4
      vfio-pci          | vfio-pci        | passthrough | -
      vfio-pci          | vfio-pci        | strict      | -
      vfio-pci          | vfio-pci        | ?           | -
    `),
  )("%s and %s, IOMMU %s: %s", (of = "", by = "", mode = "", devices) => {
    const driver = (name: string): PciFunction["driver"] => (name === "?" ? hidden : name === "-" ? null : name);
    const found = vfioGates(machineOf([], { iommu: iommu(mode) }), provider(driver(of)), client(driver(by)));
    const names = found.map(({ device }) => (device === provider(null).bdf ? "3" : "4"));
    expect(names.join(" ") || "-").toBe(devices);
  });

  test("nothing is said of a device and itself", () => {
    const same = provider("vfio-pci");
    expect(vfioGates(off(""), same, same)).toEqual([]);
  });
});
