import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { Kernel, Machine } from "../../src/host/machine.ts";
import { unknownCpu } from "../../src/host/system-files.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, type Known, unknown } from "../../src/pci/known.ts";
import { ASK_CLASSES, type AskingRow, type Condition } from "../../src/platforms/asking.ts";
import { compareVersions, conditionWords, holdsOn } from "../../src/platforms/asking-conditions.ts";
import { usualDrivers } from "../../src/platforms/usual-drivers.ts";
import {
  ASKING_ROWS,
  addressKind,
  askedByOf,
  givenWords,
  provisosOn,
  provisoWords,
  WHO_ASKS_VERSION,
} from "../../src/platforms/who-asks.ts";
import { rows } from "../rows.ts";
import { at, endpoint, hostBridge, linux, machineOf } from "../rules/by-hand.ts";
import { withRows } from "./who-asks-page.ts";

const hidden = unknown("hidden here");
const page = join(import.meta.dirname, "../../docs/who-asks.md");

const driven = (address: string, driver: Known<string | null>, parts: Partial<PciFunction> = {}): PciFunction =>
  endpoint(address, { driver, p2pmem: null, ...parts });

const ways = (provider: string, client: string): { readonly of: string; readonly ids: string } => {
  const found = askedByOf(driven("01:00.0", provider), driven("02:00.0", client));
  return { of: found.class, ids: found.ways.map(({ row }) => row.id).join(" ") };
};

