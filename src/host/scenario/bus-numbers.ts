import { type Bdf, makeBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import type { DownstreamPortNode, Scenario, ScenarioHostBridge, ScenarioNode } from "./scenario.ts";

/** Where a physical function's VFs lie (PCIe 6.0 sec 9.2.1.2); routing ids relative to the PF's. */
export interface VfLayout {
  readonly firstVfOffset: number;
  readonly vfStride: number;
}

/** A function of a scenario with its bus numbers. */
export interface NumberedFunction {
  readonly node: ScenarioNode | DownstreamPortNode;
  readonly bdf: Bdf;
  readonly upstream: Bdf | null;
  /** Buses below a bridge, `null` for an endpoint. */
  readonly buses: { readonly secondary: number; readonly subordinate: number } | null;
  readonly vfs: VfLayout | null;
  readonly below: readonly NumberedFunction[];
}

/** A host bridge with everything below it numbered. */
export interface NumberedHostBridge {
  readonly hostBridge: ScenarioHostBridge;
  readonly lastBus: number;
  readonly below: readonly NumberedFunction[];
}

/**
 * Numbers the buses as firmware and kernel do: depth first in the order of device numbers, each bridge's secondary bus
 * the next free one (`pci_scan_child_bus`, Linux 7.2), after the buses that VFs need. Throws `bad-input` with the place
 * where the 256 buses of a segment run out or where one host bridge's buses reach another's.
 */
export function numberBuses(scenario: Scenario): readonly NumberedHostBridge[] {
  const numbered = scenario.hostBridges.map((hostBridge) => new BusNumbering(hostBridge).number());
  refuseSharedBuses(numbered);
  return numbered;
}

/** The devices directly below a function; none for an endpoint. */
export function childrenOf(
  node: ScenarioNode | DownstreamPortNode,
): readonly (ScenarioNode | DownstreamPortNode)[] | null {
  if (node.kind === "endpoint") return null;
  return node.kind === "switch" ? node.ports : node.below;
}

class BusNumbering {
  readonly #hostBridge: ScenarioHostBridge;
  #last: number;

  constructor(hostBridge: ScenarioHostBridge) {
    this.#hostBridge = hostBridge;
    this.#last = hostBridge.bus;
  }

  number(): NumberedHostBridge {
    const { bus, below } = this.#hostBridge;
    const functions = this.#numberBus(below, bus, null);
    return { hostBridge: this.#hostBridge, lastBus: this.#last, below: functions };
  }

  #numberBus(
    nodes: readonly (ScenarioNode | DownstreamPortNode)[],
    bus: number,
    upstream: Bdf | null,
  ): readonly NumberedFunction[] {
    const layouts = this.#layOutVfs(nodes, bus);
    return nodes.map((node) => {
      const bdf = makeBdf(this.#hostBridge.segment, bus, node.device, node.function);
      const vfs = layouts.get(node) ?? null;
      const children = childrenOf(node);
      if (children === null) return { node, bdf, upstream, buses: null, vfs, below: [] };
      const secondary = this.#takeBus(this.#last + 1, node);
      const below = this.#numberBus(children, secondary, bdf);
      return { node, bdf, upstream, buses: { secondary, subordinate: this.#last }, vfs, below };
    });
  }

  #takeBus(bus: number, node: ScenarioNode | DownstreamPortNode): number {
    if (bus > 0xff) {
      throw new PeerlaneError("bad-input", "the bus numbers of this segment run out here", {
        place: node.place,
        remedy: "a segment has 256 buses: start this host bridge at a lower 'bus:' or in a 'segment:' of its own",
      });
    }
    this.#last = bus;
    return bus;
  }

  /** VFs follow the last function of their bus, those of one PF after those of the one before. */
  #layOutVfs(
    nodes: readonly (ScenarioNode | DownstreamPortNode)[],
    bus: number,
  ): ReadonlyMap<ScenarioNode | DownstreamPortNode, VfLayout> {
    const layouts = new Map<ScenarioNode | DownstreamPortNode, VfLayout>();
    let next = 1 + nodes.reduce((last, node) => Math.max(last, node.device * 8 + node.function), 0);
    for (const node of nodes) {
      if (node.kind !== "endpoint" || node.sriov === null) continue;
      const last = next + node.sriov.totalVfs - 1;
      layouts.set(node, { firstVfOffset: next - (node.device * 8 + node.function), vfStride: 1 });
      next = last + 1;
      const lastBus = bus + Math.floor(last / 0x100);
      if (lastBus > this.#last) this.#takeBus(lastBus, node);
    }
    return layouts;
  }
}

function refuseSharedBuses(numbered: readonly NumberedHostBridge[]): void {
  const sorted = [...numbered].sort(
    (a, b) => a.hostBridge.segment - b.hostBridge.segment || a.hostBridge.bus - b.hostBridge.bus,
  );
  sorted.forEach((entry, index) => {
    const next = sorted[index + 1];
    if (next === undefined || next.hostBridge.segment !== entry.hostBridge.segment) return;
    if (next.hostBridge.bus > entry.lastBus) return;
    const range = `0x${entry.hostBridge.bus.toString(16)} to 0x${entry.lastBus.toString(16)}`;
    throw new PeerlaneError("bad-input", `the host bridge before this one takes buses ${range}`, {
      place: next.hostBridge.place,
      remedy: "give this one a higher 'bus:' or a 'segment:' of its own",
    });
  });
}
