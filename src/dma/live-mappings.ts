import { formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { DmaDevice, DmaDirection } from "./dma-device.ts";

interface Live<T> {
  readonly device: DmaDevice;
  readonly direction: DmaDirection;
  readonly taken: T;
}

/**
 * The mappings of a back end that exist, by the object that the caller has: an unmap names one of them, or is refused
 * before anything is touched, as its addresses may be another's by now (`CONFIG_DMA_API_DEBUG` reports such, Linux 7.2).
 */
export class LiveMappings<T> {
  readonly #live = new WeakMap<object, Live<T>>();

  /** Notes a mapping with what it took. */
  add(mapping: object, device: DmaDevice, direction: DmaDirection, taken: T): void {
    this.#live.set(mapping, { device, direction, taken });
  }

  /** Throws `bad-input` for what is not mapped here, or for another device, or in another direction. */
  require(mapping: object, device: DmaDevice, direction: DmaDirection): T {
    const live = this.#live.get(mapping);
    if (live === undefined) {
      throw new PeerlaneError(
        "bad-input",
        `no such mapping of ${formatBdf(device.bdf)}: unmapped twice, or never made`,
        {
          remedy: "unmap the object that the mapping call filled or returned, once",
        },
      );
    }
    if (live.device.bdf !== device.bdf || live.direction !== direction) {
      const made = `for ${formatBdf(live.device.bdf)}, ${live.direction}`;
      throw new PeerlaneError("bad-input", `mapped ${made}, and unmapped for ${formatBdf(device.bdf)}, ${direction}`, {
        remedy: "unmap with the device and the direction of the mapping call",
      });
    }
    return live.taken;
  }

  /** {@link require}, and it is no mapping any more. */
  take(mapping: object, device: DmaDevice, direction: DmaDirection): T {
    const taken = this.require(mapping, device, direction);
    this.#live.delete(mapping);
    return taken;
  }
}