describe("Whose memory, read and written by whom: who asks", () => {
  test.each(
    rows(`
      // provider       | client          | class          | ways
      nvme              | nvme            | asks-and-obeys | p2pmem-pages
      nvme              | mlx5_core       | asks-and-obeys | nvmet-p2pmem
      nvme              | efa             | unknown        | // no verbs in the kernel in 6.12, newer ones were not read
      nvme              | mlx4_core       | unknown        |
      nvme              | amdgpu          | unknown        | // whether it takes such pages was not read
      nvme              | nvidia          | unknown        | // whether it takes such pages was not read
      nvme              | e1000e          | no-peer-dma    | host-memory-only
      nvme              | ahci            | no-peer-dma    | host-memory-only
      nvme              | mpt3sas         | no-peer-dma    | host-memory-only
      nvme              | someone_elses   | unknown        |
      nvme              | vfio-pci        | no-peer-dma    | vfio-peer-pages
      nvme              | uio_pci_generic | user-space     | uio
      amdgpu            | amdgpu          | asks-yes-or-no | amdgpu-amdgpu amdgpu-xgmi
      amdgpu            | mlx5_core       | asks-yes-or-no | amdgpu-nic amdgpu-peer-direct
      amdgpu            | bnxt_en         | asks-yes-or-no | amdgpu-nic-pinned amdgpu-peer-direct
      amdgpu            | ice             | asks-yes-or-no | amdgpu-nic-pinned amdgpu-peer-direct
      amdgpu            | efa             | asks-yes-or-no | amdgpu-nic-pinned amdgpu-peer-direct
      amdgpu            | nvme            | asks-and-obeys | amdgpu-nvme
      amdgpu            | xe              | asks-yes-or-no | gpu-gpu-dmabuf
      amdgpu            | nvidia          | no-peer-dma    | static-importers
      amdgpu            | i915            | no-peer-dma    | static-importers
      amdgpu            | e1000e          | no-peer-dma    | host-memory-only
      nvidia            | e1000e          | unknown        | // other modules may take its memory
      xe                | xe              | asks-yes-or-no | xe-xe
      xe                | mlx5_core       | asks-yes-or-no | xe-nic
      xe                | efa             | asks-yes-or-no | xe-nic-pinned
      xe                | amdgpu          | asks-yes-or-no | gpu-gpu-dmabuf
      xe                | nouveau         | no-peer-dma    | static-importers
      xe                | nvme            | unknown        |
      i915              | mlx5_core       | no-peer-dma    | i915
      i915              | vfio-pci        | unknown        |
      nouveau           | nouveau         | no-peer-dma    | nouveau
      habanalabs        | mlx5_core       | asks-yes-or-no | habanalabs-nic
      habanalabs        | efa             | asks-yes-or-no | habanalabs-nic
      habanalabs        | nvme            | asks-and-obeys | habanalabs-nvme
      habanalabs        | habanalabs      | unknown        |
      nvidia            | nvidia          | does-not-ask   | nvidia-nvidia
      nvidia            | mlx5_core       | does-not-ask   | nvidia-nic
      nvidia            | bnxt_en         | does-not-ask   | nvidia-nic
      nvidia            | i40e            | does-not-ask   | nvidia-nic
      nvidia            | efa             | does-not-ask   | nvidia-nic
      nvidia            | nvme            | differs        | nvidia-nvme-p2pdma nvidia-nvme-nvfs nvidia-nvme-compat
      nvidia            | amdgpu          | unknown        |
      mlx5_core         | amdgpu          | asks-and-obeys | uverbs-dmabuf
      mlx5_core         | nvme            | unknown        |
      mlx5_core         | ahci            | no-peer-dma    | host-memory-only
      vfio-pci          | vfio-pci        | user-space     | vfio-domain
      vfio-pci          | mlx5_core       | asks-and-obeys | vfio-dmabuf
      vfio-pci          | efa             | no-peer-dma    | vfio-dmabuf-pinned
      vfio-pci          | nvme            | no-peer-dma    | vfio-bar-pages
      vfio-pci          | nvidia          | unknown        |
      nvidia            | vfio-pci        | unknown        | // VFIO maps BARs that a program has
      vfio-pci          | ahci            | no-peer-dma    | vfio-bar-pages
      uio_pci_generic   | vfio-pci        | user-space     | vfio-domain uio
      uio_pci_generic   | nvme            | no-peer-dma     | vfio-bar-pages
      igb_uio           | igb_uio         | user-space     | uio
      neuron            | efa             | does-not-ask   | neuron-efa
      xdma              | mlx5_core       | no-peer-dma    | xdma
      e1000e            | nvme            | unknown        |
      someone_elses     | someone_elses   | unknown        |
    `),
  )("%s → %s: %s", (provider = "", client = "", of, ids = "") => {
    expect(ways(provider, client)).toEqual({ of, ids });
  });

  test("a pair of which nothing was read says whose drivers they are", () => {
    const found = askedByOf(driven("01:00.0", "xe"), driven("02:00.0", "nvme"));
    expect(found).toEqual({
      class: "unknown",
      ways: [],
      hidden: "nothing was read of how nvme would reach memory of xe",
    });
  });

  test("registered peer memory is the kernel's, whatever the driver; a GPU's own is not", () => {
    const pool = { sizeBytes: 2 ** 20, availableBytes: 2 ** 20, published: true };
    const classOf = (driver: string): string =>
      askedByOf(driven("01:00.0", driver, { p2pmem: pool }), driven("02:00.0", "nvme")).class;
    expect(["switchtec", "nvidia", "amdgpu", "vfio-pci"].map(classOf)).toEqual([
      "asks-and-obeys",
      "differs",
      "asks-and-obeys", // AIS
      "no-peer-dma",
    ]);
  });
});

