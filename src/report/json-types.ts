import type { Known } from "../pci/known.ts";
import type { MapType } from "../rules/verdict.ts";

/**
 * The types of every JSON output. Written by `npm run json-types` from the validators that OUTPUT_SCHEMAS lists: change
 * those. They are written down since a type that TypeScript infers from a validator leads everyone who reads it, and the
 * library's own types, into zod.
 */

/** A device of a guest, and the functions of its host that it may be: one where that is known. */
export interface OnHostJson {
  readonly guest: string;
  readonly host: readonly string[];
}

/** The machine that an output is about. */
export interface MachineJson {
  readonly source:
    | "sysfs"
    | "archive"
    | "collected"
    | "lspci"
    | "scenario"
    | "snapshot"
    | "rdma-topo"
    | "hwloc"
    | "nccl";
  readonly name: string;
  readonly kernel: {
    readonly release: Known<string>;
    /** The release whose rules decided, null where the source does not say. */
    readonly rules: string | null;
    /** False where the release lies between two checked ones that differ, or is newer than all of them. */
    readonly rulesChecked: boolean;
    readonly commandLine: Known<string>;
  };
  readonly cpu: {
    readonly architecture: Known<string>;
    readonly vendor: Known<string | null>;
    readonly family: Known<number | null>;
    readonly model: Known<number | null>;
    readonly name: Known<string | null>;
    /** What a function of the processor says of it where the source does not. */
    readonly inferred?: { readonly make: string; readonly device: string; readonly ids: string; readonly what: string };
  };
  readonly iommu: {
    readonly kind: Known<"none" | "intel" | "amd" | "arm-smmu" | "virtio" | "other">;
    readonly mode: Known<"off" | "passthrough" | "strict" | "lazy">;
  };
  /** With --host: what the devices of the guest are there. */
  readonly onHost?: readonly OnHostJson[];
}

/** A function as people see it: names, ids, place and peer memory. */
export interface DeviceJson {
  readonly bdf: string;
  readonly name: string | null;
  readonly names: readonly string[];
  readonly class: "gpu" | "nic" | "nvme" | "accel" | "bridge" | "other";
  readonly classCode: Known<string>;
  readonly vendor: Known<string>;
  readonly device: Known<string>;
  readonly label: string | null;
  readonly numaNode: Known<number | null>;
  readonly iommuGroup: Known<number | null>;
  readonly expectedIommuGroup: Known<number | null>;
  readonly p2pmem: Known<{
    readonly size: number;
    readonly available: Known<number>;
    readonly published: Known<boolean>;
  } | null>;
}

/** A provider and a client. Numbers that point into a table count from 0; what there is not of a pair has no key. */
export interface MatrixPairJson extends NamedPairJson {
  readonly mapType: MapType;
  /** What the kernel returns: hops, -1 when not supported; null when unknown. */
  readonly distance: number | null;
  readonly hops: number | null;
  /** How far apart the two are, by the words of nvidia-smi topo, or what it may be. */
  readonly locality: "PIX" | "PXB" | "PHB" | "NODE" | "SYS" | "PIX or PXB" | "NODE or SYS" | "hidden";
  /** Into `reasons`. */
  readonly reason: number;
  /** Functions on the path that redirect, in the order in which the kernel lists them. */
  readonly acsRedirect?: readonly string[];
  /** Functions on the path whose ACS the source hides. */
  readonly acsHidden?: readonly string[];
  /** Into `hidden`: why the verdict is unknown. */
  readonly hidden?: readonly number[];
  /** Into `gates`. */
  readonly gates?: readonly number[];
  /** Into `routes`: where the fabric leads requests, as far as that is not known to be what the verdict says. */
  readonly route?: number;
}

/** What is documented of the hardware, for one direction. */
export interface DirectionJson {
  readonly outcome: "works" | "fails" | "limited" | "unknown";
  readonly why: string;
  /** Ids of the platform facts that say so. */
  readonly facts: readonly string[];
}

/** Whether the drivers of a pair ask the kernel, and by which ways they may share memory. */
export interface AskedByJson {
  readonly class:
    | "asks-and-obeys"
    | "asks-yes-or-no"
    | "does-not-ask"
    | "user-space"
    | "no-peer-dma"
    | "differs"
    | "unknown";
  readonly ways: readonly {
    /** Of a way in `asking`. */
    readonly id: string;
    /** Drivers that have to be bound for it, where the source shows none; null: any driver of Linux. */
    readonly given: readonly { readonly end: "provider" | "client"; readonly driver: string | null }[];
  }[];
  /** Why the class is unknown. */
  readonly why: string | null;
}

/** Why pairs are what they are, and what stands beside their verdict: the same for all of them. */
export interface MatrixReasonJson {
  /** How many pairs point here. */
  readonly pairs: number;
  readonly mapType: MapType;
  readonly reason: string;
  /** The reason as a sentence. */
  readonly text: string;
  /** Where the source names no kernel: those for which a known map type is claimed, null: and newer. */
  readonly releases?: { readonly from: string; readonly to: string | null };
  /** Whether it works, direct or through the host bridge; null where that depends on what the source hides. */
  readonly supported: boolean | null;
  /** What an unknown map type depends on, as far as the source shows it. */
  readonly condition: string | null;
  /** What is documented of the hardware, beside what the kernel decides. */
  readonly hardware: { readonly write: DirectionJson; readonly read: DirectionJson };
  readonly askedBy: AskedByJson;
}

/** What stops or spoils a transfer beside the verdict. */
export interface GateJson {
  readonly kind: string;
  readonly device: string | null;
  readonly effect: "blocks" | "warns";
  readonly message: string;
  /** Why it may not apply, where the source does not show all. */
  readonly doubt?: string;
}

/** Where requests of one direction go. */
export interface WayJson {
  readonly outcome: "delivered" | "unsupported-request" | "acs-violation" | "iommu-fault" | "lost" | "not-issued";
  /** What is reached, null where nothing is. */
  readonly target:
    | { readonly kind: "bar"; readonly bdf: string; readonly bar: number; readonly offset: number }
    | { readonly kind: "dram"; readonly address: string }
    | null;
  readonly endedAt: string | "root-complex";
  readonly reason: string;
  /** How that differs from the kernel's verdict, null where the two agree. */
  readonly differs: "not-delivered" | "elsewhere" | "goes-up" | "stays-below" | null;
}

/** Where the model of the fabric leads the client's requests. */
export interface RouteJson {
  /** What the kernel would hand out for the start of the BAR. */
  readonly address: Known<{
    readonly bar: number;
    readonly address: string;
    readonly kind: "bus" | "physical" | "iova";
  }>;
  readonly write: Known<WayJson>;
  readonly read: Known<WayJson>;
}

/** A way in which two drivers share memory: who decides, what happens on no, which address, how to see it. */
export interface AskingWayJson {
  readonly id: string;
  readonly title: string;
  readonly class: "asks-and-obeys" | "asks-yes-or-no" | "does-not-ask" | "user-space" | "no-peer-dma";
  readonly words: string;
  readonly decides: string;
  readonly onNo: string;
  readonly address: string;
  readonly seen: string;
  /** Why it does not count for the class of a pair. */
  readonly aside: string | null;
  /** What is other on this kernel, or may be. */
  readonly provisos: readonly {
    readonly holds: Known<true>;
    readonly leaves: "host-memory" | "refusal" | "part" | "peer-dma";
    readonly words: string;
  }[];
  readonly sources: readonly string[];
}

/** What the reader of the machine has to say, and the way out. */
export interface NoteJson {
  readonly severity: "info" | "warning";
  readonly message: string;
  readonly remedy: string | null;
}

/** IOMMU groups that split or merge. */
export interface GroupChangeJson {
  readonly before: readonly (readonly string[])[];
  readonly after: readonly (readonly string[])[];
  /** Endpoints that were apart and are in one IOMMU group now. */
  readonly joined: readonly (readonly string[])[];
  /** The side that states no groups of these, where the other's are others than predicted. */
  readonly predicted?: "before" | "after";
  /** After, nothing is known of the groups of these. */
  readonly hidden?: true;
}

/** A verdict before or after a change. */
export interface VerdictSideJson {
  readonly mapType: MapType;
  readonly hops: number | null;
}

/** A pair whose verdict changed. */
export interface VerdictChangeJson {
  readonly provider: string;
  readonly client: string;
  readonly before: VerdictSideJson;
  readonly after: VerdictSideJson;
}

/** A pair of which something else is said than before. */
export interface AnswerChangeJson {
  readonly provider: string;
  readonly client: string;
  readonly effect: "worse" | "better" | "no-longer-known" | "now-known" | "other";
  /** It is not known whether the pair got worse. */
  readonly open: boolean;
  readonly before: {
    readonly mapType: MapType;
    readonly hops: number | null;
    /** What the provider has for peers, in bytes: what its driver registered, and its largest memory BAR. */
    readonly memory: { readonly pool: Known<number | null>; readonly largestBar: Known<number | null> };
    readonly supported: boolean | null;
    /** Supported, and without a gate that blocks; null where that is hidden. */
    readonly works: boolean | null;
    /** Kinds of the gates that block it, whatever its verdict is. */
    readonly blockedBy: readonly string[];
  };
  readonly after: {
    readonly mapType: MapType;
    readonly hops: number | null;
    /** What the provider has for peers, in bytes: what its driver registered, and its largest memory BAR. */
    readonly memory: { readonly pool: Known<number | null>; readonly largestBar: Known<number | null> };
    readonly supported: boolean | null;
    /** Supported, and without a gate that blocks; null where that is hidden. */
    readonly works: boolean | null;
    /** Kinds of the gates that block it, whatever its verdict is. */
    readonly blockedBy: readonly string[];
  };
  readonly gates: {
    readonly come: readonly GateJson[];
    readonly gone: readonly GateJson[];
    readonly noLongerKnown: readonly GateJson[];
    readonly nowKnown: readonly GateJson[];
    /** Kinds of gates that the pair had not, and may have: what shows them is hidden after. */
    readonly mayHaveCome: readonly string[];
  };
  /** What else differs, functions by their addresses after; null: hidden. */
  readonly parts: readonly {
    readonly part:
      | "reason"
      | "releases"
      | "path"
      | "redirects"
      | "locality"
      | "hint"
      | "hardware-write"
      | "hardware-read"
      | "peer-memory"
      | "largest-bar"
      | "who-asks"
      | "provisos"
      | "address"
      | "route-write"
      | "route-read"
      | "route-hops"
      | "past-iommu"
      | "slowest-link";
    readonly before: string | null;
    readonly after: string | null;
  }[];
}

