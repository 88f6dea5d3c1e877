/** Vendors as `pci_ids.h` names them, for trees of which single files are at hand; ids are the PCI-SIG's. */
const VENDORS: Readonly<Record<string, number>> = {
  PCI_VENDOR_ID_INTEL: 0x8086,
  PCI_VENDOR_ID_AMD: 0x1022,
  PCI_VENDOR_ID_ATI: 0x1002,
  PCI_VENDOR_ID_NVIDIA: 0x10de,
  PCI_VENDOR_ID_GOOGLE: 0x1ae0,
};

/** What the macros of a tree's `pci_ids.h` stand for. */
export class Ids {
  readonly #values = new Map<string, number>(Object.entries(VENDORS));

  constructor(header: string) {
    for (const [, name = "", value] of header.matchAll(
      /^#define\s+(PCI_(?:VENDOR|DEVICE)_ID_\w+)\s+(0x[0-9a-fA-F]+|\d+)/gm,
    )) {
      this.#values.set(name, Number(value));
    }
  }

  /** The number that a literal or a macro stands for, `undefined` where it is not known. */
  value(text: string): number | undefined {
    return /^(?:0x[0-9a-fA-F]+|\d+)$/.test(text) ? Number(text) : this.#values.get(text);
  }
}