describe("A driver that the source does not show", () => {
  const gpu = { vendorId: 0x10de, deviceId: 0x2330, classCode: 0x030200 };
  const nic = { vendorId: 0x15b3, deviceId: 0x1021, classCode: 0x020000 };

  test("is none of which anything is said, but what follows if the usual one is bound", () => {
    const pair = { provider: at("01:00.0"), client: at("02:00.0") };
    const found = askedByOf(driven("01:00.0", hidden, gpu), driven("02:00.0", hidden, nic));
    expect(found.class).toBe("unknown");
    expect(found.hidden).toBe("the provider's driver: hidden here");
    expect(found.ways.map(({ row }) => row.id)).toEqual(["nvidia-nic"]);
    expect(found.ways.map((way) => givenWords(way, pair))).toEqual([
      "if nvidia is bound to 0000:01:00.0 and mlx5_core to 0000:02:00.0",
    ]);
    expect(found.ways.map((way) => givenWords(way))).toEqual([
      "if nvidia is bound to the provider and mlx5_core to the client",
    ]);
  });

  test("may be one of two", () => {
    const intel = { vendorId: 0x8086, deviceId: 0xe20b, classCode: 0x030000 };
    const found = askedByOf(driven("01:00.0", null, intel), driven("02:00.0", "mlx5_core"));
    expect(found.hidden).toBe("no driver is bound to the provider");
    expect(found.ways.map((way) => `${givenWords(way)}: ${way.row.id}`)).toEqual([
      "if xe is bound to the provider: xe-nic",
      "if i915 is bound to the provider: i915",
    ]);
  });

  test("of the client leaves what holds for any", () => {
    const client = driven("02:00.0", hidden, { vendorId: 0x1234, classCode: 0x020000 });
    const ofXdma = askedByOf(driven("01:00.0", "xdma"), client);
    expect(ofXdma.class).toBe("unknown");
    expect(ofXdma.ways.map((way) => `${givenWords(way)}: ${way.row.id}`)).toEqual([
      "if a driver of Linux is bound to the client: xdma",
    ]);
    // Not every driver takes peer pages.
    expect(askedByOf(driven("01:00.0", "nvme"), client).ways).toEqual([]);
  });

  test.each<[name: string, parts: Partial<PciFunction>, drivers: string[]]>([
    ["an AMD GPU", { vendorId: 0x1002, classCode: 0x030000 }, ["amdgpu"]],
    ["an AMD accelerator", { vendorId: 0x1002, classCode: 0x120000 }, ["amdgpu"]],
    ["Gaudi", { vendorId: 0x1da3, classCode: 0x120000 }, ["habanalabs"]],
    ["an NVMe drive of anybody's", { vendorId: 0x144d, classCode: 0x010802 }, ["nvme"]],
    ["EFA", { vendorId: 0x1d0f, deviceId: 0xefa2, classCode: 0x020000 }, ["efa"]],
    ["Amazon's other NIC", { vendorId: 0x1d0f, deviceId: 0xec20, classCode: 0x020000 }, []],
    ["ConnectX-3, which is mlx4's", { vendorId: 0x15b3, deviceId: 0x1003, classCode: 0x020000 }, []],
    ["a hidden class", { vendorId: 0x10de, classCode: hidden }, []],
    ["a hidden vendor", { vendorId: hidden, classCode: 0x030000 }, []],
  ])("the usual ones of %s", (_name, parts, drivers) => {
    expect(usualDrivers(driven("01:00.0", hidden, parts))).toEqual(drivers);
  });

  test("of the provider is of no account where the client is in the hands of user space", () => {
    const found = askedByOf(driven("01:00.0", hidden, gpu), driven("02:00.0", "vfio-pci"));
    expect(found.ways.map((way) => `${givenWords(way)}: ${way.row.id}`)).toEqual([
      "if vfio-pci is bound to the provider: vfio-domain",
    ]);
  });
});