/** What differs between two machines. */
export interface DifferenceJson {
  readonly facts: readonly {
    readonly what:
      | "kernel"
      | "command-line"
      | "config"
      | "modules"
      | "architecture"
      | "cpu"
      | "cpu-name"
      | "iommu-kind"
      | "iommu-mode"
      | "virtual-machine"
      | "windows"
      | "bus-offset"
      | "host-bridge-numa-node";
    /** The root bus of the host bridge that it is about. */
    readonly of?: string;
    readonly before: Known<string | null>;
    readonly after: Known<string | null>;
  }[];
  /** The same functions at other addresses. */
  readonly renumbered: readonly { readonly before: string; readonly after: string }[];
  /** Functions that are elsewhere, with the bridges directly above them before and after; null: the root bus. */
  readonly moved: readonly {
    readonly before: string;
    readonly after: string;
    readonly from: string | null;
    readonly to: string | null;
  }[];
  /** Functions that took each other's place, in twos. */
  readonly swapped: readonly (readonly { readonly before: string; readonly after: string }[])[];
  /** Other devices in the same place: their answers are not compared. */
  readonly replaced: readonly { readonly before: string; readonly after: string }[];
  readonly added: readonly string[];
  readonly removed: readonly string[];
  readonly functions: readonly {
    readonly bdf: string;
    readonly what:
      | "upstream"
      | "ids"
      | "subsystem"
      | "revision"
      | "class"
      | "header"
      | "port-type"
      | "slot"
      | "link"
      | "link-capable"
      | "express"
      | "acs"
      | "acs-capability"
      | "acs-firmware"
      | "driver"
      | "dma-mask"
      | "numa-node"
      | "decode"
      | "bus-master"
      | "bars"
      | "bar-addresses"
      | "resizable-bars"
      | "windows"
      | "sriov"
      | "virtual"
      | "capabilities"
      | "p2pmem"
      | "published"
      | "group-type"
      | "names";
    readonly before: Known<string | null>;
    readonly after: Known<string | null>;
  }[];
  readonly groups: readonly GroupChangeJson[];
  readonly verdicts: readonly VerdictChangeJson[];
  readonly answers?: {
    readonly compared: number;
    /** Further pairs of which only map types and hops were compared, and are the same. */
    readonly skipped: number;
    readonly counts: {
      readonly worse: number;
      readonly better: number;
      readonly "no-longer-known": number;
      readonly "now-known": number;
      readonly other: number;
      /** Pairs that worked and of which a device is gone or was replaced. */
      readonly gone: number;
      /** IOMMU groups that merge or are gone. */
      readonly groups: number;
      /** Pairs of functions that the IOMMU kept apart and that reach each other past it, each once. */
      readonly pastIommu: number;
      /** Pairs of which it is not known whether they got worse. */
      readonly open: number;
      /** IOMMU groups that merge or are gone if one side's are as predicted, or that are hidden after. */
      readonly openGroups: number;
    };
    readonly changes: readonly AnswerChangeJson[];
    /** Pairs that worked, by the addresses before. */
    readonly gone: readonly { readonly provider: string; readonly client: string }[];
    /** Functions that the IOMMU kept apart and that reach each other past it, each pair once, by the addresses after. */
    readonly pastIommu: readonly (readonly string[])[];
    /** Pairs of which it is not known whether they worked, by the addresses before. */
    readonly mayBeGone: readonly { readonly provider: string; readonly client: string }[];
  };
}

/** What was asked, and what differs from the machine as it is. */
export interface WhatIfJson {
  readonly changes: readonly string[];
  readonly difference: DifferenceJson;
}

/** `peerlane matrix --json`: the machine, its devices, and every pair. */
export interface MatrixJson {
  readonly schema: "peerlane.matrix/2";
  readonly machine: MachineJson;
  readonly devices: readonly DeviceJson[];
  /** Each provider with each client but itself. */
  readonly pairs: readonly MatrixPairJson[];
  readonly reasons: readonly MatrixReasonJson[];
  /** What the source hides, in its words. */
  readonly hidden: readonly string[];
  readonly gates: readonly GateJson[];
  readonly routes: readonly RouteJson[];
  /** The ways that the pairs name. */
  readonly asking: readonly AskingWayJson[];
  readonly notes: readonly NoteJson[];
  readonly whatIf?: WhatIfJson;
}

/** Speed and width. */
export interface LinkStateJson {
  readonly speedGTps: number;
  readonly width: number;
}

/** A function in its place. */
export interface TreeFunctionJson extends DeviceJson {
  readonly role: string;
  readonly parent: Known<string | null>;
  readonly hostBridge: string | null;
  readonly driver: Known<string | null>;
  readonly acs: Known<{ readonly capability: number; readonly control: number } | null>;
  readonly link: Known<{
    readonly status: Known<LinkStateJson | null>;
    readonly capable: Known<LinkStateJson | null>;
  } | null>;
}

/** `peerlane tree --json`: every function with its place, link, ACS and groups. */
export interface TreeJson {
  readonly schema: "peerlane.tree/1";
  readonly machine: MachineJson;
  readonly hostBridges: readonly string[];
  readonly functions: readonly TreeFunctionJson[];
  readonly notes: readonly NoteJson[];
  readonly whatIf?: WhatIfJson;
}

/** Where requests of one direction go, hop by hop. */
export interface WayWithHopsJson extends WayJson {
  readonly hops: readonly {
    readonly at: string | "root-complex";
    readonly what: "issue" | "up" | "across" | "down" | "redirect" | "translate" | "reflect" | "complete" | "end";
    readonly address: string;
    readonly words: string;
  }[];
}

/** Where the model of the fabric leads the client's requests, hop by hop. */
export interface RouteWithHopsJson {
  /** What the kernel would hand out for the start of the BAR. */
  readonly address: Known<{
    readonly bar: number;
    readonly address: string;
    readonly kind: "bus" | "physical" | "iova";
  }>;
  readonly write: Known<WayWithHopsJson>;
  readonly read: Known<WayWithHopsJson>;
}

/** A pair with its path, and the fabric's hops. */
export interface ExplainedPairJson extends PairJson {
  /** What the provider has for peers, in bytes: what its driver registered, and its largest memory BAR. */
  readonly memory: { readonly pool: Known<number | null>; readonly largestBar: Known<number | null> };
  /** Where the model of the fabric leads the client's requests; null where the kernel hands out no address. */
  readonly route: RouteWithHopsJson | null;
  readonly meeting: string | null;
  readonly path: readonly { readonly bdf: string; readonly name: string | null; readonly role: string | null }[];
}

/** `peerlane explain --json`: one pair, both ways. */
export interface ExplainJson {
  readonly schema: "peerlane.explain/1";
  readonly machine: MachineJson;
  readonly directions: readonly ExplainedPairJson[];
  /** The ways that the pairs name. */
  readonly asking: readonly AskingWayJson[];
  readonly notes: readonly NoteJson[];
  readonly whatIf?: WhatIfJson;
}

/** `peerlane explain --history --json`: what each release says of a pair. */
export interface HistoryJson {
  readonly schema: "peerlane.history/1";
  readonly machine: MachineJson;
  readonly provider: string;
  readonly client: string;
  readonly releases: readonly {
    readonly from: string;
    readonly to: string;
    readonly mapType: MapType;
    readonly distance: number | null;
    readonly reason: string;
    readonly hidden: readonly string[];
    /** Whether something stops the pair all the same. */
    readonly blocked: "yes" | "perhaps" | "no";
  }[];
  readonly notes: readonly NoteJson[];
  readonly whatIf?: WhatIfJson;
}

/** A function with the name that people use for it. */
export interface NamedDeviceJson {
  readonly bdf: string;
  readonly name: string | null;
}

/** A pair by addresses and names. */
export interface NamedPairJson {
  readonly provider: string;
  readonly client: string;
  /** Null where the source gives none. */
  readonly providerName: string | null;
  /** Null where the source gives none. */
  readonly clientName: string | null;
}

/** Another pair whose verdict a proposal changes. */
export interface OtherVerdictJson extends VerdictChangeJson {
  /** Null where the source gives none. */
  readonly providerName: string | null;
  /** Null where the source gives none. */
  readonly clientName: string | null;
}

