import type { FileTree } from "../../host/file-tree.ts";
import { formatAddress } from "../../pci/addresses.ts";
import { type Bdf, formatBdf } from "../../pci/bdf.ts";
import { PeerlaneError } from "../../pci/error.ts";
import { type DataFile, nameOf } from "../block/data-file.ts";
import { isRefusal } from "../block/direct-file.ts";
import { realSystem, type SystemCalls } from "../system-calls.ts";
import type { IoFailure } from "./sides.ts";

/** Why a copy did not end well, and what the user can do. */
export interface CopyFailure {
  readonly kind:
    | "interrupted"
    | "io"
    | "ended-early"
    | "no-space"
    | "read-only"
    | "gone"
    | "memory-gone"
    | "source-changed"
    | "target-changed";
  readonly message: string;
  readonly remedy: string;
  /** Name of the kernel's error. */
  readonly errno: string | null;
  /** Bytes from the start of the disk or file; `null` where none is to blame. */
  readonly positionBytes: number | null;
}

/** Who takes part, to see who is gone. */
export interface Parties {
  readonly source: DataFile;
  readonly target: DataFile;
  /** `null` with DRAM. */
  readonly provider: Bdf | null;
}

/** A system call that failed where nothing can be said but that, as an error for people; others stay as they are. */
export function failedCall(error: unknown, remedy: string): unknown {
  const { syscall, code, message } = error as NodeJS.ErrnoException;
  if (error instanceof PeerlaneError || syscall === undefined || code === undefined) return error;
  return new PeerlaneError("operation-failed", `a call of the system failed: ${message}`, { remedy, cause: error });
}

/** The copy was asked to end. */
export const INTERRUPTED: CopyFailure = {
  kind: "interrupted",
  message: "interrupted",
  remedy: "go on with --resume",
  errno: null,
  positionBytes: null,
};

/**
 * Source and target differ, but the source was written to meanwhile: whether data was lost cannot be told.
 * `sourcePosition` is where they differ, `null` where the first chunk of the source never held still.
 */
export function sourceChanged(source: DataFile, sourcePosition: number | null): CopyFailure {
  const name = nameOf(source);
  const message =
    sourcePosition === null
      ? `the source ${name} is written to all the time: its first chunk could not be compared`
      : `the target differs from byte ${formatAddress(sourcePosition)} of the source on, and ${name} was written to during the copy: whether data was lost cannot be told`;
  return {
    kind: "source-changed",
    message,
    remedy: "end what writes to the source (unmount it), or take a snapshot of it; then copy anew",
    errno: null,
    positionBytes: sourcePosition,
  };
}

/** Source and target differ, but somebody else wrote to the target meanwhile. */
export function targetChanged(target: DataFile, targetPosition: number, how: string): CopyFailure {
  return {
    kind: "target-changed",
    message: `the target ${nameOf(target)} differs from the source from its byte ${formatAddress(targetPosition)} on, and ${how}: whether data was lost cannot be told`,
    remedy: "end what writes to the target (fuser and lsof show who has it open); then copy anew",
    errno: null,
    positionBytes: targetPosition,
  };
}

/** All was copied, and is not to be found under the target's name. */
export function targetNotInPlace(target: DataFile, why: string): CopyFailure {
  return {
    kind: "target-changed",
    message: `what was copied is not in place at ${nameOf(target)}: ${why}`,
    remedy: "end what removes, renames or cuts the target; then copy anew",
    errno: null,
    positionBytes: null,
  };
}

/** Requests of a device that is being removed fail before sysfs has forgotten it: so long is waited for that. */
const REMOVAL_MS = 1000;
const POLL_MS = 50;

/** Who is gone after a failure, where the failure may come from that. */
export async function whoIsGoneAfter(
  tree: FileTree,
  parties: Parties,
  { errno }: IoFailure,
  system: Pick<SystemCalls, "monotonicMs" | "sleep"> = realSystem,
): Promise<readonly string[]> {
  if (isRefusal(errno)) return [];
  for (const end = system.monotonicMs() + REMOVAL_MS; system.monotonicMs() < end; ) {
    const gone = whoIsGone(tree, parties);
    if (gone.length > 0) return gone;
    await system.sleep(POLL_MS);
  }
  return [];
}

/** What was looked at after a failure: it may come from there. */
export interface Circumstances {
  /** Devices that are not there any more. */
  readonly gone: readonly string[];
  /** Whatever else was found that is likelier than a defect, in sentences. */
  readonly found: readonly string[];
}

/** What a failed read or write is to the user: which device, which way, where, and what is likely behind it. */
export function describeFailure(parties: Parties, failure: IoFailure, around: Circumstances): CopyFailure {
  const { errno, position: positionBytes } = failure;
  const common = { errno, positionBytes };
  const what = whatFailed(parties, failure);
  const { gone, found } = around;
  if (gone.length > 0) {
    return {
      ...common,
      kind: "gone",
      message: `${what}: ${errno ?? "it ended early"}; ${gone.join(" and ")} ${gone.length === 1 ? "is" : "are"} gone`,
      remedy:
        "a device was removed or reset during the copy: bring it back (echo 1 > /sys/bus/pci/rescan), then resume",
    };
  }
  const { kind, says, remedy } = meaningOf(parties, failure);
  const seen = found.length === 0 ? "" : `; ${found.join("; ")}`;
  return { ...common, kind, message: `${what}: ${says}${seen}`, remedy };
}

