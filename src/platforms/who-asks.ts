import { isTranslating, type Machine } from "../host/machine.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import type { PciFunction } from "../pci/function.ts";
import { isUnknown, type Known } from "../pci/known.ts";
import {
  type AddressRule,
  type AskClass,
  type AskingRow,
  type DriverSet,
  type Proviso,
  USER_SPACE_DRIVERS,
} from "./asking.ts";
import { conditionWords, holdsOn, mainlineNumber } from "./asking-conditions.ts";
import { gpuAskingRows } from "./asking-rows-gpu.ts";
import { kernelAskingRows } from "./asking-rows-kernel.ts";
import { nvidiaAskingRows } from "./asking-rows-nvidia.ts";
import { usualDrivers } from "./usual-drivers.ts";

/** Changes with every change of a row. */
export const WHO_ASKS_VERSION = "2026-11-30";

/** Every way of sharing memory that was read of. A pair of drivers that is in no row is unknown. */
export const ASKING_ROWS: readonly AskingRow[] = [...kernelAskingRows, ...gpuAskingRows, ...nvidiaAskingRows];

/** Drivers that a row names as owners of the memory: what they register as peer memory is for their own ways. */
const HAVE_ROWS: ReadonlySet<string> = new Set(
  ASKING_ROWS.flatMap(({ drivers }) =>
    drivers.flatMap(({ provider }) => (typeof provider === "string" ? [] : provider)),
  ),
);

/** A way that two drivers may take, and what has to be so that the source does not show. */
export interface AskedWay {
  readonly row: AskingRow;
  /** Drivers that have to be bound for it, of the ends of which the source shows none; `null`: any driver of Linux. */
  readonly given: readonly { readonly end: "provider" | "client"; readonly driver: string | null }[];
}

/**
 * Who asks the kernel about a pair. `differs`: drivers of this pair have ways of several classes. `unknown`: nothing was
 * read of these drivers, or the source does not show them; what follows if the usual ones are bound is in `ways`.
 */
export interface AskedBy {
  readonly class: AskClass | "differs" | "unknown";
  readonly ways: readonly AskedWay[];
  /** Why the class is unknown, `null` where it is not. */
  readonly hidden: string | null;
}

/** What of a function decides who asks. */
interface Drivers {
  /** Drivers that it has or may have; of a client that may have any, none. */
  readonly names: readonly string[];
  /** Why the source does not say which, `null` where it does. */
  readonly hidden: string | null;
  readonly hasPeerMemory: boolean;
}

function driversOf(fn: PciFunction, end: "provider" | "client"): Drivers {
  const { driver, p2pmem } = fn;
  const hasPeerMemory = !isUnknown(p2pmem) && p2pmem !== null;
  if (!isUnknown(driver) && driver !== null) return { names: [driver], hidden: null, hasPeerMemory };
  const hidden = isUnknown(driver) ? `the ${end}'s driver: ${driver.unknown}` : `no driver is bound to the ${end}`;
  return { names: usualDrivers(fn), hidden, hasPeerMemory };
}

/** What of a function decides who asks, as a text: two functions with the same one have the same answers. */
export function askingKey(fn: PciFunction): string {
  return JSON.stringify(driversOf(fn, "provider"));
}

/** Who asks the kernel when `client` reads or writes memory of `provider`. */
export function askedByOf(provider: PciFunction, client: PciFunction): AskedBy {
  const peer = driversOf(client, "client");
  const owner = withVfio(driversOf(provider, "provider"), peer);
  const ways = ASKING_ROWS.flatMap((row) =>
    candidates(owner).flatMap((of) =>
      candidates(peer).flatMap((by): AskedWay[] => {
        if (!isAbout(row, of, by, owner.hasPeerMemory)) return [];
        // What holds for any driver is said once.
        if (of !== null && owner.hidden !== null && isAbout(row, null, by, owner.hasPeerMemory)) return [];
        if (by !== null && peer.hidden !== null && isAbout(row, of, null, owner.hasPeerMemory)) return [];
        const given = [
          ...(owner.hidden === null ? [] : [{ end: "provider" as const, driver: of }]),
          ...(peer.hidden === null ? [] : [{ end: "client" as const, driver: by }]),
        ];
        return [{ row, given }];
      }),
    ),
  );
  return answerOf(ways, owner, peer);
}

/** A device beside one in the hands of user space may be handed there too, where the source shows no driver. */
function withVfio(owner: Drivers, { names, hidden }: Drivers): Drivers {
  const isInUserSpace = hidden === null && names.some((name) => USER_SPACE_DRIVERS.includes(name));
  return owner.hidden === null || !isInUserSpace ? owner : { ...owner, names: [...owner.names, "vfio-pci"] };
}

/** Drivers that a function may have; `null` stands for any other. */
function candidates({ names, hidden }: Drivers): readonly (string | null)[] {
  return hidden === null ? names : [...names, null];
}

function answerOf(ways: readonly AskedWay[], owner: Drivers, peer: Drivers): AskedBy {
  const hidden = owner.hidden ?? peer.hidden;
  if (hidden !== null) return { class: "unknown", ways, hidden };
  const [only, ...others] = new Set(ways.filter(({ row }) => row.aside === undefined).map(({ row }) => row.class));
  if (only === undefined) {
    const [of, by] = [owner.names[0] ?? "", peer.names[0] ?? ""];
    return { class: "unknown", ways, hidden: `nothing was read of how ${by} would reach memory of ${of}` };
  }
  return { class: others.length === 0 ? only : "differs", ways, hidden: null };
}