/** A smallest set of changes that makes pairs work, with what else it changes. */
export interface ProvedFixJson {
  /** Shown by the rules on the changed machine. */
  readonly outcome: "proved";
  /** How many of the asked pairs are what after it. */
  readonly why: string;
  /** One, or two that go together, in the order in which they are done. */
  readonly kinds: readonly (
    | "kernel-parameter"
    | "run-time"
    | "firmware-setting"
    | "kernel"
    | "slot"
    | "iommu"
    | "switch-card"
  )[];
  readonly title: string;
  /** The parameter by ids, as screens offer it first, where only what is meant has them. */
  readonly titleByIds?: string;
  readonly changes: readonly string[];
  readonly lasting: "until-reboot" | "from-next-boot";
  /** Those of the likely boot loader come before those of others. */
  readonly steps: readonly {
    readonly where: string;
    readonly lines: readonly string[];
    /** Of steps of which a machine needs those of its boot loader alone. */
    readonly bootLoader?:
      | "grub"
      | "grub-file"
      | "grubby"
      | "rpm-ostree"
      | "systemd-boot"
      | "proxmox-boot-tool"
      | "kernelstub"
      | "talos";
  }[];
  readonly cautions: readonly string[];
  /** The asked pairs after the change, in their order. */
  readonly pairs: readonly MatrixPairJson[];
  /** Asked pairs that are bus-addr and whose requests go up to the root complex, by addresses of the IOMMU. */
  readonly directByVerdictAlone: {
    readonly pairs: number;
    /** So many of them with iommu=pt as well. */
    readonly directWithPassthrough: number;
  };
  /** Asked pairs that are predicted to carry more or less after it, alike ones together: 10^9 data bytes per second of one flow, to three digits; null where both figures are the same or one is not known. */
  readonly carries: readonly {
    /** What such functions are: GPU, NIC, storage …. */
    readonly providers: string;
    readonly clients: string;
    readonly pairs: number;
    readonly example: NamedPairJson;
    readonly write: { readonly before: number; readonly after: number } | null;
    readonly read: { readonly before: number; readonly after: number } | null;
  }[];
  /** Other pairs that it changes, one by one: the first 1000. */
  readonly otherVerdicts: readonly OtherVerdictJson[];
  /** All other pairs that it changes, of every function but bridges, counted by classes. */
  readonly otherPairs: {
    readonly changed: number;
    /** Of these, those that keep their map type. */
    readonly hopsOnly: number;
    readonly classes: readonly {
      /** What such functions are: GPU, NIC, storage …. */
      readonly providers: string;
      readonly clients: string;
      readonly pairs: number;
      readonly example: NamedPairJson;
      readonly before: MapType;
      readonly after: MapType;
    }[];
    /** Pairs that keep map type and hops and come to lie nearer or farther apart. */
    readonly localities: readonly {
      /** What such functions are: GPU, NIC, storage …. */
      readonly providers: string;
      readonly clients: string;
      readonly pairs: number;
      readonly example: NamedPairJson;
      readonly before: "PIX" | "PXB" | "PHB" | "NODE" | "SYS";
      readonly after: "PIX" | "PXB" | "PHB" | "NODE" | "SYS";
    }[];
    /** Pairs that keep their map type and whose requests end otherwise; left out where there are too many pairs to ask. */
    readonly routes?: readonly {
      /** What such functions are: GPU, NIC, storage …. */
      readonly providers: string;
      readonly clients: string;
      readonly pairs: number;
      readonly example: NamedPairJson;
      readonly direction: "write" | "read";
      readonly before: "arrive" | "arrive otherwise" | "fail" | "unknown";
      readonly after: "arrive" | "arrive otherwise" | "fail" | "unknown";
      /** Why they end so after it, each reason once; none where they arrive as the verdict promises. */
      readonly why: readonly string[];
    }[];
  };
  readonly groups: Known<readonly GroupChangeJson[]>;
  /** Pairs of functions that the IOMMU keeps apart before, and not after it. */
  readonly isolationLost: Known<{
    readonly pairs: number;
    /** Of these, those that are in two groups all the same. */
    readonly inTwoGroups: number;
    readonly classes: readonly {
      readonly of: readonly string[];
      readonly pairs: number;
      readonly example: readonly NamedDeviceJson[];
    }[];
  }>;
}

/** A change that helps in a case that the source leaves open: likely, and not proved. It does no asked pair harm. */
export interface LikelyFixJson {
  readonly outcome: "likely";
  readonly why: string;
  readonly title: string;
  /** Of the asked pairs, those that are unknown after it. */
  readonly open: number;
  /** What its outcome depends on, where that is one pair's. */
  readonly condition: string | null;
  /** Into `hidden`: what would have to be known. */
  readonly hidden: readonly number[];
}

/** `peerlane fix --json`: what would make pairs work. */
export interface FixJson {
  readonly schema: "peerlane.fix/2";
  readonly machine: MachineJson;
  /** The asked pairs as they are; none of a function with itself. */
  readonly pairs: readonly MatrixPairJson[];
  /** Of one pair that is not direct: what is nearer to each of the two than the other, of its class. */
  readonly nearer: readonly {
    readonly of: NamedDeviceJson;
    readonly devices: readonly NamedDeviceJson[];
    readonly mapType: MapType;
    readonly hops: number | null;
    /** They are below one bridge, and ACS redirection keeps them from being direct. */
    readonly isRedirected: boolean;
  }[];
  /** Those that are proved first, in the order and with the numbers of the screen: settings before cards that move, what helps most first, what takes the IOMMU away and then a switch card last. */
  readonly proposals: readonly (ProvedFixJson | LikelyFixJson)[];
  /** Of `pairs` and of those of all proposals. */
  readonly reasons: readonly MatrixReasonJson[];
  /** What the source hides, in its words. */
  readonly hidden: readonly string[];
  readonly gates: readonly GateJson[];
  /** The boot loader that the machine most likely has, and by what it is known. */
  readonly bootLoader: {
    readonly name:
      | "grub"
      | "grub-file"
      | "grubby"
      | "rpm-ostree"
      | "systemd-boot"
      | "proxmox-boot-tool"
      | "kernelstub"
      | "talos";
    readonly why: string;
  } | null;
  /** What one might think of and does not help. */
  readonly rejected: readonly { readonly title: string; readonly why: string }[];
  /** The changed machines that were decided, by kinds of changes. */
  readonly searched: {
    readonly tried: readonly { readonly what: string; readonly machines: number }[];
    /** Why there may be more ways than were found. */
    readonly cut: string | null;
  };
  /** The functions but bridges for which it was looked what else a proposal changes, and all of them. */
  readonly watched: { readonly functions: number; readonly of: number };
  readonly remedies: readonly {
    /** Into `gates`. */
    readonly gate: number;
    readonly remedy: string;
    /** False: there is no way out for this pair, and the text says what to take instead. */
    readonly possible: boolean;
  }[];
  readonly parameters: readonly {
    readonly parameter: string;
    readonly devices: readonly NamedDeviceJson[];
    readonly effect: "took-effect" | "still-redirects" | "matches-nothing" | "hidden";
  }[];
  readonly changedSinceBoot: readonly { readonly device: NamedDeviceJson; readonly bits: number }[];
  /** The ways that the pairs name. */
  readonly asking: readonly AskingWayJson[];
  readonly notes: readonly NoteJson[];
  /** What if: the changes with which the machine was asked about. */
  readonly asked?: readonly string[];
}

/** `peerlane find --p2pmem --json`: the provider that the kernel would choose for clients. */
export interface FindJson {
  readonly schema: "peerlane.find/1";
  readonly machine: MachineJson;
  readonly clients: readonly string[];
  readonly candidates: readonly {
    readonly provider: string;
    readonly published: Known<boolean>;
    /** The sum over the clients, -1 when one is not supported. */
    readonly distance: Known<number>;
    readonly hops: number | null;
  }[];
  /** The nearest; the kernel picks one of several at random. */
  readonly chosen: Known<readonly string[]>;
  readonly notes: readonly NoteJson[];
  /** What if: the changes with which the machine was asked about. */
  readonly asked?: readonly string[];
}

/** The devices that are nearest to another, and how they are reached. */
export interface ReachJson {
  /** All that are as near. */
  readonly nearest: Known<readonly NamedDeviceJson[]>;
  /** Where both have memory for peers, what is worse of the two ways. */
  readonly mapType: MapType;
  /** Supported, and nothing blocks it; null where that depends on what the source hides. */
  readonly works: boolean | null;
  readonly blockedBy: string | null;
  /** Direct by the verdict alone: the driver takes an address of the IOMMU, and requests go up to the root complex. */
  readonly goesUp: boolean;
  readonly hops: number | null;
  readonly locality: Known<"PIX" | "PXB" | "PHB" | "NODE" | "SYS" | null>;
  /** Whose memory is used; none: neither has any for peers, hidden: that is not shown; told is the path. */
  readonly memory: "own" | "other" | "both" | "none" | "hidden";
  /** Those that may be as near or nearer, as the source hides what decides. */
  readonly perhaps: readonly NamedDeviceJson[];
}

/** A device with those that are nearest to it. */
export interface NearestDeviceJson extends ReachJson {
  readonly device: NamedDeviceJson;
  /** Where a what-if changes the answer: that of the machine as it is, null where there is none. */
  readonly before?: ReachJson | null;
}

/** `peerlane find --json`: the nearest devices of each device. */
export interface NearestJson {
  readonly schema: "peerlane.nearest/1";
  readonly machine: MachineJson;
  /** Of each device of one group the nearest of another. */
  readonly questions: readonly {
    /** A class, or the words by which devices were asked for. */
    readonly of: string;
    readonly among: string;
    readonly found: readonly NearestDeviceJson[];
    /** Devices without a candidate: neither side has memory for peers. */
    readonly without: readonly NamedDeviceJson[];
  }[];
  /** Of the devices that were asked about those whose link or BAR is less than it could be. */
  readonly reduced: readonly {
    readonly device: NamedDeviceJson;
    /** Where it is narrower or slower than the device can be, and no idle GPU explains it. */
    readonly link: {
      /** The function at its lower end: the device, or the switch of its card. */
      readonly at: string;
      readonly is: "full" | "slow" | "idle-gpu" | "held-by-port" | "below-own" | "open";
      /** What was negotiated. */
      readonly status: LinkStateJson;
      readonly deviceCan: LinkStateJson | null;
      /** What both ends can; null where that is not known. */
      readonly bothCan: LinkStateJson | null;
    } | null;
    /** A BAR that shows a part of the device's memory, as without Resizable BAR. */
    readonly bar: {
      readonly barIndex: number;
      readonly sizeBytes: number;
      /** Null where the source does not show what it could be. */
      readonly possibleBytes: number | null;
    } | null;
  }[];
  /** Those that are not listed, as they are where their physical one is. */
  readonly virtualFunctions: number;
  readonly notes: readonly NoteJson[];
  /** What if: the changes with which the machine was asked about. */
  readonly asked?: readonly string[];
}