describe("A condition on a machine", () => {
  const at72: Kernel = { ...linux("7.2.13+deb13-amd64"), config: { CONFIG_PCI_P2PDMA: "y", CONFIG_HSA_AMD_P2P: "n" } };
  const on = (kernel: Partial<Kernel>): Machine => machineOf([], { kernel: { ...at72, ...kernel } });
  const cases: readonly (readonly [
    name: string,
    condition: Condition,
    kernel: Partial<Kernel>,
    holds: boolean | "?",
  ])[] = [
    ["from 7.2 on", { kernelFrom: "7.2" }, {}, true],
    ["from 7.3 on", { kernelFrom: "7.3" }, {}, false],
    ["before 6.15, on 6.14", { kernelBefore: "6.15" }, { release: "6.14.2-generic" }, true],
    ["before 6.15, on 6.15", { kernelBefore: "6.15" }, { release: "6.15.0" }, false],
    ["of a hidden release", { kernelBefore: "6.15" }, { release: hidden }, "?"],
    ["of el9, whose number tells nothing", { kernelBefore: "6.15" }, { release: "5.14.0-503.el9.x86_64" }, "?"],
    ["of UEK", { kernelFrom: "6.12" }, { release: "6.12.0-1.el9uek.x86_64" }, "?"],
    ["of SUSE", { kernelFrom: "6.12" }, { release: "6.4.0-150600.23-default" }, "?"],
    ["of Ubuntu's for NVIDIA", { kernelFrom: "6.12" }, { release: "6.8.0-1010-nvidia" }, "?"],
    ["a symbol that is off", { configOff: "CONFIG_HSA_AMD_P2P" }, {}, true],
    ["a symbol that is on", { configOff: "CONFIG_PCI_P2PDMA" }, {}, false],
    ["a first symbol that is absent", { configOff: "CONFIG_PCI_P2PDMA" }, { config: {} }, true],
    ["a later symbol that nobody looked for", { configOff: "CONFIG_HSA_AMD_P2P" }, { config: {} }, "?"],
    ["a hidden configuration", { configOff: "CONFIG_HSA_AMD_P2P" }, { config: hidden }, "?"],
    // CONFIG_DMABUF_MOVE_NOTIFY is gone from 7.1 on: absent is not off.
    ["a symbol that 7.2 has no more", { kernelBefore: "7.1", configOff: "CONFIG_DMABUF_MOVE_NOTIFY" }, {}, false],
    ["the same on 6.12", { kernelBefore: "7.1", configOff: "CONFIG_DMABUF_MOVE_NOTIFY" }, { release: "6.12.9" }, true],
    ["one false part beside a hidden one", { kernelFrom: "7.3", configOff: "CONFIG_X" }, { config: hidden }, false],
  ];
  test.each(cases)("%s", (_name, condition, kernel, holds) => {
    const found = holdsOn(on(kernel), condition);
    expect(typeof found === "boolean" ? found : "?").toBe(holds);
  });

  const pcieP2p: Condition = { parameter: { module: "amdgpu", name: "pcie_p2p", values: ["0", "N"] } };
  test.each<[name: string, kernel: Partial<Kernel>, holds: boolean | "?"]>([
    ["off in sysfs", { modules: { amdgpu: { version: null, parameters: { pcie_p2p: "N" } } } }, true],
    ["on in sysfs", { modules: { amdgpu: { version: null, parameters: { pcie_p2p: "Y" } } } }, false],
    ["off on the command line", { commandLine: "quiet amdgpu.pcie_p2p=0" }, true],
    ["on there", { commandLine: "amdgpu.pcie_p2p=0 amdgpu.pcie_p2p=1" }, false],
    ["nowhere", { commandLine: "quiet" }, "?"],
  ])("a parameter that is %s", (_name, kernel, holds) => {
    const found = holdsOn(on(kernel), pcieP2p);
    expect(typeof found === "boolean" ? found : "?").toBe(holds);
  });

  test.each<[version: string | null | undefined, from: boolean | "?"]>([
    ["580.65.06", true],
    ["580.65.6", true],
    ["595.45.04", true],
    ["580.65.05", false],
    ["570.211.01", false],
    ["580", false],
    [null, "?"],
    ["custom", "?"],
    [undefined, "?"],
  ])("a driver of version %s is 580.65.06 or newer: %s", (version, from) => {
    const modules = version === undefined ? {} : { modules: { nvidia: { version, parameters: {} } } };
    const found = holdsOn(on(modules), { moduleFrom: { module: "nvidia", version: "580.65.06" } });
    expect(typeof found === "boolean" ? found : "?").toBe(from);
    const before = holdsOn(on(modules), { moduleBefore: { module: "nvidia", version: "580.65.06" } });
    expect(typeof before === "boolean" ? before : "?").toBe(from === "?" ? "?" : !from);
  });

  test("versions are compared number by number", () => {
    expect(compareVersions("6.10.5", "6.9")).toBeGreaterThan(0);
    expect(compareVersions("6.10", "6.10.0")).toBe(0);
    expect(compareVersions("6.10-rc1", "6.10")).toBeUndefined();
  });
});

describe("Which address the client is given", () => {
  test.each(
    rows(`
      // rule          | IOMMU       | Linux  | kind
      of-the-verdict   | strict      | 7.2    | of-the-verdict
      dma-api          | strict      | 7.2    | iova
      dma-api          | lazy        | 6.1    | iova
      dma-api          | passthrough | 7.2    | physical
      dma-api          | off         | 7.2    | physical
      dma-api          | ?           | 7.2    | ?
      nvidia           | off         | 6.8    | bus
      nvidia           | passthrough | 7.2    | bus
      nvidia           | lazy        | 6.11.0 | iova
      nvidia           | lazy        | 6.12.0 | bus  // raw: no device behind dma-iommu has operations of its own
      nvidia           | strict      | 7.0    | bus
      nvidia           | strict      | ?      | ?
      nvidia           | strict      | 5.14.0-503.el9 | ?
      user-space       | strict      | 7.2    | user-space
      none             | off         | 7.2    | none
    `),
  )("%s, IOMMU %s, Linux %s: %s", (rule, mode, release, kind) => {
    const machine = machineOf([], {
      kernel: { ...linux("7.2"), release: release === "?" ? hidden : (release ?? "") },
      iommu: { kind: "intel", mode: mode === "?" ? hidden : (mode as "off"), groupTypes: new Map() },
    });
    const found = addressKind(rule as AskingRow["address"], machine);
    expect(typeof found === "string" ? found : "?").toBe(kind);
  });
});

