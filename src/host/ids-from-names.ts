import type { PciFunction } from "../pci/function.ts";
import { isUnknown, unknown } from "../pci/known.ts";
import { UNKNOWN_IDS, unknownIdsText } from "./lspci/notes.ts";
import type { Machine, Note } from "./machine.ts";

interface Ids {
  readonly vendorId: number;
  readonly deviceId: number;
}

/**
 * Fills vendor and device ids that a source gives by name only (`lspci` without `-nn`), from the text of a `pci.ids`
 * file. A name that the file has not stays unknown; of one that it has for several devices, all of them may be it.
 */
export function withIdsFromNames(machine: Machine, pciIds: string): Machine {
  // To read the file takes longer than all else that is done with a short list.
  if (machine.functions.every(hasIds)) return machine;
  const table = new NameTable(pciIds);
  let filled = 0;
  let left = 0;
  let shared = 0;
  const functions = machine.functions.map((fn): PciFunction => {
    if (hasIds(fn)) return fn;
    const [ids, ...others] = fn.label === null ? [] : table.find(fn.label);
    if (ids === undefined) {
      left++;
      return fn;
    }
    if (others.length > 0) {
      shared++;
      return { ...fn, ...amongOf(fn, [ids, ...others]) };
    }
    filled++;
    return { ...fn, ...ids };
  });
  if (filled + shared === 0) return machine;
  if (filled === 0) return { ...machine, functions };
  const kept = machine.notes.flatMap((note): readonly Note[] => {
    if (!isAboutIds(note)) return [note];
    return left + shared === 0 ? [] : [{ ...note, message: unknownIdsText(left + shared, functions.length) }];
  });
  const message = `the ids of ${filled} functions were looked up by name in this host's pci.ids, as the text has names only`;
  return {
    ...machine,
    functions,
    notes: [...kept, { severity: "info", message, remedy: "with lspci -nn they come from the machine itself" }],
  };
}

/** Ids that share a name: the vendor where all have one, and what decides as far as they agree. */
function amongOf(fn: PciFunction, idsAmong: readonly Ids[]): Pick<PciFunction, "vendorId" | "deviceId" | "idsAmong"> {
  const hidden = unknown(`${idsAmong.length} devices of pci.ids are named '${fn.label ?? ""}': use lspci -nn`);
  const vendors = new Set(idsAmong.map(({ vendorId }) => vendorId));
  const [vendor] = vendors;
  return { vendorId: vendors.size === 1 && vendor !== undefined ? vendor : hidden, deviceId: hidden, idsAmong };
}

function hasIds({ vendorId, deviceId }: PciFunction): boolean {
  return !isUnknown(vendorId) && !isUnknown(deviceId);
}

function isAboutIds({ message }: Note): boolean {
  return message.startsWith(UNKNOWN_IDS);
}

/** The vendors of a `pci.ids` file, with the place of each one's devices in the text. */
class NameTable {
  readonly #text: string;
  readonly #vendors: { readonly id: number; readonly name: string; readonly from: number; to: number }[] = [];

  constructor(pciIds: string) {
    this.#text = pciIds;
    const vendorLine = /^([0-9a-f]{4}) {2}(.+)$/gm;
    // Device classes follow the vendors, in lines that start with `C `.
    const end = pciIds.search(/^C [0-9a-f]{2} {2}/m);
    for (let match = vendorLine.exec(pciIds); match !== null; match = vendorLine.exec(pciIds)) {
      if (end >= 0 && match.index > end) break;
      const last = this.#vendors.at(-1);
      if (last !== undefined) last.to = match.index;
      const from = vendorLine.lastIndex;
      this.#vendors.push({
        id: Number.parseInt(match[1] ?? "", 16),
        name: match[2] ?? "",
        from,
        to: end < 0 ? pciIds.length : end,
      });
    }
  }

  /** The ids that `lspci` prints as `label` (vendor's name, blank, device's name or `Device 1234`). */
  find(label: string): readonly Ids[] {
    const found: Ids[] = [];
    for (const vendor of this.#vendors) {
      if (!label.startsWith(`${vendor.name} `)) continue;
      const device = label.slice(vendor.name.length + 1);
      const unnamed = /^Device ([0-9a-f]{4})$/.exec(device);
      if (unnamed !== null) found.push({ vendorId: vendor.id, deviceId: Number.parseInt(unnamed[1] ?? "", 16) });
      else found.push(...this.#devicesNamed(vendor, device));
    }
    return found;
  }

  #devicesNamed(vendor: { id: number; from: number; to: number }, name: string): Ids[] {
    const found: Ids[] = [];
    const line = `  ${name}\n`;
    for (
      let at = this.#text.indexOf(line, vendor.from);
      at >= 0 && at < vendor.to;
      at = this.#text.indexOf(line, at + 1)
    ) {
      // A device's line is a tab and four digits; deeper ones are subsystems.
      const id = /(?:^|\n)\t([0-9a-f]{4})$/.exec(this.#text.slice(at - 6, at))?.[1];
      if (id !== undefined) found.push({ vendorId: vendor.id, deviceId: Number.parseInt(id, 16) });
    }
    return found;
  }
}