/** A figure, and what it may be. */
export interface RangedJson {
  readonly value: number;
  readonly low: number;
  readonly high: number;
}

/** What one pair carries of writes or of reads: 10^9 data bytes per second, one flow, one way. */
export interface PredictionJson {
  readonly gbps: RangedJson;
  /** A link is hidden: it may be less. */
  readonly isUpperBound: boolean;
  /** By a measurement on such hardware, by the specification, or with something that the source does not show. */
  readonly sure: "measured" | "specification" | "assumption";
  /** Where the requests turn. */
  readonly turn: "switch" | "root-complex" | "inside-device";
  /** Position in hops of the one with the least. */
  readonly bottleneck: number;
  /** In the order of the data. */
  readonly hops: readonly {
    readonly kind: "link" | "root-complex" | "reads-in-flight" | "iommu";
    /** The function at a link's lower end; who reads. */
    readonly at: string | null;
    readonly towards: "up" | "down" | null;
    readonly link: { readonly speedGTps: number; readonly width: number } | null;
    readonly gbps: RangedJson;
    readonly why: string;
    /** By a measurement on such hardware, by the specification, or with something that the source does not show. */
    readonly sure: "measured" | "specification" | "assumption";
  }[];
  readonly hiddenLinks: readonly { readonly at: string; readonly why: string }[];
  readonly payloadBytes: number;
  /** What holds it back, the dearest first. */
  readonly losses: readonly {
    readonly kind: "slow-link" | "narrow-slot" | "small-payload" | "up-to-the-root-complex" | "iommu-walks";
    readonly at: string | null;
    readonly gbpsWithout: number;
    readonly why: string;
  }[];
  readonly assumptions: readonly string[];
  /** Unloaded: of one write, one way; of one read, there and back; where isUpperBound, no less than low. */
  readonly latencyNs: RangedJson;
  /** Where isUpperBound, at most so much. */
  readonly sizes: readonly { readonly sizeBytes: number; readonly gbps: number; readonly oneAtATimeGbps: number }[];
}

/** What a pair carries where both ends write to each other at once: 10^9 data bytes per second each way. */
export interface BothWaysJson {
  /** The client writes into the provider. */
  readonly thereGbps: number;
  readonly backGbps: number;
  /** Functions at the lower ends of links that both cross the same way. */
  readonly sharedLinks: readonly string[];
  /** Both together, if they turned in the switch that both are below. */
  readonly directGbps: number | null;
}

/** `peerlane predict --json`: what one pair can carry. */
export interface PredictJson {
  readonly schema: "peerlane.predict/1";
  readonly machine: MachineJson;
  readonly provider: string;
  readonly client: string;
  /** Bytes over which requests go, at random; null: not said. */
  readonly windowBytes: number | null;
  readonly write: Known<PredictionJson>;
  readonly read: Known<PredictionJson>;
  /** Both ends write to each other at once. */
  readonly bothWays: Known<BothWaysJson>;
  readonly notes: readonly NoteJson[];
  readonly whatIf?: WhatIfJson;
}

/** What a pair carries of writes or of reads, or why there is no figure; sentences are positions in `reasons`. */
export type BandwidthFigureJson =
  | {
      readonly gbps: number;
      readonly low: number;
      readonly high: number;
      readonly isUpperBound: boolean;
      /** By a measurement on such hardware, by the specification, or with something that the source does not show. */
      readonly sure: "measured" | "specification" | "assumption";
      /** Where the requests turn. */
      readonly turn: "switch" | "root-complex" | "inside-device";
      readonly heldBy: number;
      /** What costs most. */
      readonly loss?: number;
      readonly gbpsWithout?: number;
    }
  | {
      /** Why. */
      readonly noFigure: number;
    };

/** A pair and what it can carry. */
export interface BandwidthPairJson {
  readonly provider: string;
  readonly client: string;
  readonly providerName: string | null;
  readonly clientName: string | null;
  readonly write: BandwidthFigureJson;
  readonly read: BandwidthFigureJson;
}

/** `peerlane matrix --bandwidth --json`: what each pair can carry, 10^9 data bytes per second, one flow, one way. */
export interface BandwidthJson {
  readonly schema: "peerlane.bandwidth/1";
  readonly machine: MachineJson;
  readonly pairs: readonly BandwidthPairJson[];
  readonly reasons: readonly string[];
  readonly notes: readonly NoteJson[];
  readonly whatIf?: WhatIfJson;
}

/** An end of a measurement, and what it is on the machine. */
export interface ComparedEndJson {
  /** The machine's name for it, or what the tool printed where nothing fits. */
  readonly said: string;
  readonly is: "functions" | "host" | "unmatched";
  readonly functions: readonly string[];
}

/** One figure of the results, held against the machine. */
export interface ComparedFigureJson {
  readonly line: number;
  readonly column: number;
  readonly tool: "nvbandwidth" | "p2pBandwidthLatencyTest" | "perftest" | "nccl-tests" | "fio" | "peerlane bench";
  readonly test: string;
  readonly label: string;
  /** Bytes go from here. */
  readonly from: ComparedEndJson;
  readonly to: ComparedEndJson;
  readonly operation: "write" | "read" | "copy" | "send" | "collective";
  /** Whose DMA moves the bytes. */
  readonly mover: "from" | "to" | "unknown";
  readonly direction: "one-way" | "sum of both";
  /** As much went the other way at the same time. */
  readonly opposed: boolean;
  readonly flows: number | null;
  readonly sizeBytes: number | null;
  readonly peer: "on" | "off" | "unknown";
  readonly gbps: number | null;
  readonly latencyNs: number | null;
  /** Expected: within the prediction; low: below it (a latency: above its high end); better: above it, and no more than links carry; wide: within a range that is too wide to judge by; impossible: more than the links can carry; other-link: the same between GPUs, likely NVLink or xGMI; no-figure: held against nothing. */
  readonly verdict: "impossible" | "low" | "other-link" | "better" | "wide" | "expected" | "no-figure";
  readonly predicted: {
    readonly unit: "GB/s" | "ns";
    readonly value: number;
    readonly low: number;
    readonly high: number;
    /** All that the links carry, however it is packed; null of a latency. */
    readonly limit: number | null;
  } | null;
  /** Likely, not proved; of an expected figure what holds it back. */
  readonly causes: readonly {
    readonly kind:
      | "slow-link"
      | "narrow-slot"
      | "small-payload"
      | "up-to-the-root-complex"
      | "iommu-walks"
      | "peer-off"
      | "iommu"
      | "shared"
      | "as-less-link"
      | "disk"
      | "network"
      | "nccl"
      | "unexplained"
      | "other-link"
      | "gib-for-gb"
      | "sum-for-one-way"
      | "bits-for-bytes"
      | "cache"
      | "link-was-less"
      | "turned-in-switch"
      | "assumption";
    readonly text: string;
    readonly withoutGbps?: number;
  }[];
  /** Why it is held against nothing. */
  readonly why: string | null;
  readonly doubts: readonly string[];
}

/** `peerlane compare --json`: results of measuring tools held against what is predicted. */
export interface CompareJson {
  readonly schema: "peerlane.compare/1";
  readonly machine: MachineJson;
  readonly tools: readonly (
    | "nvbandwidth"
    | "p2pBandwidthLatencyTest"
    | "perftest"
    | "nccl-tests"
    | "fio"
    | "peerlane bench"
  )[];
  readonly counts: {
    readonly expected: number;
    readonly low: number;
    readonly better: number;
    readonly wide: number;
    readonly impossible: number;
    readonly otherLink: number;
    readonly noFigure: number;
  };
  readonly groups: readonly {
    /** Expected: within the prediction; low: below it (a latency: above its high end); better: above it, and no more than links carry; wide: within a range that is too wide to judge by; impossible: more than the links can carry; other-link: the same between GPUs, likely NVLink or xGMI; no-figure: held against nothing. */
    readonly verdict: "impossible" | "low" | "other-link" | "better" | "wide" | "expected" | "no-figure";
    readonly what: string;
    readonly cause: {
      readonly kind:
        | "slow-link"
        | "narrow-slot"
        | "small-payload"
        | "up-to-the-root-complex"
        | "iommu-walks"
        | "peer-off"
        | "iommu"
        | "shared"
        | "as-less-link"
        | "disk"
        | "network"
        | "nccl"
        | "unexplained"
        | "other-link"
        | "gib-for-gb"
        | "sum-for-one-way"
        | "bits-for-bytes"
        | "cache"
        | "link-was-less"
        | "turned-in-switch"
        | "assumption";
      readonly text: string;
    } | null;
    readonly count: number;
    /** Position in figures. */
    readonly example: number;
  }[];
  readonly figures: readonly ComparedFigureJson[];
  readonly notHeld: readonly { readonly why: string; readonly count: number }[];
  /** Functions at the lower ends of links that every low figure crosses, and none that is as expected. */
  readonly suspects: readonly string[];
  /** Where output and machine contradict each other. */
  readonly contradictions: readonly string[];
  readonly assumptions: readonly string[];
  /** Figures that say nothing of a path between two devices. */
  readonly leftOut: readonly { readonly why: string; readonly count: number }[];
  readonly unread: {
    readonly count: number;
    readonly lines: readonly { readonly line: number; readonly column: number; readonly why: string }[];
  };
  readonly notes: readonly NoteJson[];
  /** What if: the changes with which the machine was asked about. */
  readonly asked?: readonly string[];
}

/** `peerlane diff --json`. */
export interface DiffJson {
  readonly schema: "peerlane.diff/1";
  readonly before: MachineJson;
  readonly after: MachineJson;
  readonly difference: DifferenceJson;
  /** What if: the changes with which the machine was asked about. */
  readonly asked?: readonly string[];
}

