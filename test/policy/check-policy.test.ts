import { describe, expect, it } from "vitest";
import { askWhatIf, type WhatIfRequest } from "../../src/advice/what-if/what-if.ts";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { IommuMode, Machine } from "../../src/host/machine.ts";
import { readScenario } from "../../src/host/scenario/scenario-machine.ts";
import { formatBdf } from "../../src/pci/bdf.ts";
import { PeerlaneError } from "../../src/pci/error.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown, unknown } from "../../src/pci/known.ts";
import { checkPolicy } from "../../src/policy/check-policy.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { Finding, RuleOutcome, RuleResult } from "../../src/policy/result.ts";
import { afterBoot } from "../../src/rules/boot-acs.ts";
import { belowOneSwitch, bootScenario, check, exampleText, machineOf, outcomeOf } from "./machines.ts";

const server = machineOf("gpu-nic-server.yaml");
/** The same server with ACS redirect off in its switches. */
const tuned = bootScenario(`cmdline: pci=disable_acs_redir=pci:1000:c030
${exampleText("gpu-nic-server.yaml")}`);
/** nvme0 and nvme1 below one switch, nvme2 beside it; AMD, IOMMU off. */
const oneSwitch = machineOf("one-switch.yaml");
const twoBridges = machineOf("two-host-bridges.yaml");
const nested = machineOf("nested-switches.intel.strict");
const twoFunctions = machineOf("functions-of-one-device.amd-zen.strict");

const guest = machineOf("multifunction-root-ports.amd-zen.off");
const emulated = 'provider: "0000:00:04.2", client: "0000:00:1f.0", path: supported, gates: none';

const hidden = unknown("hidden by the test");

/** The machine with parts of one function changed. */
function withFunction(machine: Machine, name: string, parts: Partial<PciFunction>): Machine {
  const isMeant = (fn: PciFunction): boolean => fn.names.includes(name) || formatBdf(fn.bdf).endsWith(name);
  return { ...machine, functions: machine.functions.map((fn) => (isMeant(fn) ? { ...fn, ...parts } : fn)) };
}

/** The BARs of a function that are not prefetchable. */
function registersAlone(machine: Machine, name: string): PciFunction["bars"] {
  const bars = machine.functions.find((fn) => fn.names.includes(name))?.bars ?? [];
  return isUnknown(bars) ? bars : bars.map((bar) => ({ ...bar, prefetchable: false }));
}

function required(rule: string): string {
  return `require: [{ ${rule} }]`;
}

/** The server with one switch, its ports' ACS hidden: AMD's host bridges carry peer traffic, so it decides only how far it goes. */
const hiddenAcs: Machine = {
  ...oneSwitch,
  functions: oneSwitch.functions.map((fn) => (fn.bridge === null ? fn : { ...fn, acs: hidden })),
};

/** The same, its tree hidden: what AMD's host bridges carry, wherever it goes, and nobody knows how far that is. */
const hiddenTree: Machine = {
  ...oneSwitch,
  functions: oneSwitch.functions.filter(({ bridge }) => bridge === null).map((fn) => ({ ...fn, attachment: hidden })),
  hostBridges: hidden,
};

type Case = readonly [outcome: RuleOutcome, machine: Machine, policy: string];

describe("Required pairs", () => {
  it.each<Case>([
    ["pass", hiddenAcs, required("provider: nvme0, client: nvme1, path: supported")],
    ["unknown", hiddenAcs, required("provider: nvme0, client: nvme1")],
    ["pass", hiddenTree, required("provider: nvme0, client: nvme1, path: supported, gates: ignore")],
    ["unknown", hiddenTree, required("provider: nvme0, client: nvme1")],
    ["unknown", hiddenTree, required("provider: nvme0, client: nvme1, path: supported, gates: ignore, maxHops: 4")],
    ["pass", oneSwitch, required("provider: nvme0, client: nvme1")],
    ["fail", oneSwitch, required("provider: nvme0, client: nvme2")],
    ["pass", oneSwitch, required("provider: nvme0, client: nvme2, path: supported")],
    ["fail", twoBridges, required("provider: nvme0, client: nvme2, path: supported")],
    ["pass", oneSwitch, required("provider: nvme0, client: nvme1, maxHops: 4")],
    ["fail", oneSwitch, required("provider: nvme0, client: nvme1, maxHops: 3")],
    ["fail", oneSwitch, required("provider: nvme, client: nvme")],
    ["fail", oneSwitch, required("provider: nvme, client: nvme, path: supported")],
    ["pass", oneSwitch, required("provider: nvme, client: nvme, path: supported, gates: ignore")],
    ["fail", server, required("provider: gpu, client: nic, each: provider")],
    ["pass", tuned, required("provider: gpu, client: nic, each: provider, maxHops: 4")],
    ["pass", tuned, required("provider: gpu, client: nic, each: client, maxHops: 4")],
    ["fail", tuned, required("provider: gpu, client: nic")],
    ["fail", tuned, required("provider: gpu, client: nvme, each: provider")],
    ["pass", tuned, required("provider: gpu, client: nvme, each: provider, path: supported")],
  ])("%s", (outcome, machine, policy) => {
    expect(outcomeOf(machine, policy)).toBe(outcome);
  });

  it("name the nearest partner of a device that has none", () => {
    const [rule] = check(server, required("provider: gpu, client: nic, each: provider")).results;
    expect(rule?.counts).toEqual({ pass: 0, fail: 8, unknown: 0 });
    expect(rule?.findings[0]).toMatchObject({
      kind: "alone",
      side: "provider",
      candidates: 8,
      nearest: { verdict: { mapType: "thru-host-bridge", hops: 4 }, problems: [{ kind: "path" }] },
    });
  });
});

