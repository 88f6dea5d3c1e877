import { busKeyOf, makeBdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isOfNoVendor } from "../../pci/no-vendor.ts";
import type { HostBridge, Machine, Note } from "../machine.ts";
import { mapAddresses } from "./address-map.ts";
import { type NumberedFunction, numberBuses } from "./bus-numbers.ts";
import { type FunctionContext, hostBridgeFunction, pciFunctions } from "./functions.ts";
import { hostBridgeWindows } from "./host-windows.ts";
import { parseScenario } from "./parse-scenario.ts";
import type { Scenario, ScenarioHostBridge } from "./scenario.ts";
import { groupUnstated, scenarioCpu, scenarioIommu, scenarioKernel } from "./system.ts";

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
    cpu: scenarioCpu(scenario.cpu),
    kernel: scenarioKernel(scenario),
    iommu: scenarioIommu(scenario.iommu),
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