/** One thing that is other about a class than about the one that it is held against. */
export interface FleetCauseJson {
  readonly kind:
    | "another-kind"
    | "link-width"
    | "link-speed"
    | "acs-redirect"
    | "acs"
    | "missing-device"
    | "added-device"
    | "other-device"
    | "other-slot"
    | "iommu"
    | "kernel"
    | "command-line"
    | "configuration"
    | "modules"
    | "cpu"
    | "virtual-machine"
    | "bar-size"
    | "bar-address"
    | "max-payload"
    | "read-request"
    | "packets"
    | "driver"
    | "decode"
    | "dma-mask"
    | "numa-node"
    | "peer-memory"
    | "virtual-functions"
    | "capabilities"
    | "iommu-groups"
    | "bus-offset"
    | "source"
    | "bus-numbers"
    | "other";
  /** In words; devices by kind and number, as all verbs take them. */
  readonly text: string;
}

/** Machines that are alike in all that matters. */
export interface FleetClassJson {
  /** The same for machines that are alike, in every run. */
  readonly class: string;
  readonly machines: number;
  /** A kind of machine that others are held against, and no outlier. */
  readonly reference: boolean;
  /** The larger class that it has most in common with. */
  readonly nearest: string | null;
  /** What differs from that one. */
  readonly causes: readonly FleetCauseJson[];
  /** Null where the source does not show it. */
  readonly kernel: string | null;
  readonly iommu: string | null;
  readonly functions: number;
  readonly gpus: number;
  readonly nics: number;
  readonly ssds: number;
  /** Pairs of two different devices, each way counted. */
  readonly pairs: number;
  readonly direct: number;
  readonly hostBridge: number;
  readonly notSupported: number;
  readonly undecided: number;
  /** Its machines with other bus numbers than most of it. */
  readonly renumbered: readonly string[];
  /** Its machines, in the order of the sources. */
  readonly members: readonly string[];
}

/** `peerlane fleet --json`: which machines of a fleet are alike, and how the others differ. */
export interface FleetJson {
  readonly schema: "peerlane.fleet/1";
  readonly machines: {
    /** All that the sources name. */
    readonly named: number;
    readonly read: number;
    readonly failed: number;
    readonly duplicate: number;
    /** Of those that were read, those of no reference class. */
    readonly outliers: number;
    /** Those whose bus numbers are not the usual ones of their class. */
    readonly renumbered: number;
  };
  /** Causes over all classes that are outliers, those of most machines first. */
  readonly causes: readonly {
    readonly kind:
      | "another-kind"
      | "link-width"
      | "link-speed"
      | "acs-redirect"
      | "acs"
      | "missing-device"
      | "added-device"
      | "other-device"
      | "other-slot"
      | "iommu"
      | "kernel"
      | "command-line"
      | "configuration"
      | "modules"
      | "cpu"
      | "virtual-machine"
      | "bar-size"
      | "bar-address"
      | "max-payload"
      | "read-request"
      | "packets"
      | "driver"
      | "decode"
      | "dma-mask"
      | "numa-node"
      | "peer-memory"
      | "virtual-functions"
      | "capabilities"
      | "iommu-groups"
      | "bus-offset"
      | "source"
      | "bus-numbers"
      | "other";
    readonly machines: number;
    readonly classes: number;
  }[];
  /** Outliers first, those of fewest machines first; the largest class is last. */
  readonly classes: readonly FleetClassJson[];
  /** Machines without a result, and why. */
  readonly unread: readonly {
    readonly machine: string;
    readonly state: "failed" | "duplicate";
    readonly reason: string;
  }[];
}

/** How many came out how. */
export interface OutcomeCountsJson {
  readonly pass: number;
  readonly fail: number;
  readonly unknown: number;
}

/** A provider and a client: the kernel's verdict, and what stands beside it. */
export interface PairJson extends NamedPairJson {
  readonly mapType: MapType;
  /** What the kernel returns: hops, -1 when not supported; null when unknown. */
  readonly distance: number | null;
  readonly hops: number | null;
  /** How far apart the two are, by the words of nvidia-smi topo; null for a function with itself. */
  readonly locality: Known<"PIX" | "PXB" | "PHB" | "NODE" | "SYS" | null>;
  /** Where the source names no kernel: those for which a known map type is claimed, null: and newer. */
  readonly releases?: { readonly from: string; readonly to: string | null };
  /** Whether it works, direct or through the host bridge; null where that depends on what the source hides. */
  readonly supported: boolean | null;
  /** What an unknown map type depends on, as far as the source shows it. */
  readonly condition: string | null;
  /** In the order in which the kernel lists them. */
  readonly acsRedirect: readonly string[];
  readonly acsHidden: readonly string[];
  readonly reason: string;
  readonly hidden: readonly string[];
  readonly gates: readonly GateJson[];
  /** What is documented of the hardware, beside what the kernel decides. */
  readonly hardware: { readonly write: DirectionJson; readonly read: DirectionJson };
  readonly askedBy: AskedByJson;
  readonly fixes: readonly { readonly kind: string; readonly value: string; readonly mapType: MapType }[];
}

/** What decided a rule of a policy. */
export interface FindingJson {
  readonly kind:
    | "pair"
    | "alone"
    | "missing"
    | "no-pair"
    | "group"
    | "no-group"
    | "hidden-group"
    | "apart"
    | "link"
    | "bar"
    | "count"
    | "fact";
  /** Of a pair, provider and client. */
  readonly devices: readonly string[];
  /** The pair, or that with the nearest partner of a device that has none. */
  readonly pair: PairJson | null;
  /** What is wrong with the pair, or not known of it. */
  readonly problems: readonly {
    readonly kind: "path" | "route" | "goes-up" | "hops" | "locality" | "bandwidth" | "gate" | "hidden";
    readonly message: string;
  }[];
  readonly group: { readonly number: number; readonly predicted: boolean } | null;
  readonly message: string;
}

/** What a rule matched and what it made of that (`check --explain`). */
export interface ExplainedRuleJson {
  readonly sides: readonly {
    readonly role: "provider" | "client" | "devices" | "from";
    readonly items: readonly {
      readonly text: string;
      readonly excluded: boolean;
      readonly found: readonly string[];
      /** Devices of which the source hides whether they are meant. */
      readonly possible: number;
    }[];
    /** What the items come to. */
    readonly devices: readonly {
      readonly bdf: string;
      /** Why the rule may not be about it. */
      readonly hidden: string | null;
    }[];
  }[];
  readonly pairs: readonly {
    readonly provider: string;
    readonly client: string;
    readonly mapType: MapType;
    readonly outcome: "pass" | "fail" | "unknown" | "skipped";
    readonly why: string;
  }[];
  /** All pairs, of which the first thousand are told. */
  readonly pairCount: number;
  readonly groups: readonly {
    readonly device: string;
    readonly group: Known<number | null>;
    readonly predicted: boolean;
  }[];
  /** What came of each device or link, of rules that look at one at a time: the first hundred of each outcome. */
  readonly judged: readonly {
    readonly device: string;
    readonly outcome: "pass" | "fail" | "unknown";
    readonly why: string;
  }[];
}

/** A rule of a policy, judged. */
export interface JudgedRuleJson {
  readonly id: string;
  readonly kind: "require" | "forbid" | "separate" | "together" | "links" | "bars" | "count" | "machine";
  readonly name: string;
  readonly place: { readonly file: string; readonly line: number; readonly column: number };
  readonly outcome: "pass" | "fail" | "unknown";
  /** Pairs, devices, groups or facts by outcome. */
  readonly counts: OutcomeCountsJson;
  /** What of its devices the machine does not have, where the rule allows that: empty classes and ids, too. */
  readonly unmatched: readonly string[];
  /** What decided, of the rule's own outcome: the first 100. */
  readonly findings: readonly FindingJson[];
  /** What is to be said of it though the rule is content: links of GPUs that may be idle. */
  readonly remarks: readonly FindingJson[];
  readonly explained?: ExplainedRuleJson;
}

/** `peerlane check --json`: a machine against a policy. */
export interface CheckJson {
  readonly schema: "peerlane.check/1";
  readonly machine: MachineJson;
  readonly policy: { readonly file: string; readonly name: string | null };
  /** Fail before unknown before pass. */
  readonly outcome: "pass" | "fail" | "unknown";
  /** Rules by outcome. */
  readonly counts: OutcomeCountsJson;
  readonly rules: readonly JudgedRuleJson[];
  /** What if: the rules that come to something else with the changes that were asked. */
  readonly turned?: readonly {
    /** The id of one of `rules`. */
    readonly rule: string;
    readonly before: "pass" | "fail" | "unknown";
    readonly after: "pass" | "fail" | "unknown";
  }[];
  /** What rules take for granted, as the source does not show it. */
  readonly assumed: readonly string[];
  /** The ways that the pairs name. */
  readonly asking: readonly AskingWayJson[];
  readonly notes: readonly NoteJson[];
  /** What if: the changes with which the machine was asked about. */
  readonly asked?: readonly string[];
}

/** The memory that transfers went through. */
export interface UsedMemoryJson {
  readonly source: "peer" | "ram" | "none";
  readonly provider: string | null;
  /** Why it is not peer memory. */
  readonly why: string | null;
  readonly transfers: number;
}

/** Requests that the fabric did not deliver. */
export interface RequestFailureJson {
  readonly requester: string;
  readonly kind: "read" | "write";
  readonly address: string;
  readonly outcome: "unsupported-request" | "acs-violation" | "iommu-fault" | "lost" | "not-issued";
  readonly endedAt: string | "root-complex";
  readonly reason: string;
  readonly times: number;
  /** Of commands, lists or completions, which are no data. */
  readonly control: boolean;
  /** Of all of them together; after a packet that is not delivered no more of its request is sent, so that `sent` less `arrived` is what was lost on the way. */
  readonly bytes: { readonly asked: number; readonly sent: number; readonly arrived: number };
}