describe("Gates of required pairs", () => {
  const small = machineOf("small-bar-gpu.yaml");
  const off = withFunction(oneSwitch, "nvme0", { command: 0 });
  const bare = { ...oneSwitch, kernel: { ...oneSwitch.kernel, config: {} } };
  const masked = withFunction(oneSwitch, "nvme1", { dmaMaskBits: 20, driver: "nvme" });
  const pair = "provider: nvme0, client: nvme1";
  const p2pmem = { sizeBytes: 2 ** 24, availableBytes: 2 ** 24, published: true };
  const emulatedMemory = withFunction(guest, "00:04.2", { p2pmem });
  /** Registers alone, as of a GPU whose memory firmware gave no address. */
  const registersOfGpu = withFunction(tuned, "gpu0", { bars: registersAlone(tuned, "gpu0") });
  /** An AMD GPU and a NIC that pins. */
  const amd = (release: string): Machine => {
    const bound = withFunction(withFunction(tuned, "gpu0", { driver: "amdgpu" }), "mlx5_0", { driver: "bnxt_en" });
    return { ...bound, kernel: { ...bound.kernel, release } };
  };
  /** The NVIDIA driver's addresses meet an IOMMU that translates, where packets go up to it. */
  const translating = (release: string): Machine => ({
    ...server,
    kernel: { ...server.kernel, release },
    iommu: { ...server.iommu, mode: "strict" },
  });
  const integrated = (driver: string): Machine =>
    bootScenario(`
cpu: amd-zen
kernel: 7.2
hostBridges:
  - id: 8086:4660
    below:
      - rootPort: {}
        below: [nvme: { name: nvme0 }]
      - gpu: { name: gpu0, id: 8086:4680, driver: ${driver} }
`);
  const buffer = (size: string, kernel: string): Machine =>
    belowOneSwitch([`nvme: { name: nvme0, cmb: ${size} }`, "nvme: { name: nvme1 }"], { kernel });
  /** Both drives in the hands of VFIO. */
  const inUserSpace = (mode: IommuMode): Machine => {
    const bound = ["nvme0", "nvme1"].reduce((is, name) => withFunction(is, name, { driver: "vfio-pci" }), oneSwitch);
    return { ...bound, iommu: { ...bound.iommu, mode } };
  };
  it.each<Case>([
    ["fail", off, required(pair)],
    ["pass", off, required(`${pair}, gates: ignore`)],
    ["fail", bare, required(pair)],
    ["fail", masked, required(pair)],
    ["unknown", withFunction(oneSwitch, "nvme0", { bars: hidden }), required(pair)],
    ["unknown", withFunction(oneSwitch, "nvme0", { command: hidden }), required(pair)],
    ["pass", withFunction(oneSwitch, "nvme0", { bars: hidden }), required(`${pair}, gates: ignore`)],
    ["pass", oneSwitch, required(`${pair}, gates: none`)],
    ["unknown", withFunction(oneSwitch, "nvme0", { resizableBars: hidden }), required(`${pair}, gates: none`)],
    // What decodes none of its addresses fails, unless it may be a virtual function, whose own bit says nothing.
    ["fail", withFunction(oneSwitch, "nvme0", { command: 4 }), required(pair)],
    ["unknown", withFunction(oneSwitch, "nvme0", { command: 4, physicalFunction: hidden }), required(pair)],
    // All of this guest is emulated; a function whose subsystem is hidden may be hardware that was passed through.
    ["pass", emulatedMemory, required(emulated)],
    ["unknown", withFunction(emulatedMemory, "00:1f.0", { subsystem: hidden }), required(emulated)],
    ["unknown", withFunction(emulatedMemory, "00:04.2", { vendorId: hidden }), required(emulated)],
    // What has registers alone has nothing to give, and drivers that never let a peer in give nothing.
    ["unknown", guest, required(emulated)],
    ["unknown", withFunction(oneSwitch, "nvme1", { command: hidden }), required(pair)],
    ["pass", amd("7.2"), required("provider: gpu0, client: mlx5_0")],
    // Of a vendor's kernel nobody read whether it has what came with 6.15.
    ["unknown", amd("5.14.0-570.el9.x86_64"), required("provider: gpu0, client: mlx5_0")],
    ["fail", oneSwitch, required("provider: nvme1, client: nvme0")],
    ["fail", oneSwitch, required("provider: nvme1, client: nvme0, gates: none")],
    ["pass", oneSwitch, required("provider: nvme1, client: nvme0, gates: ignore")],
    ["unknown", withFunction(oneSwitch, "nvme1", { classCode: hidden }), required("provider: nvme1, client: nvme0")],
    ["fail", withFunction(oneSwitch, "nvme0", { driver: "nouveau" }), required(pair)],
    ["fail", registersOfGpu, required("provider: gpu0, client: mlx5_0")],
    ["fail", translating("7.2"), required("provider: gpu0, client: mlx5_2, path: supported")],
    ["pass", translating("7.2"), required("provider: gpu0, client: mlx5_2, path: supported, gates: ignore")],
    // Mapped by the DMA API, and NVIDIA does not support it so: nobody says that it works, or that it fails.
    ["unknown", translating("6.11"), required("provider: gpu0, client: mlx5_2, path: supported")],
    ["unknown", translating("5.14.0-503.el9.x86_64"), required("provider: gpu0, client: mlx5_2, path: supported")],
    ["pass", tuned, required("provider: gpu0, client: mlx5_0")],
    // A buffer that the client's driver never takes, that nobody read whether it does, or that no program can map.
    ["fail", withFunction(oneSwitch, "nvme1", { driver: "ahci" }), required(pair)],
    ["fail", withFunction(oneSwitch, "nvme1", { driver: "e1000e" }), required(pair)],
    ["unknown", withFunction(oneSwitch, "nvme1", { driver: "someone_elses" }), required(pair)],
    ["unknown", withFunction(oneSwitch, "nvme1", { driver: "vfio-pci" }), required(pair)],
    ["pass", withFunction(oneSwitch, "nvme1", { driver: "mlx5_core" }), required(pair)],
    ["pass", { ...oneSwitch, kernel: { ...oneSwitch.kernel, release: "6.2" } }, required(pair)],
    ["unknown", { ...oneSwitch, kernel: { ...oneSwitch.kernel, release: "6.1" } }, required(pair)],
    // A GPU of the processor has the host's memory alone, and of a small buffer Linux makes no pages.
    ["fail", integrated("xe"), required("provider: gpu0, client: nvme0, path: supported")],
    ["fail", integrated("i915"), required("provider: gpu0, client: nvme0, path: supported")],
    ["fail", buffer("1M", "7.2"), required("provider: nvme0, client: nvme1")],
    ["pass", buffer("2M", "7.2"), required("provider: nvme0, client: nvme1")],
    ["unknown", inUserSpace("off"), required(pair)],
    ["pass", inUserSpace("passthrough"), required(pair)],
    ["pass", small, required("provider: gpu, client: nvme, path: supported")],
    ["fail", small, required("provider: gpu, client: nvme, path: supported, gates: none")],
  ])("%s", (outcome, machine, policy) => {
    expect(outcomeOf(machine, policy)).toBe(outcome);
  });

  it("that no source but a live one shows are taken for granted, and said", () => {
    const assumed = ["CONFIG_PCI_P2PDMA", "address the whole of the BARs"].map((text) => expect.stringContaining(text));
    expect(check(oneSwitch, required(pair)).assumed).toEqual(assumed);
    expect(check(oneSwitch, required(`${pair}, gates: ignore`)).assumed).toEqual([]);
  });

  it("beyond a DMA mask are no failure where the IOMMU may translate", () => {
    const far = withFunction(oneSwitch, "nvme2", { dmaMaskBits: 20, driver: "nvme" });
    const policy = required("provider: nvme0, client: nvme2, path: supported");
    const mode = (to: Machine["iommu"]["mode"]): Machine => ({ ...far, iommu: { ...far.iommu, mode: to } });
    expect(outcomeOf(mode("off"), policy)).toBe("fail");
    expect(outcomeOf(mode("strict"), policy)).toBe("pass");
    expect(outcomeOf(mode(hidden), policy)).toBe("unknown");
  });
});