/** Why nothing is known of a pair whose two drivers the source shows: nobody read of them. */
export function whyUnread({ class: of, hidden }: AskedBy, provider: PciFunction, client: PciFunction): string | null {
  const isShown = ({ driver }: PciFunction): boolean => !isUnknown(driver) && driver !== null;
  return of === "unknown" && provider !== client && isShown(provider) && isShown(client) ? hidden : null;
}

/** `null` is a driver that nobody names. */
function isAbout(
  { drivers, butNot = [] }: AskingRow,
  provider: string | null,
  client: string | null,
  hasPeerMemory: boolean,
): boolean {
  const fits = (set: DriverSet, name: string | null): boolean => {
    if (set === "any") return name === null || !butNot.includes(name);
    if (set === "peer-memory") return hasPeerMemory && (name === null || !HAVE_ROWS.has(name));
    return name !== null && set.includes(name);
  };
  return drivers.some((pair) => fits(pair.provider, provider) && fits(pair.client, client));
}

/** `if nvidia is bound to 0000:18:00.0 and mlx5_core to 0000:19:00.0`; empty where the source shows both drivers. */
export function givenWords({ given }: AskedWay, pair?: { readonly provider: Bdf; readonly client: Bdf }): string {
  if (given.length === 0) return "";
  const parts = given.map(({ end, driver }, index) => {
    const name = driver ?? "a driver of Linux";
    return `${name} ${index === 0 ? "is bound to" : "to"} ${pair === undefined ? `the ${end}` : formatBdf(pair[end])}`;
  });
  return `if ${parts.join(" and ")}`;
}

/** A row's proviso on a machine: it holds, or it may. */
export interface OpenProviso extends Proviso {
  readonly holds: Known<true>;
}

/** The provisos of a row that hold on a machine or may hold there, those that hold first. */
export function provisosOn(machine: Machine, row: AskingRow): readonly OpenProviso[] {
  const found = (row.provisos ?? []).flatMap((proviso): OpenProviso[] => {
    const holds = holdsOn(machine, proviso.when);
    return holds === false ? [] : [{ ...proviso, holds: isUnknown(holds) ? holds : true }];
  });
  return [...found.filter(({ holds }) => holds === true), ...found.filter(({ holds }) => holds !== true)];
}

/** `as Linux is older than 6.15: …`, or `if …` where the source does not show whether it is. */
export function provisoWords({ when, words, unless, holds }: OpenProviso): string {
  const but = unless === undefined ? "" : `, unless ${unless}`;
  return `${holds === true ? "as" : "if"} ${conditionWords(when)}: ${words}${but}`;
}

/** What a rule makes of the address, on one machine. */
export type AddressKind = "of-the-verdict" | "bus" | "physical" | "iova" | "user-space" | "none";

/**
 * The kind of address that a client is given. NVIDIA's: `pci_bus_address` where no IOMMU translates, and from Linux 6.12
 * on everywhere; an IOVA by the DMA API from 5.9 to 6.11 (`nv_dma_map_peer` of its published source).
 */
export function addressKind(rule: AddressRule, { iommu, kernel }: Machine): Known<AddressKind> {
  if (rule !== "dma-api" && rule !== "nvidia") return rule;
  const { mode } = iommu;
  if (isUnknown(mode)) return mode;
  if (rule === "dma-api") return isTranslating(mode) ? "iova" : "physical";
  if (!isTranslating(mode)) return "bus";
  const number = mainlineNumber(kernel);
  if (isUnknown(number)) return number;
  return number >= 6012 ? "bus" : "iova";
}

/** Whose address a pair's client is given, where all of its ways agree on it; else, and where none is known, the verdict's. */
export function addressRuleOf({ class: askClass, ways }: AskedBy): AddressRule {
  const [only, ...others] = new Set(ways.filter(({ row }) => row.aside === undefined).map(({ row }) => row.address));
  return askClass === "unknown" || only === undefined || others.length > 0 ? "of-the-verdict" : only;
}

/** True where a pair's client is given an address of the IOMMU, whatever the verdict: no bridge below the root complex claims it. */
export function isGivenIova(askedBy: AskedBy, machine: Machine): boolean {
  return addressKind(addressRuleOf(askedBy), machine) === "iova";
}

const addressSentences: Readonly<Record<AddressRule, string>> = {
  "of-the-verdict":
    "the bus address where the verdict is direct, else the CPU physical address, or an IOVA where the IOMMU translates",
  "dma-api":
    "an IOVA where the IOMMU translates, else the CPU physical address; never the bus address, whatever the verdict",
  nvidia:
    "the bus address of the BAR, whatever the verdict; where the IOMMU translates, an IOVA up to Linux 6.11, and from 6.12 on the raw bus address, which the IOMMU rejects",
  "user-space": "one that user space chose: what it mapped into the IOMMU, or with uio the CPU physical address",
  none: "none of the device's by PCIe",
};

/** The address that a rule gives, in words; on a machine, as far as that decides. */
export function addressWords(rule: AddressRule, machine?: Machine): string {
  const kind = machine === undefined ? undefined : addressKind(rule, machine);
  if (kind === undefined || isUnknown(kind) || kind === rule) return addressSentences[rule];
  if (rule === "dma-api") {
    return kind === "iova"
      ? "an IOVA, as the IOMMU translates, whatever the verdict: packets go up to the root complex"
      : "the CPU physical address, whatever the verdict";
  }
  if (kind === "iova") return "an IOVA by the DMA API, by NVIDIA's published source";
  return machine !== undefined && !isUnknown(machine.iommu.mode) && isTranslating(machine.iommu.mode)
    ? "the raw bus address, whatever the verdict, which a translating IOMMU rejects"
    : "the bus address of the BAR, whatever the verdict";
}