/** What went over the fabric, in bytes. */
export interface TrafficJson {
  readonly dramRead: number;
  readonly dramWritten: number;
  /** What the root complex passed from port to port. */
  readonly rootComplex: number;
  /** What went over the links of the root bus, in both directions. */
  readonly rootPorts: number;
  /** Payload bytes on the link above each function, towards the root and from it. */
  readonly links: readonly {
    readonly bdf: string;
    readonly port: string | null;
    readonly up: number;
    readonly down: number;
  }[];
  /** What entered each switch, by its upstream port. */
  readonly switches: readonly { readonly bdf: string; readonly bytes: number }[];
  /** TLPs with data. */
  readonly requests: number;
  /** Commands, lists, completions, doorbells. */
  readonly control: { readonly dram: number; readonly requests: number };
}

/** One way of doing a step. */
export interface StepRunJson {
  readonly outcome: "done" | "mapping-failed" | "device-error" | "silent-loss" | "wrong-bytes" | "not-run" | "unknown";
  readonly why: string | null;
  /** Errnos of refusals, statuses of devices, how requests ended that nobody was told of; each once. */
  readonly errors: readonly string[];
  readonly bytes: number;
  readonly transfers: {
    readonly done: number;
    readonly "mapping-failed": number;
    readonly "device-error": number;
    readonly "silent-loss": number;
    readonly "wrong-bytes": number;
  };
  readonly memory: readonly UsedMemoryJson[];
  readonly usedPeerMemory: boolean;
  /** Bytes, compared at the owner of the target; failed: of transfers that a driver knows to have failed. */
  readonly checked: {
    readonly right: number;
    readonly wrong: number;
    readonly failed: number;
    readonly notChecked: number;
  };
  /** What the fabric did not deliver: the first kinds, whoever learned of it. */
  readonly failures: readonly RequestFailureJson[];
  readonly iommuFaults: number;
  /** What the outcome depends on where nobody shows, documents or specifies what really happens. */
  readonly assumptions: readonly string[];
  /** What the step did beside its transfers: what was shared, who waited for whom, what is done. */
  readonly events: readonly string[];
  /** What devices that do not stop can still reach of memory that was taken back. */
  readonly leftOpen: readonly string[];
  readonly traffic: TrafficJson;
}

/** A step of a workload with its outcome. */
export interface StepJson extends StepRunJson {
  readonly name: string;
  readonly kind:
    | "copy"
    | "nvmeof"
    | "gpu-read"
    | "export"
    | "import"
    | "rdma"
    | "reset"
    | "revoke"
    | "restore"
    | "guest"
    | "dma"
    | "mmap"
    | "direct-io";
  readonly place: { readonly file: string; readonly line: number; readonly column: number };
  /** How the file says that each transfer of the step ends, if not well. */
  readonly expected: {
    readonly outcome: "refused" | "device-error" | "silent-loss" | "wrong-bytes";
    readonly error: string | null;
    readonly isMet: boolean;
  } | null;
  /** The same by way of RAM, where asked for. */
  readonly throughRam: StepRunJson | null;
}

/** The requests of a simulation, hop by hop. */
export interface TraceJson {
  readonly requests: readonly {
    readonly step: number;
    /** From 1 on; 0 before the first. */
    readonly transfer: number;
    /** Root-complex: the CPU. */
    readonly requester: string | "root-complex";
    readonly times: number;
    readonly firstAddress: string;
    readonly lastAddress: string;
    readonly hops: readonly {
      readonly at: string | "root-complex";
      readonly what: string;
      readonly address: string;
      readonly words: string;
    }[];
  }[];
  readonly dropped: number;
}

/** `peerlane simulate --json`: what became of a workload on the model of a machine. */
export interface SimulateJson {
  readonly schema: "peerlane.simulate/1";
  readonly machine: MachineJson;
  readonly workload: { readonly file: string; readonly name: string };
  /** Unknown: the source hides what decides, or an outcome depends on assumptions. */
  readonly outcome: "delivered" | "failed" | "unknown";
  /** Why no model could be made of the machine. */
  readonly hidden: string | null;
  readonly choices: readonly { readonly what: string; readonly value: string; readonly why: string }[];
  readonly steps: readonly StepJson[];
  /** Whose memory is read and written by whom in the steps: the kernel's verdict, and what stands beside it. */
  readonly pairs: readonly PairJson[];
  /** The ways that the pairs name. */
  readonly asking: readonly AskingWayJson[];
  /** Of all steps, without the runs that they are compared with. */
  readonly traffic: TrafficJson | null;
  /** With --trace. */
  readonly trace: TraceJson | null;
  readonly notes: readonly NoteJson[];
}

/** What a flow carried. */
export interface TimedFlowResultJson {
  readonly bytes: number;
  readonly operations: number;
  /** 10^9 data bytes per second, from its start to its end or that of the run. */
  readonly gbps: number;
  /** From when a read or write may begin to its last byte, to 1 %; null: none was done. */
  readonly latencyNs: { readonly p50: number; readonly p95: number; readonly p99: number } | null;
  /** When its last read or write was done. */
  readonly doneNs: number;
}

/** A flow of reads or writes. */
export interface TimedFlowJson {
  /** Whose memory is read or written. */
  readonly provider: string | "host-memory";
  readonly client: string;
  readonly operation: "read" | "write";
  /** Bytes of each read or write. */
  readonly sizeBytes: number;
  /** Position of the flow whose data this one passes on. */
  readonly follows: number | null;
  readonly ran: Known<TimedFlowResultJson>;
}

/** One direction of a link that flows crossed. */
export interface TimedLinkJson {
  /** The function at its lower end. */
  readonly below: string;
  readonly towards: "up" | "down";
  readonly link: LinkStateJson;
  /** Data bytes. */
  readonly bytes: number;
  readonly tlps: { readonly posted: number; readonly nonPosted: number; readonly completions: number };
  readonly utilisation: number;
  /** The same of each part of the run. */
  readonly overTime: readonly number[];
}

/** Flows that ran at once. */
export interface TimedRunJson {
  /** Of the step, or of the part of the pattern. */
  readonly name: string;
  readonly way: "as-asked" | "through-ram";
  /** What became of the step's data on the model without time; null for a pattern. */
  readonly outcome:
    | "done"
    | "mapping-failed"
    | "device-error"
    | "silent-loss"
    | "wrong-bytes"
    | "not-run"
    | "unknown"
    | null;
  /** Why it was not run in time. */
  readonly why: string | null;
  /** 10^9 bytes per second that came to the end of their way. */
  readonly gbps: number | null;
  /** Nanoseconds that were simulated. */
  readonly endNs: number | null;
  readonly flows: readonly TimedFlowJson[];
  readonly links: readonly TimedLinkJson[];
  /** Nanoseconds of each part of overTime. */
  readonly bucketNs: number | null;
  /** The host's. */
  readonly memory: {
    readonly readBytes: number;
    readonly writtenBytes: number;
    readonly utilisation: number;
    readonly overTime: readonly number[];
  } | null;
  /** Lanes below root ports that were used, and data bytes on them, both directions. */
  readonly rootPorts: { readonly lanes: number; readonly bytes: number } | null;
  /** Sent, counted on each link and at the memory. */
  readonly tlps: number | null;
  readonly assumptions: readonly string[];
}

/** `peerlane simulate --time --json`: a workload's steps, or a pattern over devices, run in time. */
export interface TimedJson {
  readonly schema: "peerlane.timed/1";
  readonly machine: MachineJson;
  readonly workload: {
    readonly file: string;
    readonly name: string;
    readonly outcome: "delivered" | "failed" | "unknown";
  } | null;
  readonly pattern: {
    readonly name: "sequential" | "stagger" | "single-reader" | "all-at-once";
    readonly operation: "read" | "write";
  } | null;
  /** Nanoseconds that every flow went on for; null: until all bytes were there. */
  readonly lengthNs: number | null;
  readonly runs: readonly TimedRunJson[];
  readonly notes: readonly NoteJson[];
}

/** Why a pool is left alone. */
export interface PoolReasonJson {
  /** In-use: never taken; unpublished: with --allow-unpublished only. */
  readonly kind: "in-use" | "unpublished" | "no-permission" | "not-offered";
  readonly text: string;
}

/** A process that has mapped memory of a pool. */
export interface PoolUserJson {
  readonly pid: number;
  readonly command: string;
  readonly size: number;
}

/** `peerlane p2pmem --json`: the pools of peer memory of this host. */
export interface P2pmemJson {
  readonly schema: "peerlane.p2pmem/2";
  readonly pools: readonly {
    readonly provider: string;
    readonly name: string | null;
    /** The driver bound to the provider, which registered the memory. */
    readonly owner: Known<string | null>;
    readonly size: number;
    readonly available: Known<number>;
    readonly published: Known<boolean>;
    readonly mapping: "possible" | "no-permission" | "not-offered";
    /** Whether probe, copy and bench take it unasked. */
    readonly usable: boolean;
    /** Why they do not. */
    readonly reason: PoolReasonJson | null;
    /** Processes that have mapped some; kernel users are not among them. */
    readonly users: readonly PoolUserJson[];
  }[];
  readonly missing: readonly { readonly what: string; readonly remedy: string }[];
}

/** A pair, and where the fabric leads its requests. */
export interface RoutedPairJson extends PairJson {
  /** Where the model of the fabric leads the client's requests; null where the kernel hands out no address. */
  readonly route: RouteJson | null;
}

/** What became of data that should have arrived. */
export type DamageJson =
  | { readonly kind: "right" }
  | { readonly kind: "untouched" }
  | { readonly kind: "all-ones" }
  | { readonly kind: "all-zeros" }
  | { readonly kind: "torn"; readonly bytes: number; readonly rest: "before" | "ones" | "zeros" }
  | { readonly kind: "holes"; readonly firstOffset: number; readonly blocks: number }
  | { readonly kind: "reordered"; readonly firstOffset: number; readonly from: number; readonly blocks: number }
  | {
      readonly kind: "corrupted";
      readonly firstOffset: number;
      readonly blocks: number;
      readonly expected: string;
      readonly actual: string;
    };