/** Two GPUs and a NIC below one switch; the redirection of the port above the first GPU is turned off. */
const oneSide = (iommu: string): Machine =>
  bootScenario(`
cpu: { vendor: GenuineIntel, family: 6, model: 143 }
kernel: 7.2
iommu: ${iommu}
cmdline: pci=disable_acs_redir=0000:02:00.0
hostBridges:
  - id: 8086:09a2
    below:
      - rootPort: { id: 8086:352a }
        below:
          - switch: { id: 1000:c030 }
            below:
              - gpu: { name: gpu0, bar: 16G }
              - gpu: { name: gpu1, bar: 16G }
              - nic: { name: nic0, bars: { 0: 32M } }
`);

describe("Forbidden pairs", () => {
  const forbid = (rule: string): string => `forbid: [{ ${rule} }]`;
  it.each(["passthrough", "strict"])(
    "are judged by where requests go, in the direction in which one port redirects nothing (IOMMU %s)",
    (iommu) => {
      const machine = oneSide(iommu);
      const forbidden = (provider: string, client: string): string =>
        forbid(`provider: ${provider}, client: ${client}, path: direct`);
      expect(check(machine, forbidden("gpu1", "gpu0")).results[0]?.findings).toMatchObject([
        { kind: "pair", problems: [{ kind: "route", directions: expect.arrayContaining(["write"]) }] },
      ]);
      expect(outcomeOf(machine, forbidden("gpu1", "gpu0"))).toBe("fail");
      expect(outcomeOf(machine, forbidden("nic0", "gpu0"))).toBe("fail");
      expect(outcomeOf(machine, forbidden("gpu0", "gpu1"))).toBe("pass");
      expect(outcomeOf(machine, forbidden("gpu1", "nic0"))).toBe("pass");
    },
  );

  it.each<Case>([
    ["fail", hiddenAcs, forbid("provider: nvme0, client: nvme1")],
    ["unknown", hiddenAcs, forbid("provider: nvme0, client: nvme1, path: direct")],
    ["fail", oneSwitch, forbid("provider: nvme0, client: nvme2")],
    ["pass", oneSwitch, forbid("provider: nvme0, client: nvme2, path: direct")],
    ["fail", oneSwitch, forbid("provider: nvme0, client: nvme1, path: direct")],
    ["pass", twoBridges, forbid("provider: nvme0, client: nvme2")],
    ["fail", withFunction(oneSwitch, "nvme0", { command: 0 }), forbid("provider: nvme0, client: nvme1")],
    ["pass", server, forbid("provider: all, client: all, path: direct")],
    ["fail", tuned, forbid("provider: all, client: all, path: direct")],
  ])("%s", (outcome, machine, policy) => {
    expect(outcomeOf(machine, policy)).toBe(outcome);
  });
});

