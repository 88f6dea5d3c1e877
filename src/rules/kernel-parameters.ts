import type { Addresses } from "../host/addresses.ts";
import { kernelParameters } from "../host/command-line.ts";
import { iommuParameters, turnedOff } from "../host/iommu-mode.ts";
import type { Cpu } from "../host/machine.ts";
import { type Bdf, busKeyOf, devfnOf, makeBdf } from "../pci/bdf.ts";
import { entryAt } from "../pci/entry-at.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known, unknown } from "../pci/known.ts";

/** One device of `pci=disable_acs_redir=`: by ids (0 stands for any) or by address, with a path of devfns below it. */
export type DeviceMatch =
  | {
      readonly kind: "ids";
      readonly vendorId: number;
      readonly deviceId: number;
      readonly subsystemVendorId: number;
      readonly subsystemDeviceId: number;
    }
  | { readonly kind: "path"; readonly start: Bdf; readonly below: readonly number[] };

/** One entry of `pci=config_acs=`. */
export interface AcsSetting {
  readonly mask: number;
  readonly flags: number;
  readonly device: DeviceMatch;
}

/** What the kernel makes of the `pci=` parameters of a command line, as far as ACS goes. */
export interface PciParameters {
  /** Devices whose ACS redirect is disabled; the last `disable_acs_redir=` wins. */
  readonly disableAcsRedirect: readonly DeviceMatch[];
  /** What `config_acs=` sets: for the first entry that matches a function, the bits of `mask` become those of `flags`. */
  readonly configAcs: readonly AcsSetting[];
  /** What does not mean what its writer meant, as sentences. */
  readonly misread: readonly string[];
}

const optionName = "disable_acs_redir=";
const configName = "config_acs=";
const looksLikeDevice = /^(?:[01xX]+@)?(?:pci:[0-9a-f]|(?:[0-9a-f]{1,8}:)?[0-9a-f]{1,2}:[0-9a-f]{1,2}\.[0-7])/i;

/**
 * Parses the `pci=` parameters as the kernel does (`pci_setup`, `pci_dev_str_match`, Linux 7.2): options are separated
 * by `,`, devices inside `disable_acs_redir=` by `;`. A `,` therefore ends the device list, and the kernel takes what
 * follows for options of their own, which it does not know.
 */
export function parsePciParameters(commandLine: string): PciParameters {
  let disableAcsRedirect: readonly DeviceMatch[] = [];
  let configAcs: readonly AcsSetting[] = [];
  const misread: string[] = [];
  for (const options of pciOptions(commandLine)) {
    let afterDevices = false;
    for (const option of options) {
      if (option.startsWith(optionName)) {
        disableAcsRedirect = parseDevices(option.slice(optionName.length), misread);
        afterDevices = true;
      } else if (option.startsWith(configName)) {
        configAcs = parseAcsSettings(option.slice(configName.length), misread);
        afterDevices = true;
      } else if (afterDevices && looksLikeDevice.test(option)) {
        misread.push(
          `the kernel reads '${option}' as an option of its own and ignores it: devices are separated by ';', not ','`,
        );
      }
    }
  }
  if (kernelParameters(commandLine).some(({ name, value }) => name === "disable_acs_redir" && value !== null)) {
    misread.push(`'${optionName}' stands alone on the command line and does nothing: it belongs behind pci=`);
  }
  return { disableAcsRedirect, configAcs, misread };
}

/** Sentences about parameters that are widely recommended and change nothing about where the hardware sends a request. */
export function uselessParameters(commandLine: string): readonly string[] {
  const isNoAcs = pciOptions(commandLine).some((options) => options.includes("noacs"));
  return [
    ...(isNoAcs ? ["Linux has no 'pci=noacs': the kernel ignores it, and ACS stays on"] : []),
    ...(kernelParameters(commandLine).some(({ name, value }) => name === "pcie_acs_override" && value !== null)
      ? [
          "'pcie_acs_override=' is known to patched kernels alone (Proxmox VE and others): it changes IOMMU groups and not the ACS registers, so that redirection stays as it is",
        ]
      : []),
  ];
}