/** What the data of one I/O was found to be. */
export type DataStateJson =
  | { readonly kind: "right" }
  | { readonly kind: "untouched" }
  | { readonly kind: "all-ones" }
  | { readonly kind: "all-zeros" }
  | { readonly kind: "torn"; readonly bytes: number; readonly rest: "before" | "ones" | "zeros" }
  | { readonly kind: "holes"; readonly firstOffset: number; readonly blocks: number }
  | { readonly kind: "reordered"; readonly firstOffset: number; readonly from: number; readonly blocks: number }
  | {
      readonly kind: "corrupted";
      readonly firstOffset: number;
      readonly blocks: number;
      readonly expected: string;
      readonly actual: string;
    }
  | { readonly kind: "changing" }
  | {
      readonly kind: "control-failed";
      readonly io: { readonly bytes: number; readonly errno: string | null };
      readonly damage: DamageJson | null;
    }
  | { readonly kind: "memory-fails"; readonly damage: DamageJson }
  | { readonly kind: "spilled"; readonly side: "before" | "behind" }
  | { readonly kind: "not-tested" };

/** One direction of a probed pair. */
export interface ProbedDirectionJson {
  readonly kernel:
    | { readonly kind: "accepted"; readonly bytes: number; readonly count: number }
    | { readonly kind: "refused"; readonly errno: string }
    | { readonly kind: "failed"; readonly errno: string; readonly count: number; readonly of: number }
    | { readonly kind: "short"; readonly bytes: number; readonly of: number; readonly count: number }
    | { readonly kind: "not-tested"; readonly why: string; readonly isAsked: boolean };
  readonly data: {
    readonly kind: "right" | "lost" | "unknown" | "none" | "not-tested";
    readonly text: string;
    readonly right: number;
    readonly judged: number;
    /** Right data of blocks that are alike: it does not show that none was moved. */
    readonly alike: number;
  };
  readonly trials: readonly {
    readonly size: number;
    readonly position: number;
    readonly memoryOffset: number;
    readonly io: { readonly bytes: number; readonly errno: string | null } | null;
    readonly state: DataStateJson;
    readonly isDistinct: boolean;
  }[];
}

/** A provider with a disk. */
export interface ProbedPairJson {
  readonly provider: string;
  readonly device: { readonly name: string; readonly size: number };
  readonly isNamed: boolean;
  readonly isOwnMemory: boolean;
  readonly class: "disagreement" | "loss" | "failure" | "unknown" | "fine";
  readonly rules: MapType;
  readonly clients: readonly RoutedPairJson[];
  /** Reads of the disk: the client writes peer memory. */
  readonly into: ProbedDirectionJson;
  /** Writes of the disk: the client reads peer memory. */
  readonly out: ProbedDirectionJson;
  readonly findings: readonly { readonly kind: string; readonly text: string; readonly advice: readonly string[] }[];
  readonly messages: readonly { readonly timeUs: number; readonly text: string }[];
  readonly faults: readonly {
    readonly iommu: "intel" | "amd" | "arm-smmu-v3" | "arm-smmu" | "virtio";
    readonly requester: string | null;
    readonly access: "read" | "write" | null;
    readonly address: string | null;
    readonly reason: string | null;
    /** The provider's BAR in which the address lies, as the bus sees it. */
    readonly providerBar: number | null;
  }[];
}

/** `peerlane probe --json`: what a real kernel did with peer memory, and what became of the data. */
export interface ProbeJson {
  readonly schema: "peerlane.probe/2";
  readonly machine: MachineJson;
  readonly answer: "yes" | "no" | "unknown" | "nothing";
  readonly sizes: readonly number[];
  readonly nonce: string;
  /** Disagreements first, then losses, then the rest. */
  readonly pairs: readonly ProbedPairJson[];
  readonly exhausted: readonly { readonly provider: string; readonly users: readonly PoolUserJson[] }[];
  /** Sizes for which a provider had no room. */
  readonly untried: readonly { readonly provider: string; readonly sizes: readonly number[] }[];
  /** Pools that were not tried, as they are in use or not published; empty where providers were named. */
  readonly leftAlone: readonly { readonly provider: string; readonly reason: PoolReasonJson }[];
  readonly kernelLog: { readonly isRead: true } | { readonly isRead: false; readonly reason: string };
  readonly leftRescues: readonly { readonly file: string; readonly device: string; readonly position: number }[];
}

/** A PCI function that takes part. */
export interface PartyJson {
  readonly bdf: string;
  readonly name: string | null;
  /** As negotiated. */
  readonly link: Known<{ readonly speedGTps: number; readonly width: number } | null>;
}

/** Nanoseconds from the call to its end in this process. */
export interface LatencyJson {
  readonly min: number;
  readonly mean: number;
  readonly p50: number;
  readonly p90: number;
  readonly p99: number;
  readonly p999: number;
  readonly max: number;
}

/** What one kind of I/O came to. */
export interface IoFiguresJson {
  readonly ios: number;
  readonly bytes: number;
  readonly bytesPerSecond: number;
  readonly iops: number;
  readonly latencyNs: LatencyJson | null;
}

/** All slices of one side. */
export interface BenchSideJson {
  /** Reads and writes together. */
  readonly all: IoFiguresJson;
  /** Of a mixed job alone, else null. */
  readonly read: IoFiguresJson | null;
  readonly write: IoFiguresJson | null;
  readonly seconds: number;
  /** Of the benchmark's process. */
  readonly cpu: { readonly userSeconds: number; readonly systemSeconds: number };
  /** How busy the benchmark's own event loop was. */
  readonly loopUtilization: number;
  /** Of the whole system. */
  readonly dram: Known<{ readonly readBytes: number; readonly writtenBytes: number }>;
  /** By errno; short: fewer bytes than asked. */
  readonly errors: Readonly<Record<string, number>>;
  readonly distribution: readonly { readonly percentile: number; readonly latencyNs: number }[];
}

/** One slice of one side. */
export interface BenchSliceJson {
  readonly index: number;
  readonly side: "peer" | "dram";
  readonly startSeconds: number;
  /** Reads and writes together. */
  readonly all: IoFiguresJson;
  /** Of a mixed job alone, else null. */
  readonly read: IoFiguresJson | null;
  readonly write: IoFiguresJson | null;
  readonly seconds: number;
  /** Of the benchmark's process. */
  readonly cpu: { readonly userSeconds: number; readonly systemSeconds: number };
  /** How busy the benchmark's own event loop was. */
  readonly loopUtilization: number;
  /** Of the whole system. */
  readonly dram: Known<{ readonly readBytes: number; readonly writtenBytes: number }>;
  /** By errno; short: fewer bytes than asked. */
  readonly errors: Readonly<Record<string, number>>;
}

/** `peerlane bench --json`: peer memory beside DRAM. */
export interface BenchJson {
  readonly schema: "peerlane.bench/1";
  readonly machine: MachineJson;
  readonly target: {
    readonly name: string;
    readonly path: string;
    readonly kind: "device" | "file";
    readonly size: number;
    readonly logicalBlock: number;
    /** Whose DMA moves its data. */
    readonly functions: readonly PartyJson[];
  };
  /** In fio's words. */
  readonly job: {
    readonly rw: "read" | "write" | "randread" | "randwrite" | "rw" | "randrw";
    readonly rwmixread: number;
    readonly bs: number;
    readonly iodepth: number;
    /** Seconds of each side. */
    readonly runtime: number;
    readonly ramp: number;
    readonly offset: number;
    readonly size: number;
    readonly seed: number;
  };
  /** Null where only DRAM was measured. */
  readonly path: {
    readonly provider: PartyJson;
    readonly clients: readonly {
      readonly bdf: string;
      readonly name: string | null;
      /** As negotiated. */
      readonly link: Known<{ readonly speedGTps: number; readonly width: number } | null>;
      readonly mapType: MapType;
      readonly hops: number | null;
    }[];
  } | null;
  readonly outcome: "measured" | "partial" | "refused" | "loses-data" | "failed";
  readonly why: { readonly what: string; readonly remedy: string | null } | null;
  /** Throughput of peer memory by that of DRAM; min and max of slices beside each other. */
  readonly ratio: { readonly overall: number; readonly min: number; readonly max: number } | null;
  readonly sides: { readonly peer: BenchSideJson | null; readonly dram: BenchSideJson | null };
  readonly slices: readonly BenchSliceJson[];
  readonly notes: readonly NoteJson[];
}

/** A disk or a file. */
export interface CopyEndJson {
  readonly kind: "device" | "file";
  readonly path: string;
  /** The disk that it is or lies on. */
  readonly device: string | null;
  /** The PCI functions that move its data. */
  readonly functions: readonly string[];
  readonly size: number;
  readonly block: number;
}

/** The end that is written. */
export interface CopyTargetJson extends CopyEndJson {
  readonly new: boolean;
}

/** `peerlane copy --json`: a copy, planned or done. */
export interface CopyJson {
  readonly schema: "peerlane.copy/1";
  readonly outcome: "planned" | "copied" | "interrupted" | "failed" | "data-loss";
  readonly source: CopyEndJson;
  readonly target: CopyTargetJson;
  readonly range: { readonly sourceStart: number; readonly targetStart: number; readonly length: number };
  readonly path:
    | {
        readonly kind: "peer";
        readonly provider: string;
        readonly distance: Known<number>;
        /** Others as near: the kernel picks one of all at random. */
        readonly ties: readonly string[];
        readonly clients: readonly { readonly client: string; readonly mapType: MapType }[];
      }
    | { readonly kind: "dram"; readonly reason: string };
  readonly chunk: number;
  readonly depth: number;
  /** Bytes of the range that earlier runs had copied. */
  readonly resumedAt: number;
  readonly warnings: readonly string[];
  readonly result: {
    /** Moved by this run through the memory that path names. */
    readonly memoryBytes: number;
    /** Moved by the CPU: the part of a block at the end. */
    readonly cpuBytes: number;
    /** From the first read to the last flush. */
    readonly seconds: number;
    readonly bytesPerSecond: number;
    readonly cpuSeconds: number;
    /** Chunks besides the first that were read back and were right. */
    readonly sampledChunks: number;
    readonly verification: {
      readonly state: "not-asked" | "same" | "differs" | "not-finished";
      readonly seconds: number;
    };
    readonly earlier: {
      /** Bytes that earlier runs had copied. */
      readonly copied: number;
      /** Of these, what this run compared; what changed of the others since does not show. */
      readonly compared: number;
    };
    readonly loss: {
      readonly message: string;
      readonly foundBy: "first-chunk" | "sample" | "verification";
      /** What else would make both ends differ, and does not. */
      readonly ruledOut: readonly string[];
      /** What else would make both ends differ, and may. */
      readonly open: readonly string[];
      /** Of the first wrong byte, from the start of the range. */
      readonly offset: number;
      readonly sourcePosition: number;
      readonly targetPosition: number;
      readonly looks: "zeros" | "ones" | "never-read" | "never-written" | "other";
      /** Bytes in hex. */
      readonly source: string;
      readonly target: string;
      readonly remedies: readonly string[];
    } | null;
    readonly failure: {
      readonly kind: string;
      readonly message: string;
      readonly remedy: string;
      readonly errno: string | null;
      readonly position: number | null;
    } | null;
    readonly resume: { readonly journal: string; readonly completed: number; readonly command: string } | null;
    /** Of the kernel, meanwhile. */
    readonly messages: readonly { readonly timeUs: number; readonly text: string }[];
  } | null;
}