describe("Separate devices", () => {
  const separate = (rule: string): string => `separate: [{ ${rule} }]`;
  it.each<Case>([
    ["fail", nested, separate("devices: nvme")],
    ["pass", nested, separate("devices: [nvme0, nvme1]")],
    ["fail", nested, separate("devices: [nvme1, nvme2]")],
    ["fail", nested, separate("devices: nvme1, from: nvme2")],
    ["pass", nested, separate("devices: nvme0, from: all")],
    ["pass", nested, separate("devices: nvme1, from: [all, not nvme2]")],
    ["fail", twoFunctions, separate("devices: nvme1, from: all")],
    ["pass", server, separate("devices: [gpu, nic], from: all")],
    // Without ACS in its ports, a switch lets peers reach each other, and Linux gives each port a group all the same.
    ["pass", tuned, separate("devices: [gpu, nic], from: all")],
    ["fail", oneSwitch, separate("devices: nvme0")],
    ["unknown", { ...server, iommu: { ...server.iommu, kind: hidden, mode: hidden } }, separate("devices: nic")],
  ])("%s", (outcome, machine, policy) => {
    expect(outcomeOf(machine, policy)).toBe(outcome);
  });

  it("are one finding for each group, and say whether the groups are the source's or predicted", () => {
    const [real] = check(nested, separate("devices: nvme")).results;
    expect(real?.counts).toEqual({ pass: 3, fail: 1, unknown: 0 });
    expect(real?.findings).toMatchObject([{ group: 6, isPredicted: false, devices: [0x600, 0x700] }]);
    const [predicted] = check(tuned, separate("devices: [gpu, nic]")).results;
    expect(predicted?.findings[0]).toMatchObject({ kind: "group", isPredicted: true });
  });

  describe("whose groups the source states in part", () => {
    const partial = bootScenario(`
cpu: intel
kernel: 7.2
iommu: strict
hostBridges:
  - below:
      - rootPort: { at: 01.0 }
        below: [gpu: { name: gpu0, iommuGroup: 5 }]
      - rootPort: { at: 02.0 }
        below: [nic: { name: nic0, iommuGroup: 5 }]
      - rootPort: { at: 03.0, acs: false }
        below: [{ functions: [nvme: { name: nvme0 }, accel: { name: accel0 }] }]
`);
    it.each<[outcome: RuleOutcome, rule: string, groups: readonly object[]]>([
      ["fail", "devices: [gpu, nic]", [{ group: 5, isPredicted: false }]],
      // Whatever a third shows, two of one stated group share it.
      ["fail", "devices: [gpu, nic, nvme]", [{ group: 5, isPredicted: false }]],
      ["fail", "devices: [gpu, nic], from: all", [{ group: 5, isPredicted: false }]],
      ["fail", "devices: gpu, from: nic", [{ group: 5, isPredicted: false }]],
      ["pass", "devices: [gpu, nvme]", [{ group: 5, isPredicted: false }, { isPredicted: true }]],
      ["fail", "devices: [nvme, accel]", [{ isPredicted: true }]],
      ["fail", "devices: [gpu, nvme], from: accel", [{ isPredicted: true }]],
    ])("%s: %s", (outcome, rule, groups) => {
      const [result] = check(partial, separate(rule)).results;
      expect(result).toMatchObject({ outcome, findings: groups });
    });

    it("fail also where the others cannot be predicted", () => {
      const hides = {
        ...partial,
        functions: partial.functions.map((fn) => (fn.bridge === null ? fn : { ...fn, acs: hidden })),
      };
      expect(outcomeOf(hides, separate("devices: [gpu, nic, nvme]"))).toBe("fail");
      // Below ports of their own they are apart whatever ACS is.
      expect(outcomeOf(hides, separate("devices: [gpu, nvme]"))).toBe("pass");
      const { iommu } = hides;
      const functions = hides.functions.map((fn) => ({ ...fn, iommuGroup: hidden }));
      const hidesMore = { ...hides, iommu: { ...iommu, kind: hidden, mode: hidden }, functions };
      expect(outcomeOf(hidesMore, separate("devices: [gpu, nvme]"))).toBe("unknown");
    });
  });

  describe("where the source hides ACS", () => {
    const whole = bootScenario(`
cpu: intel
kernel: 7.2
iommu: strict
hostBridges:
  - below:
      - rootPort: { at: 01.0 }
        below:
          - switch: {}
            below: [gpu: { name: gpu0 }, nic: { name: nic0 }]
      - rootPort: { at: 02.0 }
        below: [{ functions: [nvme: { name: nvme0 }, accel: { name: accel0 }] }]
      - rootPort: { at: 03.0 }
        below: [device: { name: dev0 }]
`);
    const hides = {
      ...whole,
      functions: whole.functions.map((fn) => ({
        ...fn,
        iommuGroup: hidden,
        ...(fn.bridge === null ? {} : { acs: hidden }),
      })),
    };
    it.each<[outcome: RuleOutcome, rule: string]>([
      // Ports of their own: apart whatever their ACS is.
      ["pass", "devices: [dev0, nvme]"],
      ["pass", "devices: nic, from: nvme"],
      // Two functions of one device without ACS: together whatever the ports have.
      ["fail", "devices: [nvme, accel]"],
      ["fail", "devices: nvme, from: all"],
      // Two ports of one switch: it hangs on their ACS.
      ["unknown", "devices: [gpu, nic]"],
      ["unknown", "devices: gpu, from: all"],
      ["unknown", "devices: [gpu, nic, nvme]"],
      // What is sure of some fails a rule, whatever is open of others.
      ["fail", "devices: [gpu, nic, nvme, accel]"],
    ])("%s: %s", (outcome, rule) => {
      expect(outcomeOf(hides, separate(rule))).toBe(outcome);
    });
  });

  it("do not pass without an IOMMU", () => {
    const [rule] = check(oneSwitch, separate("devices: nvme0")).results;
    expect(rule?.findings).toMatchObject([{ kind: "no-group" }]);
  });
});

