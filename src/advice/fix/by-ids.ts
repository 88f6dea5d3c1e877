import { type Machine, originOf } from "../../host/machine.ts";
import { ACS_REDIRECT_BITS } from "../../pci/acs.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import { acsParameters } from "../../rules/acs-parameters.ts";
import { acsQuirk } from "../../rules/acs-quirks.ts";
import { rowsOf } from "../../rules/kernels/choose-rules.ts";
import { parseKernelRelease } from "../../rules/kernels/kernel-release.ts";

/** One entry of a list of `pci=`, and the function that it is for. */
export interface ListEntry {
  readonly device: Bdf;
  readonly text: string;
}

/** Entries of which some are by ids. */
export interface EntriesByIds {
  readonly texts: readonly string[];
  /** `1000:c030`, each once. */
  readonly ids: readonly string[];
  /** The functions that stay by address. */
  readonly others: readonly Bdf[];
}

/** Sources that show every function of the machine. */
const SHOW_ALL: ReadonlySet<string> = new Set(["sysfs", "archive", "collected", "scenario"]);

/**
 * Entries of a list of `pci=` by vendor and device id, each for all functions that have them; those of which another function
 * has the ids too, or is asked for something else, stay by address. `null` where there is none by ids. Ids stay what they are
 * when cards are added or moved, and hit what comes later. Nothing is done to a function without ACS: the ports of a switch
 * are named by ids that its upstream port has too.
 *
 * `withEntries` makes the command line with such entries. What the kernel reads from it has to ask the same of every function
 * with ACS as the entries by address do; a source that may leave functions out proves nothing.
 */
export function entriesByIds(
  machine: Machine,
  entries: readonly ListEntry[],
  withEntries: (texts: readonly string[]) => string,
): EntriesByIds | null {
  if (!SHOW_ALL.has(originOf(machine)) || machine.functionsMayBeMissing !== undefined) return null;
  const named = entries.map((entry) => ({ ...entry, ids: idsMeant(machine, entries, entry) }));
  const ids = new Set(named.flatMap((entry) => entry.ids ?? []));
  if (ids.size === 0) return null;
  const texts = [...new Set(named.map(({ text, ids: own }) => (own === null ? text : `${flagsOf(text)}pci:${own}`)))];
  const asked = asks(machine, withEntries(entries.map(({ text }) => text)));
  const askedByIds = asks(machine, withEntries(texts));
  if (asked === null || asked !== askedByIds) return null;
  return { texts, ids: [...ids], others: named.flatMap(({ device, ids: own }) => (own === null ? [device] : [])) };
}

/** Why functions are named by address and not by ids, where that is plain. */
export function whyByAddress(machine: Machine, devices: readonly Bdf[]): string | null {
  if (!SHOW_ALL.has(originOf(machine)) || machine.functionsMayBeMissing !== undefined) {
    return "the source may leave functions with the same ids out";
  }
  const meant = machine.functions.filter(({ bdf }) => devices.includes(bdf));
  const ids = new Set(meant.map(idsOf));
  if (ids.has(null)) return "the source hides their ids";
  const others = machine.functions.filter((fn) => ids.has(idsOf(fn)) && !devices.includes(fn.bdf) && !hasNoAcs(fn));
  const [first, ...more] = others.map(({ bdf }) => formatBdf(bdf));
  if (first === undefined) return null;
  return more.length === 0
    ? `${first} with the same ids is not meant`
    : `${first} and ${more.length} more with the same ids are not meant`;
}

/**
 * The ids of some functions, each once, and the other functions with these ids that redirect: `null` where the source may
 * leave functions out, or hides ids or ACS of one that may be hit.
 */
export function allOfTheirIds(
  machine: Machine,
  devices: readonly Bdf[],
): { readonly ids: readonly string[]; readonly others: readonly Bdf[] } | null {
  if (!SHOW_ALL.has(originOf(machine)) || machine.functionsMayBeMissing !== undefined) return null;
  const ids = new Set(machine.functions.filter(({ bdf }) => devices.includes(bdf)).map(idsOf));
  if (ids.has(null)) return null;
  const hit = machine.functions.filter((fn) => ids.has(idsOf(fn)) && !devices.includes(fn.bdf));
  if (hit.some(({ acs }) => isUnknown(acs))) return null;
  const others = hit.filter(({ acs }) => acs !== null && !isUnknown(acs) && (acs.control & ACS_REDIRECT_BITS) !== 0);
  return { ids: [...ids].flatMap((one) => one ?? []), others: others.map(({ bdf }) => bdf) };
}

/** The ids of an entry's function, `null` where they are those of another that is not meant too. */
function idsMeant({ functions }: Machine, entries: readonly ListEntry[], { device, text }: ListEntry): string | null {
  const of = functions.find(({ bdf }) => bdf === device);
  const ids = of === undefined ? null : idsOf(of);
  if (of === undefined || ids === null) return null;
  const flags = flagsOf(text);
  const same = functions.filter((fn) => idsOf(fn) === ids);
  const isMeant = (bdf: Bdf): boolean => entries.some((entry) => entry.device === bdf && flagsOf(entry.text) === flags);
  return same.every((fn) => isMeant(fn.bdf) || (hasNoAcs(fn) && portType(fn) !== portType(of))) ? ids : null;
}

/** True for what no ACS parameter changes: neither has it the capability nor registers of its own for it. */
function hasNoAcs(fn: PciFunction): boolean {
  if (fn.acs !== null) return false;
  const quirk = acsQuirk(fn);
  return !isUnknown(quirk) && quirk !== "registers-elsewhere";
}

function portType({ express }: PciFunction): string | null {
  return isUnknown(express) || express === null || isUnknown(express.type) ? null : express.type;
}

/** `xx100x1@` of an entry of `config_acs`, nothing of one of `disable_acs_redir`. */
function flagsOf(text: string): string {
  return text.slice(0, text.indexOf("@") + 1);
}

function idsOf({ vendorId, deviceId }: PciFunction): string | null {
  if (isUnknown(vendorId) || isUnknown(deviceId) || vendorId === 0 || deviceId === 0) return null;
  return [vendorId, deviceId].map((id) => id.toString(16).padStart(4, "0")).join(":");
}

/** What a command line asks of every function that may have ACS, `null` where it is not known of one. The order of a list counts where the kernel reads its first entry alone. */
function asks(machine: Machine, commandLine: string): string | null {
  const parameters = acsParameters({ ...machine, kernel: { ...machine.kernel, commandLine } });
  const found = machine.functions.filter((fn) => !hasNoAcs(fn)).map((fn) => parameters.asksOf(fn));
  const release = isUnknown(machine.kernel.release) ? undefined : parseKernelRelease(machine.kernel.release);
  const rows = release === undefined ? [] : rowsOf(release).rows;
  const readsLate = rows.length > 0 && rows.every(({ configAcs }) => configAcs === "every-entry");
  if (found.some(isUnknown)) return null;
  const texts = found.map((one) => {
    if (isUnknown(one)) return "";
    const { disabled, setting, settingIsLate } = one;
    return `${disabled} ${setting?.mask} ${setting?.flags} ${readsLate || settingIsLate}`;
  });
  return texts.join("\n");
}
