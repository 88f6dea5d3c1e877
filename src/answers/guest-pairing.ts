import type { Machine, Note } from "../host/machine.ts";
import { isScenario } from "../host/machine.ts";
import { findDevice } from "../host/select.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { deviceKind, KINDS_OF_INTEREST } from "../pci/device-kind.ts";
import { PeerlaneError } from "../pci/error.ts";
import { memoryBars, type PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import { mayBeClient } from "../pci/peer-roles.ts";
import { isEmulated } from "../platforms/emulated.ts";
import { virtualMachineOf } from "../platforms/virtual-machine.ts";

/** So many candidates are named. */
const NAMED = 4;

/**
 * The guest with the host that it runs on: each of its devices that no hypervisor made up is paired with what it may be
 * there, by ids, subsystem, revision, class and the sizes of memory BARs, and by `stated` (`GUEST=HOST`). What is taken by
 * one device is no candidate of another. Of devices that are alike nothing tells which is which: none is guessed, and a
 * note gives the option to state it. A machine of which nothing shows that it is a guest is one by this.
 *
 * Throws `usage` for a scenario as guest and for statements that name no device, or one twice.
 */
export function withHost(guest: Machine, host: Machine, stated: readonly string[]): Machine {
  if (isScenario(guest)) {
    throw new PeerlaneError("usage", "a scenario is no guest: it states its hardware itself", {
      remedy: "give the guest's own dump, and with --host that of the host",
    });
  }
  const candidates = eliminated(candidatesOf(guest, host), parsePairs(guest, host, stated));
  const notes = notesOf(guest, candidates);
  return {
    ...guest,
    ...(virtualMachineOf(guest) === null ? { guestOf: { hypervisor: "unnamed", shownBy: "user" } } : {}),
    host: { machine: host, candidates },
    notes: [...guest.notes, ...notes],
  };
}

function parsePairs(guest: Machine, host: Machine, stated: readonly string[]): ReadonlyMap<Bdf, Bdf> {
  const pairs = new Map<Bdf, Bdf>();
  for (const text of stated) {
    const match = /^([^=]+)=([^=]+)$/.exec(text);
    if (match === null) {
      throw new PeerlaneError("usage", `'${text}' is no pair`, {
        remedy: "write GUEST=HOST, the device in the guest and on the host, as 05:00.0=17:00.0",
      });
    }
    const [, inGuest = "", onHost = ""] = match;
    const [from, to] = [findDevice(guest, inGuest), findDevice(host, onHost)];
    if (pairs.has(from) || [...pairs.values()].includes(to)) {
      throw new PeerlaneError("usage", `'${text}' pairs a device that is paired already`, {
        remedy: "each device of the guest is one of the host",
      });
    }
    pairs.set(from, to);
  }
  return pairs;
}

function candidatesOf(guest: Machine, host: Machine): Map<Bdf, readonly Bdf[]> {
  const real = host.functions.filter((fn) => mayBeClient(fn) !== false);
  const passed = guest.functions.filter((fn) => mayBeClient(fn) !== false && isEmulated(fn) !== true);
  return new Map(passed.map((fn) => [fn.bdf, real.filter((other) => isLike(fn, other)).map(({ bdf }) => bdf)]));
}

/** True where both may be the same device: what both sources show of it is the same, its ids (or names) among it. */
function isLike(a: PciFunction, b: PciFunction): boolean {
  const isNamed =
    isUnknown(a.vendorId) || isUnknown(b.vendorId) || isUnknown(a.deviceId) || isUnknown(b.deviceId)
      ? a.label !== null && a.label === b.label
      : a.vendorId === b.vendorId && a.deviceId === b.deviceId;
  return (
    isNamed &&
    agree(a.subsystem, b.subsystem, (x, y) => x?.vendorId === y?.vendorId && x?.deviceId === y?.deviceId) &&
    agree(a.revision, b.revision, (x, y) => x === y) &&
    agree(a.classCode, b.classCode, (x, y) => x >>> 8 === y >>> 8) &&
    haveSameBars(a, b)
  );
}

function agree<T>(a: Known<T>, b: Known<T>, same: (a: T, b: T) => boolean): boolean {
  return isUnknown(a) || isUnknown(b) || same(a as T, b as T);
}

function haveSameBars(a: PciFunction, b: PciFunction): boolean {
  const [own, others] = [memoryBars(a), memoryBars(b)];
  if (own === undefined || others === undefined) return true;
  if (own.length !== others.length) return false;
  return own.every(({ index, sizeBytes }) => {
    const other = others.find((bar) => bar.index === index);
    return other !== undefined && agree(sizeBytes, other.sizeBytes, (x, y) => x === y);
  });
}

/** What is stated, or the only candidate of one device, is none of another's, until nothing changes any more. */
function eliminated(
  found: ReadonlyMap<Bdf, readonly Bdf[]>,
  stated: ReadonlyMap<Bdf, Bdf>,
): ReadonlyMap<Bdf, readonly Bdf[]> {
  const candidates = new Map(found);
  for (const [guest, host] of stated) candidates.set(guest, [host]);
  for (let isOver = false; !isOver; ) {
    isOver = true;
    for (const [owner, [only, second]] of candidates) {
      if (only === undefined || second !== undefined) continue;
      for (const [other, list] of candidates) {
        if (other === owner || !list.includes(only) || (list.length === 1 && !stated.has(owner))) continue;
        candidates.set(
          other,
          list.filter((bdf) => bdf !== only),
        );
        isOver = false;
      }
    }
  }
  return candidates;
}

function idsText({ vendorId, deviceId, label }: PciFunction): string {
  const hex = (id: Known<number>): string => (isUnknown(id) ? "?" : id.toString(16).padStart(4, "0"));
  return isUnknown(vendorId) && label !== null ? label : `${hex(vendorId)}:${hex(deviceId)}`;
}

/** One note for all devices with the same candidates, of those that people ask about. */
function notesOf({ functions }: Machine, candidates: ReadonlyMap<Bdf, readonly Bdf[]>): readonly Note[] {
  const alike = new Map<string, PciFunction[]>();
  for (const fn of functions) {
    const list = candidates.get(fn.bdf);
    if (list === undefined || list.length === 1 || !KINDS_OF_INTEREST.includes(deviceKind(fn))) continue;
    const key = list.length === 0 ? `none ${fn.bdf}` : list.join();
    alike.set(key, [...(alike.get(key) ?? []), fn]);
  }
  return [...alike.values()].map((group) => noteOf(group, candidates.get(group[0]?.bdf as Bdf) ?? []));
}

function noteOf(group: readonly PciFunction[], hosts: readonly Bdf[]): Note {
  const names = group.map(({ bdf }) => formatBdf(bdf));
  const ids = idsText(group[0] as PciFunction);
  if (hosts.length === 0) {
    return {
      severity: "warning",
      message: `${names.join(", ")} (${ids}) is like no device of the host`,
      remedy: `if it is one, say which: --pair ${names[0]}=ADDRESS-ON-HOST`,
    };
  }
  const shown = hosts.slice(0, NAMED).map(formatBdf).join(", ");
  const more = hosts.length > NAMED ? ` and ${hosts.length - NAMED} more` : "";
  const [are, order] = group.length === 1 ? ["may be one", "that"] : ["may each be one", "their order"];
  const options = names.slice(0, hosts.length).map((name, index) => `--pair ${name}=${formatBdf(hosts[index] as Bdf)}`);
  return {
    severity: "warning",
    message: `${names.join(", ")} (${ids}) ${are} of ${shown}${more} of the host, which are alike`,
    remedy: `state it; if ${order} is right: ${options.join(" ")}`,
  };
}