/** A design of the lab. */
export type DesignIdJson =
  | "pfn-t"
  | "raw-bar"
  | "sg-has-p2p"
  | "sg-has-p2p-flag"
  | "stacked-ops"
  | "helper-in-loop"
  | "special-pages"
  | "page-less-dma"
  | "page-less-side-object"
  | "dma-map-resource"
  | "dma-map-p2p"
  | "provider-ranges"
  | "no-offsets"
  | "stores-only"
  | "ask-then-map-resource"
  | "bus-address-unasked";

/** A class of machines of the lab. */
export type ClassIdJson =
  | "one-switch"
  | "acs-redirect"
  | "acs-no-forwarding"
  | "root-ports"
  | "closed-root-complex"
  | "two-host-bridges"
  | "bus-offset"
  | "bus-offset-negative"
  | "bus-offset-root-ports"
  | "no-iommu"
  | "iommu-strict"
  | "iommu-lazy"
  | "iommu-passthrough"
  | "acs-redirect-iommu"
  | "iommu-closed-root"
  | "bus-offset-iommu"
  | "power-like"
  | "writes-only"
  | "mask-32"
  | "guest"
  | "other-device"
  | "emulated-switch"
  | "linear-map";

/** How a run of the lab ended, best first. */
export type LabOutcomeJson = "right" | "refused" | "fault" | "lost" | "wrong-address";

/** Operations of a design, counted. */
export interface CostJson {
  readonly pageTouches: number;
  readonly pagemapLookups: number;
  readonly pageReferences: number;
  readonly ownerLookups: number;
  readonly listPasses: number;
  readonly segmentVisits: number;
  readonly iommuMapCalls: number;
  readonly iommuUnmapCalls: number;
  readonly iommuFlushes: number;
  readonly iovaAllocations: number;
  readonly allocations: number;
  readonly bouncedBytes: number;
  readonly mapTypeDecisions: number;
}

/** A design on a machine with one list. */
export interface LabRunJson {
  readonly workload: "no-peer" | "mixed" | "all-peer" | "only-a" | "only-b";
  readonly length: number;
  /** The worse of read and write. */
  readonly outcome: LabOutcomeJson;
  readonly read: LabOutcomeJson;
  readonly write: LabOutcomeJson;
  readonly cost: { readonly prepare: CostJson; readonly map: CostJson; readonly unmap: CostJson };
  readonly dmaEntries: number;
  /** Part of the peer bytes that the root complex passed from port to port. */
  readonly throughRoot: number;
  /** Part of the peer bytes that was moved to system memory without a word. */
  readonly inHostMemory: number;
  /** Struct pages of the peer memory. */
  readonly structPageBytes: number;
  readonly isRestored: boolean;
  /** False where bytes outside of the list were written. */
  readonly isContained: boolean;
}

/** Who said no, and why. */
export interface RefusalJson {
  readonly phase: "allocation" | "submission" | "attach" | "building" | "mapping";
  readonly errno: string;
  readonly reason: string;
}

/** The first request that did not do what it should. */
export interface MishapJson {
  readonly direction: "read" | "write";
  readonly segment: number;
  readonly kind: "a" | "b" | "r";
  /** What the device put into its request. */
  readonly dmaAddress: number;
  readonly routeOutcome: string;
  readonly expected: string;
  readonly reached: string | null;
  readonly hops: readonly {
    readonly at: string;
    readonly what: string;
    readonly address: number;
    readonly words: string;
  }[];
}

/** `peerlane lab --json`: designs of the mapping layer side by side. */
export interface LabJson {
  readonly schema: "peerlane.lab/1";
  readonly seed: number;
  readonly lengths: readonly number[];
  readonly designs: readonly {
    readonly id: DesignIdJson;
    readonly title: string;
    readonly idea: string;
    readonly origins: readonly {
      readonly who: string;
      readonly date: string;
      readonly what: string;
      readonly link: string;
    }[];
    readonly preparation: "allocation" | "submission" | "attach" | "building";
    readonly hasPeerPages: boolean;
    /** Reads and writes are mapped apart. */
    readonly mapsByDirection: boolean;
  }[];
  readonly classes: readonly {
    readonly id: ClassIdJson;
    readonly title: string;
    readonly words: string;
    /** Whether a bridge is above peerA and the client, and peerB and the client. */
    readonly pairs: readonly ("near" | "far")[];
    /** A scenario file. */
    readonly scenario: string;
    readonly rootComplex: "forward" | "refuse" | "writes-only" | "within-host-bridge";
    readonly switchForwarding: "per-spec" | "always-upstream";
  }[];
  readonly cells: readonly {
    readonly design: DesignIdJson;
    readonly class: ClassIdJson;
    readonly runs: readonly LabRunJson[];
    readonly counterExample: {
      /** For peerlane lab replay. */
      readonly id: string;
      readonly read: LabOutcomeJson;
      readonly write: LabOutcomeJson;
      readonly refusal: RefusalJson | null;
      readonly mishap: MishapJson | null;
    } | null;
    /** Who was refused took system memory; null where nothing is refused. */
    readonly fallBack: {
      readonly outcome: LabOutcomeJson;
      /** Fetched from peer memory by the CPU first. */
      readonly copiedBytes: number;
    } | null;
  }[];
  /** Lists of RAM, mapped by a kernel that knows of no peers. */
  readonly baselines: readonly {
    readonly kind: ClassIdJson;
    readonly length: number;
    readonly map: CostJson;
    readonly unmap: CostJson;
  }[];
  readonly claims: readonly {
    readonly id: string;
    readonly who: string;
    readonly date: string;
    readonly seed: string | null;
    readonly says: string;
    readonly about: readonly DesignIdJson[];
    /** Machines that its author left out. */
    readonly leftOut: readonly ClassIdJson[];
    /** Null where the lab was not asked for what decides. */
    readonly holds: boolean | null;
    readonly evidence: string | null;
  }[];
  readonly measured: readonly {
    readonly design: DesignIdJson;
    readonly kind: ClassIdJson;
    readonly nsPerSegment: number | null;
  }[];
}

/** `peerlane lab replay ID --json`: one run of the lab. */
export interface LabReplayJson {
  readonly schema: "peerlane.lab-replay/1";
  readonly id: string;
  readonly design: DesignIdJson;
  readonly class: ClassIdJson;
  readonly seed: number;
  /** The worse of read and write. */
  readonly outcome: LabOutcomeJson;
  readonly read: LabOutcomeJson;
  readonly write: LabOutcomeJson;
  readonly cost: { readonly prepare: CostJson; readonly map: CostJson; readonly unmap: CostJson };
  readonly dmaEntries: number;
  /** Part of the peer bytes that the root complex passed from port to port. */
  readonly throughRoot: number;
  /** Part of the peer bytes that was moved to system memory without a word. */
  readonly inHostMemory: number;
  /** Struct pages of the peer memory. */
  readonly structPageBytes: number;
  readonly isRestored: boolean;
  /** False where bytes outside of the list were written. */
  readonly isContained: boolean;
  readonly entries: readonly { readonly address: number; readonly lengthBytes: number; readonly isBus: boolean }[];
  readonly refusal: RefusalJson | null;
  readonly mishap: MishapJson | null;
}

/** `peerlane vm --json`: a real kernel's answers beside the rules'. */
export interface VmJson {
  readonly schema: "peerlane.vm/1";
  readonly kernel: string;
  readonly qemu: string;
  readonly pairs: readonly {
    readonly provider: string;
    readonly client: string;
    readonly rules: MapType;
    readonly kernel: MapType;
    readonly hops: number;
    readonly write: number;
    readonly read: number;
    readonly messages: readonly string[];
  }[];
}

/** The type of each output by the name that `peerlane schema` takes. */
export interface JsonOutputs {
  readonly matrix: MatrixJson;
  readonly tree: TreeJson;
  readonly explain: ExplainJson;
  readonly history: HistoryJson;
  readonly fix: FixJson;
  readonly find: FindJson;
  readonly nearest: NearestJson;
  readonly predict: PredictJson;
  readonly bandwidth: BandwidthJson;
  readonly compare: CompareJson;
  readonly diff: DiffJson;
  readonly fleet: FleetJson;
  readonly check: CheckJson;
  readonly simulate: SimulateJson;
  readonly timed: TimedJson;
  readonly p2pmem: P2pmemJson;
  readonly probe: ProbeJson;
  readonly bench: BenchJson;
  readonly copy: CopyJson;
  readonly lab: LabJson;
  readonly "lab-replay": LabReplayJson;
  readonly vm: VmJson;
}

/** One of them. */
export type JsonOutput = JsonOutputs[keyof JsonOutputs];
