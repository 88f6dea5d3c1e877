import type { DecidePeer, DmaDevice, DmaDirection } from "../dma/dma-device.ts";
import type { DmaResult } from "../dma/dma-error.ts";
import type { DmaMapping, DmaOps, StaleReach } from "../dma/dma-ops.ts";
import { type IommuContext, iommuOps } from "../dma/iommu.ts";
import type { Scatterlist } from "../dma/scatterlist.ts";
import type { CostCounters } from "../memory/cost.ts";
import type { Provider } from "../memory/provider.ts";
import type { PhysRange } from "../pci/addresses.ts";
import type { Bdf } from "../pci/bdf.ts";
import type { Documented } from "./documented.ts";

/** What {@link storesOnlyOps} needs. */
export interface StoresOnlyContext extends IommuContext {
  readonly cost: CostCounters;
  /** What is documented of the hardware between a provider and a client, each way. */
  readonly documented: (provider: Provider, client: Bdf) => Documented;
}

const DIRECTIONS = ["to-device", "from-device", "bidirectional"] as const satisfies readonly DmaDirection[];

/**
 * A back end that asks for one direction at a time, as POWER would allow it: what the rules let through it maps as they say;
 * what they refuse it maps through the host bridge for a device that writes there, where the platform is documented to
 * deliver stores, and for one that reads, where it is documented to deliver loads. No kernel has it.
 *
 * MODEL: whoever asks the rules before mapping (a target for its provider) is refused as ever.
 */
class StoresOnlyMapping implements DmaOps {
  readonly name = "stores-only";
  readonly takesPeers = true;
  readonly cost: CostCounters;
  readonly #byDirection: Readonly<Record<DmaDirection, DmaOps>>;

  constructor(context: StoresOnlyContext) {
    this.cost = context.cost;
    const opsFor = (direction: DmaDirection): DmaOps => iommuOps({ ...context, decide: decideFor(direction, context) });
    const [read, write, both] = DIRECTIONS.map(opsFor) as [DmaOps, DmaOps, DmaOps];
    this.#byDirection = { "to-device": read, "from-device": write, bidirectional: both };
  }

  mapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): DmaResult<number> {
    return this.#byDirection[direction].mapList(device, list, direction);
  }

  unmapList(device: DmaDevice, list: Scatterlist, direction: DmaDirection): void {
    this.#byDirection[direction].unmapList(device, list, direction);
  }

  mapRange(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    return this.#byDirection[direction].mapRange(device, range, direction);
  }

  mapResource(device: DmaDevice, range: PhysRange, direction: DmaDirection): DmaResult<DmaMapping> {
    return this.#byDirection[direction].mapResource(device, range, direction);
  }

  unmapRange(device: DmaDevice, mapping: DmaMapping, direction: DmaDirection): void {
    this.#byDirection[direction].unmapRange(device, mapping, direction);
  }

  mapProviderRanges(
    device: DmaDevice,
    provider: Provider,
    ranges: readonly PhysRange[],
    direction: DmaDirection,
  ): DmaResult<readonly DmaMapping[]> {
    return this.#byDirection[direction].mapProviderRanges(device, provider, ranges, direction);
  }

  unmapProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void {
    this.#byDirection[direction].unmapProviderRanges(device, mappings, direction);
  }

  unlinkProviderRanges(device: DmaDevice, mappings: readonly DmaMapping[], direction: DmaDirection): void {
    this.#byDirection[direction].unlinkProviderRanges(device, mappings, direction);
  }

  /** The furthest of the three: a mapping is one's own, and the others know nothing of it. */
  staleReach(device: DmaDevice, mapping: DmaMapping): StaleReach {
    const all = DIRECTIONS.map((direction) => this.#byDirection[direction].staleReach(device, mapping));
    return all.find((reach) => reach !== "nothing") ?? "nothing";
  }
}

function decideFor(direction: DmaDirection, { decide, documented }: StoresOnlyContext): DecidePeer {
  return (provider, client) => {
    const type = decide(provider, client);
    if (type !== "not-supported") return type;
    const { read, write } = documented(provider, client);
    const isDelivered = (direction === "from-device" || read === true) && (direction === "to-device" || write === true);
    return isDelivered ? "thru-host-bridge" : type;
  };
}

/** Mapping by direction, each as documented where the rules refuse. */
export function storesOnlyOps(context: StoresOnlyContext): DmaOps {
  return new StoresOnlyMapping(context);
}