describe("Facts of the machine", () => {
  it.each<Case>([
    ["pass", nested, "machine: { kernel: '>=6.12' }"],
    ["fail", nested, "machine: { kernel: '<7.2' }"],
    ["unknown", { ...nested, kernel: { ...nested.kernel, release: hidden } }, "machine: { kernel: '>=6.12' }"],
    ["pass", nested, "machine: { iommu: [strict, lazy] }"],
    ["fail", nested, "machine: { iommu: off }"],
    ["unknown", nested, "machine: { p2pdma: true }"],
    ["fail", { ...nested, kernel: { ...nested.kernel, config: {} } }, "machine: { p2pdma: true }"],
    ["pass", { ...nested, kernel: { ...nested.kernel, config: {} } }, "machine: { p2pdma: false }"],
  ])("%s", (outcome, machine, policy) => {
    expect(outcomeOf(machine, policy)).toBe(outcome);
  });
});

describe("Devices are found", () => {
  it.each<[text: string, found: readonly string[]]>([
    ["nvme", ["0000:03:00.0", "0000:06:00.0", "0000:07:00.0", "0000:0a:00.0", "0000:0b:00.0"]],
    [
      "all",
      ["0000:00:1f.2", "0000:00:1f.3", "0000:03:00.0", "0000:06:00.0", "0000:07:00.0", "0000:0a:00.0", "0000:0b:00.0"],
    ],
    ["[nvme, not nvme0, not 07:00.0]", ["0000:06:00.0", "0000:0a:00.0", "0000:0b:00.0"]],
    ["[nvme3, nvme0]", ["0000:03:00.0", "0000:0a:00.0"]],
    ["[not nvme, not 00:1f.3]", ["0000:00:1f.2"]],
    ["slot:3", ["0000:03:00.0"]],
    ["slot:15", ["0000:0b:00.0"]],
    // Slot 5 holds a switch, whose own slots hold what is below it.
    ["[slot:7, slot:9]", ["0000:06:00.0", "0000:07:00.0"]],
    ["0000:00:04.0/00.0/00.0/00.0", ["0000:03:00.0"]],
    ["00:04.0/00.0/01.0/00.0/1.0/0.0", ["0000:07:00.0"]],
    ["02:00.0/00.0", ["0000:03:00.0"]],
    // As the command line takes them.
    ["[NVMe, not nvme:0]", ["0000:06:00.0", "0000:07:00.0", "0000:0a:00.0", "0000:0b:00.0"]],
    ["nvme:1", ["0000:06:00.0"]],
    ["NVME1", ["0000:06:00.0"]],
    ["nvme*", ["0000:03:00.0", "0000:06:00.0", "0000:07:00.0", "0000:0a:00.0", "0000:0b:00.0"]],
    ['"nvme[0-2]"', ["0000:03:00.0", "0000:06:00.0", "0000:07:00.0"]],
    ["[nvme, 'not 0[0-9]:00.0']", ["0000:0a:00.0", "0000:0b:00.0"]],
    ["03:00", ["0000:03:00.0"]],
    ["3:0.0", ["0000:03:00.0"]],
    ["0000:0A:00", ["0000:0a:00.0"]],
  ])("%s", (text, found) => {
    // Without an IOMMU each device that a rule of `separate` is about is a finding of its own.
    const noGroups = { ...nested, functions: nested.functions.map((fn) => ({ ...fn, iommuGroup: null })) };
    const [rule] = check(noGroups, `separate: [{ devices: ${text} }]`).results;
    expect(rule?.findings.map((finding) => "device" in finding && formatBdf(finding.device))).toEqual(found);
  });
});

