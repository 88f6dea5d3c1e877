import { busKeyOf, makeBdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { type Known, unknown } from "../../pci/known.ts";
import { isOfNoVendor } from "../../pci/no-vendor.ts";
import type { Cpu, HostBridge, Iommu, Kernel, Machine, Note } from "../machine.ts";
import { mapAddresses } from "./address-map.ts";
import { type NumberedFunction, numberBuses } from "./bus-numbers.ts";
import { type FunctionContext, groupUnstated, hostBridgeFunction, pciFunctions } from "./functions.ts";
import { hostBridgeWindows } from "./host-windows.ts";
import { parseScenario } from "./parse-scenario.ts";
import type { Scenario, ScenarioHostBridge, ScenarioIommu } from "./scenario.ts";

/**
 * The machine that a scenario describes, with bus numbers, addresses and defaults, as firmware hands it to the kernel:
 * ACS control is what the file states or the hardware's default of 0. What the kernel does to it at boot is
 * `bootAcsControl` of `rules/`. What the file leaves out and rules need is unknown, with the key to add. Throws
 * `bad-input` with the place where bus numbers or windows collide.
 */
export function scenarioMachine(scenario: Scenario): Machine {
  const numbered = numberBuses(scenario);
  const addresses = mapAddresses(numbered);
  const windows = hostBridgeWindows(scenario.hostBridges, addresses.spaces);
  const iommuGroup = scenario.iommu?.mode === "off" ? null : groupUnstated;
  const functions = numbered.flatMap(({ hostBridge, below }) =>
    functionsBelow(hostBridge, below, { hostBridge, addresses, iommuGroup }),
  );
  return {
    source: { format: "scenario", name: scenario.file },
    functions: functions.sort((a, b) => a.bdf - b.bdf),
    hostBridges: scenario.hostBridges
      .map((hostBridge, index): HostBridge => {
        const { numaNode } = hostBridge;
        return { rootBus: rootBusOf(hostBridge), windows: windows[index] ?? [], numaNode };
      })
      .sort((a, b) => a.rootBus - b.rootBus),
    cpu: cpuOf(scenario),
    kernel: kernelOf(scenario),
    iommu: iommuOf(scenario),
    notes: notesOf(scenario, functions, addresses.unassigned),
  };
}

/** Reads a scenario file as a machine: {@link parseScenario}, then {@link scenarioMachine}. */
export function readScenario(text: string, file: string): Machine {
  return scenarioMachine(parseScenario(text, file));
}

function rootBusOf({ segment, bus }: ScenarioHostBridge): number {
  return busKeyOf(makeBdf(segment, bus, 0, 0));
}

function functionsBelow(
  hostBridge: ScenarioHostBridge,
  below: readonly NumberedFunction[],
  context: FunctionContext,
): PciFunction[] {
  const first = hostBridgeFunction(makeBdf(hostBridge.segment, hostBridge.bus, 0, 0), context);
  const functions: PciFunction[] = first === null ? [] : [first];
  const visit = (fn: NumberedFunction): void => {
    for (const one of pciFunctions(fn, context)) functions.push(one);
    fn.below.forEach(visit);
  };
  below.forEach(visit);
  return functions;
}

function unstated(key: string): { readonly unknown: string } {
  return unknown(`the scenario does not say: add \`${key}:\``);
}

function cpuOf({ cpu }: Scenario): Cpu {
  if (cpu === null) {
    const hidden = unstated("cpu");
    return { architecture: hidden, vendor: hidden, family: hidden, model: hidden, name: hidden };
  }
  const { architecture, vendor, family, model, name } = cpu;
  // Only x86 names vendor, family and model; on anything else their absence is the answer.
  const isNone = architecture !== null && architecture !== "x86_64";
  const stated = <T>(value: T | null, key: string): Known<T | null> =>
    value ?? (isNone ? null : unstated(`${key}:\` to \`cpu`));
  return {
    architecture: architecture ?? unstated("architecture:` to `cpu"),
    vendor: stated(vendor, "vendor"),
    family: stated(family, "family"),
    model: stated(model, "model"),
    name: stated(name, "name"),
  };
}

function kernelOf(scenario: Scenario): Kernel {
  return {
    release: scenario.kernel ?? unstated("kernel"),
    commandLine: scenarioCommandLine(scenario),
    config: unknown("a scenario does not state the kernel's configuration"),
  };
}

function iommuOf({ iommu }: Scenario): Iommu {
  const groupTypes = unknown("a scenario does not state the types of IOMMU groups");
  if (iommu === null) return { kind: unstated("iommu"), mode: unstated("iommu"), groupTypes };
  if (iommu.mode === "off") return { kind: "none", mode: "off", groupTypes: new Map() };
  return { kind: iommu.kind ?? unstated("kind:` to `iommu"), mode: iommu.mode, groupTypes };
}

function notesOf({ file }: Scenario, functions: readonly PciFunction[], unassigned: number): readonly Note[] {
  return [...withoutIds(file, functions), ...withoutAddress(file, unassigned)];
}

function withoutIds(file: string, functions: readonly PciFunction[]): readonly Note[] {
  const count = functions.filter(isOfNoVendor).length;
  if (count === 0) return [];
  const message =
    `no ids are given for ${count} of ${functions.length} functions of ${file}: ` +
    "no quirk of the kernel and nothing documented of hardware is about them";
  return [{ severity: "info", message, remedy: "give them `id:`, as 8086:352a, where that matters" }];
}

function withoutAddress(file: string, unassigned: number): readonly Note[] {
  if (unassigned === 0) return [];
  return [
    {
      severity: "warning",
      message: `${unassigned} BARs of ${file} find no address: the 32-bit or I/O space of one machine is full`,
      remedy: "make large BARs 64-bit and prefetchable",
    },
  ];
}

/**
 * The kernel parameters of a scenario's machine: those that put the IOMMU into its mode
 * (Documentation/admin-guide/kernel-parameters, Linux 7.2), then the file's own.
 */
function scenarioCommandLine({ iommu, commandLine }: Scenario): string {
  const implied = iommu === null ? [] : iommuParameters(iommu);
  return [...implied, commandLine].filter((part) => part !== "").join(" ");
}

function iommuParameters({ mode, kind }: ScenarioIommu): readonly string[] {
  if (mode === "off") return [];
  const on = kind === "intel" ? ["intel_iommu=on"] : [];
  switch (mode) {
    case "passthrough":
      return [...on, "iommu.passthrough=1"];
    case "strict":
      return [...on, "iommu.passthrough=0", "iommu.strict=1"];
    case "lazy":
      return [...on, "iommu.passthrough=0", "iommu.strict=0"];
  }
}