/**
 * The sentence about a parameter that turns the IOMMU of this CPU off, or may, where VFIO wants one: `vfio-pci.ids=` stands beside it, or, by
 * `hasVfio`, a device is bound to vfio-pci. `undefined` where there is nothing to say.
 */
export function vfioWithoutIommu(commandLine: string, hasVfio: boolean, cpu: Cpu): string | undefined {
  const parameters = kernelParameters(commandLine);
  if (!hasVfio && !parameters.some(({ name, value }) => name === "vfio_pci.ids" && value !== null)) return undefined;
  const { off } = iommuParameters(commandLine);
  const isOff = (name: string, value: string | null): boolean =>
    [...off].some((one) => one === name && turnedOff({ off: new Set([one]) }, cpu) !== false) &&
    (value ?? "").split(",").includes("off");
  const found = parameters.find(({ name, value }) => isOff(name, value));
  if (found === undefined) return undefined;
  return `'${found.text}' and VFIO exclude each other on x86: without an IOMMU there are no groups, and no device can be given to a guest`;
}

/**
 * The entries of the last `pci=NAME=` list that the kernel comes to read, as written: those before the first one that it
 * cannot parse. `name` is `disable_acs_redir` or `config_acs`.
 */
export function readEntries(commandLine: string, name: "disable_acs_redir" | "config_acs"): readonly string[] {
  let list = "";
  for (const option of pciOptions(commandLine).flat()) {
    if (option.startsWith(`${name}=`)) list = option.slice(name.length + 1);
  }
  const entries = withoutLastEmpty(list.split(";"));
  const isRead = (entry: string): boolean =>
    parseDevice(name === "config_acs" ? entry.replace(/^[01xX]{0,7}@/, "") : entry) !== undefined;
  const end = entries.findIndex((entry) => !isRead(entry));
  return end < 0 ? entries : entries.slice(0, end);
}

/** The sentences of {@link PciParameters.misread} alone. */
export function misreadParameters(commandLine: string): readonly string[] {
  return parsePciParameters(commandLine).misread;
}

/** The options of each `pci=` of a command line. */
export function pciOptions(commandLine: string): readonly (readonly string[])[] {
  return kernelParameters(commandLine).flatMap(({ name, value }) =>
    name === "pci" && value !== null ? [value.split(",")] : [],
  );
}

/**
 * An entry of one of the lists, the same text for all ways to write it: with or without a domain, with leading zeros, in
 * any case. `undefined` where the kernel cannot parse it.
 */
export function listEntryKey(name: "disable_acs_redir" | "config_acs", entry: string): string | undefined {
  const { disableAcsRedirect, configAcs } = parsePciParameters(`pci=${name}=${entry}`);
  const parsed = name === "config_acs" ? configAcs[0] : disableAcsRedirect[0];
  return parsed === undefined ? undefined : JSON.stringify(parsed);
}

/** True for an option of `pci=` that is a device which a `,` cut off its list: the kernel ignores it. */
export function isStrayDevice(option: string): boolean {
  return looksLikeDevice.test(option);
}

function parseDevices(text: string, misread: string[]): DeviceMatch[] {
  const devices: DeviceMatch[] = [];
  for (const item of withoutLastEmpty(text.split(";"))) {
    const device = parseDevice(item);
    if (device === undefined) {
      // The kernel stops at the first device that it cannot parse, for every function that it compares.
      misread.push(`the kernel cannot parse '${item}' in ${optionName} and stops there`);
      break;
    }
    devices.push(device);
  }
  return devices;
}

/** A list may end in its separator, and may be empty. */
function withoutLastEmpty(items: string[]): string[] {
  return items.at(-1) === "" ? items.slice(0, -1) : items;
}