describe("Host bridges and the like are no candidates where a source hides what devices are", () => {
  const tree = readLspci(
    Buffer.from(`-[0000:00]-+-00.0  Intel Corporation Xeon E7 v4/Xeon E5 v4/Xeon E3 v4/Xeon D DMI2
           +-01.0-[01]----00.0  NVIDIA Corporation GP100GL [Tesla P100 PCIe 16GB]
           +-02.0-[02]----00.0  Lenovo Device 781d
           +-14.0  Advanced Micro Devices, Inc. [AMD] Starship/Matisse PCIe Dummy Host Bridge
           \\-1f.0  Intel Corporation C610/X99 series chipset LPC Controller
`),
    "tree.txt",
  );

  it.each<[selection: string, possible: readonly string[]]>([
    ["gpu", ["0000:01:00.0", "0000:02:00.0"]],
    ["nic", ["0000:02:00.0"]],
    ["p2pmem", ["0000:01:00.0", "0000:02:00.0"]],
  ])("%s", (selection, possible) => {
    const policy = parsePolicy(`count: [{ devices: ${selection}, is: 1 }]`, "p.yaml");
    const [rule] = checkPolicy(tree, policy, { explain: true }).results;
    expect(rule?.explanation?.sides.flatMap(({ devices }) => devices.map(({ bdf }) => formatBdf(bdf)))).toEqual(
      possible,
    );
  });
});

describe("A device that is not there", () => {
  const lspci: Machine = { ...nested, source: { format: "lspci", name: "lspci.txt" } };
  it.each<Case>([
    ["fail", nested, required("provider: gpu, client: nvme")],
    ["pass", nested, required("provider: gpu, client: nvme, optional: true")],
    ["fail", nested, required("provider: [nvme0, nvme9], client: nvme3, path: supported")],
    ["fail", nested, required("provider: 99:00.0, client: nvme")],
    ["fail", nested, required("provider: nvme0, client: nvme0")],
    ["fail", nested, required("provider: nvme0, client: nvme0, each: client")],
    ["fail", nested, required("provider: nvme, client: gpu, each: provider")],
    // A machine without GPUs is one without such devices, on whichever side they are.
    ["pass", nested, required("provider: nvme, client: gpu, each: provider, optional: true")],
    ["fail", nested, required("provider: nvme, client: gpu, each: client")],
    ["pass", nested, required("provider: nvme, client: gpu, each: client, optional: true")],
    ["pass", nested, required("provider: gpu, client: nvme, each: provider, optional: true")],
    ["pass", nested, "forbid: [{ provider: gpu, client: nvme }]"],
    ["fail", nested, "forbid: [{ provider: gpu, client: nvme, optional: false }]"],
    ["pass", nested, "separate: [{ devices: gpu }]"],
    ["fail", nested, "separate: [{ devices: gpu, optional: false }]"],
    // lspci gives no names, and any device could have this one.
    ["unknown", lspci, required("provider: nvme9, client: nvme")],
    ["unknown", lspci, "forbid: [{ provider: nvme9, client: nvme }]"],
    ["unknown", lspci, "forbid: [{ provider: [nvme, not nvme9], client: nvme }]"],
    ["fail", lspci, required("provider: gpu, client: nvme")],
    ["unknown", { ...nested, functionsMayBeMissing: "a filter" }, required("provider: gpu, client: nvme")],
    ["unknown", withFunction(nested, "00:1f.3", { classCode: hidden }), required("provider: gpu, client: nvme")],
    ["unknown", lspci, required("provider: 'nvme[67]', client: nvme")],
    // What may be an NVMe controller may be any of them behind it.
    ["unknown", withFunction(nested, "00:1f.2", { classCode: hidden }), required("provider: nvme:4, client: nvme0")],
    ["unknown", withFunction(nested, "00:1f.2", { classCode: hidden }), required("provider: nvme:5, client: nvme0")],
    ["fail", withFunction(nested, "00:1f.2", { classCode: hidden }), required("provider: nvme:6, client: nvme0")],
    ["unknown", withFunction(nested, "02:00.0", { express: hidden }), required("provider: slot:3, client: nvme")],
  ])("%s", (outcome, machine, policy) => {
    expect(outcomeOf(machine, policy)).toBe(outcome);
  });

  it("is told with names like it", () => {
    const [rule] = check(nested, required("provider: nvme7, client: nvme")).results;
    expect(rule?.findings[0]).toMatchObject({ kind: "missing", text: "nvme7", near: ["nvme0", "nvme1", "nvme2"] });
  });

  it("is told of a rule that can do without", () => {
    const [rule] = check(nested, "forbid: [{ provider: [nvme0, nvme7], client: gpu, optional: true }]").results;
    expect(rule).toMatchObject({ outcome: "pass", unmatched: ["nvme7", "gpu"], findings: [] });
  });

  it("is told of a class that finds nothing beside others that do", () => {
    const [rule] = check(nested, "separate: [{ devices: [nvme0, gpu, 10de:2330, not accel] }]").results;
    expect(rule).toMatchObject({ outcome: "pass", unmatched: ["gpu", "10de:2330", "not accel"] });
  });
});

