import { type Bdf, busOf, deviceOf, domainOf, formatBdf, functionOf, makeBdf, parseBdf, slotOf } from "../pci/bdf.ts";
import { type DeviceKind, deviceKind, isBridge, KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import { PeerlaneError } from "../pci/error.ts";
import type { PciFunction } from "../pci/function.ts";

const IDS = /^([0-9a-f]{4}):([0-9a-f]{4})$/i;
const KIND_WITH_INDEX = /^([a-z]+):(\d{1,4})$/i;
/** Domain, bus, slot and function, each with as many digits as people write. */
const ADDRESS = /^(?:([0-9a-f]{1,8}):)?([0-9a-f]{1,2}):([01]?[0-9a-f])(?:\.([0-7]))?$/i;
const PATTERN = /[*?[]/;

/**
 * The functions that a name means, in enumeration order; none where the machine has no such. Names as they are come before
 * what they may be short for. Throws `usage` for a pattern that is none.
 */
export function functionsNamed(functions: readonly PciFunction[], name: string): readonly PciFunction[] {
  const bdf = parseBdf(name);
  const exact = functions.filter(bdf === undefined ? exactly(name) : (fn) => fn.bdf === bdf);
  return exact.length > 0 ? exact : byShortName(functions, name);
}

/** True where a name is that of a slot, as `03:00`: where one function is due, it means function 0. */
export function isSlot(name: string): boolean {
  const match = ADDRESS.exec(name);
  return match !== null && match[4] === undefined && !IDS.test(name);
}

/** The kind that a name means, in any case, with the index behind it if there is one: `gpu`, `NVMe`, `gpu:0`. */
export function kindNamed(name: string): { readonly kind: DeviceKind; readonly index: number | null } | undefined {
  const match = KIND_WITH_INDEX.exec(name);
  const word = (match?.[1] ?? name).toLowerCase();
  const kind = KINDS_OF_INTEREST.find((each) => each === word);
  return kind === undefined ? undefined : { kind, index: match === null ? null : Number(match[2]) };
}

/** The functions of a kind, in enumeration order. */
export function functionsOfKind(functions: readonly PciFunction[], kind: DeviceKind): readonly PciFunction[] {
  return functions.filter((fn) => !isBridge(fn) && deviceKind(fn) === kind).toSorted((a, b) => a.bdf - b.bdf);
}

function exactly(name: string): (fn: PciFunction) => boolean {
  const ids = IDS.exec(name);
  if (ids !== null) {
    const [vendorId, deviceId] = [ids[1], ids[2]].map((text) => Number.parseInt(text ?? "", 16));
    return (fn) => fn.vendorId === vendorId && fn.deviceId === deviceId;
  }
  const kind = KINDS_OF_INTEREST.find((each) => each === name);
  if (kind !== undefined) return (fn) => !isBridge(fn) && deviceKind(fn) === kind;
  if (name === "all") return (fn) => !isBridge(fn);
  return (fn) => fn.names.includes(name);
}

function byShortName(functions: readonly PciFunction[], name: string): readonly PciFunction[] {
  const lower = name.toLowerCase();
  const found = functions.filter((fn) => fn.names.some((each) => each.toLowerCase() === lower));
  if (found.length > 0) return found;
  const kind = kindNamed(name);
  if (kind !== undefined) {
    const all = functionsOfKind(functions, kind.kind);
    return kind.index === null ? all : all.slice(kind.index, kind.index + 1);
  }
  if (PATTERN.test(name)) return byPattern(functions, lower);
  return IDS.test(name) ? [] : byAddress(functions, name);
}

/** Without a domain 0 is meant, and where it has none there, another. */
function byAddress(functions: readonly PciFunction[], name: string): readonly PciFunction[] {
  const match = ADDRESS.exec(name);
  if (match === null) return [];
  const [, domain, bus = "", slot = "", fn] = match;
  const part = (text: string): number => Number.parseInt(text, 16);
  const first = makeBdf(part(domain ?? "0"), part(bus), part(slot), part(fn ?? "0"));
  const isThere = ({ bdf }: PciFunction): boolean => (fn === undefined ? slotOf(bdf) === slotOf(first) : bdf === first);
  const found = functions.filter(isThere);
  if (found.length > 0 || domain !== undefined) return found;
  return functions.filter(
    ({ bdf }) =>
      busOf(bdf) === busOf(first) &&
      deviceOf(bdf) === deviceOf(first) &&
      (fn === undefined || functionOf(bdf) === functionOf(first)),
  );
}

/** By names and addresses; bridges only where nothing else fits. A kind and `*` is all of it where no name is so. */
function byPattern(functions: readonly PciFunction[], pattern: string): readonly PciFunction[] {
  const test = patternOf(pattern);
  const fitting = functions.filter((fn) => [...fn.names, ...addressesOf(fn.bdf)].some((each) => test.test(each)));
  const devices = fitting.filter((fn) => !isBridge(fn));
  if (devices.length > 0) return devices;
  if (fitting.length > 0) return fitting;
  const kind = KINDS_OF_INTEREST.find((each) => pattern === `${each}*`);
  return kind === undefined ? [] : functionsOfKind(functions, kind);
}

/** An address as it is written, with its domain and, in domain 0, without. */
export function addressesOf(bdf: Bdf): readonly string[] {
  const whole = formatBdf(bdf);
  return domainOf(bdf) === 0 ? [whole, whole.slice("0000:".length)] : [whole];
}

/** A pattern of a shell: `*`, `?`, `[0-3]`, `[!0]`. */
function patternOf(pattern: string): RegExp {
  const source = pattern.replaceAll(/\*+|\?|\[(!?)([^\]]+)\]|[^*?]/g, (part, not?: string, set?: string) => {
    if (part.startsWith("*")) return ".*";
    if (part === "?") return ".";
    if (set === undefined) return part.replace(/[\\^$.|+()[\]{}]/, "\\$&");
    return `[${not === "!" ? "^" : ""}${set.replaceAll(/[\\^[]/g, "\\$&")}]`;
  });
  try {
    return new RegExp(`^${source}$`, "i");
  } catch (cause) {
    throw new PeerlaneError("usage", `'${pattern}' is no pattern of names`, {
      remedy: "write it as in a shell: nvme*, mlx5_?, nvme[0-3]",
      cause,
    });
  }
}
