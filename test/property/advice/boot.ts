import { chainOf, releaseNumber } from "./kernel.ts";
import type { Placed } from "./layout.ts";
import type { Setup } from "./made-machine.ts";

const REDIRECTS = 0x2c;
/** Source validation, both redirects, upstream forwarding. */
const ASKED_BY_IOMMU = 0x1d;

/** The last value of an option of `pci=`, which is the one that the kernel keeps. */
export function optionOf(parameters: string, name: string): string {
  let value = "";
  for (const word of parameters.split(/\s+/)) {
    if (!word.startsWith("pci=")) continue;
    for (const option of word.slice(4).split(",")) {
      if (option.startsWith(`${name}=`)) value = option.slice(name.length + 1);
    }
  }
  return value;
}

/** The entries of a list, without the empty one that may end it. */
export function entriesOf(list: string): readonly string[] {
  return list.split(";").filter((entry, index, all) => entry !== "" || index < all.length - 1);
}

/** Whether an entry, `00:04.0`, `00:04.0/00.0`, `pci:8086:347a`, names a function at its place. */
export function names(entry: string, fn: Placed): boolean {
  if (entry.startsWith("pci:")) {
    const [vendor = "", device = ""] = entry.slice(4).split(":");
    const [ownVendor = "", ownDevice = ""] = fn.ids.split(":");
    const is = (asked: string, own: string): boolean => {
      const id = Number.parseInt(asked, 16);
      return id === 0 || id === Number.parseInt(own, 16);
    };
    return is(vendor, ownVendor) && is(device, ownDevice);
  }
  const [start = "", ...below] = entry.split("/");
  const path = [start.replace(/^.*:(?=[^:]*$)/, ""), ...below];
  const bus = Number.parseInt(start.split(":").at(-2) ?? "", 16);
  const chain = chainOf(fn);
  return path.toReversed().every((text, index) => {
    const at = chain[index];
    const [device = "", number = ""] = text.split(".");
    if (at === undefined || at.devfn !== Number.parseInt(device, 16) * 8 + Number(number)) return false;
    return index < path.length - 1 || at.bus === bus;
  });
}

/** ACS control of each function that has ACS, after the boot (docs/rules.md: what firmware left, the IOMMU, parameters). */
export function bootedControl(setup: Setup, functions: readonly Placed[]): Map<string, number> {
  const number = releaseNumber(setup.release);
  const disabled = entriesOf(optionOf(setup.parameters, "disable_acs_redir"));
  const config = number < releaseNumber("6.11") ? [] : entriesOf(optionOf(setup.parameters, "config_acs"));
  const way = wayOf(number);
  const control = new Map<string, number>();
  for (const fn of functions) {
    if (fn.offers === null) continue;
    let value = fn.firmware;
    if (setup.iommu !== "off") value |= ASKED_BY_IOMMU & fn.offers;
    const change = (mask: number, flags: number): void => {
      if (way === "clears") value &= ~mask;
      else if (way === "from-firmware") value = (fn.firmware & ~mask) | (flags & mask);
      else value = (value & ~mask) | (fn.firmware & mask) | flags;
    };
    if (disabled.some((entry) => names(entry, fn))) change(REDIRECTS, ~REDIRECTS);
    const setting = settingFor(config, fn, way === "mixes");
    if (setting !== undefined) change(setting.mask, setting.flags);
    control.set(fn.name, value & fn.offers);
  }
  return control;
}

/** What the parameters do to a register changed with 6.11, and again with a fix that went to stable series too. */
function wayOf(number: number): "clears" | "mixes" | "from-firmware" {
  if (number < releaseNumber("6.11")) return "clears";
  const isMended =
    number >= releaseNumber("6.15") ||
    (["6.12.23", "6.13.11", "6.14.2"] as const).some(
      (from) => Math.floor(number / 1000) === Math.floor(releaseNumber(from) / 1000) && number >= releaseNumber(from),
    );
  return isMended ? "from-firmware" : "mixes";
}

function settingFor(
  entries: readonly string[],
  fn: Placed,
  isFirstOnly: boolean,
): { readonly mask: number; readonly flags: number } | undefined {
  let isRead = true;
  for (const entry of entries) {
    const [text = "", device = ""] = entry.split("@");
    if (!isRead) return undefined;
    const bits = [...text].reverse();
    const sum = (letters: string): number =>
      bits.reduce((all, letter, bit) => all | (letters.includes(letter) ? 1 << bit : 0), 0);
    const setting = { mask: sum("01"), flags: sum("1") };
    if (names(device, fn)) return setting;
    // Until it was mended, flags were read of one entry only.
    if (isFirstOnly && setting.mask !== 0) isRead = false;
  }
  return undefined;
}