/** What each kind of word means on this machine, and a slip of it with what it is told to mean. */
const slips: readonly (readonly [kind: string, word: string, slip: string, near: string])[] = [
  ["name", "nvme0", "nvmee0", "nvme0"],
  ["address", "03:00.0", "03:00.1", "0000:03:00.0"],
  ["one of a class", "nvme:0", "nvme:9", "nvme:4"],
  ["pattern", "nvme[0]", "nmve*", "nvme*"],
  ["device", "03:00", "03:01", "03:00"],
  ["slot", "slot:7", "slot:8", "slot:3"],
  ["path", "0000:00:04.0/00.0/00.0/00.0", "0000:00:04.0/00.0/00.0/00.1", "0000:00:04.0/00.0/00.0/00.0"],
];

/** A rule of each kind, with a device in each of its places; all pass with the right word. */
const rulesWith: readonly (readonly [kind: string, rule: (device: string) => string])[] = [
  ["require, provider", (one) => `require: [{ provider: "${one}", client: nvme2, path: supported, gates: ignore`],
  ["require, client", (one) => `require: [{ provider: nvme2, client: "${one}", path: supported, gates: ignore`],
  [
    "require each, client",
    (one) => `require: [{ provider: nvme2, client: ["${one}", nvme3], each: provider, gates: ignore`,
  ],
  [
    "require, not",
    (one) => `require: [{ provider: nvme1, client: [nvme2, "not ${one}"], path: supported, gates: ignore`,
  ],
  ["forbid, provider", (one) => `forbid: [{ provider: "${one}", client: nvme3, path: direct`],
  ["forbid, client", (one) => `forbid: [{ provider: nvme3, client: [nvme2, "${one}"], path: direct`],
  ["forbid, not", (one) => `forbid: [{ provider: [nvme, "not ${one}"], client: nvme0, path: direct`],
  ["separate, devices", (one) => `separate: [{ devices: ["${one}", nvme3]`],
  ["separate, from", (one) => `separate: [{ devices: nvme3, from: "${one}"`],
  ["separate, not", (one) => `separate: [{ devices: [nvme0, nvme3, "not ${one}"]`],
];

describe("A typo fails a rule of any kind, unless it is optional", () => {
  describe.each(rulesWith)("%s", (_rule, ruleOf) => {
    it.each(slips)("%s", (_kind, word, slip, near) => {
      const one = (text: string): RuleResult => {
        const [result] = check(nested, text).results;
        if (result === undefined) throw new Error("no rule");
        return result;
      };
      const right = one(`${ruleOf(word)} }]`);
      const wrong = one(`${ruleOf(slip)} }]`);
      expect(right.findings.some(({ kind }) => kind === "missing")).toBe(false);
      expect(wrong.outcome).toBe("fail");
      const missing = wrong.findings.find(({ kind }) => kind === "missing");
      expect(missing).toMatchObject({ hidden: null });
      expect((missing as Extract<Finding, { kind: "missing" }>).near).toContain(near);
      const optional = one(`${ruleOf(slip)}, optional: true }]`);
      expect(optional.findings.some(({ kind }) => kind === "missing")).toBe(false);
      expect(optional.unmatched.join()).toContain(slip);
      expect(one(`${ruleOf(slip)}, optional: false }]`).outcome).toBe("fail");
    });
  });
});

describe("What both possibilities of hidden ACS agree on is decided", () => {
  const masked = withFunction(hiddenAcs, "nvme1", { dmaMaskBits: 20, driver: "nvme" });
  const mode = (machine: Machine, to: Machine["iommu"]["mode"]): Machine => ({
    ...machine,
    iommu: { ...machine.iommu, kind: "amd", mode: to },
  });
  const pair = "provider: nvme0, client: nvme1";
  it.each<Case>([
    ["pass", hiddenAcs, required(`${pair}, path: supported`)],
    ["fail", hiddenAcs, `forbid: [{ ${pair} }]`],
    ["unknown", hiddenAcs, required(pair)],
    ["unknown", hiddenAcs, `forbid: [{ ${pair}, path: direct }]`],
    ["pass", hiddenAcs, required(`${pair}, path: supported, maxHops: 4`)],
    ["fail", hiddenAcs, required(`${pair}, maxHops: 3`)],
    // Beyond the mask both ways, unless the IOMMU translates on the way through the host bridge.
    ["fail", masked, required(`${pair}, path: supported`)],
    ["fail", masked, required(pair)],
    ["unknown", mode(masked, "strict"), required(`${pair}, path: supported`)],
    ["fail", mode(masked, "strict"), required(pair)],
    ["unknown", mode(masked, hidden), required(`${pair}, path: supported`)],
  ])("%s", (outcome, machine, policy) => {
    expect(outcomeOf(machine, policy)).toBe(outcome);
  });
});

describe("A path that is unknown only in what the host bridge does is not direct", () => {
  const noCpu = { ...oneSwitch, cpu: { ...oneSwitch.cpu, vendor: hidden, architecture: hidden } };
  it.each<Case>([
    ["unknown", noCpu, required("provider: nvme0, client: nvme2, path: supported")],
    ["fail", noCpu, required("provider: nvme0, client: nvme2")],
    ["pass", noCpu, "forbid: [{ provider: nvme0, client: nvme2, path: direct }]"],
  ])("%s", (outcome, machine, policy) => {
    expect(outcomeOf(machine, policy)).toBe(outcome);
  });
});