type Meaning = Pick<CopyFailure, "kind" | "remedy"> & { readonly says: string };

function meaningOf({ provider }: Parties, { errno, operation, role }: IoFailure): Meaning {
  if (errno === null) {
    return {
      kind: "ended-early",
      says: operation === "read" ? "it ended early" : "it ended early, without an error",
      remedy: `where the ${role} is shorter than it was, somebody cut it: end that and copy anew; else look into the kernel's log (dmesg)`,
    };
  }
  if (errno === "EFAULT") {
    return provider === null
      ? { kind: "io", says: "EFAULT", remedy: LOG_REMEDY }
      : {
          kind: "memory-gone",
          says: `EFAULT, the memory of ${formatBdf(provider)} cannot be reached (any more)`,
          remedy:
            "its provider may have been removed or reset, or the file system copies by the CPU; resume, through another provider with --via or through DRAM with --fallback",
        };
  }
  if (isRefusal(errno) && provider !== null) {
    return {
      kind: "io",
      says: errno,
      remedy: "the kernel does not take this memory for this device: peerlane explain says why; --fallback uses DRAM",
    };
  }
  const meaning = MEANINGS[errno];
  if (meaning === undefined) return { kind: "io", says: errno, remedy: LOG_REMEDY };
  return { ...meaning, says: `${errno}, ${meaning.says}` };
}

const LOG_REMEDY =
  "look into the kernel's log (dmesg) for what the disk or file system said; resume when it works again";

/** What the kernel means by an error of a disk (`blk_errors`, block/blk-core.c, Linux 7.2) or of a file system. */
const MEANINGS: Readonly<Partial<Record<string, Meaning>>> = {
  ENOSPC: {
    kind: "no-space",
    says: "no space is left",
    remedy: "make room on the target's file system (of a loop or thin disk: on the one below it), then resume",
  },
  EDQUOT: {
    kind: "no-space",
    says: "the user's quota is used up",
    remedy: "make room within the quota of the target's file system, or raise it; then resume",
  },
  EFBIG: {
    kind: "no-space",
    says: "the file would become larger than allowed",
    remedy: "the limit is the process's (ulimit -f) or the file system's (FAT: 4 GiB); lift it, then resume",
  },
  EROFS: {
    kind: "read-only",
    says: "the file system is read-only",
    remedy: "many become so after an error: dmesg says why; repair it (fsck), mount it for writing, then resume",
  },
  EPERM: {
    kind: "read-only",
    says: "the kernel does not let it be written",
    remedy: "a disk was made read-only (blockdev --getro), or a file immutable (lsattr); lift that, then resume",
  },
  EACCES: {
    kind: "read-only",
    says: "the kernel does not let it be written",
    remedy: "permissions or a security module (ausearch, dmesg) forbid it; lift that, then resume",
  },
  EBADE: {
    kind: "io",
    says: "another host has reserved the disk",
    remedy:
      "a persistent reservation protects it (nvme resv-report, sg_persist): let its holder release it, then resume",
  },
  EILSEQ: {
    kind: "io",
    says: "a checksum of the data is wrong (protection information, dm-integrity)",
    remedy: LOG_REMEDY,
  },
  ENODATA: { kind: "io", says: "the disk cannot read or write these blocks of its medium", remedy: LOG_REMEDY },
  ETIMEDOUT: { kind: "io", says: "the disk did not answer in time", remedy: LOG_REMEDY },
  ENOLINK: { kind: "io", says: "the way to the disk failed", remedy: LOG_REMEDY },
  ENODEV: { kind: "io", says: "the disk is offline", remedy: LOG_REMEDY },
  EINVAL: {
    kind: "io",
    says: "the kernel or the disk does not take this request",
    remedy:
      "the file system may have no direct I/O there, or the disk larger blocks than it says (blockdev --getss --getpbsz); dmesg may say more",
  },
  EREMOTEIO: { kind: "io", says: "the disk refused the request", remedy: LOG_REMEDY },
  EOPNOTSUPP: { kind: "io", says: "the disk does not know such requests", remedy: LOG_REMEDY },
};

function whatFailed({ source, target }: Parties, { operation, role, position, lengthBytes }: IoFailure): string {
  const name = nameOf(role === "source" ? source : target);
  if (operation === "sync") return `flush of the ${role} ${name}`;
  return `${operation} of ${lengthBytes} bytes at ${formatAddress(position)} of the ${role} ${name}`;
}

/** PCI functions and disks that are not there any more. */
function whoIsGone(tree: FileTree, { source, target, provider }: Parties): readonly string[] {
  const devices = [source, target].flatMap((file) => (file.kind === "device" ? [file] : (file.device ?? [])));
  const functions = new Set([...(provider === null ? [] : [provider]), ...devices.flatMap((one) => one.functions)]);
  const lost = [...functions].filter((bdf) => tree.list(`sys/bus/pci/devices/${formatBdf(bdf)}`) === undefined);
  const disks = devices.filter(({ name }) => tree.readLink(`sys/class/block/${name}`) === undefined);
  return [
    ...lost.map((bdf) => `${formatBdf(bdf)}${bdf === provider ? " (the provider)" : ""}`),
    ...new Set(disks.map(({ name }) => name)),
  ];
}
