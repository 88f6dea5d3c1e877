import { type Bdf, domainOf, functionOf, slotOf } from "../../pci/bdf.ts";
import { isUnknown, type Known } from "../../pci/known.ts";
import type { Reading } from "./reading.ts";
import { notInText } from "./reasons.ts";

/** No machine has as many virtual functions; a hostile text may claim 65,535 for each function. */
const MAX_VIRTUAL = 1_000_000;
const COMMAND_IO_OR_MEMORY = 0x3;
const NOT_SEEN = -1;

/**
 * Tells which functions are virtual, and which belong to a device of several: `lspci` prints neither, but the SR-IOV
 * lines of physical functions say where their virtual ones are (PCIe 6.0 sec 9.3.3.9, 9.3.3.10). As in the kernel
 * (`pci_scan_slot`, Linux 7.2) every function but the first of a slot belongs to several, whatever its own header says,
 * and the first one where it has such siblings; virtual functions do not count.
 */
export class VirtualFunctions {
  readonly #physicalByVirtual = new Map<number, Bdf>();
  /** Lowest address, by domain and class, of functions that may have virtual ones and hide whether they do. */
  readonly #hiding = new Map<string, number>();
  readonly #mates = new Map<number, (readonly [Bdf, Reading])[]>();

  constructor(readings: Iterable<readonly [Bdf, Reading]>) {
    const all = [...readings];
    for (const [bdf, reading] of all) {
      const { sriov } = reading;
      if (isUnknown(sriov)) this.#addHiding(bdf, reading);
      else if (sriov !== null) this.#addVirtual(bdf, sriov);
    }
    for (const one of all) {
      const mates = this.#mates.get(slotOf(one[0]));
      if (mates === undefined) this.#mates.set(slotOf(one[0]), [one]);
      else mates.push(one);
    }
  }

  #addHiding(bdf: Bdf, reading: Reading): void {
    if (isBridge(reading)) return;
    for (const key of [kindOf(bdf, reading), anyKindOf(bdf)]) {
      this.#hiding.set(key, Math.min(bdf, this.#hiding.get(key) ?? bdf));
    }
  }

  #addVirtual(
    bdf: Bdf,
    { numVfs, firstVfOffset, vfStride }: { numVfs: number; firstVfOffset: number; vfStride: number },
  ): void {
    for (let vf = 0; vf < numVfs && this.#physicalByVirtual.size < MAX_VIRTUAL; vf++) {
      const routingId = (bdf % 0x10000) + firstVfOffset + vf * vfStride;
      if (routingId > 0xffff) break;
      const address = domainOf(bdf) * 0x10000 + routingId;
      if (!this.#physicalByVirtual.has(address)) this.#physicalByVirtual.set(address, bdf);
      if (vfStride === 0) break;
    }
  }

  /** The physical function of a virtual one, `null` for a function that is none; unknown where either could be. */
  physicalOf(bdf: Bdf, reading: Reading): Known<Bdf | null> {
    const physical = this.#physicalByVirtual.get(bdf);
    if (isNeverVirtual(reading)) return null;
    if (physical !== undefined) return physical;
    // A virtual function has the class of its physical one, and a higher address (PCIe 6.0 sec 9.3.4.1.6, 9.2.1.2).
    const key = isUnknown(reading.classKind) ? anyKindOf(bdf) : kindOf(bdf, reading);
    const lowest = Math.min(this.#hiding.get(key) ?? bdf, this.#hiding.get(unclassedOf(bdf)) ?? bdf);
    if (lowest < bdf) return notInText;
    const hasFirst = functionOf(bdf) === 0 || this.#matesOf(bdf).some(([mate]) => functionOf(mate) === 0);
    return hasFirst ? null : notInText;
  }

  #matesOf(bdf: Bdf): readonly (readonly [Bdf, Reading])[] {
    return this.#mates.get(slotOf(bdf)) ?? [];
  }

  /** Whether a function is one of several of its device, by its own header where its bytes are there. */
  isMultifunction(bdf: Bdf, reading: Reading): Known<boolean> {
    const { multifunction } = reading;
    if (multifunction === true) return true;
    const physical = this.physicalOf(bdf, reading);
    if (!isUnknown(physical) && physical !== null) return false;
    if (functionOf(bdf) > 0) return isUnknown(physical) ? (isUnknown(multifunction) ? physical : multifunction) : true;
    if (!isUnknown(multifunction)) return multifunction;
    const others = this.#matesOf(bdf).filter(([mate]) => mate !== bdf);
    const kinds = others.map(([mate, other]) => this.physicalOf(mate, other));
    if (kinds.includes(null)) return true;
    return kinds.find(isUnknown) ?? false;
  }
}

/** Bridges have no virtual functions and are none; other classes of bridges, such as NVSwitch, may. */
function isBridge({ classKind, headerType }: Reading): boolean {
  if (!isUnknown(headerType) && headerType !== 0) return true;
  return classKind === 0x0600 || classKind === 0x0601 || classKind === 0x0604;
}

/** What a virtual function cannot have: decoding of its own, virtual functions (PCIe 6.0 sec 9.3.4.1.3), a bridge's header. */
export function isNeverVirtual(reading: Reading): boolean {
  const { command, sriov } = reading;
  if (!isUnknown(command) && (command & COMMAND_IO_OR_MEMORY) !== 0) return true;
  return isBridge(reading) || (!isUnknown(sriov) && sriov !== null);
}

function kindOf(bdf: Bdf, { classKind }: Reading): string {
  return `${domainOf(bdf)} ${isUnknown(classKind) ? NOT_SEEN : classKind}`;
}

function unclassedOf(bdf: Bdf): string {
  return `${domainOf(bdf)} ${NOT_SEEN}`;
}

function anyKindOf(bdf: Bdf): string {
  return `${domainOf(bdf)} any`;
}
