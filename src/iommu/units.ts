import type { IommuMode, Machine } from "../host/machine.ts";
import { IOMMU_MODES } from "../host/override.ts";
import { requireMachine } from "../host/require-machine.ts";
import { type Device, resolveDevice } from "../host/select.ts";
import type { Iova, PhysAddr } from "../pci/addresses.ts";
import { PAGE_BYTES } from "../pci/addresses.ts";
import { type Bdf, formatBdf } from "../pci/bdf.ts";
import { PeerlaneError } from "../pci/error.ts";
import { isUnknown } from "../pci/known.ts";
import { requireWord } from "../pci/wrong-argument.ts";
import {
  type DomainOptions,
  FAULT_NO_READ,
  FAULT_NO_WRITE,
  FAULT_NOT_PRESENT,
  type Invalidation,
  IommuDomain,
} from "./domain.ts";
import { groupMode, groupsOf, modeOf } from "./groups.ts";
import type { IovaSpace, ReservedRange } from "./iova-allocator.ts";
import { reservedRanges } from "./reserved.ts";
import type { FaultReason, IommuFault, Translation, Translator } from "./translation.ts";

/** What {@link IommuUnits.resolve} gives beside a domain's `FAULT_…`. */
export const FAULT_NO_DOMAIN = -4;
export const FAULT_BLOCKED = -5;

const FAULT_REASONS: Readonly<Record<number, FaultReason>> = {
  [FAULT_NOT_PRESENT]: "not-present",
  [FAULT_NO_WRITE]: "no-write",
  [FAULT_NO_READ]: "no-read",
  [FAULT_NO_DOMAIN]: "no-domain",
  [FAULT_BLOCKED]: "blocked",
};

/** Width of an IOVA with page tables of four levels. */
const ADDRESS_BITS = 48;
/** Faults kept; the hardware's registers hold fewer, dmesg more. */
const MAX_FAULTS = 1024;

/** How the IOMMUs of a machine are modelled; what is absent is taken from the machine. */
export interface IommuOptions extends Pick<DomainOptions, "flushQueueEntries" | "cost"> {
  /** One mode for all groups instead of the machine's. */
  readonly mode?: IommuMode;
  /** Group of each function; one that is absent has no IOMMU above it. */
  readonly groups?: ReadonlyMap<Bdf, number>;
  /** Which of the functions with a group have an IOMMU above them; all unless told. */
  readonly inScope?: (requester: Bdf) => boolean;
  /** Ranges that no IOVA may lie in, instead of the host bridges' windows and the MSI window. */
  readonly reserved?: readonly ReservedRange[];
  /** Bits of an IOVA; 48 unless told. */
  readonly addressBits?: number;
}

/** A group: what its requesters share. */
interface Group {
  /** The default domain, made when it is first asked for; `null` in passthrough. */
  defaultDomain: IommuDomain | null | undefined;
  readonly mode: IommuMode;
  /** What a user of the group (VFIO, iommufd) put in place of the default domain. */
  attached: IommuDomain | "blocked" | null;
  /** Who that is, while something is attached (`iommu_group.owner`, Linux 7.2). */
  user: object | null;
}

/** The user of a group that was blocked by nobody who said who it is. */
const NAMELESS: object = {};

/**
 * The IOMMUs of a machine: which requesters they translate, by which domain. Requesters of a group share one, so that
 * an alias (a bridge that puts its own requester id on what is below) finds the same.
 *
 * MODEL: all units behave alike and share one set of domains; interrupts are not remapped; nothing is cached of
 * accesses that faulted.
 */
export class IommuUnits implements Translator {
  readonly machine: Machine;
  /** The mode of groups that have none of their own. */
  readonly mode: IommuMode;
  readonly faults: IommuFault[] = [];
  readonly #options: IommuOptions;
  readonly #groups = new Map<number, Group>();
  #groupOf: ReadonlyMap<Bdf, number> | undefined;
  #space: IovaSpace | undefined;
  /** Ids of the machine's functions, read when a requester without a group first asks. */
  #functions: ReadonlySet<Bdf> | undefined;
  #droppedFaults = 0;
  /** False while every group passes addresses through: then nobody needs to know the groups. */
  #needsGroups: boolean;

