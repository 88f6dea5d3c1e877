import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readLspci } from "../../src/host/lspci/read-lspci.ts";
import type { IommuMode, Machine } from "../../src/host/machine.ts";
import { topologyOf } from "../../src/host/machine.ts";
import { type Acs, PCI_ACS_RR, redirects } from "../../src/pci/acs.ts";
import type { Bar } from "../../src/pci/bar.ts";
import { type Bdf, formatBdf } from "../../src/pci/bdf.ts";
import { deviceKind, isBridge, KINDS_OF_INTEREST } from "../../src/pci/device-kind.ts";
import type { LinkState, PciExpress } from "../../src/pci/express.ts";
import type { PciFunction } from "../../src/pci/function.ts";
import { isUnknown } from "../../src/pci/known.ts";
import { checkPolicy } from "../../src/policy/check-policy.ts";
import { parsePolicy } from "../../src/policy/parse-policy.ts";
import type { RuleOutcome } from "../../src/policy/result.ts";
import { type WrittenPolicy, writePolicy } from "../../src/policy/write-policy.ts";
import { decideAll } from "../../src/rules/verdict-table.ts";
import { linksOf } from "../../src/summary/links.ts";
import { bootScenario, exampleText, machineOf } from "./machines.ts";

const root = join(import.meta.dirname, "../..");
const fileText = (file: string): string => readFileSync(join(root, file), "utf8");

/** Two leaf switches below a third, and beside them a GPU of its own: ways between leaves are longer than the nearest. */
const LEAVES = `cpu: amd-zen
kernel: "7.2"
iommu: passthrough
cmdline: pci=disable_acs_redir=pci:1000:c030
hostBridges:
  - id: 1022:14a4
    below:
      - rootPort: { at: 01.0, id: 1022:14ab }
        below:
          - switch: { id: 1000:c030, portId: 1000:c030 }
            below:
              - switch: { id: 1000:c030, portId: 1000:c030 }
                below: [gpu: { name: gpu0, bar: 64G }, nic: { name: mlx5_0 }]
              - switch: { id: 1000:c030, portId: 1000:c030 }
                below: [gpu: { name: gpu1, bar: 64G }, nic: { name: mlx5_1 }]
      - rootPort: { at: 02.0, id: 1022:14ab }
        below: [gpu: { name: gpu2, bar: 64G }]
`;

const machines: Readonly<Record<string, Machine>> = {
  "8 GPUs": machineOf("gpu-nic-server.yaml"),
  "8 GPUs, redirect off": bootScenario(
    `cmdline: pci=disable_acs_redir=pci:1000:c030\n${exampleText("gpu-nic-server.yaml")}`,
  ),
  "16 GPUs": bootScenario(fileText("test/report/machines/sixteen-gpus.yaml")),
  "24 SSDs": bootScenario(fileText("test/report/machines/ssd-server.yaml")),
  "a desktop": bootScenario(fileText("test/report/machines/desktop.yaml")),
  "switches below a switch": bootScenario(LEAVES),
  "one switch": machineOf("one-switch.yaml"),
  "nested switches, booted": machineOf("nested-switches.intel.strict"),
  "mixed ACS, booted": machineOf("mixed-acs.intel.strict"),
};

function written(machine: Machine): WrittenPolicy {
  const made = writePolicy(machine, { name: "good", head: ["made of:\n\u001b[2J a test"] });
  if (made === null) throw new Error("nothing to demand");
  return made;
}

function outcome(machine: Machine, { text }: WrittenPolicy): RuleOutcome {
  return checkPolicy(machine, parsePolicy(text, "made.yaml")).outcome;
}

function changed(machine: Machine, bdfs: readonly (Bdf | null)[], change: (fn: PciFunction) => object): Machine {
  return {
    ...machine,
    functions: machine.functions.map((fn) => (bdfs.includes(fn.bdf) ? { ...fn, ...change(fn) } : fn)),
  };
}

/** Each link that a device of interest has or is behind, with half of its lanes at both of its ends. */
function trainedDown(machine: Machine): readonly (readonly [string, Machine])[] {
  const topology = topologyOf(machine);
  return linksOf(topology).flatMap((link): (readonly [string, Machine])[] => {
    const { status, belowCan, below, above } = link;
    const isOfInterest = [...topology.subtreeOf(topology.indexOf(below))].some((at) =>
      KINDS_OF_INTEREST.includes(deviceKind(topology.functionAt(at))),
    );
    if (!isOfInterest || belowCan === null || status.width < 2) return [];
    const linkStatus: LinkState = { ...status, width: status.width / 2 };
    const slow = changed(machine, [below, above], ({ express }) => ({
      express: { ...(express as PciExpress), linkStatus },
    }));
    return [[`the link of ${formatBdf(below)}`, slow]];
  });
}

