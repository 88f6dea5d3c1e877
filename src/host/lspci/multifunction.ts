import { type Bdf, busKeyOf, deviceOf, domainOf, functionOf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { Reading } from "./reading.ts";
import { notInText } from "./reasons.ts";

/** No machine has as many virtual functions; a hostile text may claim 65,535 for each function. */
const MAX_VIRTUAL = 1_000_000;

const slotOf = (bdf: Bdf): number => busKeyOf(bdf) * 32 + deviceOf(bdf);

/**
 * Tells which functions belong to a device of several, which `lspci` does not print. As in the kernel (`pci_scan_slot`,
 * Linux 7.2) every function but the first of a slot does, whatever its own header says, and the first one where it has
 * such siblings; virtual functions do not count.
 */
export class MultifunctionFinder {
  readonly #virtual = new Set<number>();
  /** Domains in which some function hides whether it has virtual ones. */
  readonly #hiddenDomains = new Set<number>();
  readonly #countBySlot = new Map<number, number>();

  constructor(readings: Iterable<readonly [Bdf, Reading]>) {
    const all = [...readings];
    for (const [bdf, { sriov }] of all) {
      if (isUnknown(sriov)) this.#hiddenDomains.add(domainOf(bdf));
      else if (sriov !== null) this.#addVirtual(bdf, sriov);
    }
    for (const [bdf] of all) {
      if (this.#virtual.has(bdf)) continue;
      this.#countBySlot.set(slotOf(bdf), (this.#countBySlot.get(slotOf(bdf)) ?? 0) + 1);
    }
  }

  #addVirtual(
    bdf: Bdf,
    { numVfs, firstVfOffset, vfStride }: { numVfs: number; firstVfOffset: number; vfStride: number },
  ): void {
    for (let vf = 0; vf < numVfs && this.#virtual.size < MAX_VIRTUAL; vf++) {
      const routingId = (bdf % 0x10000) + firstVfOffset + vf * vfStride;
      if (routingId > 0xffff) break;
      this.#virtual.add(domainOf(bdf) * 0x10000 + routingId);
      if (vfStride === 0) break;
    }
  }

  /** `fromHeader` is the bit of the function's own header, where its bytes are there. */
  isMultifunction(bdf: Bdf, fromHeader: Known<boolean>): Known<boolean> {
    if (fromHeader === true) return true;
    if (this.#virtual.has(bdf)) return false;
    const isOneOfSeveral =
      functionOf(bdf) > 0 || (isUnknown(fromHeader) && (this.#countBySlot.get(slotOf(bdf)) ?? 0) > 1);
    if (!isOneOfSeveral) return false;
    if (this.#hiddenDomains.has(domainOf(bdf))) return isUnknown(fromHeader) ? notInText : fromHeader;
    return true;
  }
}
