import { type Machine, originOf } from "../../host/machine.ts";
import type { Bdf } from "../../pci/bdf.ts";
import type { PciFunction } from "../../pci/function.ts";
import { isUnknown } from "../../pci/known.ts";
import { acsParameters } from "../../rules/acs-parameters.ts";
import { rowsOf } from "../../rules/kernels/choose-rules.ts";
import { parseKernelRelease } from "../../rules/kernels/kernel-release.ts";

/** One entry of a list of `pci=`, and the function that it is for. */
export interface ListEntry {
  readonly device: Bdf;
  readonly text: string;
}

/** Sources that show every function of the machine. */
const SHOW_ALL: ReadonlySet<string> = new Set(["sysfs", "archive", "collected", "scenario"]);

/**
 * Entries of a list of `pci=` by vendor and device id, each for all functions that have them; those of which another function
 * has the ids too, or is asked for something else, stay by address. `null` where there is none by ids. Ids stay what they are
 * when cards are added or moved, and hit what comes later.
 *
 * `withEntries` makes the command line with such entries. What the kernel reads from it has to ask the same of every function
 * of the machine as the entries by address do; a source that may leave functions out proves nothing.
 */
export function entriesByIds(
  machine: Machine,
  entries: readonly ListEntry[],
  withEntries: (texts: readonly string[]) => string,
): readonly string[] | null {
  if (!SHOW_ALL.has(originOf(machine)) || machine.functionsMayBeMissing !== undefined) return null;
  const texts = [...new Set(entries.map((entry) => textByIds(machine, entries, entry)))];
  if (!texts.some((text) => text.includes("pci:"))) return null;
  const asked = asks(machine, withEntries(entries.map(({ text }) => text)));
  const askedByIds = asks(machine, withEntries(texts));
  return asked !== null && asked === askedByIds ? texts : null;
}

function textByIds({ functions }: Machine, entries: readonly ListEntry[], { device, text }: ListEntry): string {
  const of = functions.find(({ bdf }) => bdf === device);
  const ids = of === undefined ? null : idsOf(of);
  if (ids === null) return text;
  const flags = flagsOf(text);
  const same = functions.filter((fn) => idsOf(fn) === ids);
  const isMeant = (bdf: Bdf): boolean => entries.some((entry) => entry.device === bdf && flagsOf(entry.text) === flags);
  return same.every(({ bdf }) => isMeant(bdf)) ? `${flags}pci:${ids}` : text;
}

/** `xx100x1@` of an entry of `config_acs`, nothing of one of `disable_acs_redir`. */
function flagsOf(text: string): string {
  return text.slice(0, text.indexOf("@") + 1);
}

function idsOf({ vendorId, deviceId }: PciFunction): string | null {
  if (isUnknown(vendorId) || isUnknown(deviceId) || vendorId === 0 || deviceId === 0) return null;
  return [vendorId, deviceId].map((id) => id.toString(16).padStart(4, "0")).join(":");
}

/** What a command line asks of every function, `null` where it is not known of one. The order of a list counts where the kernel reads its first entry alone. */
function asks(machine: Machine, commandLine: string): string | null {
  const parameters = acsParameters({ ...machine, kernel: { ...machine.kernel, commandLine } });
  const found = machine.functions.map((fn) => parameters.asksOf(fn));
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