  /** Throws `unsupported`, with the remedy, where the source hides a mode or group that is needed. */
  constructor(machine: Machine, options: IommuOptions = {}) {
    requireMachine("IommuUnits", machine);
    if (options.mode !== undefined) requireWord("IommuUnits", "mode", options.mode, IOMMU_MODES);
    this.machine = machine;
    this.#options = options;
    this.mode = options.mode ?? modeOf(machine);
    this.#needsGroups = this.mode === "strict" || this.mode === "lazy" || this.#hasGroupTypes();
    if (this.#needsGroups) this.#groupOf = this.#readGroups();
  }

  /** Faults beyond those that {@link faults} holds. */
  get droppedFaults(): number {
    return this.#droppedFaults;
  }

  /** The domain that translates a requester's addresses; `null` where they are bus addresses, or blocked. */
  domainOf(requester: Device): IommuDomain | null {
    const group = this.#group(this.#addressOf(requester));
    if (group === null || group.attached === "blocked") return null;
    return group.attached ?? this.#defaultDomain(group);
  }

  /** The domain of the DMA API for a requester, `null` in passthrough or without an IOMMU; whatever is attached. */
  dmaDomainOf(requester: Device): IommuDomain | null {
    const group = this.#group(this.#addressOf(requester));
    return group === null ? null : this.#defaultDomain(group);
  }

  /** True for ids that no function of the machine has, too, unless addresses pass through: nothing is mapped for them. */
  translates(requester: Bdf): boolean {
    const group = this.#group(requester);
    if (group === null) return (this.mode === "strict" || this.mode === "lazy") && !this.#hasFunction(requester);
    return group.attached !== null || group.mode !== "passthrough";
  }

  translate(requester: Bdf, address: Iova, isWrite: boolean): Translation {
    const phys = this.resolve(requester, address, isWrite);
    if (phys < 0) return { ok: false, reason: FAULT_REASONS[phys] ?? "not-present" };
    return { ok: true, phys: phys as PhysAddr, contiguousBytes: PAGE_BYTES - (address & (PAGE_BYTES - 1)) };
  }

  /** {@link translate} without an object: the physical address, or a `FAULT_…` below 0, which is logged. */
  resolve(requester: Bdf, address: Iova, isWrite: boolean): number {
    const group = this.#group(requester);
    let phys: number;
    if (group === null) phys = FAULT_NO_DOMAIN;
    else if (group.attached === "blocked") phys = FAULT_BLOCKED;
    else phys = (group.attached ?? this.#defaultDomain(group))?.resolve(address, isWrite) ?? FAULT_NO_DOMAIN;
    if (phys < 0) this.#log({ requester, address, isWrite, reason: FAULT_REASONS[phys] ?? "not-present" });
    return phys;
  }

  /**
   * Gives the group of a function to a user of its own: its domain, or `"blocked"` for none yet (VFIO holds the group but
   * has no address space attached, or no longer). `user` stands for who takes it, the domain itself unless told: the same
   * one may attach something else later. Throws `unsupported` where there is no IOMMU, `operation-failed` (EBUSY) where the
   * group is another user's, who keeps it; and as the constructor, with all as it was, where the groups are hidden.
   */
  attach(device: Device, domain: IommuDomain | "blocked", user?: object): void {
    const requester = this.#addressOf(device);
    if (this.mode !== "off") {
      this.#groupNumbers();
      this.#needsGroups = true;
    }
    const group = this.#group(requester);
    if (group === null) {
      throw new PeerlaneError("unsupported", `no IOMMU translates ${formatBdf(requester)}`, {
        remedy: "turn the IOMMU on",
      });
    }
    const taker = user ?? (domain === "blocked" ? NAMELESS : domain);
    if (group.user !== null && group.user !== taker) {
      const what = group.attached === "blocked" ? "is held by another user" : "has another user's domain";
      throw new PeerlaneError("operation-failed", `the group of ${formatBdf(requester)} ${what}`, {
        facts: { errno: "EBUSY" },
        remedy: "detach it first, or attach as the user who holds it",
      });
    }
    group.attached = domain;
    group.user = taker;
  }

  /** Puts the default domain of a function's group back, whoever holds it. */
  detach(requester: Device): void {
    const group = this.#group(this.#addressOf(requester));
    if (group === null) return;
    group.attached = null;
    group.user = null;
  }

  /** A domain for a user of its own, with the IOVA space of this machine; not attached to anything. */
  newDomain(invalidation: Invalidation = "strict"): IommuDomain {
    const { cost, flushQueueEntries } = this.#options;
    this.#space ??= {
      addressBits: this.#options.addressBits ?? ADDRESS_BITS,
      reserved: this.#options.reserved ?? reservedRanges(this.machine),
    };
    return new IommuDomain({
      space: this.#space,
      invalidation,
      ...(cost === undefined ? {} : { cost }),
      ...(flushQueueEntries === undefined ? {} : { flushQueueEntries }),
    });
  }

  /** Functions that share a requester's group, itself included; empty where no IOMMU is above it. */
  membersOfGroup(requester: Device): readonly Bdf[] {
    const groups = this.#groupNumbers();
    const number = groups.get(this.#addressOf(requester));
    if (number === undefined) return [];
    return [...groups].filter(([, other]) => other === number).map(([bdf]) => bdf);
  }

  /** Flushes the queues of all default domains. */
  flush(): void {
    for (const group of this.#groups.values()) group.defaultDomain?.flush();
  }

  /** Empties the fault log. */
  clearFaults(): void {
    this.faults.length = 0;
    this.#droppedFaults = 0;
  }

  #addressOf(device: Device): Bdf {
    return typeof device === "number" ? device : resolveDevice(this.machine, device);
  }

  #group(requester: Bdf): Group | null {
    if (!this.#needsGroups) return null;
    const number = this.#groupNumbers().get(requester);
    if (number === undefined) return null;
    let group = this.#groups.get(number);
    if (group === undefined) {
      const own = this.#options.mode === undefined ? groupMode(this.machine, number) : undefined;
      group = { mode: own ?? this.mode, defaultDomain: undefined, attached: null, user: null };
      this.#groups.set(number, group);
    }
    return group;
  }

  /** True where sysfs shows a group whose default domain translates though the machine's mode is passthrough. */
  #hasGroupTypes(): boolean {
    const { groupTypes } = this.machine.iommu;
    if (this.mode !== "passthrough" || this.#options.mode !== undefined || isUnknown(groupTypes)) return false;
    return [...groupTypes.keys()].some((group) => (groupMode(this.machine, group) ?? "passthrough") !== "passthrough");
  }

  #hasFunction(requester: Bdf): boolean {
    this.#functions ??= new Set(this.machine.functions.map(({ bdf }) => bdf));
    return this.#functions.has(requester);
  }

  #groupNumbers(): ReadonlyMap<Bdf, number> {
    this.#groupOf ??= this.#readGroups();
    return this.#groupOf;
  }

  #readGroups(): ReadonlyMap<Bdf, number> {
    const { groups = groupsOf(this.machine), inScope } = this.#options;
    return inScope === undefined ? groups : new Map([...groups].filter(([bdf]) => inScope(bdf)));
  }

  #defaultDomain(group: Group): IommuDomain | null {
    if (group.defaultDomain === undefined) {
      group.defaultDomain = group.mode === "strict" || group.mode === "lazy" ? this.newDomain(group.mode) : null;
    }
    return group.defaultDomain;
  }

  #log(fault: IommuFault): void {
    if (this.faults.length < MAX_FAULTS) this.faults.push(fault);
    else this.#droppedFaults++;
  }
}