/** Each port on a direct way between two devices of interest, redirecting. */
function redirected(machine: Machine): readonly (readonly [string, Machine])[] {
  const table = decideAll(machine);
  const ports = new Set<Bdf>();
  table.providers.forEach((provider, i) => {
    table.clients.forEach((client, j) => {
      const isAsked = provider !== client && table.mapType(i, j) === "bus-addr";
      const provides =
        deviceKind(table.topology.functionOf(provider)) === "gpu" || hasPool(table.topology.functionOf(provider));
      if (isAsked && provides) for (const bdf of table.path(i, j).path) ports.add(bdf);
    });
  });
  return [...ports].flatMap((port): (readonly [string, Machine])[] => {
    const { acs } = table.topology.functionOf(port);
    if (isUnknown(acs) || acs === null || redirects(acs) || (acs.capability & PCI_ACS_RR) === 0) return [];
    const on = changed(machine, [port], (fn) => ({
      acs: { ...(fn.acs as Acs), control: (fn.acs as Acs).control | PCI_ACS_RR },
    }));
    return [[`redirection at ${formatBdf(port)}`, on]];
  });
}

function hasPool({ p2pmem }: PciFunction): boolean {
  return !isUnknown(p2pmem) && p2pmem !== null;
}

/** Each GPU's BARs, and those of what has peer memory, at a fourth of their size. */
function withSmallBars(machine: Machine): readonly (readonly [string, Machine])[] {
  return machine.functions
    .filter((fn) => !isBridge(fn) && (deviceKind(fn) === "gpu" || hasPool(fn)))
    .map((fn) => [
      `the BARs of ${formatBdf(fn.bdf)}`,
      changed(machine, [fn.bdf], ({ bars }) => ({
        bars: (bars as readonly Bar[]).map((bar) => ({ ...bar, sizeBytes: (bar.sizeBytes as number) / 4 })),
      })),
    ]);
}

function withOtherModes(machine: Machine): readonly (readonly [string, Machine])[] {
  const modes: readonly IommuMode[] = ["off", "passthrough", "strict", "lazy"];
  return modes
    .filter((mode) => mode !== machine.iommu.mode)
    .map((mode) => [`IOMMU ${mode}`, { ...machine, iommu: { ...machine.iommu, mode } }]);
}

function withoutOne(machine: Machine): readonly (readonly [string, Machine])[] {
  return machine.functions
    .filter((fn) => !isBridge(fn) && KINDS_OF_INTEREST.includes(deviceKind(fn)))
    .map((gone) => [
      `without ${formatBdf(gone.bdf)}`,
      { ...machine, functions: machine.functions.filter((fn) => fn !== gone) },
    ]);
}

describe.each(Object.entries(machines))("A policy made of %s", (_, machine) => {
  const policy = written(machine);

  test("says what it has in classes and names", () => {
    expect(policy.text).toMatchSnapshot();
    expect(policy.text.split("\n").length).toBeLessThan(40);
  });

  test("is passed by it", () => {
    expect(outcome(machine, policy)).toBe("pass");
  });

  test.each([
    ["a link trained down", trainedDown],
    ["a port that redirects", redirected],
    ["a small BAR", withSmallBars],
    ["another mode of the IOMMU", withOtherModes],
    ["a device less", withoutOne],
  ] as const)("fails with %s", (_what, variants) => {
    const passed = variants(machine).filter(([, other]) => outcome(other, policy) !== "fail");
    expect(passed.map(([what]) => what)).toEqual([]);
  });
});

test("the machines have something of each that can go wrong", () => {
  const counts = [trainedDown, redirected, withSmallBars].map((variants) =>
    Object.values(machines).reduce((sum, machine) => sum + variants(machine).length, 0),
  );
  expect(counts.every((count) => count > 20)).toBe(true);
});

test("where rules of classes do not notice a port that redirects, the devices of its switch are named", () => {
  const { text } = written(machines["switches below a switch"] as Machine);
  expect(text).toContain("provider: [gpu0, gpu1], client: [");
});

test("what the source hides is not demanded, and said", () => {
  const machine = readLspci(Buffer.from(fileText("test/cases/texts/guest-passthrough.txt")), "guest.txt");
  const policy = written(machine);
  expect(policy.text).toMatchSnapshot();
  expect(outcome(machine, policy)).toBe("pass");
});

test("a link that is slow on the good machine is not demanded, and said", () => {
  const good = machines["8 GPUs"] as Machine;
  const [slow] = trainedDown(good).filter(([what]) => what.endsWith("18:00.0"));
  const policy = written(slow?.[1] as Machine);
  expect(policy.text).toContain("# not demanded: more of the links of gpu0");
  expect(policy.text).toContain("{ devices: [all, not gpu0], atLeast: as-capable");
  expect(outcome(slow?.[1] as Machine, policy)).toBe("pass");
});

test("nothing is made of a machine that shows nothing", () => {
  expect(writePolicy({ ...(machines["one switch"] as Machine), functions: [] }, { name: "x", head: [] })?.text).toMatch(
    /machine:/,
  );
});

test("a name that somebody gave and YAML would read otherwise is not written", () => {
  const good = machines["one switch"] as Machine;
  const odd = changed(good, [good.functions.find(({ names }) => names[0] === "nvme0")?.bdf ?? null], () => ({
    names: ["a, b]: c #"],
  }));
  expect(outcome(odd, written(odd))).toBe("pass");
});
