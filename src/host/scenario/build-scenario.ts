import { PeerlaneError } from "../../pci/error.ts";
import type { ValuePath, YamlSource } from "../yaml/yaml-source.ts";
import { type BuildContext, buildBelow, countFunctions } from "./build-node.ts";
import { CPU_PRESETS } from "./cpu-presets.ts";
import type { CpuInput, HostBridgeInput, ScenarioInput } from "./input.ts";
import { itemsAt } from "./placement.ts";
import type { Scenario, ScenarioCpu, ScenarioHostBridge, ScenarioIommu } from "./scenario.ts";
import { usualIommu } from "./system.ts";

/** Buses between the host bridges of one segment where the scenario gives no number. */
const HOST_BRIDGE_STEP = 0x40;

/** Fills in every default of a validated file. Throws `bad-input` with the place for a machine that cannot be. */
export function buildScenario(input: ScenarioInput, source: YamlSource): Scenario {
  const cpu = input.cpu === undefined ? null : buildCpu(input.cpu);
  const context: BuildContext = { source, names: new Map(), functionCount: 0 };
  const rootBuses = new RootBuses();
  const hostBridges = input.hostBridges.map((hostBridge, index) =>
    buildHostBridge(hostBridge, ["hostBridges", index], context, rootBuses),
  );
  return {
    name: input.scenario ?? source.file,
    file: source.file,
    cpu,
    kernel: input.kernel ?? null,
    iommu: input.iommu === undefined ? null : buildIommu(input.iommu, cpu),
    commandLine: input.cmdline ?? "",
    hostBridges,
  };
}

function buildCpu(input: CpuInput): ScenarioCpu {
  if (typeof input === "string") return { preset: input, ...CPU_PRESETS[input] };
  return {
    preset: null,
    architecture: input.architecture ?? architectureOf(input.vendor),
    vendor: input.vendor ?? null,
    family: input.family ?? null,
    model: input.model ?? null,
    name: input.name ?? null,
  };
}

function architectureOf(vendor: string | undefined): string | null {
  return vendor === "GenuineIntel" || vendor === "AuthenticAMD" ? "x86_64" : null;
}

function buildIommu(input: NonNullable<ScenarioInput["iommu"]>, cpu: ScenarioCpu | null): ScenarioIommu {
  if (input.mode === "off") return { mode: "off", kind: "none" };
  return { mode: input.mode, kind: input.kind ?? (cpu === null ? null : usualIommu(cpu)) };
}

/** The root bus numbers given so far, by segment. */
class RootBuses {
  readonly #bySegment = new Map<number, Set<number>>();
  readonly #highest = new Map<number, number>();

  /** The number for a host bridge that states none: 0, then the next multiple of 0x40 above all before it. */
  next(segment: number): number {
    const highest = this.#highest.get(segment);
    return highest === undefined ? 0 : (Math.floor(highest / HOST_BRIDGE_STEP) + 1) * HOST_BRIDGE_STEP;
  }

  /** Notes a number; false when it was there before. */
  take(segment: number, bus: number): boolean {
    const buses = this.#bySegment.get(segment) ?? new Set();
    this.#bySegment.set(segment, buses);
    this.#highest.set(segment, Math.max(bus, this.#highest.get(segment) ?? 0));
    return buses.size < buses.add(bus).size;
  }
}

function buildHostBridge(
  input: HostBridgeInput,
  path: ValuePath,
  context: BuildContext,
  rootBuses: RootBuses,
): ScenarioHostBridge {
  const place = context.source.placeOf(path);
  const segment = input.segment ?? 0;
  const bus = input.bus ?? rootBuses.next(segment);
  if (bus > 0xff) {
    throw new PeerlaneError("bad-input", `no default bus number is left in segment ${segment}`, {
      place,
      remedy: "give each host bridge its `bus:`, such as 0x20, or a `segment:` of its own",
    });
  }
  if (!rootBuses.take(segment, bus)) {
    throw new PeerlaneError("bad-input", `two host bridges with bus 0x${bus.toString(16)} in segment ${segment}`, {
      place: context.source.placeOf([...path, "bus"]),
      remedy: "give this one another `bus:` or a `segment:` of its own",
    });
  }
  const numaNode = input.numaNode ?? null;
  const hasHostBridge = input.id === undefined ? bus === 0 : input.id !== "none";
  countFunctions(context, hasHostBridge ? 1 : 0, path);
  return {
    segment,
    bus,
    busOffset: input.busOffset ?? 0,
    hasFunction: hasHostBridge,
    id: input.id === undefined || input.id === "none" ? null : input.id,
    numaNode,
    below: buildBelow(
      context,
      { bus: "root", hasHostBridge, numaNode, maxPayloadBytes: null },
      itemsAt(input.below, path),
    ),
    place,
  };
}