test("A row's provisos on a machine: those that hold first, those that may with if", () => {
  const row = ASKING_ROWS.find(({ id }) => id === "amdgpu-nic");
  const kernel: Kernel = { ...linux("6.8.0"), config: { CONFIG_PCI_P2PDMA: "y" } };
  const words = provisosOn(machineOf([], { kernel }), row as AskingRow).map(provisoWords);
  expect(words).toEqual([
    "as Linux is older than 7.1 and CONFIG_DMABUF_MOVE_NOTIFY is not set: buffers are pinned first, and the data goes through host memory without a message",
    "if CONFIG_INFINIBAND_ON_DEMAND_PAGING is not set: mlx5 registers no dma-buf: EOPNOTSUPP",
  ]);
});

test.each(
  rows(`
    // architecture | vendor       | found
    ?             | ?            | ?
    x86_64        | AuthenticAMD | no
    ?             | GenuineIntel | no
    ppc64le       | ?            | no
    aarch64       | ?            | ?
  `),
)("A chipset whose ids are hidden, on a CPU of %s, %s: %s", (architecture = "", vendor = "", found) => {
  const cpu = unknownCpu("hidden");
  const machine = machineOf([hostBridge("00:00.0", "0:0", { vendorId: hidden, deviceId: hidden })], {
    cpu: {
      ...cpu,
      ...(architecture === "?" ? {} : { architecture }),
      ...(vendor === "?" ? {} : { vendor }),
    },
  });
  const row = ASKING_ROWS.find(({ id }) => id === "nvidia-nic");
  const chipset = row?.provisos?.find(({ when }) => when.chipset !== undefined)?.when.chipset;
  expect(chipset).toBeDefined();
  const holds = holdsOn(machine, chipset === undefined ? {} : { chipset });
  expect(holds === false ? "no" : isUnknown(holds) ? "?" : "yes").toBe(found);
});

describe("Every row", () => {
  test("has an id of its own, and the version is a date", () => {
    expect(new Set(ASKING_ROWS.map(({ id }) => id)).size).toBe(ASKING_ROWS.length);
    expect(WHO_ASKS_VERSION).toMatch(/^\d{4}-\d{2}-\d{2}$/);
  });

  test.for(ASKING_ROWS)("$id says who decides, what no means, and how to see it, from a source", (row) => {
    expect(ASK_CLASSES).toContain(row.class);
    for (const text of [row.title, row.decides, row.onNo, row.seen]) expect(text).not.toMatch(/\.$|^$/);
    expect(row.words).toMatch(/\.$/);
    expect(row.sources.length).toBeGreaterThan(0);
    for (const { where, says, date } of row.sources) {
      expect(where).toMatch(/^https:\/\/\S+$/);
      expect(says).toMatch(/\.$/);
      expect(date).not.toBe("");
    }
    for (const { when, words } of row.provisos ?? []) {
      expect(conditionWords(when)).not.toBe("");
      expect(words).not.toMatch(/\.$|^$/);
    }
  });

  test("that gives no address is one that lets no peer in, or no PCIe", () => {
    const odd = ASKING_ROWS.filter(({ address }) => address === "none").filter(
      ({ class: of, aside }) => of !== "no-peer-dma" && aside === undefined,
    );
    expect(odd.map(({ id }) => id)).toEqual(["neuron-efa"]);
  });
});

test("the page shows the rows (write it with: npx vitest run test/platforms -u)", async () => {
  await expect(withRows(readFileSync(page, "utf8"))).toMatchFileSnapshot(page);
});