describe("The outcome of a policy is its worst one", () => {
  const pass = "{ provider: nvme0, client: nvme1 }";
  it.each<[outcome: RuleOutcome, machine: string]>([
    ["pass", "kernel: 7.2"],
    ["unknown", "p2pdma: true"],
    ["fail", "p2pdma: true, kernel: 5.4"],
  ])("%s", (outcome, facts) => {
    expect(check(oneSwitch, `require: [${pass}]\nmachine: { ${facts} }`).outcome).toBe(outcome);
  });
});

it("The rules of another release decide where they are asked for", () => {
  const policy = parsePolicy(required("provider: nvme0, client: nvme2, path: supported"), "p.yaml");
  expect(checkPolicy(oneSwitch, policy).outcome).toBe("pass");
  expect(checkPolicy(oneSwitch, policy, { rules: "4.20" }).outcome).toBe("fail");
  expect(() => checkPolicy(oneSwitch, policy, { rules: "new" })).toThrow(/no kernel release/);
});

describe("Large machines and policies", () => {
  const vf = server.functions.find((fn) => fn.names.includes("gpu0")) as PciFunction;
  const functions = Array.from({ length: 20_000 }, (_, index) => ({
    ...vf,
    bdf: (0x10000 + index) as PciFunction["bdf"],
    names: [`x${index}`],
  }));
  const huge: Machine = { ...server, functions: [...server.functions, ...functions] };

  it("are refused with the rule's place before they take minutes", () => {
    expect(() => check(huge, "\nforbid: [{ provider: all, client: all }]")).toThrow(PeerlaneError);
    try {
      check(huge, "\nforbid: [{ provider: all, client: all }]");
    } catch (error) {
      expect(error).toMatchObject({ code: "too-large", place: { line: 2, column: 10 } });
    }
    const names = Array.from({ length: 900 }, (_, index) => `missing${index}`).join(", ");
    const rules = Array.from({ length: 50 }, (_, index) => `  - { name: r${index}, devices: [${names}] }\n`).join("");
    expect(() => check(huge, `separate:\n${rules}`)).toThrow(/20 million/);
  });

  it("are checked where they are merely large, and keep the first hundred findings", () => {
    const [rule] = check(huge, "require: [{ provider: gpu0, client: gpu }]").results;
    expect(rule?.counts.fail).toBe(20_007);
    expect(rule?.findings).toHaveLength(100);
  });
});

describe("A what-if of a machine whose stated groups the rules contradict", () => {
  const stated = readScenario(
    `
cpu: amd-zen
kernel: 7.2
iommu: strict
hostBridges:
  - below:
      - rootPort: { at: 01.0, iommuGroup: 1 }
        below: [gpu: { name: gpu0, bar: 16G, iommuGroup: 7 }]
      - rootPort: { at: 02.0, iommuGroup: 2 }
        below: [nic: { name: nic0, bars: { 0: 32M }, iommuGroup: 7 }]
      - rootPort: { at: 03.0, iommuGroup: 3 }
        below: [nvme: { name: nvme0, iommuGroup: 4 }]
`,
    "stated.yaml",
  );
  const shared = "separate: [{ devices: [gpu, nic] }]";
  const apart = "separate: [{ devices: [nvme] , from: all }]";
  const asked: readonly WhatIfRequest[] = [{ append: "quiet" }, { kernel: "6.12" }, { iommu: "passthrough" }];

  it("fails as it is", () => {
    expect(outcomeOf(afterBoot(stated), shared)).toBe("fail");
  });

  it.each(asked)("%o: is unknown for those functions, and predicted for the others", (request) => {
    for (const { after } of [askWhatIf(stated, request, false), askWhatIf(afterBoot(stated), request)]) {
      expect(outcomeOf(after, shared)).toBe("unknown");
      expect(check(after, shared).results[0]?.findings[0]).toMatchObject({
        kind: "hidden-group",
        hidden: expect.stringContaining("not those which the rules predict"),
      });
      expect(outcomeOf(after, "separate: [{ devices: [nvme0, '0000:00:03.0'] }]")).toBe("pass");
      expect(outcomeOf(after, apart)).toBe("unknown");
    }
  });

  it("has no groups at all without an IOMMU, whatever it had", () => {
    expect(outcomeOf(askWhatIf(stated, { iommu: "off" }, false).after, shared)).toBe("fail");
  });
});

it("leaves rules about devices open where the source shows no PCI function at all", () => {
  const machine = bootScenario("scenario: a\ncpu: amd-zen\nkernel: 7.2\nhostBridges:\n  - below: [nvme]\n");
  const empty: Machine = { ...machine, functions: [], source: { ...machine.source, format: "archive" } };
  const policy =
    "policy: a\nforbid:\n  - { provider: gpu, client: nic }\nseparate:\n  - { devices: [gpu], from: all }\n";
  expect(check(empty, policy).results.map(({ outcome }) => outcome)).toEqual(["unknown", "unknown"]);
});