/** `FLAGS@DEVICE;…` (`config_acs`, Linux 6.12 and newer): flags are `0`, `1` or `x` (leave), the last one bit 0. */
function parseAcsSettings(text: string, misread: string[]): AcsSetting[] {
  const settings: AcsSetting[] = [];
  for (const item of withoutLastEmpty(text.split(";"))) {
    const [, flags = "", address = ""] = /^([01xX]*)@(.*)$/.exec(item) ?? [];
    const device = parseDevice(address);
    if (device === undefined || flags.length > 7) {
      misread.push(`the kernel cannot parse '${item}' in ${configName} and stops there`);
      break;
    }
    const bits = [...flags].reverse();
    const sum = (wanted: (flag: string) => boolean): number =>
      bits.reduce((total, flag, position) => (wanted(flag) ? total | (1 << position) : total), 0);
    settings.push({ mask: sum((flag) => flag === "0" || flag === "1"), flags: sum((flag) => flag === "1"), device });
  }
  return settings;
}

function parseDevice(item: string): DeviceMatch | undefined {
  // The digits may be of either case, `pci:` may not.
  const ids = item.startsWith("pci:")
    ? /^(?:0x)?([0-9a-f]{1,4}):(?:0x)?([0-9a-f]{1,4})(?::(?:0x)?([0-9a-f]{1,4}):(?:0x)?([0-9a-f]{1,4}))?$/i.exec(
        item.slice("pci:".length),
      )
    : null;
  if (ids !== null) {
    const [vendorId = 0, deviceId = 0, subsystemVendorId = 0, subsystemDeviceId = 0] = ids
      .slice(1)
      .map((digits) => Number.parseInt(digits ?? "0", 16));
    return { kind: "ids", vendorId, deviceId, subsystemVendorId, subsystemDeviceId };
  }
  const [address = "", ...rest] = item.split("/");
  const match = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([0-9a-f]{1,2})\.([0-7])$/i.exec(address);
  const below = rest.map(parseDevfn);
  if (match === null || below.includes(-1)) return undefined;
  const [domain = 0, bus = 0, device = 0, fn = 0] = match.slice(1).map((digits) => Number.parseInt(digits ?? "0", 16));
  return device > 31 ? undefined : { kind: "path", start: makeBdf(domain, bus, device, fn), below };
}

function parseDevfn(text: string): number {
  const match = /^([0-9a-f]{1,2})\.([0-7])$/i.exec(text);
  if (match === null) return -1;
  const device = Number.parseInt(entryAt(match, 1), 16);
  return device > 31 ? -1 : device * 8 + Number(match[2]);
}

/** Whether the kernel finds `fn` by `match`, at the address where it answers. */
export function matchesDevice(match: DeviceMatch, fn: PciFunction, addresses: Addresses): Known<boolean> {
  if (match.kind === "ids") return matchesIds(match, fn);
  let current: PciFunction | undefined = fn;
  for (const devfn of match.below.toReversed()) {
    if (current === undefined || addresses.of(current).devfn !== devfn) return false;
    current = addresses.above(current);
  }
  return current !== undefined && addresses.isAt(current, match.start);
}

/** The device and function by which a path names what is directly below a bridge, `undefined` where it does not. */
export function namedBelow(match: DeviceMatch, bridge: PciFunction, addresses: Addresses): number | undefined {
  if (match.kind === "ids") return undefined;
  const devfn = match.below.at(-1);
  if (devfn === undefined) {
    return addresses.of(bridge).secondary === busKeyOf(match.start) ? devfnOf(match.start) : undefined;
  }
  const above = matchesDevice({ ...match, below: match.below.slice(0, -1) }, bridge, addresses);
  return above === false ? undefined : devfn;
}

function matchesIds(match: Extract<DeviceMatch, { kind: "ids" }>, fn: PciFunction): Known<boolean> {
  const { vendorId, deviceId, subsystem } = fn;
  if (isUnknown(vendorId)) return vendorId;
  if (isUnknown(deviceId)) return deviceId;
  const own = match.vendorId === 0 || match.vendorId === vendorId;
  if (!own || !(match.deviceId === 0 || match.deviceId === deviceId)) return false;
  if (match.subsystemVendorId === 0 && match.subsystemDeviceId === 0) return true;
  if (isUnknown(subsystem)) return unknown(subsystem.unknown);
  return (
    (match.subsystemVendorId === 0 || match.subsystemVendorId === (subsystem?.vendorId ?? 0)) &&
    (match.subsystemDeviceId === 0 || match.subsystemDeviceId === (subsystem?.deviceId ?? 0))
  );
}
